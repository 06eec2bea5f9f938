from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spade.formats.errors import InputError
from spade.formats.label_png import encode_label_map
from spade.formats.palette import Palette, numbered_palette
from spade.formats.photo import read_photo
from spade.formats.picture import PictureInfo, read_scene, write_picture


@pytest.fixture
def pixels() -> np.ndarray:
    ramp = np.linspace(0, 255, 40).astype(np.uint8)
    return np.stack(np.broadcast_arrays(ramp[:30, None], ramp[None, :], ramp[5]), axis=2)


def scene_png(chunks: dict[str, str], after: bool = False) -> bytes:
    stream = io.BytesIO()
    text = PngInfo()
    for key, value in chunks.items():
        text.add_text(key, value)
    Image.new("RGB", (3, 3)).save(stream, "PNG", pnginfo=text)
    data = stream.getvalue()
    if after:  # move every tEXt chunk behind the pixels
        first, pixels_at = data.index(b"tEXt") - 4, data.index(b"IDAT") - 4
        end = data.index(b"IEND") - 4
        data = data[:first] + data[pixels_at:end] + data[first:pixels_at] + data[end:]
    return data


def test_png_is_exact_and_reopens_as_a_scene(
    tmp_path: Path, pixels: np.ndarray, labels: np.ndarray, palette: Palette
) -> None:
    info = PictureInfo("landscape", '{"source": "é 山"}', 7, encode_label_map(labels, palette))
    path = tmp_path / "a.PNG"
    write_picture(path, pixels, info)
    np.testing.assert_array_equal(read_photo(path), pixels)
    scene = read_scene(path)
    assert scene is not None
    np.testing.assert_array_equal(scene[0], labels)
    assert scene[1] == info
    with Image.open(path) as image:
        assert image.text["spadework:model"] == "landscape"
        assert image.text["spadework:seed"] == "7"


def test_large_detailed_maps_reopen(tmp_path: Path, palette: Palette) -> None:
    labels = np.random.default_rng(0).integers(0, 256, (1300, 1200), dtype=np.uint8)
    picture = np.zeros((8, 8, 3), np.uint8)
    write_picture(
        tmp_path / "a.png", picture, PictureInfo(labels=encode_label_map(labels, palette))
    )
    scene = read_scene(tmp_path / "a.png")
    assert scene is not None
    np.testing.assert_array_equal(scene[0], labels)
    assert read_photo(tmp_path / "a.png").shape == (8, 8, 3)  # other programs can read it too


@settings(max_examples=40, deadline=None)
@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    st.none() | st.integers(-(2**63), 2**63),
)
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, model: str, style: str, seed: int | None
) -> None:
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    info = PictureInfo(model, style, seed, encode_label_map(labels, numbered_palette(6)))
    path = tmp_path_factory.getbasetemp() / "text.png"
    write_picture(path, np.zeros((2, 2, 3), np.uint8), info)
    scene = read_scene(path)
    assert scene is not None
    assert scene[1] == info


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".JPG"])
def test_lossy_formats(tmp_path: Path, pixels: np.ndarray, suffix: str) -> None:
    good, poor = tmp_path / f"good{suffix}", tmp_path / f"poor{suffix}"
    write_picture(good, pixels, PictureInfo("landscape"))
    write_picture(poor, pixels, quality=10)
    assert np.abs(read_photo(good).astype(int) - pixels).mean() < 4
    assert poor.stat().st_size < good.stat().st_size
    assert read_scene(good) is None


def test_pictures_without_a_scene(tmp_path: Path, pixels: np.ndarray) -> None:
    write_picture(tmp_path / "a.png", pixels)
    assert read_scene(tmp_path / "a.png") is None
    write_picture(tmp_path / "b.png", pixels, PictureInfo("m", "{}", 3))
    assert read_scene(tmp_path / "b.png") is None


@pytest.mark.parametrize("name", ["a", "a.gif", "a.png.bak", ".png"])
def test_other_suffixes_are_refused(tmp_path: Path, pixels: np.ndarray, name: str) -> None:
    with pytest.raises(InputError, match=r"\.png, \.jpg or \.webp"):
        write_picture(tmp_path / name, pixels)
    assert os.listdir(tmp_path) == []


def test_refusals(tmp_path: Path, pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match="quality 101"):
        write_picture(tmp_path / "a.jpg", pixels, quality=101)
    with pytest.raises(InputError, match="does not exist"):
        write_picture(tmp_path / "no" / "a.png", pixels)
    with pytest.raises(InputError, match="width 8193"):
        write_picture(tmp_path / "a.png", np.zeros((1, 8193, 3), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        write_picture(tmp_path / "a.png", pixels.astype(float))


def test_failed_write_keeps_the_old_picture(
    tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    write_picture(path, pixels)
    before = path.read_bytes()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_picture(path, pixels[::-1])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize(
    "chunks",
    [
        {"spadework:labels": "not base64!"},
        {"spadework:labels": "aGVsbG8="},
        {"spadework:labels": ""},
        {"spadework:labels": "aGVsbG8=", "spadework:seed": "seven"},
    ],
)
def test_damaged_scenes(chunks: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"^p\.png"):
        read_scene(scene_png(chunks), name="p.png")


def test_text_behind_the_pixels(labels: np.ndarray, palette: Palette) -> None:
    encoded = base64.b64encode(encode_label_map(labels, palette)).decode()
    scene = read_scene(scene_png({"spadework:labels": encoded}, after=True))
    assert scene is not None
    np.testing.assert_array_equal(scene[0], labels)


def test_not_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_scene(tmp_path / "a.png")
    with pytest.raises(InputError):
        read_scene(b"hello")
