"""One table of tokens (colours, radii, spacings, font sizes) and what Qt makes of it.

``apply_theme`` turns the tokens into a QPalette and a style sheet on top of Fusion.
Widgets that paint themselves read ``tokens()`` while painting, so that a change of theme
needs nothing but a repaint. The style sheet itself is in ``theme_qss``.

Variants a dialog may ask for, as dynamic properties set before the widget is shown:
``QPushButton[kind="primary" | "danger" | "flat"]``, ``QLabel[role="title" | "heading" |
"caption" | "warning"]``, ``QFrame[role="card" | "separator"]``, ``QWidget[role="panel"]``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from app.ui.look.theme_qss import style_sheet


@dataclass(frozen=True)
class Tokens:
    """Everything that decides how the program looks. Colours "#rrggbb", lengths in
    device-independent pixels. Text pairs keep WCAG AA (4.5 : 1; tested)."""

    name: str
    # surfaces, from the back to the front
    backdrop: str  # around the canvas
    window: str  # docks, bars
    surface: str  # lists, cards
    raised: str  # hovered rows, menus, tool tips
    control: str  # buttons
    control_hover: str
    control_pressed: str
    field: str  # text fields
    # lines
    border: str
    border_strong: str  # the outline of a field or a check box
    # text
    text: str
    text_muted: str
    text_disabled: str
    # accent
    accent: str  # selection bars, slider fill, links
    accent_hover: str
    on_accent: str  # text upon accent
    selection: str  # background of the selected row
    on_selection: str
    focus: str  # the focus ring
    knob: str  # slider handles
    knob_edge: str
    # meaning
    danger: str
    warning: str
    success: str
    # shape
    radius_small: int = 4
    radius: int = 6
    radius_large: int = 10
    space_1: int = 4
    space_2: int = 8
    space_3: int = 12
    space_4: int = 16
    space_5: int = 24
    control_height: int = 28
    icon: int = 18
    # type, in pixels
    font_small: int = 12
    font: int = 13
    font_heading: int = 15
    font_title: int = 20


DARK: Final = Tokens(
    name="dark",
    backdrop="#161719",
    window="#1e1f22",
    surface="#25272b",
    raised="#2e3035",
    control="#34373d",
    control_hover="#3f434a",
    control_pressed="#2a2c31",
    field="#17181b",
    border="#35383e",
    border_strong="#70757f",
    text="#e9eaed",
    text_muted="#abb0ba",
    text_disabled="#6d727c",
    accent="#4cc2a5",
    accent_hover="#68d3b8",
    on_accent="#06231c",
    selection="#22463f",
    on_selection="#f2fbf8",
    focus="#7fe3cb",
    knob="#e9eaed",
    knob_edge="#1e1f22",
    danger="#ff8a80",
    warning="#f2bd57",
    success="#79d28a",
)

LIGHT: Final = Tokens(
    name="light",
    backdrop="#c9cbcf",
    window="#f1f2f4",
    surface="#ffffff",
    raised="#e9ebee",
    control="#e2e4e8",
    control_hover="#d6d9de",
    control_pressed="#cbced4",
    field="#ffffff",
    border="#d3d6db",
    border_strong="#80858f",
    text="#1b1d21",
    text_muted="#51565f",
    text_disabled="#9398a1",
    accent="#0b7a66",
    accent_hover="#096554",
    on_accent="#ffffff",
    selection="#cfeae3",
    on_selection="#06322a",
    focus="#0a8a72",
    knob="#ffffff",
    knob_edge="#80858f",
    danger="#b3261e",
    warning="#825500",
    success="#256b35",
)

THEMES: Final = {"dark": DARK, "light": LIGHT}


class _Notifier(QObject):
    changed = Signal()


_current: Tokens = DARK
_notifier: _Notifier | None = None


def tokens() -> Tokens:
    """The tokens of the theme that is applied now (dark before any is)."""
    return _current


def notifier() -> _Notifier:
    """An object whose ``changed`` signal follows each ``apply_theme``."""
    global _notifier
    if _notifier is None:
        _notifier = _Notifier()
    return _notifier


def color(value: str, alpha: float = 1.0) -> QColor:
    """``value`` ("#rrggbb") as a QColor, ``alpha`` in [0, 1]."""
    result = QColor(value)
    result.setAlphaF(alpha)
    return result


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two "#rrggbb" colours, 1 to 21."""
    a, b = sorted((luminance(first), luminance(second)))
    return (b + 0.05) / (a + 0.05)


def luminance(value: str) -> float:
    """WCAG relative luminance of "#rrggbb", 0 to 1."""

    def linear(channel: int) -> float:
        c = channel / 255
        return c / 12.92 if c <= 0.04045 else float(((c + 0.055) / 1.055) ** 2.4)

    r, g, b = (int(value[i : i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)


def ink_on(background: str) -> str:
    """Near-black or white, whichever reads better on ``background``."""
    dark, light = "#101214", "#ffffff"
    return dark if contrast(dark, background) >= contrast(light, background) else light


def apply_theme(app: QApplication, name: str) -> None:
    """Gives ``app`` the theme "dark" or "light"; an unknown name means dark."""
    global _current
    font = _ui_font()
    _current = _sized(THEMES.get(name, DARK), font)
    font.setPixelSize(_current.font)
    if app.style().name() != "fusion":
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setFont(font)
    app.setPalette(_palette(_current))
    app.setStyleSheet(style_sheet(_current))
    notifier().changed.emit()


def _sized(base: Tokens, font: QFont) -> Tokens:
    """``base`` with its type enlarged for people who set a larger system font."""
    extra = min(max(QFontInfo(font).pixelSize() - base.font, 0), 6)
    if not extra:
        return base
    return replace(
        base,
        font_small=base.font_small + extra,
        font=base.font + extra,
        font_heading=base.font_heading + extra,
        font_title=base.font_title + extra,
        control_height=base.control_height + extra,
    )


def _ui_font() -> QFont:
    """The system's font; where it only is a fallback, the first well-drawn one installed."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if QFontInfo(font).family() in ("DejaVu Sans", "Sans Serif", "Bitstream Vera Sans"):
        installed = set(QFontDatabase.families())
        for family in ("Inter", "Noto Sans", "Cantarell", "Open Sans", "Roboto", "Ubuntu"):
            if family in installed:
                font.setFamily(family)
                break
    return font


def _palette(t: Tokens) -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    for target, value in (
        (role.Window, t.window),
        (role.WindowText, t.text),
        (role.Base, t.field),
        (role.AlternateBase, t.surface),
        (role.Text, t.text),
        (role.PlaceholderText, t.text_muted),
        (role.Button, t.control),
        (role.ButtonText, t.text),
        (role.BrightText, t.danger),
        (role.ToolTipBase, t.raised),
        (role.ToolTipText, t.text),
        (role.Highlight, t.selection),
        (role.HighlightedText, t.on_selection),
        (role.Accent, t.accent),
        (role.Link, t.accent),
        (role.LinkVisited, t.accent),
        (role.Light, t.control_hover),
        (role.Midlight, t.control),
        (role.Mid, t.border),
        (role.Dark, t.border),
        (role.Shadow, t.backdrop),
    ):
        palette.setColor(target, QColor(value))
    for target in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(group.Disabled, target, QColor(t.text_disabled))
    palette.setColor(group.Disabled, role.Highlight, QColor(t.control))
    return palette
