"""One photo, one label map, one pair: read to the end and reduced to a few figures."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spade.doctor.alignment import SIDE, explained, turned
from spade.doctor.case import LabelFacts, PairFacts, PhotoFacts
from spade.doctor.duplicates import TINY, difference_hash
from spade.doctor.files import Files
from spade.doctor.layouts.layout import Entry
from spade.doctor.raw_labels import RawLabels, fault_of, read_raw_labels
from spade.doctor.room import ROOM
from spade.formats.errors import InputError
from spade.formats.images import open_image
from spade.formats.limits import MAX_SIDE
from spade.formats.nearest import Id, resize_ids

COLORS = 96
"""Most frequent colours that are kept of a map in colours, beside those that fill areas."""
_MORE = 512
_ROWS = 64  # the grid on which the height of a class in a map is measured
_ORIENTATION = 0x0112


def pair_facts(files: Files, entry: Entry) -> PairFacts:
    """Read an entry's files. Whatever is wrong with them is in the facts; nothing is raised."""
    photo = labels = None
    small: NDArray[np.uint8] | None = None
    raw: RawLabels | None = None
    if entry.photo is not None:
        photo, small = _photo(files, entry.photo)
    if entry.labels is not None:
        labels, raw = _labels(files, entry.labels)
    return PairFacts(photo, labels, _fits(photo, small, raw))


