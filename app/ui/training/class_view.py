"""The rows of a dataset's classes: how they are painted, edited in place and dragged."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFont,
    QKeyEvent,
    QPainter,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.ui.look.icons import paint_glyph
from app.ui.look.theme import color, tokens
from app.ui.palette.class_combo import swatch
from app.ui.training.class_model import (
    BECOMES,
    COLOR,
    NAME,
    PICTURES,
    SHARE,
    UNKNOWN,
    ClassModel,
)
from spade.formats.palette import UNKNOWN_COLOR, UNKNOWN_ID

Index = QModelIndex | QPersistentModelIndex
NARROW: Final = 360
"""Pixels; in less, names and what classes become need the room."""

ROW_HEIGHT: Final = 30


class ClassView(QTableView):
    """Rows of classes; a click on a colour asks for another one."""

    def __init__(self, model: ClassModel) -> None:
        super().__init__()
        self.class_model = model
        self.setModel(model)
        self.setAccessibleName("Classes")
        self.setItemDelegate(_RowDelegate(self))
        self.setItemDelegateForColumn(BECOMES, _TargetDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDragDropOverwriteMode(True)  # upon a row, never between two
        self.setDropIndicatorShown(False)  # the row itself lights up
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.setMouseTracking(True)
        self.drop_row = -1
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(24)
        for column, mode, width in (
            (COLOR, QHeaderView.ResizeMode.Fixed, 38),
            (NAME, QHeaderView.ResizeMode.Stretch, 0),
            (SHARE, QHeaderView.ResizeMode.Fixed, 92),
            (PICTURES, QHeaderView.ResizeMode.Fixed, 66),
            (BECOMES, QHeaderView.ResizeMode.Stretch, 0),
        ):
            header.setSectionResizeMode(column, mode)
            if width:
                header.resizeSection(column, width)
        self.clicked.connect(self._clicked)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Of the columns, this is the one that says least beside the share.
        self.setColumnHidden(PICTURES, event.size().width() < NARROW)

    def rows(self) -> list[int]:
        """The selected rows."""
        return sorted({index.row() for index in self.selectionModel().selectedRows()})

    def ask_color(self, row: int) -> None:
        """Ask for another colour of the class of that row."""
        choice = self.class_model.choice(row)
        dialog = QColorDialog(QColor(choice.color), self)
        dialog.setWindowTitle(f"Colour of “{choice.name}”")
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.colorSelected.connect(lambda value: self.class_model.recolor(row, value.name()))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        opens = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if opens and self.state() == QAbstractItemView.State.EditingState:
            return  # the editor's own, on its way through
        if opens and index.isValid():
            if index.column() == COLOR:
                self.ask_color(index.row())
            else:
                self.edit(index if index.column() == BECOMES else index.siblingAtColumn(NAME))
            return
        super().keyPressEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        row = index.row() if index.isValid() and event.isAccepted() else -1
        self._light(-1 if row in self.rows() else row)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        super().dragLeaveEvent(event)
        self._light(-1)

    def dropEvent(self, event: QDropEvent) -> None:
        super().dropEvent(event)
        self._light(-1)

    def _light(self, row: int) -> None:
        if row != self.drop_row:
            self.drop_row = row
            self.viewport().update()

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == COLOR and self.class_model.choice(index.row()).merge_into is None:
            self.ask_color(index.row())
        elif index.column() == BECOMES and len(self.rows()) == 1:
            self.edit(index)


class _RowDelegate(QStyledItemDelegate):
    """Swatch, words and bar. Merged classes are quiet."""

    def __init__(self, view: ClassView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(60, ROW_HEIGHT)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setMaxLength(80)
        editor.setAccessibleName("Name of the class")
        return editor

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t = tokens()
        model = self._view.class_model
        choice, rect = model.choice(index.row()), QRectF(option.rect)
        merged = choice.merge_into is not None
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if selected:
            painter.fillRect(option.rect, QColor(t.selection))
        elif index.row() == self._view.drop_row:
            painter.fillRect(option.rect, color(t.accent, 0.28))
        if index.column() == COLOR:
            self._paint_swatch(painter, rect, choice.color, merged)
        elif index.column() == SHARE:
            self._paint_share(painter, rect, index, selected, merged)
        else:
            font = QFont()
            font.setPixelSize(t.font)
            font.setStrikeOut(merged and index.column() == NAME)
            painter.setFont(font)
            quiet = (merged and index.column() == NAME) or index.column() == PICTURES
            quiet = quiet or (index.column() == BECOMES and not merged)
            ink = t.on_selection if selected else t.text_muted if quiet else t.text
            room = 24 if index.column() == BECOMES else 8
            self._paint_text(painter, rect.adjusted(8, 0, -room, 0), index, ink)
            if index.column() == BECOMES:
                box = QRectF(rect.right() - 24, rect.center().y() - 7, 14, 14)
                paint_glyph(painter, box, "chevron-down", t.text_muted)
        self._paint_focus(painter, rect, option, index)
        painter.restore()

    def _paint_swatch(self, painter: QPainter, rect: QRectF, value: str, merged: bool) -> None:
        box = QRectF(rect.left() + 10, rect.center().y() - 9, 20, 18)
        painter.setPen(QPen(color(tokens().text, 0.22), 1))
        painter.setBrush(color(value, 0.35 if merged else 1.0))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def _paint_share(
        self, painter: QPainter, rect: QRectF, index: Index, selected: bool, merged: bool
    ) -> None:
        t, model = tokens(), self._view.class_model
        share = model.share(index.row())
        room = QRectF(rect.left() + 8, rect.center().y() - 3, 30, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.control_hover))
        painter.drawRoundedRect(room, 3, 3)
        if share > 0 and not merged:
            filled = QRectF(room)
            filled.setWidth(max(room.width() * min(share / max(model.largest, 1e-9), 1.0), 3.0))
            painter.setBrush(QColor(t.accent))
            painter.drawRoundedRect(filled, 3, 3)
        font = QFont()
        font.setPixelSize(t.font_small)
        painter.setFont(font)
        ink = t.on_selection if selected else t.text_muted
        self._paint_text(
            painter, QRectF(rect.left() + 44, rect.top(), 48, rect.height()), index, ink
        )

    @staticmethod
    def _paint_text(painter: QPainter, box: QRectF, index: Index, ink: str) -> None:
        text = str(index.data(Qt.ItemDataRole.DisplayRole))
        metrics = painter.fontMetrics()
        elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
        right = index.column() == PICTURES
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.setPen(QColor(ink))
        painter.drawText(box, int(side | Qt.AlignmentFlag.AlignVCenter), elided)

    def _paint_focus(
        self, painter: QPainter, rect: QRectF, option: QStyleOptionViewItem, index: Index
    ) -> None:
        current = self._view.currentIndex()
        if self._view.hasFocus() and current == index:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens().focus), 1.5))
            painter.drawRoundedRect(rect.adjusted(2, 2, -2, -2), 4, 4)


class _TargetDelegate(_RowDelegate):
    """The list of what a class can become."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        combo = QComboBox(parent)
        combo.setAccessibleName("What the class becomes")
        combo.setMaxVisibleItems(20)
        model = self._view.class_model
        own = model.choice(index.row())
        combo.addItem("A class of its own", None)
        combo.addItem(swatch(rgb(UNKNOWN_COLOR)), UNKNOWN.capitalize(), UNKNOWN_ID)
        for choice in model.choices:
            if choice.merge_into is None and choice.id != own.id:
                combo.addItem(swatch(rgb(choice.color)), choice.name, choice.id)
        combo.activated.connect(lambda _index: self._chosen(combo))
        return combo

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        assert isinstance(editor, QComboBox)
        into = self._view.class_model.choice(index.row()).merge_into
        editor.setCurrentIndex(max(editor.findData(into), 0) if into is not None else 0)
        editor.showPopup()

    def setModelData(self, editor: QWidget, model: object, index: Index) -> None:
        assert isinstance(editor, QComboBox)
        self._view.class_model.setData(index, editor.currentData())

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        editor.setGeometry(option.rect)

    def _chosen(self, combo: QComboBox) -> None:
        self.commitData.emit(combo)
        self.closeEditor.emit(combo, QStyledItemDelegate.EndEditHint.NoHint)


def rgb(value: str) -> tuple[int, int, int]:
    """ "#rrggbb" as three numbers."""
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)
