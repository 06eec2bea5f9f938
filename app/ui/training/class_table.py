"""The list of a dataset's classes: rename, recolour, merge by drag or by choice, undo."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QColor,
    QFont,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.look.icons import icon, paint_glyph
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
from app.ui.training.texts import plural
from app.workers.training_messages import ClassChoice, FoundClass
from spade.formats.palette import UNKNOWN_COLOR, UNKNOWN_ID

Index = QModelIndex | QPersistentModelIndex

ROW_HEIGHT: Final = 30
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
        self.view = _View(self.class_model)
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
        menu.addAction(swatch(_rgb(UNKNOWN_COLOR)), "Unknown (255)").triggered.connect(
            lambda _checked=False: model.merge(rows, UNKNOWN_ID)
        )
        menu.addSeparator()
        targets = [c for c in model.choices if c.merge_into is None and c.id not in picked]
        for choice in targets[:MENU_LIMIT]:
            action = menu.addAction(swatch(_rgb(choice.color)), choice.name.replace("&", "&&"))
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


class _View(QTableView):
    """Rows of classes; a click on a colour asks for another one."""

    def __init__(self, model: ClassModel) -> None:
        super().__init__()
        self._model = model
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

    def rows(self) -> list[int]:
        """The selected rows."""
        return sorted({index.row() for index in self.selectionModel().selectedRows()})

    def ask_color(self, row: int) -> None:
        """Ask for another colour of the class of that row."""
        choice = self._model.choice(row)
        dialog = QColorDialog(QColor(choice.color), self)
        dialog.setWindowTitle(f"Colour of “{choice.name}”")
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.colorSelected.connect(lambda value: self._model.recolor(row, value.name()))
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

    def dragMoveEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        super().dragMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        row = index.row() if index.isValid() and event.isAccepted() else -1
        self._light(-1 if row in self.rows() else row)

    def dragLeaveEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        super().dragLeaveEvent(event)
        self._light(-1)

    def dropEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        super().dropEvent(event)
        self._light(-1)

    def _light(self, row: int) -> None:
        if row != self.drop_row:
            self.drop_row = row
            self.viewport().update()

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == COLOR and self._model.choice(index.row()).merge_into is None:
            self.ask_color(index.row())
        elif index.column() == BECOMES and len(self.rows()) == 1:
            self.edit(index)


class _RowDelegate(QStyledItemDelegate):
    """Swatch, words and bar. Merged classes are quiet."""

    def __init__(self, view: _View) -> None:
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
        model = self._view._model
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
        t, model = tokens(), self._view._model
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
        model = self._view._model
        own = model.choice(index.row())
        combo.addItem("A class of its own", None)
        combo.addItem(swatch(_rgb(UNKNOWN_COLOR)), UNKNOWN.capitalize(), UNKNOWN_ID)
        for choice in model.choices:
            if choice.merge_into is None and choice.id != own.id:
                combo.addItem(swatch(_rgb(choice.color)), choice.name, choice.id)
        combo.activated.connect(lambda _index: self._chosen(combo))
        return combo

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        assert isinstance(editor, QComboBox)
        into = self._view._model.choice(index.row()).merge_into
        editor.setCurrentIndex(max(editor.findData(into), 0) if into is not None else 0)
        editor.showPopup()

    def setModelData(self, editor: QWidget, model: object, index: Index) -> None:
        assert isinstance(editor, QComboBox)
        self._view._model.setData(index, editor.currentData())

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        editor.setGeometry(option.rect)

    def _chosen(self, combo: QComboBox) -> None:
        self.commitData.emit(combo)
        self.closeEditor.emit(combo, QStyledItemDelegate.EndEditHint.NoHint)


def _rgb(value: str) -> tuple[int, int, int]:
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)
