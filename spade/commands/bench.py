"""Measure the engine beside the plain network: full, restyled, edited and live renders.

On a painted scene and on a checkerboard, the worst case: how long each takes, how far the
pictures lie apart, how much memory is held, and what the convolutions alone would take.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from spade.commands import DEFAULT_MODEL, Report, add_model_arguments, open_model, say
from spade.formats.errors import InputError
from spade.formats.limits import check_size

if TYPE_CHECKING:
    from spade.benchmark.cases import Effort
    from spade.model import Model

SIDES = "256,512,1024"
QUICK_SIDES = "256"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_model_arguments(parser)
    parser.add_argument(
        "--reference-size",
        action="store_true",
        help="instead of a model: the reference's size (ngf 64, 184 channels), random weights",
    )
    parser.add_argument(
        "--sides", metavar="N,N", help=f"sides of the canvas in pixels (default: {SIDES})"
    )
    parser.add_argument("--runs", type=int, metavar="N", help="of each case, at most (default: 20)")
    parser.add_argument(
        "--quick", action="store_true", help=f"three runs of each, at {QUICK_SIDES} alone"
    )


def run(args: argparse.Namespace) -> Report:
    """Measure, and say what is being measured meanwhile."""
    sides = parse_sides(args.sides or (QUICK_SIDES if args.quick else SIDES))
    if args.runs is not None and not 1 <= args.runs <= 1000:
        raise InputError(f"runs {args.runs}: use 1 to 1000")
    if args.reference_size and args.model != DEFAULT_MODEL:
        raise InputError("give --model or --reference-size, not both")
    say("loading")
    begun = time.perf_counter()
    import torch  # noqa: F401 - to tell its time from the model's

    from spade.benchmark.run import measure
    from spade.benchmark.table import table

    imported = time.perf_counter()
    model = _model(args)
    loaded = time.perf_counter()
    data = {
        "import_seconds": round(imported - begun, 4),
        "load_seconds": round(loaded - imported, 4),
        **measure(model, sides, _effort(args), say),
    }
    return Report(data, table(data))


def parse_sides(text: str) -> list[int]:
    """ "256,512" as numbers, ascending. Raises InputError."""
    try:
        sides = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise InputError(
            f"sides {text!r}: give pixels with commas between, such as {SIDES}"
        ) from None
    for side in sides:
        check_size(side, side, "side")
    return sides


def _model(args: argparse.Namespace) -> Model:
    if not args.reference_size:
        return open_model(args)
    from spade.benchmark.reference import reference_size_model

    return reference_size_model(args.device)


def _effort(args: argparse.Namespace) -> Effort:
    from spade.benchmark.cases import Effort

    if args.quick:
        return Effort(runs=args.runs or 3, seconds=1.0, least=min(args.runs or 3, 3), compared=1)
    runs = args.runs or 20
    return Effort(runs=runs, least=min(runs, 3))
