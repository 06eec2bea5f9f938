"""Where Spadework keeps what is the user's: preferences, state such as autosaves, trainings.

The environment variable ``SPADEWORK_STATE_DIR`` puts all below one folder (tests, and
portable installations).
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def config_dir() -> Path:
    """The folder of the preferences; it may not exist yet."""
    override = os.environ.get("SPADEWORK_STATE_DIR")
    if override:
        return Path(override) / "config"
    return Path(platformdirs.user_config_dir("spadework", appauthor=False))


def state_dir() -> Path:
    """The folder of autosaves and the like; it may not exist yet."""
    override = os.environ.get("SPADEWORK_STATE_DIR")
    if override:
        return Path(override) / "state"
    return Path(platformdirs.user_state_dir("spadework", appauthor=False))


def trainings_dir() -> Path:
    """Where new data copies and trainings go unless the user says otherwise; it may not exist
    yet. They are large and the user's own work, so it is a folder for data, not for state."""
    override = os.environ.get("SPADEWORK_STATE_DIR")
    if override:
        return Path(override) / "trainings"
    return Path(platformdirs.user_data_dir("spadework", appauthor=False)) / "trainings"
