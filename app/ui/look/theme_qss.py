"""The style sheet, filled from the theme's tokens."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from spade.formats.resources import bundled

if TYPE_CHECKING:
    from app.ui.look.theme import Tokens

_QSS = Template("""
* { outline: 0; }
QToolTip {
    background: $raised; color: $text; border: 1px solid $border_strong;
    padding: 4px 8px; font-size: ${font_small}px;
}
QMainWindow, QDialog { background: $window; }
QMainWindow::separator { background: $backdrop; width: 3px; height: 3px; }
QMainWindow::separator:hover { background: $accent; }
QSplitter::handle { background: $backdrop; }
QSplitter::handle:hover { background: $accent; }
QWidget[role="panel"] { background: $window; }

/* text */
QLabel { background: transparent; color: $text; }
QLabel:disabled { color: $text_disabled; }
QLabel[role="title"] { font-size: ${font_title}px; font-weight: 600; }
QLabel[role="heading"] { font-size: ${font_heading}px; font-weight: 600; }
QLabel[role="section"] { color: $text_muted; font-size: ${font_small}px; font-weight: 600; }
QLabel[role="caption"] { color: $text_muted; font-size: ${font_small}px; }
QLabel[role="caption"]:disabled, QLabel[role="section"]:disabled { color: $text_disabled; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="error"] { color: $danger; }
QFrame[role="card"] { background: $surface; border: 1px solid $border; border-radius: ${radius}px; }
QFrame[role="separator"] { background: $border; border: 0; }
QFrame[role="separator"][orientation="vertical"] {
    min-width: 1px; max-width: 1px; margin: 4px 2px;
}
QFrame[role="separator"][orientation="horizontal"] { min-height: 1px; max-height: 1px; }

/* docks and bars */
QDockWidget {
    color: $text; font-weight: 600;
    titlebar-close-icon: url("$dock_close"); titlebar-normal-icon: url("$dock_float");
}
QDockWidget::title { background: $window; padding: 7px 12px; border-bottom: 1px solid $border; }
QDockWidget::close-button, QDockWidget::float-button {
    background: transparent; border: 0; border-radius: ${radius_small}px; padding: 0;
}
QDockWidget::close-button:hover, QDockWidget::float-button:hover { background: $control_hover; }
QToolBar { background: $window; border: 0; padding: 4px; spacing: 2px; }
QToolBar::separator { background: $border; }
QToolBar::separator:horizontal { width: 1px; margin: 5px 5px; }
QToolBar::separator:vertical { height: 1px; margin: 5px 5px; }
QStatusBar { background: $window; color: $text_muted; border-top: 1px solid $border; }
QStatusBar::item { border: 0; }
QStatusBar QLabel { color: $text_muted; font-size: ${font_small}px; padding: 0 4px; }
QMenuBar { background: $window; color: $text; padding: 2px 4px; }
QMenuBar::item { background: transparent; padding: 5px 9px; border-radius: ${radius_small}px; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: $control_hover; }
QMenu {
    background: $surface; color: $text; border: 1px solid $border; padding: 5px;
}
QMenu::item { padding: 6px 28px 6px 10px; border-radius: ${radius_small}px; }
QMenu::item:selected { background: $selection; color: $on_selection; }
QMenu::item:disabled { color: $text_disabled; background: transparent; }
QMenu::separator { height: 1px; background: $border; margin: 5px 6px; }
QMenu::icon { padding-left: 8px; }
QMenu::indicator { width: 16px; height: 16px; padding-left: 6px; }
QMenu::indicator:checked { image: url("$check"); }
QMenu::indicator:unchecked { image: none; }
QMenu::right-arrow { image: url("$chevron_right"); width: 14px; height: 14px; right: 6px; }

