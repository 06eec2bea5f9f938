"""The examiner's process with a doctor that does as the data set's plan.py says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.workers import dataset_child
from spade import doctor
from spade.doctor import Checkup, ClassChoice, FoundClass, Problem


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


def checkup(folder: Path, size: int | None, alone: bool = False) -> Checkup:
    problem = Problem(
        "rgb-labels", "Label maps in colour", "2 of 9", "made indexed", 2, "fixed", ("a", "b")
    )
    classes = (FoundClass(3, "sea", "#0000ff", "water", 0.25, 8),)
    return Checkup(folder, "Cityscapes", 9, 1, size or 128, alone, True, (problem,), classes, None)


def act(folder: Path, **given: object) -> dict[str, object]:
    """Run the folder's plan: Python text that may use what is given here."""
    (folder / "pid").write_text(str(os.getpid()))
    names = {"folder": folder, "os": os, "wait_for": wait_for, "doctor": doctor, **given}
    exec((folder / "plan.py").read_text(), names)
    return names


def examine(folder, *, size=None, on_progress, cancelled):
    names = act(folder, importing=False, on_progress=on_progress, cancelled=cancelled)
    return checkup(folder, size, bool(names.get("alone")))


def repair(found, out, *, choices, label_photos, label_classes, on_progress, cancelled):
    assert all(isinstance(choice, ClassChoice) for choice in choices)
    labels = None if label_photos is None else label_photos(np.full((40, 50, 3), 200, np.uint8))
    act(
        found.folder,
        importing=True,
        on_progress=on_progress,
        cancelled=cancelled,
        choices=choices,
        labels=labels,
        classes=label_classes,
    )
    return checkup(out, found.size)


def thumbnail(found, example):
    return None if example == "b" else np.full((2, 3, 3), 7, np.uint8)


doctor.examine, doctor.repair, doctor.thumbnail = examine, repair, thumbnail
main = dataset_child.main
