"""Project files: lossless reopening, the OpenRaster standard, and files from anywhere."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from app.core.project_file import Project, load_project, save_project
from app.core.style import DefaultStyle, ImageStyle, LatentStyle, SampledStyle, Style
from spade.formats.errors import InputError
from spade.formats.palette import Palette, palette_from_classes

HEIGHT, WIDTH = 37, 53
PALETTE = palette_from_classes(
    "müsli", [(0, "sky", "#77aaff", "air"), (7, "Kühe", "", ""), (200, "sea", "#0000a0", "water")]
)


def pixels(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def labels() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.choice(np.array([0, 7, 200, 255, 13], np.uint8), (HEIGHT, WIDTH))


def project(**changes: object) -> Project:
    full = Project(
        labels=labels(),
        palette=PALETTE,
        style=Style(ImageStyle(pixels(1, 20, 30), "Strand.jpg"), SampledStyle(42), 0.3, 0.9),
        model="landscape",
        view={"mode": "overlay", "zoom": 2.5, "center": [10, 20.25], "fit": False, "x": None},
        picture=pixels(2),
        trace=(pixels(3), 0.35),
        background=7,
        revision=12,
    )
    return replace(full, **changes)  # type: ignore[arg-type]


def saved(path: Path, value: Project) -> Path:
    save_project(path, value)
    return path


def assert_equal(a: Project, b: Project) -> None:
    assert np.array_equal(a.labels, b.labels)
    assert a.labels.dtype == b.labels.dtype == np.uint8
    assert a.palette == b.palette
    assert a.style == b.style
    assert (a.model, dict(a.view), a.background, a.revision) == (
        b.model,
        dict(b.view),
        b.background,
        b.revision,
    )
    assert (a.picture is None) == (b.picture is None)
    if a.picture is not None and b.picture is not None:
        assert np.array_equal(a.picture, b.picture)
    assert (a.trace is None) == (b.trace is None)
    if a.trace is not None and b.trace is not None:
        assert np.array_equal(a.trace[0], b.trace[0])
        assert a.trace[1] == b.trace[1]


class TestRoundTrip:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"picture": None},
            {"trace": None},
            {"trace": (pixels(9, 5, 90), 1.0)},
            {"picture": None, "trace": None, "style": Style(), "view": {}, "model": ""},
            {"style": Style(LatentStyle((0.1, -2.5e-17, 3.0)), None, 0.0, 0.125)},
            {"style": Style(DefaultStyle(), ImageStyle(pixels(4, 9, 9), "ä"), 1.0, 0.0)},
            {"style": Style(ImageStyle(pixels(5, 9, 9)), ImageStyle(pixels(6, 8, 9)), 0.5)},
            {"labels": np.array([[3]], np.uint8), "picture": None, "trace": None},
        ],
    )
    def test_everything_comes_back(self, tmp_path: Path, changes: dict[str, object]) -> None:
        before = project(**changes)
        assert_equal(load_project(saved(tmp_path / "scene.ora", before)), before)

    def test_the_same_project_gives_the_same_bytes(self, tmp_path: Path) -> None:
        first = saved(tmp_path / "a.ora", project()).read_bytes()
        assert saved(tmp_path / "b.ora", project()).read_bytes() == first
        again = load_project(tmp_path / "a.ora")
        assert saved(tmp_path / "c.ora", again).read_bytes() == first

    def test_a_picture_of_another_size_is_scaled_to_the_canvas(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.ora", project(picture=pixels(2, 2 * HEIGHT, 2 * WIDTH)))
        picture = load_project(path).picture
        assert picture is not None
        assert picture.shape == (HEIGHT, WIDTH, 3)

    def test_an_unwritable_place_keeps_the_old_file(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.ora", project())
        before = path.read_bytes()
        with pytest.raises(ValueError, match="JSON"):
            save_project(path, project(view={"zoom": float("nan")}))
        with pytest.raises(InputError, match="does not exist"):
            save_project(tmp_path / "no" / "a.ora", project())
        assert path.read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.ora"]


class TestStandard:
    """What Krita, GIMP and MyPaint rely on, read without our own code."""

    def test_the_first_entry_is_the_plain_mimetype(self, tmp_path: Path) -> None:
        data = saved(tmp_path / "a.ora", project()).read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            first = archive.infolist()[0]
            assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
            assert archive.testzip() is None
            assert len(set(archive.namelist())) == len(archive.namelist())
        # "file" and desktop search look at fixed offsets: name at 30, contents at 38, no extra.
        assert data[:4] == b"PK\x03\x04"
        assert data[30:54] == b"mimetypeimage/openraster"

    @pytest.mark.parametrize("picture", [True, False])
    def test_layers_and_merged_image(self, tmp_path: Path, picture: bool) -> None:
        value = project() if picture else project(picture=None)
        path = saved(tmp_path / "a.ora", value)
        colored = PALETTE.lut()[value.labels]
        with zipfile.ZipFile(path) as archive:
            image = ElementTree.fromstring(archive.read("stack.xml"))

            def decoded(name: str) -> np.ndarray:
                with Image.open(io.BytesIO(archive.read(name))) as png:
                    assert png.format == "PNG"
                    assert not png.info.get("interlace")
                    return np.asarray(png.convert("RGB"))

            assert image.tag == "image"
            assert image.attrib == {"version": "0.0.5", "w": str(WIDTH), "h": str(HEIGHT)}
            (stack,) = image
            layers = {layer.attrib["name"]: decoded(layer.attrib["src"]) for layer in stack}
            names = ["Picture", "Labels", "Trace photo"]
            assert list(layers) == (names if picture else names[1:])
            assert np.array_equal(layers["Labels"], colored)
            assert np.array_equal(layers["Trace photo"], value.trace[0])
            assert stack[-1].attrib["opacity"] == "0.35"
            for layer in stack:
                assert layer.tag == "layer"
                assert (layer.attrib["x"], layer.attrib["y"]) == ("0", "0")
                assert layer.attrib["composite-op"] == "svg:src-over"
            top = value.picture if picture else colored
            assert np.array_equal(decoded("mergedimage.png"), top)
            assert decoded("Thumbnails/thumbnail.png").shape == (HEIGHT, WIDTH, 3)

    def test_the_thumbnail_is_at_most_256_wide_and_high(self, tmp_path: Path) -> None:
        wide = np.zeros((3, 2000), np.uint8)
        path = saved(tmp_path / "a.ora", Project(wide, PALETTE))
        with zipfile.ZipFile(path) as archive:
            data = archive.read("Thumbnails/thumbnail.png")
        with Image.open(io.BytesIO(data)) as thumbnail:
            assert thumbnail.size == (256, 1)

    def test_the_exact_labels_are_an_indexed_png(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.ora", project())
        with zipfile.ZipFile(path) as archive:
            data = archive.read("spadework/labels.png")
        with Image.open(io.BytesIO(data)) as image:
            assert image.mode == "P"
            assert np.array_equal(np.asarray(image), labels())


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other entries, as another program or an attacker would write it."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def with_json(path: Path, **changes: object) -> Path:
    def change(entries: dict[str, bytes]) -> None:
        values = json.loads(entries["spadework/project.json"])
        values.update(changes)
        entries["spadework/project.json"] = json.dumps(values).encode()

    return rewritten(path, change)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_project(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 400
    return message


class TestBadFiles:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return saved(tmp_path / "scene.ora", project())

    def test_missing_folder_empty_and_foreign_bytes(self, tmp_path: Path) -> None:
        assert "no such file" in refusal(tmp_path / "none.ora")
        assert "no such file" in refusal(tmp_path)
        for data in (b"", b"PK", b"hello" * 999, b"PK\x05\x06" + bytes(18)):
            (tmp_path / "x.ora").write_bytes(data)
            refusal(tmp_path / "x.ora")

    def test_every_truncation(self, path: Path) -> None:
        data = path.read_bytes()
        for size in range(0, len(data), 997):
            path.write_bytes(data[:size])
            refusal(path)

    @settings(
        max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.integers(0, 10**9), st.integers(1, 255))
    def test_a_changed_byte_is_noticed_or_does_no_harm(
        self, tmp_path: Path, place: int, flip: int
    ) -> None:
        path = saved(tmp_path / "flip.ora", project())
        data = bytearray(path.read_bytes())
        data[place % len(data)] ^= flip
        path.write_bytes(data)
        try:
            again = load_project(path)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert_equal(again, project())

    def test_an_openraster_file_of_another_program(self, path: Path) -> None:
        def change(entries: dict[str, bytes]) -> None:
            for name in [name for name in entries if name.startswith("spadework/")]:
                del entries[name]

        assert "another program" in refusal(rewritten(path, change))

    def test_another_kind_of_archive(self, path: Path) -> None:
        refused = refusal(rewritten(path, lambda entries: entries.pop("mimetype")))
        assert "not an OpenRaster project" in refused

    def test_a_newer_format(self, path: Path) -> None:
        assert "newer Spadework" in refusal(with_json(path, format=2))

    @pytest.mark.parametrize(
        "name",
        [
            "../evil.png",
            "data/../../evil",
            "/etc/passwd",
            "C:\\x.png",
            "a\\..\\b",
            "c:x",
            "n" * 300,
        ],
    )
    def test_names_that_lead_out(self, path: Path, name: str) -> None:
        rewritten(path, lambda entries: entries.update({name: b"x"}))
        assert "unsafe" in refusal(path)

    def test_a_name_given_twice(self, path: Path) -> None:
        with (
            zipfile.ZipFile(path, "a") as archive,
            pytest.warns(UserWarning, match="Duplicate"),
        ):
            archive.writestr("spadework/labels.png", b"other")
        assert "twice" in refusal(path)

    def test_thousands_of_entries(self, path: Path) -> None:
        rewritten(path, lambda entries: entries.update({f"junk/{i}": b"" for i in range(2000)}))
        assert "entries" in refusal(path)

    def test_a_zip_bomb_is_refused_before_it_is_unpacked(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        del entries["spadework/labels.png"]
        # Deflated zeros: 64 MB in 64 KB.
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in entries.items():
                archive.writestr(name, data)
            archive.writestr("spadework/labels.png", bytes(64 * 2**20))
        assert "unsafe" in refusal(path)

    def test_a_picture_bomb_is_refused_by_its_header(self, path: Path) -> None:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return (
                struct.pack(">I", len(data))
                + kind
                + data
                + struct.pack(">I", zlib.crc32(kind + data))
            )

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
        bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
        for name in ("spadework/labels.png", "data/picture.png", "spadework/style-1.png"):
            saved(path, project())
            refusal(rewritten(path, lambda entries, name=name: entries.update({name: bomb})))

    @pytest.mark.parametrize(
        "name",
        [
            "spadework/project.json",
            "spadework/labels.png",
            "spadework/style-1.png",
            "data/picture.png",
            "data/trace.png",
        ],
    )
    def test_missing_or_garbled_entries(self, path: Path, name: str) -> None:
        rewritten(path, lambda entries: entries.pop(name))
        refusal(path)
        for garbage in (b"", b"garbage", b"\xff\xfe{}", b"[" * 99_999):
            saved(path, project())
            rewritten(path, lambda entries, garbage=garbage: entries.update({name: garbage}))
            refusal(path)

    @pytest.mark.parametrize(
        "changes",
        [
            {"format": None},
            {"format": "1"},
            {"model": 5},
            {"view": []},
            {"background": 256},
            {"background": True},
            {"revision": -1},
            {"revision": 1.5},
            {"palette": None},
            {"palette": {"name": "x", "classes": []}},
            {"style": None},
            {"style": {"source": {"kind": "image", "name": "", "png": "nowhere.png"}}},
            {"trace": {"opacity": 2}},
            {"trace": True},
        ],
    )
    def test_values_that_make_no_sense(self, path: Path, changes: dict[str, object]) -> None:
        refusal(with_json(path, **changes))

    def test_sizes_that_differ(self, path: Path) -> None:
        small = io.BytesIO()
        Image.new("RGB", (5, 5)).save(small, "PNG")
        rewritten(path, lambda entries: entries.update({"data/picture.png": small.getvalue()}))
        assert "differ in size" in refusal(path)

    def test_labels_that_are_not_indexed(self, path: Path) -> None:
        grey = io.BytesIO()
        Image.new("L", (WIDTH, HEIGHT)).save(grey, "PNG")
        rewritten(path, lambda entries: entries.update({"spadework/labels.png": grey.getvalue()}))
        assert "not indexed" in refusal(path)


def test_palette_of_every_size(tmp_path: Path) -> None:
    every = palette_from_classes("all", [(i, f"c{i}", "", "") for i in range(255)])
    full = np.arange(256, dtype=np.uint8).reshape(16, 16)
    again = load_project(saved(tmp_path / "a.ora", Project(full, every)))
    assert isinstance(again.palette, Palette)
    assert again.palette == every
    assert np.array_equal(again.labels, full)
