"""Where copies of data and trainings go, unless the user says otherwise."""

from __future__ import annotations

from pathlib import Path

from app.state.folders import trainings_dir

DATA, RUNS = "data", "runs"


def data_out(name: str) -> Path:
    """A free folder for the clean copy of the data called ``name``."""
    return free(trainings_dir() / DATA / (slug(name) or "data"))


def runs_dir() -> Path:
    """The folder in which trainings get folders of their own."""
    return trainings_dir() / RUNS


def free(path: Path) -> Path:
    """``path``, or with a number behind it if something is there already."""
    number, found = 2, path
    while found.exists():
        found = path.with_name(f"{path.name}-{number}")
        number += 1
    return found


def slug(name: str) -> str:
    """A folder's name made of any other: "My garden" -> "my-garden"; "" if nothing is left."""
    words = "".join(c if c.isalnum() else " " for c in name.casefold()).split()
    return "-".join(words)[:60]


def title_of(folder: Path) -> str:
    """What data are called after their folder: "my-garden.zip" -> "My garden"."""
    stem = folder.stem if folder.suffix.lower() == ".zip" else folder.name
    words = " ".join(stem.replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:60]
