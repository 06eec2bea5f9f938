"""The dataset doctor: what is wrong with a folder (or zip) of photos and label maps.

Reads images/ + labels/, train/ + val/, COCO-Stuff, ADE20K, Cityscapes, CVAT's and labelme's
masks, and photos alone. --fix writes a clean copy to train on; DATA itself is never changed.
Exit code 0: clean; 1: problems, listed (with --fix: those that are left); 2: unusable.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spade.commands import Report, say
from spade.doctor import Checkup, examine, repair
from spade.doctor.clean_copy import REPORT
from spade.doctor.examination import SEGMENTER
from spade.doctor.report import report_text
from spade.formats.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spade.formats.palette import Palette


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("data", type=Path, metavar="DATA", help="folder or zip")
    parser.add_argument(
        "--size",
        type=int,
        metavar="N",
        help="training size in pixels (default: what nine tenths of the photos fill)",
    )
    parser.add_argument("--fix", type=Path, metavar="OUT", help="write a clean copy there")
    parser.add_argument(
        "--segmenter",
        default=SEGMENTER,
        metavar="MODEL",
        help=f"whose segmenter labels photos alone (default: {SEGMENTER})",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def run(args: argparse.Namespace) -> Report:
    """Examine, and repair if asked."""
    try:
        return _run(args)
    except InputError as error:
        if not args.json:
            raise
        say(f"spadework check: error: {error}")
        return Report({"pictures": 0, "problems": [], "error": str(error)}, "", exit_code=2)


def _run(args: argparse.Namespace) -> Report:
    if args.size is not None and not 16 <= args.size <= 4096:
        raise InputError(f"--size {args.size}: must lie in 16 to 4096 pixels")
    checkup = examine(args.data, size=args.size, on_progress=_Progress())
    data = _data(checkup)
    if not checkup.usable:
        problem = next(found for found in checkup.problems if found.severity == "unusable")
        message = f"{args.data}: {problem.text}; {problem.remedy}"
        say(f"spadework check: error: {message}")
        return Report({**data, "error": message}, report_text(checkup), exit_code=2)
    if args.fix is None:
        return Report(data, report_text(checkup), exit_code=int(bool(checkup.problems)))
    label_photos, palette = None, None
    if checkup.photos_alone:
        label_photos, palette = _segmenter(args.segmenter, args.device)
    copy = repair(
        checkup,
        args.fix,
        label_photos=label_photos,
        label_classes=palette,
        on_progress=_Progress(),
    )
    left_out = json.loads((args.fix / REPORT).read_text(encoding="utf-8"))["left_out"]
    data["fixed"] = {
        "out": str(args.fix),
        "pictures": copy.pictures,
        "left_out": left_out,
        "problems": [asdict(problem) for problem in copy.problems],
    }
    text = report_text(checkup, copy, len(left_out))
    return Report(data, text, exit_code=int(bool(copy.problems)))


def _data(checkup: Checkup) -> dict[str, Any]:
    return {
        "folder": str(checkup.folder),
        "layout": checkup.layout,
        "pictures": checkup.pictures,
        "validation": checkup.validation,
        "size": checkup.size,
        "photos_alone": checkup.photos_alone,
        "needs_import": checkup.needs_import,
        "problems": [asdict(problem) for problem in checkup.problems],
        "classes": [asdict(entry) for entry in checkup.classes],
    }


def _segmenter(
    model: str, device: str
) -> tuple[Callable[[NDArray[np.uint8]], NDArray[np.uint8]], Palette]:
    from spade.segmenter import load_segmenter

    segmenter = load_segmenter(model, device)
    return lambda photo: segmenter.trusted(segmenter.segment(photo)), segmenter.palette


class _Progress:
    """A line on stderr: redrawn on a terminal, else now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._said = self._began = time.monotonic()
        self._what = ""

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if what != self._what:
            self._end_line()
            self._what, self._began, self._said = what, now, now
            return
        if now - self._said < (0.1 if self._terminal else 2.0) and not (
            self._terminal and done == total
        ):
            return
        self._said = now
        if self._terminal:
            bar = "#" * round(24 * done / max(1, total))
            sys.stderr.write(f"\r{what:<24} [{bar:<24}] {done}/{total} ")
            sys.stderr.flush()
            if done == total:
                self._end_line()
        else:
            left = (now - self._began) / max(1, done) * (total - done)
            say(f"{what}: {done}/{total}, {left:.0f} s left")

    def _end_line(self) -> None:
        if self._terminal and self._what:
            sys.stderr.write("\r" + " " * 72 + "\r")
            sys.stderr.flush()
