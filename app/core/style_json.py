"""A style as JSON: one text that holds everything (for exported pictures), or a value whose
style images are kept elsewhere (in a project file's archive).

``{"source": SOURCE, "second": SOURCE or null, "mix": 0..1, "strength": 0..1}`` where SOURCE is
``{"kind": "default"}``, ``{"kind": "sampled", "seed": 7}``, ``{"kind": "latent", "z": [...]}`` or
``{"kind": "image", "name": "...", "png": KEPT}``. KEPT is base64 of a PNG, or an entry's name.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable

from app.core.png import encode_png
from app.core.style import (
    DefaultStyle,
    ImageStyle,
    LatentStyle,
    SampledStyle,
    Style,
    StyleSource,
)
from spade.formats.errors import InputError
from spade.formats.photo import read_photo

STYLE_IMAGE_SIDE = 512
"""Longest side of a style image."""
_MAX_LATENT = 65536


def style_to_json(style: Style) -> str:
    """The style as one line of ASCII JSON, style images included without loss."""
    return json.dumps(style_to_value(style, lambda png: base64.b64encode(png).decode("ascii")))


def style_from_json(text: str, where: str = "style") -> Style:
    """What ``style_to_json`` wrote. ``where`` names the file in messages.

    InputError if it is anything else.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(where, "it is not JSON") from error
    return style_from_value(value, lambda kept: _from_base64(kept, where), where)


def style_to_value(style: Style, keep: Callable[[bytes], str]) -> dict[str, object]:
    """The style as a JSON value; ``keep`` stores a PNG and returns the text that finds it."""
    return {
        "source": _source_to_value(style.source, keep),
        "second": None if style.second is None else _source_to_value(style.second, keep),
        "mix": style.mix,
        "strength": style.strength,
    }


def style_from_value(value: object, fetch: Callable[[str], bytes], where: str = "style") -> Style:
    """The style of a JSON value; ``fetch`` returns the PNG that ``keep`` stored.

    InputError if a field is missing or out of range, or a style image is damaged.
    """
    fields = _fields(value, where)
    second = fields.get("second")
    return Style(
        source=_source_from_value(fields.get("source"), fetch, where),
        second=None if second is None else _source_from_value(second, fetch, where),
        mix=_share(fields.get("mix"), "mix", where),
        strength=_share(fields.get("strength"), "strength", where),
    )


def _source_to_value(source: StyleSource, keep: Callable[[bytes], str]) -> dict[str, object]:
    if isinstance(source, SampledStyle):
        return {"kind": "sampled", "seed": source.seed}
    if isinstance(source, LatentStyle):
        return {"kind": "latent", "z": list(source.z)}
    if isinstance(source, ImageStyle):
        return {"kind": "image", "name": source.name, "png": keep(encode_png(source.pixels))}
    return {"kind": "default"}


def _source_from_value(value: object, fetch: Callable[[str], bytes], where: str) -> StyleSource:
    fields = _fields(value, where)
    kind = fields.get("kind")
    if kind == "default":
        return DefaultStyle()
    if kind == "sampled":
        seed = fields.get("seed")
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**63:
            raise _damaged(where, "its seed is not a whole number of 63 bits")
        return SampledStyle(seed)
    if kind == "latent":
        numbers = fields.get("z")
        if not isinstance(numbers, list) or not 0 < len(numbers) <= _MAX_LATENT:
            raise _damaged(where, "its latent is not a list of numbers")
        return LatentStyle(tuple(_number(number, "latent", where) for number in numbers))
    if kind == "image":
        name, kept = fields.get("name"), fields.get("png")
        if not isinstance(name, str) or not isinstance(kept, str):
            raise _damaged(where, "its image has no name or no pixels")
        pixels = read_photo(fetch(kept), max_side=STYLE_IMAGE_SIDE, name=f"{where}: style image")
        return ImageStyle(pixels, name)
    raise _damaged(where, f"its kind {str(kind)[:40]!r} is not known")


def _from_base64(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _damaged(where, "its image is not base64") from error


def _fields(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _damaged(where, "a field is missing")
    return value


def _share(value: object, name: str, where: str) -> float:
    number = _number(value, name, where)
    if not 0.0 <= number <= 1.0:
        raise _damaged(where, f"{name} {number:g} is not in 0..1")
    return number


def _number(value: object, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _damaged(where, f"{name} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _damaged(where, f"{name} is not finite")
    return number


def _damaged(where: str, reason: str) -> InputError:
    return InputError(f"{where}: the style in it cannot be read, {reason}; choose a style anew")
