"""The questions the window asks; none of them blocks the event loop."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

Call = Callable[[], object]

BUTTON_ROOM = 30
"""Pixels of a button beside its words."""


def ask(
    parent: QWidget,
    title: str,
    text: str,
    details: str,
    answers: list[tuple[str, QMessageBox.ButtonRole, Call | None]],
    name: str,
) -> QMessageBox:
    """A window-modal question. The first answer is the default; Esc and closing give the one
    whose role is to reject, which mostly does nothing.

    ``answers``: (text, role, what to call). ``name`` is the object name, for tests.
    """
    box = QMessageBox(QMessageBox.Icon.NoIcon, title, text, parent=parent)
    box.setObjectName(name)
    box.setInformativeText(details)
    calls: dict[QPushButton, Call] = {}
    for index, (label, role, call) in enumerate(answers):
        button = box.addButton(label, role)
        button.setMinimumWidth(_bold_width(button, label))  # the default one turns bold later
        if call is not None:
            calls[button] = call
        if index == 0:
            box.setDefaultButton(button)
        if role == QMessageBox.ButtonRole.RejectRole:
            box.setEscapeButton(button)

    def answered(_result: int) -> None:
        clicked = box.clickedButton()
        box.deleteLater()
        if isinstance(clicked, QPushButton) and clicked in calls:
            calls[clicked]()

    box.finished.connect(answered)
    box.open()
    return box


def _bold_width(button: QPushButton, label: str) -> int:
    font = QFont(button.font())
    font.setWeight(QFont.Weight.DemiBold)
    return QFontMetrics(font).horizontalAdvance(label.replace("&", "")) + BUTTON_ROOM


def ask_unsaved(parent: QWidget, name: str, save: Call, discard: Call) -> QMessageBox:
    """Save, discard or go on; ``name`` is what the document is called."""
    return ask(
        parent,
        "Unsaved changes",
        f"Save the changes to “{name}”?",
        "What you painted since the last save is lost otherwise.",
        [
            ("&Save", QMessageBox.ButtonRole.AcceptRole, save),
            ("&Don't save", QMessageBox.ButtonRole.DestructiveRole, discard),
            ("Cancel", QMessageBox.ButtonRole.RejectRole, None),
        ],
        "ask_unsaved",
    )


def ask_nearest(
    parent: QWidget, name: str, pixels: int, total: int, use: Call, as_style: Call
) -> QMessageBox:
    """Some pixels of a coloured label map are in no class' colour: take the nearest class?

    If that is most of them, it is hardly a label map, and its style is proposed first.
    """
    share = 100 * pixels / max(total, 1)
    amount = f"{share:.1f} %" if share >= 0.1 else "less than 0.1 %"
    accept, action = QMessageBox.ButtonRole.AcceptRole, QMessageBox.ButtonRole.ActionRole
    answers = [
        (f"Change {pixels:,} pixels", accept if share <= 50 else action, use),
        ("Use it as a style", action if share <= 50 else accept, as_style),
    ]
    if share > 50:
        answers.reverse()
    return ask(
        parent,
        "Colours that are no class",
        f"{pixels:,} of {total:,} pixels ({amount}) of “{name}” have a colour that is no class "
        "of this palette.",
        "They can be given the class with the nearest colour; the file itself is not changed. If "
        "it is a label map for another palette, cancel and choose that one first (Model > "
        "Palette). If it is a photo, use it as a style.",
        [*answers, ("Cancel", QMessageBox.ButtonRole.RejectRole, None)],
        "ask_nearest",
    )


def ask_remap(parent: QWidget, text: str, details: str, by_name: Call, keep: Call) -> QMessageBox:
    """The new palette means other things by the same ids: what becomes of the scene?"""
    return ask(
        parent,
        "Another palette",
        text,
        details,
        [
            ("Match by &name", QMessageBox.ButtonRole.AcceptRole, by_name),
            ("&Keep the ids", QMessageBox.ButtonRole.RejectRole, keep),
        ],
        "ask_remap",
    )


def ask_recover(
    parent: QWidget, text: str, recover: Call, discard: Call, later: Call
) -> QMessageBox:
    """Spadework ended without closing: open what was saved by itself?"""
    return ask(
        parent,
        "Recover your work",
        "Spadework didn't close properly last time.",
        text,
        [
            ("&Recover", QMessageBox.ButtonRole.AcceptRole, recover),
            ("&Throw away", QMessageBox.ButtonRole.DestructiveRole, discard),
            ("Ask again &later", QMessageBox.ButtonRole.RejectRole, later),
        ],
        "ask_recover",
    )


def ask_training(parent: QWidget, name: str, go_on: Call, stop: Call) -> QMessageBox:
    """The program is closed while “name” is training: what becomes of it?"""
    return ask(
        parent,
        "Training goes on",
        f"“{name}” is still training.",
        "It can go on in the background: the next start shows it again. Or it saves and stops, "
        "and can be resumed later.",
        [
            ("&Go on in the background", QMessageBox.ButtonRole.AcceptRole, go_on),
            ("&Stop and keep", QMessageBox.ButtonRole.ActionRole, stop),
            ("Cancel", QMessageBox.ButtonRole.RejectRole, None),
        ],
        "ask_training",
    )


def say(parent: QWidget, title: str, text: str, details: str = "") -> QMessageBox:
    """A plain message with one button."""
    return ask(
        parent,
        title,
        text,
        details,
        [("OK", QMessageBox.ButtonRole.AcceptRole, None)],
        "say",
    )
