"""The table of classes: editing by hand, by drag, by menu; undo; what an import gets of it."""

from __future__ import annotations

import pytest
from fakes import CLASSES
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QComboBox, QLineEdit

from app.ui.training.class_model import BECOMES, COLOR, NAME, SHARE
from app.ui.training.class_table import ClassTable
from app.workers.training_messages import FoundClass
from spade.formats.palette import UNKNOWN_ID


@pytest.fixture
def table(qtbot) -> ClassTable:
    table = ClassTable()
    qtbot.addWidget(table)
    table.resize(460, 420)
    table.show_classes(CLASSES[::-1])
    with qtbot.waitExposed(table):
        table.show()
    return table


def cell(table: ClassTable, row: int, column: int) -> str:
    return table.class_model.index(row, column).data()


def test_rows_are_sorted_by_share(table):
    assert [cell(table, row, NAME) for row in range(5)] == [c.name for c in CLASSES]
    assert [cell(table, row, SHARE) for row in (0, 3, 4)] == ["42 %", "9.0 %", "0.02 %"]
    assert table.head.text() == "5 classes"


def test_an_import_gets_nothing_while_nothing_is_changed(table):
    assert table.choices == ()
    table.class_model.rename(0, "grass")
    assert table.choices[0].name == "grass"
    assert len(table.choices) == 5
    table.class_model.undo_stack.undo()
    assert table.choices == ()


def test_a_name_is_typed(table, qtbot):
    index = table.class_model.index(1, NAME)
    table.view.setCurrentIndex(index)
    qtbot.keyClick(table.view, Qt.Key.Key_Return)
    editor = table.view.findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "Hecke")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: cell(table, 1, NAME) == "Hecke")


def test_a_name_that_is_taken_is_refused_with_a_remedy(table):
    assert not table.class_model.rename(1, "Lawn")
    assert "merge the two" in table.note.text()
    assert table.note.property("role") == "error"
    assert cell(table, 1, NAME) == "hedge"
    table.class_model.rename(1, "bush")
    assert table.note.property("role") == "caption"


def drag(table: ClassTable, rows: list[int], target: int) -> None:
    model = table.class_model
    data = model.mimeData([model.index(row, 0) for row in rows])
    model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, model.index(target, NAME))


def test_a_row_dragged_upon_another_is_merged_into_it(table):
    drag(table, [4, 3], 2)
    assert [c.merge_into for c in table.choices] == [None, None, None, 2, 2]
    assert (cell(table, 4, BECOMES), table.head.text()) == ("path", "3 classes of 5")
    assert cell(table, 2, SHARE) == "27 %"
    assert table.class_model.rowCount() == 5
    # between two rows it means nothing
    model = table.class_model
    data = model.mimeData([model.index(0, 0)])
    assert not model.canDropMimeData(data, Qt.DropAction.MoveAction, 1, 0, QModelIndex())


def test_the_list_in_a_row_merges_and_separates(table, qtbot):
    index = table.class_model.index(4, BECOMES)
    table.view.edit(index)
    combo = table.view.findChild(QComboBox)
    texts = [combo.itemText(i) for i in range(combo.count())]
    assert texts == ["A class of its own", "Unknown", "lawn", "hedge", "path", "pond"]
    combo.hidePopup()
    combo.setCurrentIndex(1)
    combo.activated.emit(1)
    assert table.choices[4].merge_into == UNKNOWN_ID
    assert cell(table, 4, BECOMES) == "unknown"
    table.class_model.setData(index, None)
    assert table.choices == ()


def test_the_menu_merges_what_is_selected(table):
    assert not table.merge_button.isEnabled()
    table.view.selectRow(3)
    assert table.merge_button.isEnabled()
    menu = table.merge_button.menu()
    menu.aboutToShow.emit()
    next(a for a in menu.actions() if a.text() == "lawn").trigger()
    assert table.choices[3].merge_into == 0
    menu.aboutToShow.emit()
    next(a for a in menu.actions() if a.text() == "Classes of their own").trigger()
    assert table.choices == ()


def test_reset_can_be_undone(table, qtbot):
    table.class_model.rename(0, "grass")
    table.class_model.merge([4], 3)
    table.class_model.recolor(1, "#102030")
    edited = table.choices
    qtbot.mouseClick(table.reset_button, Qt.MouseButton.LeftButton)
    assert table.choices == ()
    assert not table.reset_button.isEnabled()
    qtbot.mouseClick(table.undo_button, Qt.MouseButton.LeftButton)
    assert table.choices == edited
    for _ in range(3):
        table.class_model.undo_stack.undo()
    assert table.choices == ()
    assert not table.undo_button.isEnabled()
    qtbot.mouseClick(table.redo_button, Qt.MouseButton.LeftButton)
    assert table.choices[0].name == "grass"


def test_undo_by_key(table, qtbot):
    table.class_model.rename(0, "grass")
    table.view.setFocus()
    qtbot.keyClick(table.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert table.choices == ()


def test_a_click_on_the_colour_asks_for_another(table, qtbot):
    from PySide6.QtWidgets import QColorDialog

    rect = table.view.visualRect(table.class_model.index(2, COLOR))
    qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    dialog = table.view.findChild(QColorDialog)
    assert dialog.isVisible()
    assert dialog.currentColor().name() == CLASSES[2].color
    from PySide6.QtGui import QColor

    dialog.setCurrentColor(QColor("#123456"))
    dialog.accept()
    assert table.choices[2].color == "#123456"


def test_shares_that_nobody_knows_are_not_shown(table):
    photos = tuple(FoundClass(i, f"thing {i}", f"#{i:06x}", "", 0.0, 0) for i in range(3))
    table.show_classes(photos)
    assert table.view.isColumnHidden(SHARE)
    table.show_classes(CLASSES)
    assert not table.view.isColumnHidden(SHARE)


def test_182_classes_can_be_searched(table):
    many = tuple(FoundClass(i, f"thing {i}", f"#{i:06x}", "stuff", 1 / 182, i) for i in range(182))
    table.show_classes(many)
    assert table.search.isVisible()
    table.search.setText("thing 18")
    shown = [row for row in range(182) if not table.view.isRowHidden(row)]
    assert [cell(table, row, NAME) for row in shown] == [
        "thing 18",
        "thing 118",
        "thing 180",
        "thing 181",
    ]
    table.show_classes(CLASSES)
    assert not table.search.isVisible()
    assert not any(table.view.isRowHidden(row) for row in range(5))