/* buttons */
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QPushButton {
    background: $control; color: $text; border: 1px solid transparent;
    border-radius: ${radius}px; padding: 0 12px; min-height: ${button_height}px;
}
QPushButton:hover { background: $control_hover; }
QPushButton:pressed { background: $control_pressed; }
QPushButton:focus { border: 2px solid $focus; padding: 0 11px; min-height: ${button_focus}px; }
QPushButton:disabled { background: $surface; color: $text_disabled; }
QPushButton:checked { background: $selection; color: $on_selection; }
QPushButton[kind="primary"], QPushButton:default {
    background: $accent; color: $on_accent; font-weight: 600;
}
QPushButton[kind="primary"]:hover, QPushButton:default:hover { background: $accent_hover; }
QPushButton[kind="primary"]:focus, QPushButton:default:focus { border-color: $text; }
QPushButton[kind="primary"]:disabled, QPushButton:default:disabled {
    background: $control; color: $text_disabled;
}
QPushButton[kind="danger"] { color: $danger; }
QPushButton[kind="flat"] { background: transparent; }
QPushButton[kind="flat"]:hover { background: $control_hover; }
QPushButton::menu-indicator { image: url("$chevron_down"); width: 12px; height: 12px; right: 8px;
    subcontrol-position: right center; subcontrol-origin: padding; }
QToolButton {
    background: transparent; color: $text; border: 2px solid transparent;
    border-radius: ${radius}px; padding: 3px;
}
QToolButton:hover { background: $control_hover; }
QToolButton:pressed { background: $control_pressed; }
QToolButton:checked { background: $selection; color: $on_selection; }
QToolButton:focus { border-color: $focus; }
QToolButton:disabled { color: $text_disabled; }
QToolButton::menu-indicator { image: none; }
QToolBar QToolButton { padding: 5px; }

QFrame[role="segmented"] { background: $field; border: 1px solid $border;
    border-radius: ${radius}px; }
QFrame[role="segmented"] QToolButton {
    border-radius: ${radius_small}px; padding: 1px 6px; border: 2px solid transparent;
    color: $text_muted; font-size: ${font_small}px;
}
QFrame[role="segmented"] QToolButton:checked { background: $selection; color: $on_selection; }
QFrame[role="segmented"] QToolButton:focus { border-color: $focus; }

QToolButton[role="legend"] {
    color: $text_disabled; font-size: ${font_small}px; padding: 0 4px; border-width: 1px;
}
QToolButton[role="legend"]:checked { background: transparent; color: $text; }
QToolButton[role="legend"]:hover { background: $control_hover; }

/* fields */
QLineEdit, QAbstractSpinBox, QComboBox, QPlainTextEdit, QTextEdit {
    background: $field; color: $text; border: 1px solid $border;
    border-radius: ${radius}px; padding: 0 8px; min-height: ${field_height}px;
    selection-background-color: $selection; selection-color: $on_selection;
    placeholder-text-color: $text_muted;
}
QLineEdit:hover, QAbstractSpinBox:hover, QComboBox:hover { border-color: $border_strong; }
QLineEdit:focus, QAbstractSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus, QTextEdit:focus {
    border: 2px solid $focus; padding: 0 7px; min-height: ${field_focus}px;
}
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {
    color: $text_disabled; background: $window;
}
QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus, QComboBox QLineEdit,
QComboBox QLineEdit:focus {
    background: transparent; border: 0; padding: 0; margin: 0; min-height: 0; border-radius: 0;
}
QPlainTextEdit, QTextEdit { padding: 6px 8px; }
QAbstractSpinBox { padding-right: 20px; }
QAbstractSpinBox:focus { padding-right: 19px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {
    subcontrol-origin: border; width: 18px; border: 0; background: transparent; margin: 1px;
}
QAbstractSpinBox::up-button { subcontrol-position: top right; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; }
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover {
    background: $control_hover; border-radius: ${radius_small}px;
}
QAbstractSpinBox::up-arrow { image: url("$chevron_up"); width: 10px; height: 10px; }
QAbstractSpinBox::down-arrow { image: url("$chevron_down"); width: 10px; height: 10px; }
QAbstractSpinBox[buttons="none"]::up-button, QAbstractSpinBox[buttons="none"]::down-button {
    width: 0; margin: 0;
}
QAbstractSpinBox[buttons="none"]::up-arrow, QAbstractSpinBox[buttons="none"]::down-arrow {
    image: none; width: 0; height: 0;
}
QAbstractSpinBox[buttons="none"], QAbstractSpinBox[buttons="none"]:focus { padding: 0; }
QComboBox { padding-right: 24px; }
QComboBox::drop-down { border: 0; width: 24px; }
QComboBox::down-arrow { image: url("$chevron_down"); width: 14px; height: 14px; }
QComboBox QAbstractItemView {
    background: $surface; color: $text; border: 1px solid $border; padding: 4px;
    selection-background-color: $selection; selection-color: $on_selection;
}

/* choices */
QCheckBox, QRadioButton { color: $text; spacing: 8px; background: transparent; padding: 2px; }
QCheckBox:disabled, QRadioButton:disabled { color: $text_disabled; }
QCheckBox::indicator, QRadioButton::indicator {
    width: 16px; height: 16px; background: $field; border: 1px solid $border_strong;
}
QCheckBox::indicator { border-radius: ${radius_small}px; }
QRadioButton::indicator { border-radius: 9px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $accent; }
QCheckBox::indicator:checked {
    background: $accent; border-color: $accent; image: url("$check_on_accent");
}
QRadioButton::indicator:checked {
    background: $accent; border-color: $accent; image: url("$dot_on_accent");
}
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border: 2px solid $focus;
    width: 14px; height: 14px; }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {
    border-color: $border; background: $control;
}

