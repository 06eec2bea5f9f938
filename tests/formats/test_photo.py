from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spade.formats.errors import InputError
from spade.formats.limits import MAX_SIDE
from spade.formats.photo import read_photo, resize_photo


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=format_, **options)
    return stream.getvalue()


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("format_", ["PNG", "BMP", "TIFF", "PPM"])
def test_exact_formats(pixels: np.ndarray, format_: str) -> None:
    photo = read_photo(encoded(Image.fromarray(pixels), format_))
    np.testing.assert_array_equal(photo, pixels)
    photo[0, 0] = 0  # the caller owns it
    assert photo.flags.c_contiguous


def test_orientation_is_applied(pixels: np.ndarray) -> None:
    big = pixels.repeat(16, 0).repeat(16, 1)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right by a quarter to see it upright
    photo = read_photo(encoded(Image.fromarray(big), "JPEG", exif=exif, quality=95))
    assert photo.shape == (144, 96, 3)
    upright = np.rot90(big, -1).astype(int)
    assert np.abs(photo.astype(int) - upright).mean() < 25


def test_damaged_exif_costs_nothing(pixels: np.ndarray) -> None:
    data = encoded(Image.fromarray(pixels), exif=b"Exif\0\0MM\0*\0\0\xff\xff garbage")
    np.testing.assert_array_equal(read_photo(data), pixels)


def test_transparency_lies_over_white() -> None:
    rgba = np.array([[[255, 0, 0, 255], [9, 9, 9, 0], [0, 0, 0, 128]]], np.uint8)
    photo = read_photo(encoded(Image.fromarray(rgba)))
    np.testing.assert_array_equal(photo[0, :2], [[255, 0, 0], [255, 255, 255]])
    assert abs(int(photo[0, 2, 0]) - 127) <= 1


def test_transparent_palette_entry_lies_over_white() -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60])
    photo = read_photo(encoded(image, transparency=1))
    np.testing.assert_array_equal(photo, [[[10, 20, 30], [255, 255, 255]]])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGB", "RGBA", "YCbCr"])
def test_modes(mode: str) -> None:
    image = Image.new("RGB", (5, 4), (204, 204, 204)).convert(mode)
    photo = read_photo(encoded(image, "TIFF"))
    assert photo.shape == (4, 5, 3)
    assert photo.dtype == np.uint8
    if mode != "1":
        assert np.abs(photo.astype(int) - 204).max() <= 3


def test_16_bit_grey_is_scaled(make_png) -> None:
    data = make_png(3, 1, 16, 0, b"\0" + struct.pack(">3H", 0, 32768, 65535))
    np.testing.assert_array_equal(read_photo(data)[0, :, 0], [0, 127, 255])


def test_floating_point_is_refused() -> None:
    with pytest.raises(InputError, match="floating-point"):
        read_photo(encoded(Image.new("F", (2, 2)), "TIFF"))


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation(format_: str) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("#ff0000", "#0000ff")]
    options = {"lossless": True} if format_ == "WEBP" else {}
    data = encoded(frames[0], format_, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(read_photo(data)[0, 0], [255, 0, 0])


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 50), (32, 16)), ((50, 100), (16, 32)), ((2000, 1), (32, 1)), ((20, 10), (20, 10))],
)
@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_reduction(format_: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    photo = read_photo(encoded(Image.new("RGB", size, "#336699"), format_), max_side=32)
    assert photo.shape == (expected[1], expected[0], 3)
    assert np.abs(photo.astype(int) - (0x33, 0x66, 0x99)).max() <= 2


def test_reduction_of_a_turned_jpeg() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    data = encoded(Image.new("RGB", (1000, 400)), "JPEG", exif=exif)
    assert read_photo(data, max_side=100).shape == (100, 40, 3)


def test_damage(pixels: np.ndarray) -> None:
    data = encoded(Image.fromarray(pixels.repeat(9, 0)), "JPEG")
    for length in (0, 1, 2, 20, len(data) // 2, len(data) - 40):
        with pytest.raises(InputError, match=r"^photo\.jpg: ") as caught:
            read_photo(data[:length], name="photo.jpg")
        assert "\n" not in str(caught.value)


@settings(max_examples=80, deadline=None)
@given(
    st.binary(max_size=120), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF", b"BM"])
)
def test_noise_is_refused(noise: bytes, magic: bytes) -> None:
    with pytest.raises(InputError):
        read_photo(magic + noise)


def test_decompression_bombs(make_png) -> None:
    for size in ((11_000, 11_000), (13_000, 13_000), (60_000, 60_000)):
        with pytest.raises(InputError, match=r"bomb\.png: .*(too many|megapixels|reduce)"):
            read_photo(make_png(*size, 8, 2, b""), name="bomb.png")


def test_long_photos_within_the_limit_are_read() -> None:
    photo = read_photo(encoded(Image.new("L", (MAX_SIDE + 500, 2), 7)))
    assert photo.shape == (2, MAX_SIDE + 500, 3)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_photo(tmp_path / "none.jpg")


def test_resize(pixels: np.ndarray) -> None:
    assert resize_photo(pixels, 20, 3).shape == (3, 20, 3)
    np.testing.assert_array_equal(resize_photo(pixels, 9, 6), pixels)
    np.testing.assert_array_equal(resize_photo(pixels[:, ::-1], 9, 6), pixels[:, ::-1])
    with pytest.raises(InputError, match="width 0"):
        resize_photo(pixels, 0, 5)
