"""Speed is measured only when this folder, or a file of it, is named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the measurements out of runs that ask for all tests."""
    asked = [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]
    if collection_path.suffix == ".py" and not any(HERE in (a, *a.parents) for a in asked):
        return True
    return None
