"""The paper's figure 1: label maps across, style images down, a picture for each pair."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from spade.commands import (
    STYLE_SIDE,
    Report,
    add_map_arguments,
    add_model_arguments,
    check_output,
    open_model,
    parse_size,
    save_picture,
    say,
)
from spade.commands.maps import find_maps, palette_for, read_map
from spade.formats.label_png import colorize
from spade.formats.photo import read_photo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("maps", nargs="+", metavar="MAP", help="label map, folder or pattern")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT")
    parser.add_argument("--style", nargs="+", default=[], metavar="IMAGE", help="style images")
    parser.add_argument("--seed", nargs="+", type=int, default=[], metavar="N", help="more rows")
    parser.add_argument("--size", metavar="WxH", help="of each picture (default: the map's)")
    add_model_arguments(parser)
    add_map_arguments(parser)


def run(args: argparse.Namespace) -> Report:
    """Render every pair and write the figure."""
    maps = find_maps(args.maps)
    check_output(args.output, [*maps, *map(Path, args.style)])
    size = parse_size(args.size) if args.size else None
    photos = [read_photo(path, max_side=STYLE_SIDE) for path in args.style]

    from spade.figures import style_grid
    from spade.model import resize_labels

    model = open_model(args)
    palette = palette_for(args, model.palette)
    scenes: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    for path in maps:
        labels = read_map(path, palette, args, model.config.generator)
        if size is not None:
            labels = resize_labels(labels, size)
        scenes.append((colorize(labels, model.palette), labels))
    styles: list[tuple[NDArray[np.uint8] | None, Tensor | None]] = []
    styles += [(photo, model.latent(photo)) for photo in photos]
    styles += [(None, model.latent(seed=seed)) for seed in args.seed]
    if not styles:
        styles = [(None, model.latent())]
    figure = style_grid(
        model,
        scenes,
        styles,
        [path.stem for path in maps],
        lambda done, total: say(f"{done}/{total}"),
    )
    save_picture(args.output, figure)
    data = {
        "model": model.name,
        "device": str(model.device),
        "maps": [str(path) for path in maps],
        "styles": list(args.style),
        "seeds": list(args.seed),
        "figure": str(args.output),
        "width": figure.shape[1],
        "height": figure.shape[0],
    }
    return Report(data, str(args.output))
