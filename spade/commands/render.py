"""Render label maps: indexed or grey PNGs of class ids, or RGB PNGs in palette colours.

One file makes one picture; a folder, a pattern or several files make a folder of pictures
of the same names. Under torchrun each process renders its share of them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    share_json,
)
from spade.commands.inputs import one_output_each
from spade.commands.maps import find_maps, palette_for, read_map
from spade.formats.errors import InputError
from spade.formats.label_png import encode_label_map
from spade.formats.photo import read_photo
from spade.formats.picture import PICTURE_SUFFIXES, PictureInfo
from spade.processes import process

if TYPE_CHECKING:
    from torch import Tensor


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("maps", nargs="+", metavar="MAP", help="label map, folder or pattern")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="OUT")
    add_model_arguments(parser)
    add_map_arguments(parser)
    style = parser.add_mutually_exclusive_group()
    style.add_argument("--style", metavar="IMAGE", help="take light and colours from this picture")
    style.add_argument("--seed", type=int, metavar="N", help="draw a style at random")
    parser.add_argument("--size", metavar="WxH", help="render at this size (default: the map's)")
    parser.add_argument(
        "--engine",
        choices=("fast", "plain"),
        default="fast",
        help="plain: the network itself, uncached",
    )


def run(args: argparse.Namespace) -> Report:
    """Render every map."""
    maps = find_maps(args.maps)
    size = parse_size(args.size) if args.size else None
    photo = read_photo(args.style, max_side=STYLE_SIDE) if args.style else None
    single = len(maps) == 1 and not Path(args.maps[0]).is_dir()
    # All of them first: the processes are to agree on what is wrong.
    outputs = _outputs(maps, args.output, single)
    mine = process()
    maps, outputs = mine.share(maps), mine.share(outputs)

    from spade.model import resize_labels, to_picture
    from spade.plain import render_plain

    model = open_model(args)
    palette = palette_for(args, model.palette)
    z = model.latent(photo, args.seed)
    style = _style_json(args, z)
    pictures: list[dict[str, Any]] = []
    for index, (source, output) in enumerate(zip(maps, outputs, strict=True)):
        labels = read_map(source, palette, args, model.config.generator)
        if size is not None:
            labels = resize_labels(labels, size)
        started = time.perf_counter()
        try:
            if args.engine == "plain":
                image = render_plain(model, labels, z)
            else:
                model.check_memory(labels.shape[1], labels.shape[0])
                image = model.engine.render(labels, z)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None
        seconds = time.perf_counter() - started
        info = PictureInfo(args.model, style, args.seed, encode_label_map(labels, model.palette))
        save_picture(output, to_picture(image), info)
        height, width = labels.shape
        pictures.append(
            {
                "map": str(source),
                "picture": str(output),
                "width": width,
                "height": height,
                "seconds": round(seconds, 4),
            }
        )
        if len(maps) > 1:
            say(f"{index + 1}/{len(maps)} {output} {width}x{height} {seconds:.2f} s")
    data = {
        "model": model.name,
        "device": str(model.device),
        "engine": args.engine,
        "style": args.style,
        "seed": args.seed,
        "share": share_json(mine),
        "pictures": pictures,
    }
    return Report(data, "\n".join(picture["picture"] for picture in pictures))


def _outputs(maps: list[Path], output: Path, single: bool) -> list[Path]:
    """Where each picture goes. Raises InputError if two would go to the same place."""
    if single and not output.is_dir():
        check_output(output, maps)
        return [output]
    if output.is_file() or (not output.is_dir() and output.suffix.lower() in PICTURE_SUFFIXES):
        raise InputError(f"{output}: {len(maps)} pictures need a folder, this names a file")
    outputs = one_output_each(maps, output)
    for target in outputs:
        check_output(target, maps)
    return outputs


def _style_json(args: argparse.Namespace, z: Tensor | None) -> str:
    """The style as exported pictures carry it, so that the application can reopen them."""
    source: dict[str, Any] = {"kind": "default"}
    if args.seed is not None:
        source = {"kind": "sampled", "seed": args.seed}
    elif args.style and z is not None:
        source = {"kind": "latent", "z": [float(value) for value in z.flatten()]}
    return json.dumps({"source": source, "second": None, "mix": 0.0, "strength": 1.0})
