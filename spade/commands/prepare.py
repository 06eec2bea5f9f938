"""Make a DATA folder to train on from photos, a segmenter and hand-named label maps.

OUT gets images/, labels/, classes.json, photo-tags.json, report.json, histogram.png and
sheets/ to look at. What the segmenter is not sure of stays unknown (255); regions named by
hand win wherever a photo has them.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path

from spade.commands import DEFAULT_MODEL, Report, say
from spade.commands.inputs import find_files
from spade.data.folder import PHOTO_SUFFIXES, read_tags
from spade.formats.errors import InputError
from spade.formats.resources import bundled, bundled_models
from spade.formats.segmenter_files import WEIGHTS
from spade.preparation.data_writer import DataWriter
from spade.preparation.prepare import Preparation, PrepareSettings, prepare
from spade.preparation.report import making, report
from spade.preparation.sheets import write_histogram, write_sheets
from spade.preparation.sources import collect


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("photos", nargs="+", metavar="PHOTOS", help="photos, folders or patterns")
    parser.add_argument("--out", type=Path, required=True, metavar="DATA", help="folder to make")
    parser.add_argument(
        "--segmenter",
        default=DEFAULT_MODEL,
        metavar="NAME|PATH",
        help=f"whose segmenter: a bundled name or a folder (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--named",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="hand-named: labels/ and classes.json; pictures in its images/ are taken along",
    )
    parser.add_argument(
        "--merge", type=Path, metavar="FILE", help="classes of --named to the segmenter's"
    )
    parser.add_argument(
        "--tags", type=Path, metavar="FILE", help='photo-tags.json: "reject", "best" and others'
    )
    parser.add_argument(
        "--sure",
        type=float,
        metavar="T",
        help="confidence asked for, 0 to 1 (default: what the segmenter states for each class)",
    )
    parser.add_argument(
        "--max-unknown",
        type=float,
        default=PrepareSettings.max_unknown,
        metavar="SHARE",
        help="photos with more unknown than that are dropped (default: %(default)s)",
    )
    parser.add_argument(
        "--size", type=int, metavar="PX", help="reduce photos whose shorter side is longer"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which photos sheets show")
    parser.add_argument("--resume", action="store_true", help="keep the label maps that are done")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def run(args: argparse.Namespace) -> Report:
    """Make the folder; returns its report."""
    settings = PrepareSettings(args.sure, args.max_unknown, args.size)
    if args.seed < 0:
        raise InputError(f"--seed {args.seed}: must not be negative")
    if args.merge is not None and not args.named:
        raise InputError(f"--merge {args.merge}: is for the folders of --named; give some")
    if args.tags is not None and not args.tags.is_file():
        raise InputError(f"{args.tags}: no such file; check the name")
    tags = read_tags(args.tags or Path())
    files = find_files(args.photos, PHOTO_SUFFIXES, "photos")
    for path in (*files, *args.named):
        if path.resolve().is_relative_to(args.out.resolve()):
            raise InputError(f"{path}: lies in {args.out}, which is written; choose another --out")

    from spade.segmenter import load_segmenter

    segmenter = load_segmenter(args.segmenter, args.device)
    sources = collect(files, args.named, args.merge, segmenter.palette)
    made_with = making(_identity(args.segmenter), segmenter, settings, sources)
    writer = DataWriter(args.out, segmenter.palette)
    writer.open(made_with, args.resume)
    result = prepare(sources, segmenter, writer, settings, tags, on_progress=_Progress())
    for entry in result.dropped:
        if entry.reason in ("unreadable", "same name"):
            say(f"left out {entry.photo}: {entry.detail or entry.reason}")
    data = report(result, sources, writer, made_with)
    write_histogram(args.out / "histogram.png", data, segmenter.palette)
    say("sheets to look at")
    write_sheets(writer, result, args.seed)
    writer.write_json("report.json", data)
    if not result.kept:
        raise InputError(f"{args.out}: no photo was kept; {args.out / 'report.json'} says why")
    return Report({"data": str(args.out), **data}, _text(args.out, result, data))


def _identity(source: str) -> str:
    """The segmenter's name, and a digest of its weights."""
    folder = bundled(f"assets/models/{source}") if source in bundled_models() else Path(source)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    return f"{folder.name} {digest[:16]}"


def _text(out: Path, result: Preparation, data: dict[str, object]) -> str:
    counts = ", ".join(f"{count} {reason}" for reason, count in result.counts().items())
    lines = [f"{out}: {len(result.kept)} of {data['photos']} photos kept (dropped: {counts})"]
    classes = data["classes"]
    assert isinstance(classes, list)
    lines += [
        f"{entry['name']:>12} {100 * entry['share']:6.2f} %  {entry['photos']:6} photos"
        for entry in classes
    ]
    return "\n".join([*lines, f"{out / 'sheets'}: look at what each brush will mean"])


class _Progress:
    """A line on stderr every few seconds."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()

    def __call__(self, done: int, photos: int, so_far: Preparation) -> None:
        now = time.monotonic()
        if now - self._said < 2 and done < photos:
            return
        self._said = now
        rate = done / max(now - self._began, 1e-9)
        left = round((photos - done) / rate)
        say(f"{done}/{photos} photos, {len(so_far.kept)} kept, {rate:.1f}/s, {left} s left")
