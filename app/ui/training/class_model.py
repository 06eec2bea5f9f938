"""The classes of a dataset as a table that can be edited, one undo step an edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.ui.training import class_edits
from app.ui.training.class_edits import Choices
from app.ui.training.texts import plural, share_text
from app.workers.training_messages import ClassChoice, FoundClass
from spade.formats.errors import InputError
from spade.formats.palette import UNKNOWN_ID

Index = QModelIndex | QPersistentModelIndex

COLOR, NAME, SHARE, PICTURES, BECOMES = range(5)
HEADS: Final = ("", "Name", "Share", "Pictures", "Becomes")
HEAD_TIPS: Final = (
    "The colour that shows the class",
    "What the brush will be called; press F2 to change it",
    "Of all pixels that have a class",
    "How many pictures show it",
    "A class of its own, or part of another; drag a row upon another to merge them",
)
OWN: Final = "stays"
UNKNOWN: Final = "unknown"
MIME: Final = "application/x-spadework-classes"


class ClassModel(QAbstractTableModel):
    """Rows by share, the largest first, whatever is edited: nothing jumps.

    ``refused``: why an edit was not made. ``edited``: the choices are others now.
    """

    refused = Signal(str)
    edited = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self._found: tuple[FoundClass, ...] = ()
        self._original: Choices = ()
        self._choices: Choices = ()
        self._shares: dict[int, float] = {}
        self._rows: dict[int, int] = {}

    # -- what others see

    @property
    def found(self) -> tuple[FoundClass, ...]:
        """The classes in the order of the rows."""
        return self._found

    @property
    def choices(self) -> Choices:
        """What is decided, a choice a class."""
        return self._choices

    @property
    def is_edited(self) -> bool:
        """Something is not as it was found."""
        return self._choices != self._original

    @property
    def largest(self) -> float:
        """The largest share, for bars."""
        return max(self._shares.values(), default=0.0)

    def choice(self, row: int) -> ClassChoice:
        """What is decided about the class of that row."""
        return self._choices[row]

    def share(self, row: int) -> float:
        """Of the class with what was merged into it; of the class alone if it is merged."""
        choice = self._choices[row]
        if choice.merge_into is not None:
            return self._found[row].share
        return self._shares.get(choice.id, 0.0)

    def target_name(self, row: int) -> str:
        """What the class of that row becomes; "" if it stays one."""
        into = self._choices[row].merge_into
        if into is None:
            return ""
        return UNKNOWN if into == UNKNOWN_ID else self._choices[self._rows[into]].name

    def row_of(self, class_id: int) -> int:
        """The row of a class. KeyError if there is none."""
        return self._rows[class_id]

    # -- edits

    def show(self, found: Sequence[FoundClass]) -> None:
        """Other classes; what was decided about the former is forgotten."""
        self.beginResetModel()
        self._found = tuple(sorted(found, key=lambda entry: (-entry.share, entry.id)))
        self._original = self._choices = class_edits.as_found(self._found)
        self._rows = {entry.id: row for row, entry in enumerate(self._found)}
        self._shares = class_edits.shares(self._found, self._choices)
        self.undo_stack.clear()
        self.endResetModel()
        self.edited.emit()

    def rename(self, row: int, name: str) -> bool:
        """Give the class of that row another name; False if it can't have it."""
        class_id = self._choices[row].id
        return self._edit("Rename class", class_edits.rename, class_id, name)

    def recolor(self, row: int, color: str) -> bool:
        """Give the class of that row another colour; False if it can't have it."""
        return self._edit("Change colour", class_edits.recolor, self._choices[row].id, color)

    def merge(self, rows: Sequence[int], target: int) -> bool:
        """Merge the classes of ``rows`` into ``target``, an id or 255 for unknown."""
        ids = [self._choices[row].id for row in rows]
        return self._edit("Merge classes", class_edits.merge, ids, target)

    def separate(self, rows: Sequence[int]) -> bool:
        """Make the classes of ``rows`` classes of their own again."""
        ids = [self._choices[row].id for row in rows]
        return self._edit("Separate classes", class_edits.separate, ids)

    def reset(self) -> None:
        """Everything as it was found; can be undone."""
        self._push("Reset classes", self._original)

    def _edit(self, text: str, change: Any, *arguments: Any) -> bool:
        try:
            choices = change(self._choices, *arguments)
        except InputError as error:
            self.refused.emit(str(error))
            return False
        self._push(text, choices)
        return True

    def _push(self, text: str, choices: Choices) -> None:
        if choices != self._choices:
            self.undo_stack.push(_Edit(text, self, self._choices, choices))

    def _take(self, choices: Choices) -> None:
        self._choices = choices
        self._shares = class_edits.shares(self._found, choices)
        last = self.index(len(self._found) - 1, BECOMES)
        self.dataChanged.emit(self.index(0, 0), last)
        self.edited.emit()

    # -- Qt's questions

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's default
        return 0 if parent.isValid() else len(self._found)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's default
        return 0 if parent.isValid() else len(HEADS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return HEADS[section]
            if role == Qt.ItemDataRole.ToolTipRole:
                return HEAD_TIPS[section]
            if role == Qt.ItemDataRole.TextAlignmentRole and section == PICTURES:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = index.row(), index.column()
        choice, entry = self._choices[row], self._found[row]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            if column == COLOR:
                return "" if role == Qt.ItemDataRole.DisplayRole else choice.color
            texts = {
                NAME: choice.name,
                SHARE: share_text(self.share(row)),
                PICTURES: f"{entry.pictures:,}",
                BECOMES: self.target_name(row) or OWN,
            }
            return texts[column]
        if role == Qt.ItemDataRole.TextAlignmentRole and column == PICTURES:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            was = "" if choice.name == entry.name else f", was {entry.name}"
            group = f", {entry.group}" if entry.group else ""
            return (
                f"{choice.name}{was}\nClass {entry.id}{group}, {choice.color}\n"
                f"{share_text(entry.share)} of the pixels, {plural(entry.pictures, 'picture')}"
            )
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole:
            return False
        if index.column() == NAME:
            return self.rename(index.row(), str(value))
        if index.column() == COLOR:
            return self.recolor(index.row(), str(value))
        if index.column() == BECOMES:
            if value is None:
                return self.separate([index.row()])
            return self.merge([index.row()], int(value))
        return False

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        flags |= Qt.ItemFlag.ItemIsDragEnabled | Qt.ItemFlag.ItemIsDropEnabled
        stays = self._choices[index.row()].merge_into is None
        if index.column() == BECOMES or (index.column() == NAME and stays):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    # -- dragging rows upon each other

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        rows = sorted({index.row() for index in indexes})
        data = QMimeData()
        ids = ",".join(str(self._choices[row].id) for row in rows)
        data.setData(MIME, QByteArray(ids.encode()))
        return data

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def canDropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:
        return data.hasFormat(MIME) and parent.isValid()

    def dropMimeData(
        self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index
    ) -> bool:
        if not self.canDropMimeData(data, action, row, column, parent):
            return False
        ids = [int(text) for text in bytes(data.data(MIME).data()).decode().split(",") if text]
        rows = [self._rows[class_id] for class_id in ids if class_id in self._rows]
        self.merge(rows, self._choices[parent.row()].id)
        return False  # no row was moved: the view must not take the dragged ones out


class _Edit(QUndoCommand):
    def __init__(self, text: str, model: ClassModel, before: Choices, after: Choices) -> None:
        super().__init__(text)
        self._model, self._before, self._after = model, before, after

    def redo(self) -> None:
        self._model._take(self._after)

    def undo(self) -> None:
        self._model._take(self._before)
