from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spade.formats.errors import InputError
from spade.formats.label_png import (
    InexactColors,
    LabelImage,
    colorize,
    encode_label_map,
    read_label_map,
    write_label_map,
    write_label_rgb,
    write_masks,
)
from spade.formats.limits import MAX_SIDE
from spade.formats.palette import Palette, load_palette


def encoded(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=format_, **options)
    return stream.getvalue()


def label_arrays(max_side: int = 20) -> st.SearchStrategy[np.ndarray]:
    def build(height: int, width: int, seed: int, few: bool) -> np.ndarray:
        high = 3 if few else 256
        return np.random.default_rng(seed).integers(0, high, (height, width), dtype=np.uint8)

    sides = st.integers(1, max_side)
    return st.builds(build, sides, sides, st.integers(0, 2**32 - 1), st.booleans())


# ---- what we write, we read ------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(label_arrays(), st.sampled_from(["landscape", "ade20k", "coco-stuff", "cityscapes"]))
def test_round_trips(labels: np.ndarray, name: str) -> None:
    palette = load_palette(name)
    image = read_label_map(encode_label_map(labels, palette))
    assert image.kind == "indexed"
    assert image.inexact_pixels == 0
    np.testing.assert_array_equal(image.labels, labels)
    assert image.palette_colors is not None
    np.testing.assert_array_equal(np.array(image.palette_colors), palette.lut())

    grey = read_label_map(encoded(Image.fromarray(labels)))
    assert grey.kind == "grey"
    np.testing.assert_array_equal(grey.labels, labels)

    colored = read_label_map(encoded(Image.fromarray(colorize(labels, palette))), palette)
    assert colored.kind == "rgb"
    np.testing.assert_array_equal(colored.labels, labels)


def test_files(tmp_path: Path, labels: np.ndarray, palette: Palette) -> None:
    write_label_map(tmp_path / "a.png", labels, palette)
    write_label_rgb(tmp_path / "b.png", labels, palette)
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.png").labels, labels)
    np.testing.assert_array_equal(read_label_map(str(tmp_path / "b.png"), palette).labels, labels)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert (tmp_path / "a.png").read_bytes()[24] == 8  # bits per pixel
        assert image.getpixel((6, 0)) == 255
        assert image.convert("RGB").getpixel((5, 4)) == (0x10, 0x30, 0x70)


def test_result_is_writable_and_contiguous(labels: np.ndarray, palette: Palette) -> None:
    read = read_label_map(encode_label_map(labels, palette)).labels
    read[0, 0] = 9
    assert read.flags.c_contiguous
    assert read.dtype == np.uint8


def test_non_contiguous_input(labels: np.ndarray, palette: Palette) -> None:
    mirrored = labels[:, ::-1]
    np.testing.assert_array_equal(
        read_label_map(encode_label_map(mirrored, palette)).labels, mirrored
    )


@pytest.mark.parametrize("bad", [np.zeros((2, 2), np.int64), np.zeros((2, 2, 3), np.uint8)])
def test_wrong_arrays_are_a_bug_of_the_caller(bad: np.ndarray, palette: Palette) -> None:
    with pytest.raises(ValueError, match=r"uint8 \(H, W\)"):
        encode_label_map(bad, palette)


def test_masks(tmp_path: Path, labels: np.ndarray, palette: Palette) -> None:
    labels[0, 0] = 77  # no class of the palette
    paths = write_masks(tmp_path / "new" / "masks", labels, palette)
    assert [path.name for path in paths] == [
        "000-sky.png",
        "001-grass.png",
        "009-sea.png",
        "077-class.png",
    ]
    covered = np.zeros(labels.shape, int)
    for path in paths:
        with Image.open(path) as image:
            assert image.mode == "1"
            mask = np.asarray(image)
        np.testing.assert_array_equal(mask, labels == int(path.name[:3]))
        covered += mask
    np.testing.assert_array_equal(covered, labels != 255)


def test_masks_folder_is_a_file(tmp_path: Path, labels: np.ndarray, palette: Palette) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(InputError, match="folder cannot be made"):
        write_masks(tmp_path / "x", labels, palette)


