"""The commands of the command line, one module each.

A module has ``configure(parser)`` and ``run(args)``, which returns a :class:`Report` or just
its ``data``; the module's docstring is its help. It imports torch inside ``run`` only, says
progress with :func:`say`, and raises InputError for bad input.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spade.formats.errors import InputError
from spade.formats.limits import check_size
from spade.formats.picture import PICTURE_SUFFIXES, PictureInfo, write_picture
from spade.processes import Process, device_of, process

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spade.model import Model

DEFAULT_MODEL = "landscape"

STYLE_SIDE = 512
"""Style images are reduced to this longest side, as in the application."""


@dataclass(frozen=True)
class Report:
    """What a command found: ``data`` for --json (plain JSON values), ``text`` for people."""

    data: dict[str, Any]
    text: str
    exit_code: int = 0


def say(message: str) -> None:
    """Progress or a remark, on stderr."""
    print(message, file=sys.stderr, flush=True)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """--model, --device, and what a reference checkpoint may need said."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|PATH",
        help="a bundled name, a model folder, or a reference latest_net_G.pth "
        f"(default: {DEFAULT_MODEL})",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    group = parser.add_argument_group("for reference checkpoints, what the file can't say")
    group.add_argument("--upsampling", choices=("normal", "more", "most"))
    group.add_argument("--crop-size", type=int, metavar="N", help="width of the trained pictures")
    group.add_argument("--aspect-ratio", type=float, metavar="R", help="their width / height")


def open_model(args: argparse.Namespace) -> Model:
    """The model that the arguments of :func:`add_model_arguments` name.

    Of several processes that torchrun started each has it on a CUDA device of its own.
    """
    from spade.model import load_model

    return load_model(
        args.model,
        own_device(args.device),
        upsampling=args.upsampling,
        crop_size=args.crop_size,
        aspect_ratio=args.aspect_ratio,
    )


def own_device(name: str) -> str:
    """The device that ``name`` means to this process. Raises InputError if it has none."""
    mine = process()
    if mine.count == 1:
        return name
    from spade.model import resolve_device

    return str(device_of(resolve_device(name), mine))


def share_json(mine: Process) -> dict[str, int]:
    """Which files a process was to do: every ``of``-th, from number ``process`` on, from 0."""
    return {"process": mine.rank, "of": mine.count}


def add_map_arguments(parser: argparse.ArgumentParser) -> None:
    """--palette and --nearest, for label maps in RGB."""
    parser.add_argument(
        "--palette",
        metavar="NAME|FILE",
        help="colours of RGB label maps (default: the model's classes)",
    )
    parser.add_argument(
        "--nearest",
        action="store_true",
        help="take the nearest class for colours that are not in the palette",
    )


def parse_size(text: str) -> tuple[int, int]:
    """ "512" or "512x256" as (width, height). Raises InputError."""
    match = re.fullmatch(r"(\d{1,6})(?:[xX](\d{1,6}))?", text.strip())
    if match is None:
        raise InputError(f"size {text!r}: give WIDTHxHEIGHT in pixels, such as 512x384")
    width, height = int(match[1]), int(match[2] or match[1])
    check_size(width, height, "size")
    return width, height


def check_output(path: Path, inputs: list[Path]) -> None:
    """Raise InputError if ``path`` can't become a picture: asked before the work starts.

    It must not be one of ``inputs``. Folders that are missing are no obstacle.
    """
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise InputError(f"{path}: pictures are written as .png, .jpg or .webp; name one of these")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file name")
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise InputError(f"{path}: is also an input; choose another output")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise InputError(f"{path}: {above} is a file, not a folder; choose another output")


def save_picture(path: Path, pixels: NDArray[np.uint8], info: PictureInfo | None = None) -> None:
    """Write uint8 ``(H, W, 3)``, making the folders above ``path``. Raises InputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be made ({error.strerror})") from None
    write_picture(path, pixels, info)
