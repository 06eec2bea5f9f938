"""The palette as a list or a grid: one view, however many classes there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QPen, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.ui.look.theme import color, notifier, tokens
from app.ui.widgets.swatch import display_name, paint_swatch
from spade.formats.palette import UNKNOWN_ID, PaletteClass

Index = QModelIndex | QPersistentModelIndex

ROW_HEIGHT: Final = 30
HEADER_HEIGHT: Final = 29
CELL: Final = QSize(68, 58)


@dataclass(frozen=True)
class Row:
    """A class with its number key ("" for none), or the title of a group."""

    entry: PaletteClass | None = None
    key: str = ""
    title: str = ""


class ClassModel(QAbstractListModel):
    """The rows in the order they are shown. ``UserRole`` gives the Row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Row, ...] = ()

    def show_rows(self, rows: Iterable[Row]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's default
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return row.entry.name if row.entry else row.title
        if role == Qt.ItemDataRole.ToolTipRole and row.entry:
            if row.entry.id == UNKNOWN_ID:
                return "<b>Unknown</b><br>The model decides what comes here."
            key = f"&nbsp;&nbsp;({row.key})" if row.key else ""
            return f"<b>{row.entry.name}</b>{key}<br>Class {row.entry.id} · {row.entry.color}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.rows[index.row()].entry is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def row_of(self, class_id: int) -> int:
        """The row that shows the class, or -1."""
        for number, row in enumerate(self.rows):
            if row.entry is not None and row.entry.id == class_id:
                return number
        return -1


class ClassList(QListView):
    """A click or Enter picks a class. It takes the focus by Tab only, so that after a click
    single keys still choose tools; letters typed while it has the focus start a search."""

    picked = Signal(int)
    typed = Signal(str)
    left = Signal()  # Escape

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.class_model = ClassModel(self)
        self.current_class = -1
        self.grid = False
        self.cursor_wanted = False  # shown while a search is typed, too
        self.setModel(self.class_model)
        self.setItemDelegate(_ClassDelegate(self))
        self.setProperty("role", "bare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(ROW_HEIGHT)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setAccessibleName("Classes")
        self.clicked.connect(self._pick)
        notifier().changed.connect(self.viewport().update)

    def show_rows(self, rows: Iterable[Row]) -> None:
        """Replace what is listed."""
        self.class_model.show_rows(rows)

    def set_grid(self, grid: bool) -> None:
        """Many small cells instead of one row a class."""
        self.grid = grid
        self.setFlow(QListView.Flow.LeftToRight if grid else QListView.Flow.TopToBottom)
        self.setWrapping(grid)
        self.doItemsLayout()
        self.reveal(self.current_class)

    def set_current_class(self, class_id: int) -> None:
        """Mark the class and scroll to it."""
        self.current_class = class_id
        self.reveal(class_id)
        self.viewport().update()

    def reveal(self, class_id: int) -> None:
        """Scroll to the class, if it is listed."""
        row = self.class_model.row_of(class_id)
        if row >= 0:
            index = self.class_model.index(row)
            self.setCurrentIndex(index)
            if row and self.class_model.rows[row - 1].entry is None:
                self.scrollTo(self.class_model.index(row - 1))  # its group's title, too
            self.scrollTo(index)

    def move_cursor(self, step: int) -> None:
        """Move the keyboard's cursor to the next class (``step`` 1) or the previous (-1)."""
        number = self.currentIndex().row() + step
        while 0 <= number < len(self.class_model.rows):
            if self.class_model.rows[number].entry is not None:
                self.setCurrentIndex(self.class_model.index(number))
                return
            number += step

    def pick_cursor(self) -> bool:
        """Pick the class under the keyboard's cursor; False if there is none."""
        index = self.currentIndex()
        row = self.class_model.rows[index.row()] if index.isValid() else Row()
        if row.entry is None:
            return False
        self.picked.emit(row.entry.id)
        return True

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.scrollToTop()  # what was scrolled before there was a size means nothing
        self.reveal(self.current_class)

    @property
    def cursor_visible(self) -> bool:
        """True while keys move the cursor, here or in the search field."""
        return self.hasFocus() or self.cursor_wanted

    def event(self, event: QEvent) -> bool:
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and _wanted(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.pick_cursor()
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif _letter(event):
            self.typed.emit(event.text())
        else:
            super().keyPressEvent(event)

    def _pick(self, index: QModelIndex) -> None:
        row = self.class_model.rows[index.row()]
        if row.entry is not None:
            self.picked.emit(row.entry.id)


def _letter(event: QKeyEvent) -> bool:
    """A key that starts a search. Digits are left to the window: they pick classes."""
    plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
    return plain and event.text().isalpha()


def _wanted(event: QKeyEvent) -> bool:
    return _letter(event) or event.key() == Qt.Key.Key_Escape


class _ClassDelegate(QStyledItemDelegate):
    def __init__(self, view: ClassList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        width = max(self._view.viewport().width(), 1)
        if index.data(Qt.ItemDataRole.UserRole).entry is None:
            return QSize(width, HEADER_HEIGHT)
        if not self._view.grid:
            return QSize(width, ROW_HEIGHT)
        columns = max(width // CELL.width(), 1)
        return QSize(width // columns, CELL.height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: Row = index.data(Qt.ItemDataRole.UserRole)
        rect = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.entry is None:
            self._paint_title(painter, rect, row.title)
        else:
            self._paint_back(painter, rect, option, row.entry.id)
            paint = self._paint_cell if self._view.grid else self._paint_row
            paint(painter, rect, row, row.entry)
        painter.restore()

    def _paint_back(
        self, painter: QPainter, rect: QRectF, option: QStyleOptionViewItem, class_id: int
    ) -> None:
        t = tokens()
        box = rect.adjusted(4, 1, -4, -1)
        current = class_id == self._view.current_class
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.setPen(Qt.PenStyle.NoPen)
        if current or hovered:
            painter.setBrush(QColor(t.selection if current else t.raised))
            painter.drawRoundedRect(box, t.radius, t.radius)
        if self._view.cursor_visible and option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.focus), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), t.radius - 1, t.radius - 1)

    def _paint_row(self, painter: QPainter, rect: QRectF, row: Row, entry: PaletteClass) -> None:
        t = tokens()
        paint_swatch(painter, QRectF(rect.left() + 10, rect.center().y() - 11, 32, 22), entry)
        current = entry.id == self._view.current_class
        painter.setFont(_font(t.font, bold=current))
        painter.setPen(QColor(t.on_selection if current else t.text))
        right = rect.right() - (38 if row.key else 12)
        box = QRectF(rect.left() + 52, rect.top(), right - rect.left() - 52, rect.height())
        _text(painter, box, display_name(entry), Qt.AlignmentFlag.AlignLeft)
        if row.key:
            cap = QRectF(rect.right() - 32, rect.center().y() - 9, 18, 18)
            painter.setPen(QPen(color(t.text_muted, 0.45), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cap.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
            painter.setFont(_font(t.font_small - 1))
            painter.setPen(QColor(t.on_selection if current else t.text_muted))
            painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, row.key)

    def _paint_cell(self, painter: QPainter, rect: QRectF, row: Row, entry: PaletteClass) -> None:
        t = tokens()
        current = entry.id == self._view.current_class
        swatch = QRectF(rect.left() + 9, rect.top() + 6, rect.width() - 18, 30)
        paint_swatch(painter, swatch, entry, radius=5)
        painter.setFont(_font(t.font_small - 1, bold=current))
        painter.setPen(QColor(t.on_selection if current else t.text))
        box = QRectF(rect.left() + 7, rect.bottom() - 20, rect.width() - 14, 16)
        _text(painter, box, display_name(entry), Qt.AlignmentFlag.AlignHCenter)

    @staticmethod
    def _paint_title(painter: QPainter, rect: QRectF, title: str) -> None:
        t = tokens()
        painter.setFont(_font(t.font_small, bold=True))
        painter.setPen(QColor(t.text_muted))
        box = rect.adjusted(12, 6, -12, 0)
        _text(painter, box, title, Qt.AlignmentFlag.AlignLeft)


def _font(pixels: int, *, bold: bool = False) -> QFont:
    font = QFont()
    font.setPixelSize(pixels)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font


def _text(painter: QPainter, rect: QRectF, text: str, align: Qt.AlignmentFlag) -> None:
    elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(rect.width()))
    painter.drawText(rect, int(align | Qt.AlignmentFlag.AlignVCenter), elided)