def _photo(files: Files, name: str) -> tuple[PhotoFacts, NDArray[np.uint8] | None]:
    source: Path | bytes = b""
    try:
        source = files.source(name)
        with ROOM.place() as place, open_image(source, place.check, name) as image:
            width, height = image.size
            if image.format in ("JPEG", "MPO"):
                # Every byte is still decoded, but only an eighth of the waves transformed.
                image.draft(image.mode, (2 * SIDE, 2 * SIDE))
            image.load()
            if image.mode == "F":
                raise InputError(f"{name}: has floating-point pixels; save it as PNG or JPEG")
            orientation = _orientation(image)
            small = _small(image)
    except InputError as error:
        fault = fault_of(source)
        return PhotoFacts(fault=fault, detail=_reason(error, name)), None
    if orientation >= 5:
        width, height = height, width
    if max(width, height) > MAX_SIDE:
        detail = f"{width}x{height} pixels; reduce it to at most {MAX_SIDE} a side"
        return PhotoFacts(fault="unreadable", detail=detail), None
    upright = turned(small, orientation)
    grey = (upright.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    channels = small.astype(np.int16)
    return (
        PhotoFacts(
            width,
            height,
            orientation,
            bool((channels.max(axis=-1) - channels.min(axis=-1)).max() <= 6),
            difference_hash(grey[..., 0]),
            _pooled(grey[..., 0], TINY),
        ),
        upright,
    )


def _orientation(image: Image.Image) -> int:
    try:
        number = int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF blocks raise nearly anything; readers ignore them
        return 1
    return number if 1 <= number <= 8 else 1


def _small(image: Image.Image) -> NDArray[np.uint8]:
    """``image`` as stored, uint8 ``(SIDE, SIDE, 3)``, transparency over white."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64)
        values = values * (255 / 65535 if values.max() > 255 else 1)
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if image.mode in ("P", "1", "CMYK", "YCbCr", "LAB", "HSV", "PA", "LA", "La", "RGBa"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    image = image.resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _pooled(grey: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    step = SIDE // side
    pooled = grey.reshape(side, step, side, step).mean(axis=(1, 3))
    result: NDArray[np.uint8] = pooled.round().astype(np.uint8)
    return result


def _labels(files: Files, name: str) -> tuple[LabelFacts, RawLabels | None]:
    source: Path | bytes = b""
    try:
        source = files.source(name)
        with ROOM.place() as place:
            raw = read_raw_labels(source, name, place.check)
            height, width = raw.shape
            if max(height, width) > MAX_SIDE:
                raise InputError(f"{name}: {width}x{height} pixels; reduce it")
            return label_facts(raw), raw
    except InputError as error:
        return LabelFacts(fault=fault_of(source), detail=_reason(error, name)), None


def label_facts(raw: RawLabels) -> LabelFacts:
    """What is in a label map."""
    height, width = raw.shape
    clear = None if raw.alpha is None else raw.alpha < 128
    transparent = 0 if clear is None else int(np.count_nonzero(clear))
    values = counts = rows = colors = flat = used_colors = None
    distinct, grey_colors = 0, False
    if raw.ids is not None:
        values, counts = _counted(raw.ids if clear is None else raw.ids[~clear])
        values = unscaled(values)
        rows = _mean_rows(unscaled(raw.ids), values)
        if raw.palette is not None and values.size and values.max() < len(raw.palette):
            used_colors = raw.palette[values]
    else:
        assert raw.colors is not None
        codes = color_codes(raw.colors)
        grey_colors = bool(
            (raw.colors[..., 0] == raw.colors[..., 1]).all()
            and (raw.colors[..., 0] == raw.colors[..., 2]).all()
        )
        found, numbers = np.unique(codes if clear is None else codes[~clear], return_counts=True)
        distinct = len(found)
        inside = flat_areas(codes)
        inside_codes, inside_counts = np.unique(codes[inside], return_counts=True)
        areas = np.zeros(len(found), np.int64)
        places = np.searchsorted(found, inside_codes).clip(0, max(0, len(found) - 1))
        same = found[places] == inside_codes if len(found) else np.zeros(0, np.bool_)
        areas[places[same]] = inside_counts[same]
        order = np.argsort(-numbers, kind="stable")
        keep = np.concatenate([order[:COLORS], order[COLORS:][areas[order[COLORS:]] > 0][:_MORE]])
        colors, counts, flat = found[keep], numbers[keep].astype(np.int64), areas[keep]
    return LabelFacts(
        width,
        height,
        raw.storage,
        raw.format,
        raw.bits,
        raw.alpha is not None,
        raw.interlaced,
        raw.lossy,
        values,
        counts,
        rows,
        colors,
        flat,
        distinct,
        transparent,
        grey_colors,
        used_colors,
    )


def unscaled(ids: NDArray[Id]) -> NDArray[Id]:
    """Ids of 16 bits that some program stretched from 8 (times 257) as they were."""
    if ids.size and int(ids.max()) > 255 and int(ids.min()) >= 0 and not (ids % 257).any():
        return (ids // 257).astype(ids.dtype)
    return ids


def color_codes(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    """``(..., 3)`` colours as numbers 0xrrggbb."""
    red, green, blue = (colors[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def flat_areas(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether a pixel ``(H, W)`` and its eight neighbours are all the same."""
    same = np.zeros(codes.shape, np.bool_)
    if min(codes.shape) < 3:
        return same
    across = codes[:, 1:] == codes[:, :-1]
    across = across[:, 1:] & across[:, :-1]  # three in a row, (H, W - 2)
    down = codes[1:, 1:-1] == codes[:-1, 1:-1]
    same[1:-1, 1:-1] = across[1:-1] & across[:-2] & across[2:] & down[1:] & down[:-1]
    return same


def _counted(
    ids: NDArray[np.uint8] | NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if ids.dtype == np.uint8:
        numbers = np.bincount(ids.ravel(), minlength=256)
        values = np.flatnonzero(numbers).astype(np.int64)
        return values, numbers[values].astype(np.int64)
    values, numbers = np.unique(ids, return_counts=True)
    if len(values) > _MORE:  # instance maps, say: the most frequent tell enough
        keep = np.sort(np.argsort(-numbers, kind="stable")[:_MORE])
        values, numbers = values[keep], numbers[keep]
    return values.astype(np.int64), numbers.astype(np.int64)


def _mean_rows(
    ids: NDArray[Id],
    values: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Mean height of the pixels of each value, 0 at the top, on a coarse grid."""
    if not values.size:
        return np.zeros(0, np.float32)
    height, width = ids.shape
    grid = resize_ids(ids, min(_ROWS, height), min(_ROWS, width))
    where = np.searchsorted(values, grid.ravel()).clip(0, len(values) - 1)
    heights = np.repeat((np.arange(grid.shape[0]) + 0.5) / grid.shape[0], grid.shape[1])
    hits = np.bincount(where, minlength=len(values))
    sums = np.bincount(where, heights, minlength=len(values))
    return np.where(hits > 0, sums / np.maximum(hits, 1), 0.5).astype(np.float32)


def _fits(
    photo: PhotoFacts | None, small: NDArray[np.uint8] | None, raw: RawLabels | None
) -> dict[int, float] | None:
    """How well the label map fits as it is (1) and turned; None where there is no doubt."""
    if photo is None or small is None or raw is None:
        return None
    height, width = raw.shape
    swapped = (height, width) == (photo.width, photo.height) and height != width
    if photo.orientation == 1 and not swapped:
        return None
    pixels = color_codes(raw.colors) if raw.ids is None and raw.colors is not None else raw.ids
    assert pixels is not None
    grid = resize_ids(pixels, SIDE, SIDE)
    ways = {1, photo.orientation, *((6, 8) if swapped else ())}
    return {way: explained(small, turned(grid, way)) for way in sorted(ways)}


def _reason(error: InputError, name: str) -> str:
    """What is wrong, without the name and the remedy, which are said elsewhere."""
    text = " ".join(str(error).split()).split(f"{name}: ", 1)[-1]
    inner = re.match(r"is damaged or cut off \((.*)\); save it again$", text)
    return inner[1] if inner else text.rsplit("; ", 1)[0]
