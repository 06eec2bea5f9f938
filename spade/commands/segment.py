"""Photos to label maps: one indexed PNG a photo, of the same name, in the folder OUT.

Under torchrun each process segments its share of the photos.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from spade.commands import DEFAULT_MODEL, Report, own_device, say, share_json
from spade.commands.inputs import find_files, one_output_each
from spade.data.folder import PHOTO_SUFFIXES
from spade.formats.errors import InputError
from spade.formats.label_png import write_label_map
from spade.formats.photo import read_photo
from spade.processes import process


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="photo, folder or pattern")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT", help="folder")
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|PATH",
        help=f"whose segmenter: a bundled name or a folder (default: {DEFAULT_MODEL})",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument(
        "--sure",
        action="store_true",
        help="leave unknown (255) what the segmenter is not sure of",
    )


def run(args: argparse.Namespace) -> Report:
    """Segment every photo; one that can't be read does not stop the others."""
    photos = find_files(args.photos, PHOTO_SUFFIXES, "photos")
    outputs = one_output_each(photos, args.output)
    for path, output in zip(photos, outputs, strict=True):
        if output.exists() and output.samefile(path):
            raise InputError(f"{output}: is also an input; choose another folder")
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{args.output}: cannot be made ({error.strerror}); choose another folder"
        ) from None

    from spade.segmenter import load_segmenter

    mine = process()
    photos, outputs = mine.share(photos), mine.share(outputs)
    segmenter = load_segmenter(args.model, own_device(args.device))
    maps: list[dict[str, Any]] = []
    unreadable: list[str] = []
    for index, (path, output) in enumerate(zip(photos, outputs, strict=True)):
        try:
            photo = read_photo(path)
        except InputError as error:
            unreadable.append(str(error))
            say(str(error))
            continue
        started = time.perf_counter()
        answer = segmenter.segment(photo)
        labels = segmenter.trusted(answer) if args.sure else answer.labels
        seconds = time.perf_counter() - started
        write_label_map(output, labels, segmenter.palette)
        height, width = labels.shape
        counts = np.bincount(labels.ravel(), minlength=256) / labels.size
        maps.append(
            {
                "photo": str(path),
                "map": str(output),
                "width": width,
                "height": height,
                "seconds": round(seconds, 4),
                "confidence": round(float(answer.confidence.mean()), 4),
                "shares": {
                    entry.name: round(float(counts[entry.id]), 4)
                    for entry in segmenter.classes
                    if counts[entry.id]
                },
            }
        )
        if len(photos) > 1:
            say(f"{index + 1}/{len(photos)} {output} {width}x{height} {seconds:.2f} s")
    if unreadable and not maps:
        raise InputError(unreadable[0])
    data = {
        "model": args.model,
        "device": str(segmenter.device),
        "share": share_json(mine),
        "maps": maps,
    }
    text = "\n".join(entry["map"] for entry in maps)
    if unreadable:
        data["unreadable"] = unreadable
    return Report(data, text, exit_code=2 if unreadable else 0)
