"""The paper's figure 2: gamma and beta of every SPADE layer for a label map, as pictures.

Each field is drawn by its three principal components in red, green and blue. OUT is one
picture, or a folder that gets one picture for each field and sheet.png with all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spade.commands import (
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
from spade.formats.errors import InputError
from spade.formats.label_png import colorize
from spade.formats.picture import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from torch import Tensor


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("map", metavar="MAP", help="label map")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT")
    parser.add_argument("--size", metavar="WxH", help="bring the map to this size first")
    add_model_arguments(parser)
    add_map_arguments(parser)


def run(args: argparse.Namespace) -> Report:
    """Compute the fields, draw and describe them."""
    maps = find_maps([args.map])
    if len(maps) != 1:
        raise InputError(f"{args.map}: stands for {len(maps)} label maps, give one")
    size = parse_size(args.size) if args.size else None
    into_folder = args.output.suffix.lower() not in PICTURE_SUFFIXES
    if into_folder and args.output.is_file():
        raise InputError(f"{args.output}: name a .png, .jpg or .webp, or a folder")
    check_output(args.output / "sheet.png" if into_folder else args.output, maps)

    from spade.figures import as_colors, modulation_sheet, modulations
    from spade.model import resize_labels

    model = open_model(args)
    labels = read_map(maps[0], palette_for(args, model.palette), args, model.config.generator)
    if size is not None:
        labels = resize_labels(labels, size)
    layers: list[dict[str, Any]] = []
    drawn = []
    for layer in modulations(model, labels):
        gamma, beta = as_colors(layer.gamma), as_colors(layer.beta)
        drawn.append((layer.name, gamma, beta))
        channels, height, width = layer.gamma.shape
        layers.append(
            {
                "layer": layer.name,
                "channels": channels,
                "width": width,
                "height": height,
                "gamma": _statistics(layer.gamma),
                "beta": _statistics(layer.beta),
            }
        )
        say(f"{layer.name}: {channels} channels at {width}x{height}")
        if into_folder:
            save_picture(args.output / f"{layer.name}.gamma.png", gamma)
            save_picture(args.output / f"{layer.name}.beta.png", beta)
    figure = args.output / "sheet.png" if into_folder else args.output
    save_picture(figure, modulation_sheet(drawn, colorize(labels, model.palette)))
    data = {"model": model.name, "map": str(maps[0]), "figure": str(figure), "layers": layers}
    lines = [
        f"{layer['layer']:14} {layer['width']:4}x{layer['height']:<4} "
        f"gamma {layer['gamma']['mean']:+.3f} +- {layer['gamma']['std']:.3f}  "
        f"beta {layer['beta']['mean']:+.3f} +- {layer['beta']['std']:.3f}"
        for layer in layers
    ]
    return Report(data, "\n".join([*lines, str(figure)]))


def _statistics(field: Tensor) -> dict[str, float]:
    return {
        "mean": float(field.mean()),
        "std": float(field.std(correction=0)),
        "min": float(field.min()),
        "max": float(field.max()),
    }
