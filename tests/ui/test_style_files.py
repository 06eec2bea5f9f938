"""The gallery's files: kept pictures give the same style again; credits; bad files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.ui.styles.style_files import (
    forget_style,
    keep_style,
    read_credits,
    read_folder,
    read_style,
    thumb_of,
    title_of,
)
from spade.formats.errors import InputError
from spade.formats.resources import bundled, bundled_gallery


def photo(path: Path, width: int = 300, height: int = 200, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def encoded(seed: int = 1) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("size", [(300, 200), (1500, 700), (90, 1300)])
def test_a_kept_picture_is_the_same_style_after_a_restart(
    tmp_path: Path, suffix: str, size: tuple[int, int]
) -> None:
    source = photo(tmp_path / f"My photo{suffix}", *size)
    folder = tmp_path / "state" / "gallery"
    kept = keep_style(folder, source)
    assert kept.title == "My photo"
    assert max(kept.style.pixels.shape) <= 512
    source.unlink()
    (again,), problems = read_folder(folder)
    assert problems == []
    assert again.style == kept.style
    assert again.title == "My photo"
    np.testing.assert_array_equal(again.thumb, kept.thumb)


def test_the_same_picture_is_kept_once(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    folder = tmp_path / "gallery"
    first = keep_style(folder, source)
    source.rename(tmp_path / "b.png")
    second = keep_style(folder, tmp_path / "b.png")
    assert second.path == first.path
    assert len(list(folder.iterdir())) == 1


def test_encoded_pictures_and_pixels_are_kept(tmp_path: Path) -> None:
    assert keep_style(tmp_path, encoded()).title == "Pasted picture"
    pixels = np.full((4, 8, 3), 9, np.uint8)
    assert keep_style(tmp_path, pixels, "From a project").title == "From a project"
    assert len(read_folder(tmp_path)[0]) == 2


def test_oldest_first(tmp_path: Path) -> None:
    paths = [keep_style(tmp_path, encoded(seed)).path for seed in (1, 2, 3)]
    for age, path in zip((30, 10, 20), paths, strict=True):
        os.utime(path, (1000 - age, 1000 - age))
    assert [file.path for file in read_folder(tmp_path)[0]] == [paths[0], paths[2], paths[1]]


def test_a_damaged_file_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    keep_style(tmp_path, encoded())
    (tmp_path / "broken-0123456789.png").write_bytes(b"\x89PNG\r\n\x1a\n garbage")
    styles, (problem,) = read_folder(tmp_path)
    assert len(styles) == 1
    assert "broken-0123456789.png" in problem


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a picture")
    for source in (text, tmp_path / "missing.jpg", b"nonsense"):
        with pytest.raises(InputError) as caught:
            keep_style(tmp_path / "gallery", source)
        assert "\n" not in str(caught.value)
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(InputError, match="can't keep the picture"):
        keep_style(blocked / "gallery", encoded())


def test_no_folder_is_no_pictures(tmp_path: Path) -> None:
    assert read_folder(tmp_path / "none") == ([], [])
    forget_style(tmp_path / "none.png")


def test_titles() -> None:
    assert title_of("pier-blue-hour") == "Pier blue hour"
    assert title_of("IMG_2041") == "IMG 2041"
    assert title_of("") == ""


@pytest.mark.parametrize(("width", "height"), [(768, 512), (2000, 300), (100, 900), (1, 1)])
def test_thumbs_are_three_to_two(width: int, height: int) -> None:
    thumb = thumb_of(np.zeros((height, width, 3), np.uint8))
    assert thumb.shape[1] <= 384
    assert (
        thumb.shape[1] / thumb.shape[0] == pytest.approx(1.5, rel=0.05) or min(width, height) == 1
    )


def test_a_thumb_shows_the_middle() -> None:
    pixels = np.zeros((100, 600, 3), np.uint8)
    pixels[:, 225:375] = 200
    assert (thumb_of(pixels) == 200).all()


def test_every_bundled_photo_is_credited_and_readable() -> None:
    photos = bundled_gallery()
    assert len(photos) >= 20
    found = read_credits(bundled("assets/gallery/ATTRIBUTION.md"))
    assert set(found) == {path.stem for path in photos}
    for credit in found.values():
        assert credit.title
        assert credit.author
        assert credit.mood
        assert credit.licence.startswith("CC")
    assert read_style(photos[0]).title == title_of(photos[0].stem)


@pytest.mark.parametrize("text", ["", "no table", "| slug |\n|---|", "| a | b |\n|-|-|\n| 1 | 2 |"])
def test_an_odd_attribution_is_no_credits(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ATTRIBUTION.md"
    path.write_text(text)
    assert read_credits(path) == {}
    assert read_credits(tmp_path / "missing.md") == {}
