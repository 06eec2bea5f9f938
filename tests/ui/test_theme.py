"""Tokens: readable on every surface; what apply_theme changes; icons follow the theme."""

from __future__ import annotations

import re
from itertools import product

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage, QPalette
from PySide6.QtWidgets import QApplication, QLabel

from app.ui.look import theme
from app.ui.look.icons import app_icon, glyph, icon
from app.ui.palette.class_icons import class_icon_name, class_icon_names
from spade.formats.palette import load_palette
from spade.formats.resources import bundled_palettes

AA = 4.5
AA_LARGE = 3.0


@pytest.fixture(autouse=True)
def dark_again(qapp: QApplication):
    theme.apply_theme(qapp, "dark")
    yield
    theme.apply_theme(qapp, "dark")


@pytest.mark.parametrize("tokens", theme.THEMES.values(), ids=lambda tokens: tokens.name)
def test_text_is_readable_on_every_surface(tokens: theme.Tokens) -> None:
    surfaces = (
        "window",
        "surface",
        "raised",
        "control",
        "control_hover",
        "control_pressed",
        "field",
    )
    for text, surface in product(("text", "text_muted"), surfaces):
        ratio = theme.contrast(getattr(tokens, text), getattr(tokens, surface))
        assert ratio >= AA, f"{text} on {surface}: {ratio:.2f}"
    for text, surface in (
        ("on_accent", "accent"),
        ("on_accent", "accent_hover"),
        ("on_selection", "selection"),
        ("danger", "window"),
        ("danger", "control"),
        ("warning", "window"),
        ("success", "window"),
    ):
        ratio = theme.contrast(getattr(tokens, text), getattr(tokens, surface))
        assert ratio >= AA, f"{text} on {surface}: {ratio:.2f}"


@pytest.mark.parametrize("tokens", theme.THEMES.values(), ids=lambda tokens: tokens.name)
def test_what_marks_a_control_can_be_seen(tokens: theme.Tokens) -> None:
    for mark, surface in product(
        ("focus", "accent", "border_strong"), ("window", "surface", "field")
    ):
        ratio = theme.contrast(getattr(tokens, mark), getattr(tokens, surface))
        assert ratio >= AA_LARGE, f"{mark} on {surface}: {ratio:.2f}"


def test_contrast_is_the_one_of_wcag() -> None:
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert theme.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert theme.ink_on("#f7fbff") == "#101214"
    assert theme.ink_on("#2e5d34") == "#ffffff"


def test_apply_theme_sets_palette_and_tokens(qapp: QApplication) -> None:
    heard = []
    theme.notifier().changed.connect(lambda: heard.append(theme.tokens().name))
    theme.apply_theme(qapp, "light")
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(theme.LIGHT.window)
    theme.apply_theme(qapp, "no such theme")
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(theme.DARK.window)
    assert heard == ["light", "dark"]
    assert qapp.style().name() in ("fusion", "")  # "" while a style sheet wraps it


def test_style_sheet_has_no_hole_and_its_pictures_exist(qapp: QApplication) -> None:
    sheet = qapp.styleSheet()
    assert "$" not in sheet
    pictures = set(re.findall(r'url\("([^"]+)"\)', sheet))
    assert pictures
    for picture in pictures:
        assert not QImage(picture).isNull(), picture


def test_a_larger_system_font_enlarges_all_type(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = qapp.font()
    big.setPixelSize(17)
    monkeypatch.setattr(theme.QFontDatabase, "systemFont", lambda _kind: big)
    theme.apply_theme(qapp, "dark")
    assert theme.tokens().font == 17
    assert theme.tokens().font_small == theme.DARK.font_small + 4
    assert theme.tokens().control_height > theme.DARK.control_height


def _color_of(picture: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> str:
    image = picture.pixmap(QSize(48, 48), 1.0, mode).toImage()
    solid = [
        image.pixelColor(x, y)
        for x, y in product(range(48), range(48))
        if image.pixelColor(x, y).alpha() == 255
    ]
    assert solid, "nothing was drawn"
    return solid[len(solid) // 2].name()


def test_an_icon_follows_the_theme(qapp: QApplication) -> None:
    brush = icon("brush")
    assert _color_of(brush) == theme.DARK.text
    assert _color_of(brush, QIcon.Mode.Disabled) == theme.DARK.text_disabled
    theme.apply_theme(qapp, "light")
    assert _color_of(brush) == theme.LIGHT.text
    assert _color_of(icon("mdi6.brush", "accent")) == theme.LIGHT.accent


def test_an_icon_is_drawn_at_the_screens_resolution(qapp: QApplication) -> None:
    assert icon("cloud").pixmap(QSize(20, 20), 2.0).size() == QSize(40, 40)


def test_an_unknown_icon_is_an_error(qapp: QApplication) -> None:
    with pytest.raises(KeyError):
        icon("no-such-icon-at-all")


def test_every_class_icon_exists(qapp: QApplication) -> None:
    for name in class_icon_names():
        assert not glyph(name).isEmpty(), name


@pytest.mark.parametrize(
    ("name", "group", "expected"),
    [
        ("sky", "", "weather-sunny"),
        ("Sky-other-merged", "", "weather-sunny"),
        ("bushes", "", "leaf"),
        ("clouds", "", "cloud"),
        ("floor-wood", "", "floor-plan"),
        ("potted plant", "", "flower"),
        ("swimming pool", "", "pool"),
        ("hill", "land", "hill"),
        ("gizmo", "Vehicles", "car"),
        ("gizmo", "", "shape"),
    ],
)
def test_class_icons_go_by_the_words(name: str, group: str, expected: str) -> None:
    assert class_icon_name(name, group) == expected


def test_most_classes_of_the_bundled_palettes_have_an_icon_of_their_own() -> None:
    for palette in map(load_palette, bundled_palettes()):
        named = [entry for entry in palette.classes if class_icon_name(entry.name) != "shape"]
        assert len(named) >= 0.75 * len(palette.classes), palette.name
        plain = [e.name for e in palette.classes if class_icon_name(e.name, e.group) == "shape"]
        assert not plain, f"{palette.name}: {plain}"


def test_the_programs_icon_is_there(qapp: QApplication) -> None:
    assert QSize(256, 256) in app_icon().availableSizes()
    label = QLabel()
    label.setPixmap(app_icon().pixmap(64, 64))
    assert not label.pixmap().isNull()
