"""Smoothed and compressed label maps: borders go where they were, with no class between."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from spade.doctor.borders import classes_of, in_blocks
from spade.formats.palette import Palette, PaletteClass

# Half-way between black and white lies "b", half-way between red and blue "d".
PALETTE = Palette(
    "blends",
    (
        PaletteClass(0, "a", "#000000"),
        PaletteClass(1, "b", "#808080"),
        PaletteClass(2, "c", "#ffffff"),
        PaletteClass(3, "red", "#ff0000"),
        PaletteClass(4, "d", "#800080"),
        PaletteClass(5, "blue", "#0000ff"),
    ),
)


def scene() -> np.ndarray:
    """Discs and half planes; a and c, red and blue touch, and b and d are elsewhere."""
    rows, columns = np.mgrid[:120, :160]
    labels = np.where(columns + 0.4 * rows < 70, 0, 2).astype(np.uint8)
    labels[(rows > 70) & (columns > 60)] = 3
    labels[(rows - 95) ** 2 + (columns - 110) ** 2 < 400] = 5
    labels[:20, 130:] = 1
    labels[100:, :25] = 4
    return labels


def near_border(labels: np.ndarray, radius: int) -> np.ndarray:
    """Pixels with another class within ``radius``."""
    near = np.zeros(labels.shape, bool)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            near |= np.roll(labels, (dy, dx), (0, 1)) != labels
    return near


def smoothed(labels: np.ndarray, how: str) -> np.ndarray:
    image = Image.fromarray(PALETTE.lut()[labels])
    if how == "smooth":
        return np.array(image.filter(ImageFilter.SMOOTH))
    if how == "blur":
        return np.array(image.filter(ImageFilter.GaussianBlur(1.5)))
    if how == "scaled":
        height, width = labels.shape
        small = image.resize((width // 2, height // 2), Image.Resampling.BILINEAR)
        return np.array(small.resize((width, height), Image.Resampling.BICUBIC))
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=80)
    return np.array(Image.open(stream))


def test_exact_colours_stay_as_they_are() -> None:
    labels = scene()
    labels[3, 3], labels[50, 50:60] = 255, 1  # a lone pixel and a thin line
    assert (classes_of(PALETTE.lut()[labels], PALETTE) == labels).all()


@pytest.mark.parametrize(
    ("how", "radius", "agreement"), [("smooth", 1, 0.995), ("blur", 3, 0.98), ("scaled", 3, 0.98)]
)
def test_no_third_class_grows_along_a_border(how: str, radius: int, agreement: float) -> None:
    labels = scene()
    found = classes_of(smoothed(labels, how), PALETTE)
    assert (found == labels).mean() > agreement
    wrong = found != labels
    assert not (wrong & ~near_border(labels, radius + 1)).any()
    # b and d are blends of what touches, but appear only where they are, and right beside.
    for class_id in (1, 4):
        strange = (found == class_id) & (labels != class_id)
        beside = near_border(np.where(labels == class_id, 1, 0), 2 * radius)
        assert not (strange & ~beside).any()


def test_a_compressed_map_is_nearly_as_before() -> None:
    labels = scene()
    found = classes_of(smoothed(labels, "jpeg"), PALETTE, lossy=True)
    wrong = found != labels
    assert wrong.mean() < 0.02
    assert not (wrong & ~near_border(labels, 4)).any()


def test_an_unlisted_colour_that_fills_an_area_is_unknown() -> None:
    labels = scene()
    colors = PALETTE.lut()[labels]
    colors[30:50, 10:40] = (0, 255, 0)
    found = classes_of(colors, PALETTE)
    assert (found[30:50, 10:40] == 255).all()
    found[30:50, 10:40] = labels[30:50, 10:40]
    assert (found == labels).all()


def test_a_colour_a_little_off_is_the_class_it_is_like() -> None:
    labels = scene()
    colors = PALETTE.lut()[labels]
    colors[labels == 3] = (250, 4, 3)
    assert (classes_of(colors, PALETTE) == labels).all()


def test_a_map_of_noise_ends() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    found = classes_of(noise, PALETTE)
    assert found.shape == (90, 70)
    assert set(np.unique(found).tolist()) <= {*PALETTE.ids, 255}


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (9, 1)])
def test_maps_too_small_for_any_block(shape: tuple[int, int]) -> None:
    colors = np.full((*shape, 3), 3, np.uint8)
    assert (classes_of(colors, PALETTE) == 0).all()  # a little off black


def test_blocks() -> None:
    ids = np.array([[1, 1, 2], [1, 1, 2], [3, 2, 2]], np.int16)
    assert in_blocks(ids).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
