"""The paper's figure 3: label maps of one single class, rendered by SPADE and by pix2pixHD.

Reports the mean absolute difference between the two classes' pictures for each network:
about 0 for pix2pixHD, whose instance norm washes the class out. As a control, on maps of
two classes and without its normalisation pix2pixHD's pictures must differ too.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spade.commands import (
    Report,
    add_model_arguments,
    check_output,
    open_model,
    parse_size,
    save_picture,
    say,
)
from spade.formats.errors import InputError
from spade.formats.label_png import colorize
from spade.formats.palette import Palette, PaletteClass

if TYPE_CHECKING:
    from spade.washout import Comparison, Washout


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_model_arguments(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="PNG", help="write the figure")
    parser.add_argument(
        "--classes", nargs=2, metavar="CLASS", help="names or ids (default: sky and grass)"
    )
    parser.add_argument("--size", default="256", metavar="N|WxH", help="default: 256")
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="DIR",
        help="a trained pix2pixHD folder (default: one freshly initialised)",
    )
    parser.add_argument(
        "--ngf", type=int, default=32, help="width of the fresh pix2pixHD (default: 32)"
    )
    parser.add_argument("--fresh", action="store_true", help="freshly initialised SPADE as well")
    parser.add_argument("--seed", type=int, default=0, help="of fresh weights (default: 0)")


def run(args: argparse.Namespace) -> Report:
    """Compare, and draw the figure if asked to."""
    size = parse_size(args.size)
    if args.output is not None:
        check_output(args.output, [])
    if not 1 <= args.ngf <= 256:
        raise InputError(f"ngf {args.ngf}: use 1 to 256")

    from spade.checkpoint import load_baseline
    from spade.washout import compare, fresh_baseline, fresh_generator

    model = open_model(args)
    classes = _choose(model.palette, args.classes)
    say(f"comparing {classes[0].name} and {classes[1].name}")
    baseline = (
        load_baseline(args.baseline)
        if args.baseline
        else fresh_baseline(model, args.ngf, args.seed)
    )
    generator = fresh_generator(model, args.seed) if args.fresh else None
    result = compare(model, baseline, classes, size, generator=generator)
    states = {
        "spade": "freshly initialised" if args.fresh else "trained",
        "pix2pixhd": "trained" if args.baseline else "freshly initialised",
    }
    data: dict[str, Any] = {
        "classes": [{"id": c.id, "name": c.name} for c in classes],
        "width": size[0],
        "height": size[1],
        "spade": {
            "model": model.name,
            "weights": states["spade"],
            "parameters": result.spade_parameters,
            "difference": result.spade.difference,
        },
        "pix2pixhd": {
            "weights": states["pix2pixhd"],
            "parameters": result.pix2pixhd_parameters,
            "difference": result.pix2pixhd.difference,
            "padding": "reflection",
            "normalization": "instance",
        },
        "controls": {
            "pix2pixhd_two_classes": result.two_classes.difference,
            "pix2pixhd_without_normalization": result.without_norm.difference,
        },
        "holds": result.holds,
        "figure": None if args.output is None else str(args.output),
    }
    captions = _captions(result, states)
    if args.output is not None:
        save_picture(args.output, _figure(result, model.palette, captions))
    lines = [
        "mean absolute difference between the two pictures (1 = the full range)",
        *(caption.replace("\n", "  ") for caption in captions[1:]),
        "holds: SPADE keeps the class, pix2pixHD washes it out, both controls differ"
        if result.holds
        else "DOES NOT HOLD: see the differences above",
    ]
    return Report(data, "\n".join(lines))


def _choose(palette: Palette, names: list[str] | None) -> tuple[PaletteClass, PaletteClass]:
    """The two classes: as named, else sky and grass, else the first two there are."""
    if names is None:
        preferred = [palette.find("sky"), palette.find("grass"), *palette.classes]
        found = list(dict.fromkeys(entry for entry in preferred if entry is not None))
    else:
        found = []
        for name in names:
            entry = palette.find(name) or (palette.by_id(int(name)) if name.isdigit() else None)
            if entry is None:
                raise InputError(
                    f"class {name!r}: the model has "
                    + ", ".join(entry.name for entry in palette.classes)
                )
            found.append(entry)
    if len(found) < 2 or found[0] == found[1]:
        raise InputError("two different classes are needed: name them with --classes")
    return found[0], found[1]


def _captions(result: Washout, states: dict[str, str]) -> list[str]:
    def line(title: str, comparison: Comparison) -> str:
        return f"{title}\nmean |difference| {comparison.difference:.6f}"

    baseline = f"pix2pixHD, {states['pix2pixhd']}, {result.pix2pixhd_parameters:,} parameters"
    first, second = (entry.name for entry in result.classes)
    return [
        f"label maps: all {first}, all {second}",
        line(f"SPADE, {states['spade']}, {result.spade_parameters:,} parameters", result.spade),
        line(baseline, result.pix2pixhd),
        line(f"control: pix2pixHD on {first} | {second}, {second} | {first}", result.two_classes),
        line("control: pix2pixHD without normalisation", result.without_norm),
    ]


def _figure(result: Washout, palette: Palette, captions: list[str]) -> Any:
    from spade.sheet import sheet

    maps = [[colorize(labels, palette) for labels in result.uniform]]
    rows = [
        comparison.pictures
        for comparison in (
            result.spade,
            result.pix2pixhd,
            result.two_classes,
            result.without_norm,
        )
    ]
    return sheet([*maps, *rows], captions=captions)
