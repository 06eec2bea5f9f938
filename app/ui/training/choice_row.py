"""Cards side by side of which one is chosen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QWidget

from app.ui.training.cards import ChoiceCard


class ChoiceRow(QWidget):
    """``chosen``: another key is the user's choice. At most ``columns`` cards in a line."""

    chosen = Signal(str)

    def __init__(self, columns: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns = columns
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(lambda _button: self.chosen.emit(self.key))
        self.cards: dict[str, ChoiceCard] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)

    @property
    def key(self) -> str:
        """The key of the card chosen; "" if none is."""
        for key, card in self.cards.items():
            if card.isChecked():
                return key
        return ""

    def show_cards(self, cards: dict[str, ChoiceCard]) -> None:
        """Put these in place of those before; none is chosen."""
        for card in self.cards.values():
            self._group.removeButton(card)
            self._grid.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = cards
        for number, card in enumerate(cards.values()):
            self._group.addButton(card)
            self._grid.addWidget(card, number // self._columns, number % self._columns)
        for column in range(self._columns):
            self._grid.setColumnStretch(column, 1)

    def choose(self, key: str) -> None:
        """Choose a card that can be chosen."""
        card = self.cards.get(key)
        if card is not None and card.isEnabled():
            card.setChecked(True)

    def choose_first(self, fits: Callable[[str], bool] = lambda _key: True) -> None:
        """Choose the first card that can be chosen and fits."""
        for key, card in self.cards.items():
            if card.isEnabled() and fits(key):
                card.setChecked(True)
                return
