"""The palette: which class the tools paint, found by eye, by name or by number key."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.core.palette_search import number_keys, search
from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.ui.look.icons import icon
from app.ui.look.theme import notifier, tokens
from app.ui.palette.palette_list import ClassList, Row
from app.ui.widgets.segmented import Segmented
from app.ui.widgets.swatch import UNKNOWN_CLASS, SwatchPair, SwatchRow, class_of, display_name
from app.ui.widgets.text import ElidedLabel, heading
from spade.formats.palette import UNKNOWN_ID


class PalettePanel(QWidget):
    """Current and previous class, a field to type a name into, recent classes, the list.

    Bound to the document's palette and the tools' class; after a class was found by typing,
    ``focus_canvas`` asks for the keyboard to go back to the canvas.
    """

    focus_canvas = Signal()

    def __init__(
        self, document: Document, tools: ToolSettings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self._document, self._tools = document, tools
        self._dont_care = False
        self._keys: dict[str, int] = {}
        self.pair = SwatchPair()
        self.name = ElidedLabel(role="heading")
        self.previous = ElidedLabel(role="caption")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find…")
        self.search.setAccessibleName("Find a class")
        self.search.setToolTip("Type a part of a name, Enter takes the first (Ctrl+F)")
        at = QLineEdit.ActionPosition
        self.search.addAction(icon("magnify", "text_muted"), at.LeadingPosition)
        self.clear_search = self.search.addAction(icon("close", "text_muted"), at.TrailingPosition)
        self.clear_search.setToolTip("Show all classes")
        self.clear_search.triggered.connect(self.search.clear)
        self.search.installEventFilter(self)
        self.layout_choice = Segmented(
            (
                (False, "List", "format-list-bulleted"),
                (True, "Grid", "view-grid-outline"),
            )
        )
        self.recent_title = heading("Recent")
        self.recent = SwatchRow()
        self.list = ClassList()
        self.nothing = QLabel("No class of that name.")
        self.nothing.setProperty("role", "caption")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._arrange()
        self._bind()
        self._palette_changed()

    def sizeHint(self) -> QSize:
        return QSize(236, 520)

    def minimumSizeHint(self) -> QSize:
        return QSize(176, 260)

    def set_dont_care(self, available: bool) -> None:
        """Offer "unknown" (255), if the model can fill it."""
        if available != self._dont_care:
            self._dont_care = available
            self._palette_changed()

    def focus_search(self) -> None:
        """Put the keyboard into the search field."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def pick_key(self, key: str) -> bool:
        """Take the class of a number key ("1" … "9", "0"); False if that key has none."""
        if key not in self._keys:
            return False
        self._tools.class_id = self._keys[key]
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent):
            escape = event.key() == Qt.Key.Key_Escape
            if event.type() == QEvent.Type.ShortcutOverride and escape:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                return self._search_key(event)
        return super().eventFilter(watched, event)

    def _arrange(self) -> None:
        t = tokens()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, t.space_3, 0, 0)
        column.setSpacing(t.space_3)
        top = QVBoxLayout()
        top.setContentsMargins(t.space_3, 0, t.space_3, 0)
        top.setSpacing(t.space_3)
        classes = QHBoxLayout()
        classes.setSpacing(t.space_3)
        classes.addWidget(self.pair)
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addStretch()
        names.addWidget(self.name)
        names.addWidget(self.previous)
        names.addStretch()
        classes.addLayout(names, 1)
        top.addLayout(classes)
        find = QHBoxLayout()
        find.setSpacing(t.space_2)
        find.addWidget(self.search, 1)
        find.addWidget(self.layout_choice)
        top.addLayout(find)
        recent = QVBoxLayout()
        recent.setSpacing(6)
        recent.addWidget(self.recent_title)
        recent.addWidget(self.recent)
        top.addLayout(recent)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        column.addWidget(self.nothing, 1)

    def _bind(self) -> None:
        tools = self._tools
        self.pair.swap_requested.connect(tools.swap_classes)
        self.pair.show_requested.connect(self._show_current)
        self.recent.chosen.connect(self._choose)
        self.list.picked.connect(self._picked)
        self.list.typed.connect(self._typed)
        self.list.left.connect(self.focus_canvas)
        self.search.textChanged.connect(self._fill)
        self.layout_choice.chosen.connect(self.list.set_grid)
        tools.class_changed.connect(self._show_classes)
        tools.recent_changed.connect(self._show_classes)
        self._document.palette_changed.connect(self._palette_changed)
        notifier().changed.connect(self.update)

    def _palette_changed(self) -> None:
        palette = self._document.palette
        self._keys = number_keys(palette)
        unknown = (UNKNOWN_ID,) if self._dont_care else ()
        self._tools.restrict_classes((*palette.ids, *unknown))
        self._fill()
        self._show_classes()

    def _fill(self) -> None:
        query = self.search.text().strip()
        self.clear_search.setVisible(bool(self.search.text()))
        rows = self._found(query) if query else self._grouped()
        self.list.cursor_wanted = bool(query)
        self.list.show_rows(rows)
        self.list.setVisible(bool(rows))
        self.nothing.setVisible(not rows)
        if query and rows:
            self.list.setCurrentIndex(self.list.class_model.index(0))
            self.list.scrollToTop()
        else:
            self.list.set_current_class(self._tools.class_id)

    def _found(self, query: str) -> list[Row]:
        keys = {class_id: key for key, class_id in self._keys.items()}
        found = search(self._document.palette, query, self._tools.recent)
        rows = [Row(entry, keys.get(entry.id, "")) for entry in found]
        if self._dont_care and UNKNOWN_CLASS.name.casefold().startswith(query.casefold()):
            rows.append(Row(UNKNOWN_CLASS))
        return rows

    def _grouped(self) -> list[Row]:
        keys = {class_id: key for key, class_id in self._keys.items()}
        groups: dict[str, list[Row]] = {}
        for entry in self._document.palette.classes:
            groups.setdefault(entry.group, []).append(Row(entry, keys.get(entry.id, "")))
        rows: list[Row] = []
        for group, members in groups.items():
            if len(groups) > 1:
                rows.append(Row(title=(group or "other").capitalize()))
            rows += members
        if self._dont_care:
            rows += [Row(title="Not painted"), Row(UNKNOWN_CLASS)]
        return rows

    def _show_classes(self) -> None:
        palette, tools = self._document.palette, self._tools
        current = class_of(palette, tools.class_id)
        previous = class_of(palette, tools.previous_class)
        self.pair.show_classes(current, previous)
        self.name.setText(display_name(current))
        self.previous.setText(f"Before: {previous.name}")
        self.previous.setVisible(previous.id != current.id)
        recent = tuple(class_of(palette, class_id) for class_id in tools.recent)
        self.recent.show_classes(recent, current.id)
        if not self.search.text().strip():
            self.list.set_current_class(current.id)
        else:
            self.list.current_class = current.id
            self.list.viewport().update()

    def _show_current(self) -> None:
        self.search.clear()
        self.list.reveal(self._tools.class_id)

    def _choose(self, class_id: int) -> None:
        self._tools.class_id = class_id

    def _picked(self, class_id: int) -> None:
        """By click or Enter in the list: a search has served its purpose."""
        self._choose(class_id)
        if self.search.text():
            self._leave()

    def _typed(self, text: str) -> None:
        self.search.setFocus(Qt.FocusReason.OtherFocusReason)
        self.search.setText(text)

    def _search_key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.search.text().strip():
                self.list.pick_cursor()
            else:
                self._leave()
        elif key == Qt.Key.Key_Escape:
            self._leave()
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.list.cursor_wanted = True
            self.list.move_cursor(1 if key == Qt.Key.Key_Down else -1)
        else:
            return False
        return True

    def _leave(self) -> None:
        self.search.clear()
        self.focus_canvas.emit()
