"""Ready a trained model for use: its default style from pictures, its trained size.

The model folder OUT gets weights and model.json; a model card or a segmenter that is there
already stays. A segmenter beside MODEL is taken along.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from spade.commands import STYLE_SIDE, Report
from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.formats.photo import read_photo
from spade.formats.segmenter_files import DESCRIPTION, WEIGHTS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a training folder's model/, say")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder")
    parser.add_argument(
        "--default-style",
        nargs="+",
        default=[],
        metavar="IMAGE[=WEIGHT]",
        help="the model's own look: the mean of these pictures' styles",
    )
    parser.add_argument(
        "--crop-size", type=int, metavar="N", help="trained size, if the last crops were larger"
    )


def run(args: argparse.Namespace) -> Report:
    """Change what is asked for; write the folder."""
    styles = [_weighted(text) for text in args.default_style]
    photos = [read_photo(path, max_side=STYLE_SIDE) for path, _ in styles]

    from spade.checkpoint import save_model
    from spade.finishing import with_crop_size, with_default_style
    from spade.model import load_model

    model = load_model(args.model, "cpu", discriminator=True)
    if args.crop_size is not None:
        model = with_crop_size(model, args.crop_size)
    if styles:
        model = with_default_style(
            model,
            photos,
            [weight for _, weight in styles],
            [path.stem for path, _ in styles],
        )
    save_model(args.output, model)
    beside = Path(args.model)
    for name in (WEIGHTS, DESCRIPTION):
        source = beside / name
        if source.is_file() and beside.resolve() != args.output.resolve():
            with atomic_path(args.output / name) as temporary:
                shutil.copyfile(source, temporary)
    data = {
        "model": str(args.output),
        "trained_size": list(model.trained_size),
        "default_style": model.provenance.get("default_style", ""),
    }
    return Report(data, str(args.output))


def _weighted(text: str) -> tuple[Path, float]:
    """ "photo.jpg=2" as (path, 2.0); the weight is 1 by default."""
    name, found, weight = text.rpartition("=")
    if not found:
        return Path(text), 1.0
    try:
        value = float(weight)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InputError(f"--default-style {text}: the weight must be a number above 0")
    return Path(name), value