# ---- kinds of pixels -------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_indexed_with_few_bits(bits: int) -> None:
    array = (np.arange(12, dtype=np.uint8) % 2**bits).reshape(3, 4)
    image = Image.fromarray(array)
    image.putpalette([0, 0, 0, 255, 0, 0] + [7, 7, 7] * (2**bits - 2))
    data = encoded(image, bits=bits)
    assert data[24] == bits
    np.testing.assert_array_equal(read_label_map(data).labels, array)


def test_indices_count_not_colours(palette: Palette) -> None:
    image = Image.fromarray(np.array([[1, 0]], np.uint8))
    image.putpalette([0x20, 0x80, 0x20, 0x80, 0xC0, 0xF0])  # grass's colour at 0, sky's at 1
    result = read_label_map(encoded(image), palette)
    np.testing.assert_array_equal(result.labels, [[1, 0]])
    assert result.palette_colors is not None
    assert result.palette_colors[:2] == ((0x20, 0x80, 0x20), (0x80, 0xC0, 0xF0))


def test_transparent_index_keeps_its_id() -> None:
    image = Image.fromarray(np.array([[3, 0]], np.uint8))
    image.putpalette(bytes(768))
    np.testing.assert_array_equal(read_label_map(encoded(image, transparency=3)).labels, [[3, 0]])


@pytest.mark.parametrize(("depth", "row"), [(1, b"\xa0"), (2, b"\x1b"), (4, b"\x12")])
def test_grey_with_few_bits_is_refused(make_png, depth: int, row: bytes) -> None:
    data = make_png(2, 1, depth, 0, b"\0" + row)
    with pytest.raises(InputError, match="under 8 bits"):
        read_label_map(data, name="mask.png")


def test_bilevel_bmp_is_refused() -> None:
    with pytest.raises(InputError):
        read_label_map(encoded(Image.new("1", (4, 4)), "TIFF"))


def test_16_bit_grey_with_small_values_holds_ids(make_png) -> None:
    data = make_png(3, 1, 16, 0, b"\0" + struct.pack(">3H", 0, 17, 255))
    result = read_label_map(data)
    assert result.kind == "grey"
    np.testing.assert_array_equal(result.labels, [[0, 17, 255]])


def test_16_bit_grey_with_large_values_is_refused(make_png) -> None:
    data = make_png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 26001, 3))
    with pytest.raises(InputError, match=r"inst\.png: is a 16-bit picture with values 3 to 26001"):
        read_label_map(data, name="inst.png")


def test_16_bit_rgb(make_png, palette: Palette) -> None:
    row = struct.pack(">3H", 0x8080, 0xC0C0, 0xF0F0)
    result = read_label_map(make_png(1, 1, 16, 2, b"\0" + row), palette)
    np.testing.assert_array_equal(result.labels, [[0]])


def test_float_and_cmyk_are_refused(palette: Palette) -> None:
    with pytest.raises(InputError, match="hold no class ids"):
        read_label_map(encoded(Image.new("F", (2, 2)), "TIFF"), palette)
    with pytest.raises(InputError, match="hold no class ids"):
        read_label_map(encoded(Image.new("CMYK", (2, 2)), "TIFF"), palette)


def test_grey_jpeg_is_refused() -> None:
    with pytest.raises(InputError, match="blurs class ids"):
        read_label_map(encoded(Image.new("L", (16, 16), 3), "JPEG"))


@pytest.mark.parametrize("format_", ["BMP", "TIFF"])
def test_other_lossless_formats(format_: str, labels: np.ndarray, palette: Palette) -> None:
    image = Image.fromarray(labels)
    image.putpalette(palette.lut().tobytes())
    np.testing.assert_array_equal(read_label_map(encoded(image, format_)).labels, labels)


def test_gif_goes_by_colour(labels: np.ndarray, palette: Palette) -> None:
    image = Image.fromarray(labels)
    image.putpalette(palette.lut().tobytes())
    result = read_label_map(encoded(image, "GIF"), palette)  # the writer renumbers the palette
    assert result.kind == "rgb"
    np.testing.assert_array_equal(result.labels, labels)


# ---- colours ---------------------------------------------------------------------------


