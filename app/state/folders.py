"""Where Spadework keeps what is the user's: preferences, and state such as autosaves.

The environment variable ``SPADEWORK_STATE_DIR`` puts both below one folder (tests, and
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
