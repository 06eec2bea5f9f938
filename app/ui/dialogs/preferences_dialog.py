"""Edit > Preferences: theme, live preview, device. What is changed counts at once."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from app.state.preferences import Preferences

THEMES = (("Dark", "dark"), ("Light", "light"))
DEVICES = (
    ("The best there is", "auto"),
    ("NVIDIA GPU (CUDA)", "cuda"),
    ("Apple GPU (MPS)", "mps"),
    ("Processor (CPU)", "cpu"),
)


class PreferencesDialog(QDialog):
    """Bound to ``preferences``: no OK button is needed, and menus follow.

    The device alone counts from the next start on, as the renderer is made for one.
    """

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self.setMinimumWidth(420)
        self._preferences = preferences
        self.theme = _combo(THEMES, preferences.theme)
        self.device = _combo(DEVICES, preferences.device)
        self._device_at_start = preferences.device
        self.device_note = QLabel("Counts from the next start on.")
        self.device_note.setProperty("role", "caption")
        self.device_note.hide()
        self.live = QCheckBox("Render while I &paint")
        self.live.setChecked(preferences.live)
        note = QLabel(f"Kept in {preferences.path}")
        note.setProperty("role", "caption")
        note.setWordWrap(True)
        form = QFormLayout()
        form.addRow("&Theme", self.theme)
        form.addRow("&Render on", self.device)
        form.addRow("", self.device_note)
        form.addRow("", self.live)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addWidget(buttons)
        self.theme.currentIndexChanged.connect(self._store)
        self.device.currentIndexChanged.connect(self._store)
        self.live.toggled.connect(self._store)

    def _store(self) -> None:
        self._preferences.theme = self.theme.currentData()
        self._preferences.device = self.device.currentData()
        self._preferences.live = self.live.isChecked()
        self.device_note.setVisible(self._preferences.device != self._device_at_start)


def _combo(entries: tuple[tuple[str, str], ...], value: str) -> QComboBox:
    box = QComboBox()
    for text, data in entries:
        box.addItem(text, data)
    box.setCurrentIndex(max(box.findData(value), 0))
    return box
