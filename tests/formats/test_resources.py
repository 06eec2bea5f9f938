from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spade.formats import resources
from spade.formats.label_png import read_label_map
from spade.formats.limits import check_size
from spade.formats.palette import load_palette
from spade.formats.photo import read_photo
from spade.formats.resources import (
    bundled,
    bundled_gallery,
    bundled_models,
    bundled_palettes,
    bundled_scenes,
)


def test_scenes_are_natural_label_maps_of_the_landscape_palette() -> None:
    palette = load_palette("landscape")
    scenes = bundled_scenes()
    assert len(scenes) == 6
    used: set[int] = set()
    for path in scenes:
        image = read_label_map(path)
        assert image.kind == "indexed"
        assert image.labels.shape in {(256, 256), (256, 384)}
        ids = set(np.unique(image.labels).tolist())
        assert ids <= set(palette.ids)
        assert len(ids) >= 6
        used |= ids
        assert image.palette_colors is not None
        assert all(image.palette_colors[i] == tuple(palette.lut()[i]) for i in ids)
    assert used == set(palette.ids)  # together they show every class


def test_gallery_photos_are_all_attributed() -> None:
    photos = bundled_gallery()
    table = bundled("assets/gallery/ATTRIBUTION.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z-]+) \|.*\| (CC[\w.-]+) \|", table, re.MULTILINE)
    named = [slug for slug, _ in rows if slug != "slug"]
    assert sorted(named) == [path.stem for path in photos]
    assert len(photos) == 22
    for path in photos:
        assert read_photo(path).shape == (512, 768, 3)
        with Image.open(path) as image:
            assert not image.getexif()


@pytest.fixture
def fresh_root() -> Iterator[None]:
    resources._root.cache_clear()
    yield
    resources._root.cache_clear()


def test_installed_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_root: None
) -> None:
    package = tmp_path / "spade"
    for name in ("palettes/b.json", "palettes/a.json", "assets/models/m/model.json"):
        path = package / "bundled" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (package / "bundled/assets/models/no-model").mkdir()
    monkeypatch.setattr(resources.resources, "files", lambda _name: package)
    assert bundled("palettes/a.json") == package / "bundled/palettes/a.json"
    assert bundled_palettes() == ["a", "b"]
    assert bundled_models() == ["m"]
    assert bundled_scenes() == []
    assert bundled_gallery() == []


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (8193, 5), (5, -1)])
def test_canvas_sizes_out_of_range(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="use 1 to 8192 pixels"):
        check_size(*size)
    check_size(1, 8192)