def test_rgb_without_palette(labels: np.ndarray, palette: Palette) -> None:
    with pytest.raises(InputError, match="a palette is needed"):
        read_label_map(encoded(Image.fromarray(colorize(labels, palette))))


def test_wrong_colours_are_counted_then_replaced_by_the_nearest(palette: Palette) -> None:
    colors = colorize(np.zeros((4, 6), np.uint8), palette)
    colors[0, 0] = (0x21, 0x80, 0x20)  # one off grass
    colors[1, 1] = (0, 0, 0)  # nearest: sea
    colors[3, 5] = (255, 255, 255)  # nearest: sky
    data = encoded(Image.fromarray(colors))
    with pytest.raises(InexactColors, match=r"m\.png: 3 of 24 pixels") as caught:
        read_label_map(data, palette, name="m.png")
    assert (caught.value.pixels, caught.value.total) == (3, 24)
    assert isinstance(caught.value, InputError)

    result = read_label_map(data, palette, nearest=True)
    assert result.inexact_pixels == 3
    expected = np.zeros((4, 6), np.uint8)
    expected[0, 0], expected[1, 1] = 1, 9
    np.testing.assert_array_equal(result.labels, expected)


def test_smoothed_edges(palette: Palette) -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[20:] = 1
    small = Image.fromarray(colorize(labels, palette))
    smooth = encoded(small.resize((56, 56), Image.Resampling.BICUBIC))
    with pytest.raises(InexactColors) as caught:
        read_label_map(smooth, palette)
    result = read_label_map(smooth, palette, nearest=True)
    assert result.inexact_pixels == caught.value.pixels < 56 * 10
    assert (result.labels[:24] == 0).all()
    assert (result.labels[32:] == 1).all()


def test_nearest_is_the_least_squared_distance() -> None:
    palette = load_palette("coco-stuff")
    random = np.random.default_rng(5)
    colors = random.integers(0, 256, (30, 30, 3), dtype=np.uint8)
    result = read_label_map(encoded(Image.fromarray(colors)), palette, nearest=True).labels
    table = palette.lut()[: len(palette.classes)].astype(int)
    distance = ((colors.astype(int)[:, :, None] - table) ** 2).sum(axis=3)
    np.testing.assert_array_equal(result, distance.argmin(axis=2))


def test_colour_jpeg_needs_the_question(labels: np.ndarray, palette: Palette) -> None:
    big = colorize(labels.repeat(16, 0).repeat(16, 1), palette)
    data = encoded(Image.fromarray(big), "JPEG", quality=95)
    with pytest.raises(InexactColors):
        read_label_map(data, palette)
    result = read_label_map(data, palette, nearest=True).labels
    assert (result[:40, :40] == 0).all()


def test_rgb_larger_than_a_band(palette: Palette) -> None:
    labels = np.random.default_rng(1).choice(np.array([0, 1, 9, 255], np.uint8), (1100, 3))
    image = Image.fromarray(colorize(labels, palette))
    np.testing.assert_array_equal(read_label_map(encoded(image), palette).labels, labels)


def test_opaque_and_transparent_pixels(palette: Palette) -> None:
    rgba = np.full((1, 3, 4), 255, np.uint8)
    rgba[..., :3] = (0x10, 0x30, 0x70)
    rgba[0, 1] = (1, 2, 3, 0)  # transparent, whatever its colour
    data = encoded(Image.fromarray(rgba))
    np.testing.assert_array_equal(read_label_map(data, palette).labels, [[9, 255, 9]])


def test_half_transparent_pixels_are_a_question(palette: Palette) -> None:
    rgba = np.full((1, 3, 4), 255, np.uint8)
    rgba[..., :3] = (0x10, 0x30, 0x70)
    rgba[0, 1, 3], rgba[0, 2, 3] = 100, 200
    data = encoded(Image.fromarray(rgba))
    with pytest.raises(InexactColors) as caught:
        read_label_map(data, palette)
    assert caught.value.pixels == 2
    result = read_label_map(data, palette, nearest=True)
    np.testing.assert_array_equal(result.labels, [[9, 255, 9]])
    assert result.inexact_pixels == 2