/* sliders and progress */
QSlider { background: transparent; min-height: 20px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $control_hover; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::sub-page:horizontal:disabled { background: $text_disabled; }
QSlider::handle:horizontal {
    width: 12px; height: 12px; margin: -5px 0; border-radius: 7px;
    background: $knob; border: 1px solid $knob_edge;
}
QSlider::handle:horizontal:hover { background: $accent_hover; }
QSlider::handle:horizontal:disabled {
    background: $text_disabled; border-color: $text_disabled;
}
QSlider::handle:horizontal:focus {
    border: 2px solid $focus; width: 12px; height: 12px; margin: -6px 0; border-radius: 8px;
}
QProgressBar {
    background: $control; border: 0; border-radius: 3px; max-height: 6px; min-height: 6px;
    color: transparent;
}
QProgressBar::chunk { background: $accent; border-radius: 3px; }

/* lists, tabs, scroll bars */
QAbstractItemView {
    background: $surface; alternate-background-color: $window; color: $text;
    border: 1px solid $border; border-radius: ${radius}px;
    selection-background-color: $selection; selection-color: $on_selection;
}
QAbstractItemView:focus { border: 1px solid $focus; }
QAbstractItemView[role="bare"], QAbstractItemView[role="bare"]:focus {
    background: transparent; border: 0;
}
QHeaderView::section {
    background: $window; color: $text_muted; border: 0; border-bottom: 1px solid $border;
    padding: 6px 8px;
}
QTabWidget::pane { border: 0; border-top: 1px solid $border; }
QTabBar { background: transparent; }
QTabBar::tab {
    background: transparent; color: $text_muted; padding: 7px 12px;
    border-bottom: 2px solid transparent;
}
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { color: $focus; }
QGroupBox {
    border: 1px solid $border; border-radius: ${radius}px; margin-top: 9px; padding: 12px 8px 8px;
}
QGroupBox::title { subcontrol-origin: margin; left: 10px; padding: 0 4px; color: $text_muted; }
QScrollArea, QScrollArea > QWidget > QWidget[role="content"] { background: transparent; border: 0; }
QScrollBar { background: transparent; border: 0; margin: 0; }
QScrollBar:vertical { width: 10px; }
QScrollBar:horizontal { height: 10px; }
QScrollBar::handle { background: $control_hover; border-radius: 3px; margin: 2px; }
QScrollBar::handle:hover { background: $border_strong; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {
    background: transparent; border: 0; width: 0; height: 0;
}
QAbstractScrollArea::corner { background: transparent; border: 0; }
""")

_IMAGES = (
    "check",
    "check-on-accent",
    "dot-on-accent",
    "chevron-up",
    "chevron-down",
    "chevron-right",
    "dock-close",
    "dock-float",
)


def style_sheet(t: Tokens) -> str:
    """The style sheet for ``t``; its few images are SVG files under assets/icons/controls."""
    folder = bundled("assets/icons/controls")
    images = {
        name.replace("-", "_"): (folder / f"{name}-{t.name}.svg").as_posix() for name in _IMAGES
    }
    return _QSS.substitute(
        vars(t),
        button_height=t.control_height - 2,
        button_focus=t.control_height - 4,
        field_height=t.control_height - 2,
        field_focus=t.control_height - 4,
        **images,
    )
