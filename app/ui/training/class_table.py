"""The list of a dataset's classes: rename, recolour, merge by drag or by choice, undo."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.look.icons import icon
from app.ui.palette.class_combo import swatch
from app.ui.training.class_model import NAME, PICTURES, SHARE, ClassModel
from app.ui.training.class_view import ClassView, rgb
from app.ui.training.texts import plural
from app.workers.training_messages import ClassChoice, FoundClass
from spade.formats.palette import UNKNOWN_COLOR, UNKNOWN_ID

MENU_LIMIT: Final = 40
"""Classes that a menu lists; more are chosen in the row's own list."""
HINT: Final = "Drag a class upon another to merge the two."


class ClassTable(QWidget):
    """``choices`` is what an import needs: empty while everything is as it was found."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.class_model = ClassModel(self)
        self.head = QLabel()
        self.head.setProperty("role", "heading")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find class")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Find class")
        self.search.setMaximumWidth(160)
        self.view = ClassView(self.class_model)
        self.note = QLabel(HINT)
        self.note.setWordWrap(True)
        self.note.setProperty("role", "caption")
        self.merge_button = QPushButton("&Merge into")
        self.merge_button.setMenu(QMenu(self.merge_button))
        self.merge_button.menu().aboutToShow.connect(self._fill_menu)
        self.undo_button, self.redo_button = QToolButton(), QToolButton()
        self.reset_button = QPushButton("R&eset")
        self.reset_button.setToolTip("All classes as they were found; can be undone")
        self._arrange()
        self._bind()
        self.show_classes(())

    @property
    def choices(self) -> tuple[ClassChoice, ...]:
        """What is decided about every class, or nothing if nothing is changed."""
        return self.class_model.choices if self.class_model.is_edited else ()

    def show_classes(self, found: tuple[FoundClass, ...]) -> None:
        """Show these, as they were found."""
        self.search.clear()
        self.class_model.show(found)
        self.search.setVisible(len(found) > 12)
        counted = any(entry.share > 0 for entry in found)
        for column in (SHARE, PICTURES):  # of photos alone nobody knows them yet
            self.view.setColumnHidden(column, not counted)
        self._say(HINT if len(found) > 1 else "")

    def _arrange(self) -> None:
        for button, name, text in (
            (self.undo_button, "undo", "Undo"),
            (self.redo_button, "redo", "Redo"),
        ):
            button.setIcon(icon(name))
            button.setAccessibleName(text)
            button.setIconSize(QSize(18, 18))
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.head, 1)
        top.addWidget(self.search)
        foot = QHBoxLayout()
        foot.setSpacing(6)
        foot.addWidget(self.merge_button)
        foot.addStretch(1)
        foot.addWidget(self.undo_button)
        foot.addWidget(self.redo_button)
        foot.addWidget(self.reset_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.note)
        layout.addLayout(foot)

    def _bind(self) -> None:
        model, stack = self.class_model, self.class_model.undo_stack
        model.edited.connect(self._show_state)
        model.refused.connect(lambda text: self._say(text, refused=True))
        for button, keys, can, call, name in (
            (
                self.undo_button,
                QKeySequence.StandardKey.Undo,
                stack.canUndoChanged,
                stack.undo,
                "Undo",
            ),
            (
                self.redo_button,
                QKeySequence.StandardKey.Redo,
                stack.canRedoChanged,
                stack.redo,
                "Redo",
            ),
        ):
            action = QAction(name, self)
            action.setShortcuts(QKeySequence.keyBindings(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(call)
            self.addAction(action)
            button.clicked.connect(call)
            button.setEnabled(False)
            can.connect(button.setEnabled)
        stack.undoTextChanged.connect(lambda text: self.undo_button.setToolTip(f"Undo {text}"))
        stack.redoTextChanged.connect(lambda text: self.redo_button.setToolTip(f"Redo {text}"))
        self.reset_button.clicked.connect(model.reset)
        self.search.textChanged.connect(self._filter)
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._show_selection())
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._context_menu)

    def _show_state(self) -> None:
        model = self.class_model
        left = sum(choice.merge_into is None for choice in model.choices)
        count = len(model.found)
        text = plural(left, "class", "classes")
        self.head.setText(text if left == count else f"{text} of {count}")
        self.reset_button.setEnabled(model.is_edited)
        self._say(HINT if count > 1 else "")
        self._show_selection()

    def _show_selection(self) -> None:
        self.merge_button.setEnabled(bool(self.view.rows()))

    def _say(self, text: str, *, refused: bool = False) -> None:
        self.note.setText(text)
        self.note.setProperty("role", "error" if refused else "caption")
        self.note.style().unpolish(self.note)
        self.note.style().polish(self.note)

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for row in range(self.class_model.rowCount()):
            found = self.class_model.found[row]
            line = f"{self.class_model.choice(row).name} {found.name} {found.group}".casefold()
            self.view.setRowHidden(row, not all(word in line for word in words))

    def _fill_menu(self) -> None:
        self._fill(self.merge_button.menu())

    def _fill(self, menu: QMenu) -> None:
        """Where the selected classes can go."""
        menu.clear()
        model, rows = self.class_model, self.view.rows()
        if any(model.choice(row).merge_into is not None for row in rows):
            menu.addAction("Classes of their own").triggered.connect(
                lambda _checked=False: model.separate(rows)
            )
            menu.addSeparator()
        picked = {model.choice(row).id for row in rows}
        menu.addAction(swatch(rgb(UNKNOWN_COLOR)), "Unknown (255)").triggered.connect(
            lambda _checked=False: model.merge(rows, UNKNOWN_ID)
        )
        menu.addSeparator()
        targets = [c for c in model.choices if c.merge_into is None and c.id not in picked]
        for choice in targets[:MENU_LIMIT]:
            action = menu.addAction(swatch(rgb(choice.color)), choice.name.replace("&", "&&"))
            action.triggered.connect(
                lambda _checked=False, target=choice.id: model.merge(rows, target)
            )
        if len(targets) > MENU_LIMIT:
            menu.addAction("More: in the column “Becomes”").setEnabled(False)

    def _context_menu(self, where: QPoint) -> None:
        rows = self.view.rows()
        if not rows:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if len(rows) == 1:
            row = rows[0]
            menu.addAction("&Rename").triggered.connect(
                lambda _checked=False: self.view.edit(self.class_model.index(row, NAME))
            )
            menu.addAction("&Colour…").triggered.connect(
                lambda _checked=False: self.view.ask_color(row)
            )
        merge = menu.addMenu("&Merge into")
        self._fill(merge)
        menu.popup(self.view.viewport().mapToGlobal(where))