def test_grey_with_alpha() -> None:
    grey = np.array([[[4, 255], [5, 0]]], np.uint8)
    result = read_label_map(encoded(Image.fromarray(grey)))
    np.testing.assert_array_equal(result.labels, [[4, 255]])
    grey[0, 0, 1] = 128
    data = encoded(Image.fromarray(grey))
    with pytest.raises(InexactColors, match="1 of 2 pixels are half transparent"):
        read_label_map(data)
    np.testing.assert_array_equal(read_label_map(data, nearest=True).labels, [[4, 255]])


# ---- orientation, extensions, animation ------------------------------------------------


@pytest.mark.parametrize(("orientation", "turned"), [(3, 2), (6, 3), (8, 1)])
def test_orientation(labels: np.ndarray, palette: Palette, orientation: int, turned: int) -> None:
    image = Image.open(io.BytesIO(encode_label_map(labels, palette)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = read_label_map(encoded(image, exif=exif)).labels
    np.testing.assert_array_equal(result, np.rot90(labels, turned))


def test_content_counts_not_the_extension(
    tmp_path: Path, labels: np.ndarray, palette: Palette
) -> None:
    path = tmp_path / "map.jpg"
    path.write_bytes(encode_label_map(labels, palette))
    np.testing.assert_array_equal(read_label_map(path).labels, labels)


@pytest.mark.parametrize("format_", ["PNG", "GIF", "WEBP", "TIFF"])
def test_several_frames_are_refused(format_: str, palette: Palette) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue", "green")]
    data = encoded(frames[0], format_, save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="several frames"):
        read_label_map(data, palette)


# ---- damaged and hostile files ---------------------------------------------------------


def test_a_cut_off_file_gives_the_whole_map_or_one_clear_line(
    labels: np.ndarray, palette: Palette
) -> None:
    data = encode_label_map(labels, palette)
    read = 0
    for length in range(len(data)):
        try:
            result = read_label_map(data[:length], name="cut.png")
        except InputError as caught:
            message = str(caught)
        else:  # only checksums behind the pixels are missing
            np.testing.assert_array_equal(result.labels, labels)
            read += 1
            continue
        assert message.startswith("cut.png: ")
        assert "\n" not in message
    assert read < 30


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_never_escapes_as_another_error(data: st.DataObject) -> None:
    palette = load_palette("landscape")
    labels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    good = bytearray(encode_label_map(labels, palette))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(8, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = read_label_map(bytes(good), palette, nearest=True)
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert isinstance(result, LabelImage)
        assert result.labels.dtype == np.uint8
    assert "\n" not in message


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(InputError):
        read_label_map(noise)


@pytest.mark.parametrize("size", [(MAX_SIDE + 1, 1), (1, MAX_SIDE + 1), (12_000, 9_000)])
def test_too_large(make_png, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="use 1 to 8192 pixels"):
        read_label_map(make_png(*size, 8, 0, b""), name="big.png")


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bomb(make_png, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"bomb\.png"):
        read_label_map(make_png(*size, 8, 0, b""), name="bomb.png")


def test_pixels_missing_from_a_large_header(make_png) -> None:
    with pytest.raises(InputError, match="damaged or cut off"):
        read_label_map(make_png(4000, 4000, 8, 0, b"\0" * 10), name="short.png")


def test_zero_size(make_png) -> None:
    with pytest.raises(InputError):
        read_label_map(make_png(0, 0, 8, 0, b""))


def test_text_bomb(make_png) -> None:
    text = b"Comment\0\0" + zlib.compress(b"a" * 20_000_000)
    data = make_png(1, 1, 8, 0, b"\0\5", ((b"zTXt", text),))
    with pytest.raises(InputError):
        read_label_map(data)


def test_not_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_label_map(tmp_path / "missing.png")
    with pytest.raises(InputError, match="is a folder"):
        read_label_map(tmp_path)
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        read_label_map(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(InputError, match="not a picture"):
        read_label_map(tmp_path / "text.png")
    with pytest.raises(InputError):
        read_label_map("a\0b.png")
    with pytest.raises(InputError):
        read_label_map("x" * 5000)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_devices_are_not_read() -> None:
    with pytest.raises(InputError, match="not a regular file"):
        read_label_map("/dev/zero")
