"""The palette panel: picking by click, name, number key; what is shown."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.ui.look.theme import apply_theme
from app.ui.palette.palette_panel import PalettePanel
from spade.formats.palette import Palette, load_palette

LEFT = Qt.MouseButton.LeftButton


class Fixture:
    def __init__(self, qtbot: QtBot, palette: str) -> None:
        self.document = Document()
        self.palette = load_palette(palette)
        self.document.new(32, 32, 0, self.palette, "landscape")
        self.tools = ToolSettings(0)
        self.panel = PalettePanel(self.document, self.tools)
        self.qtbot = qtbot
        qtbot.addWidget(self.panel)
        self.panel.resize(236, 600)
        with qtbot.waitExposed(self.panel):
            self.panel.show()

    def id(self, name: str) -> int:
        entry = self.palette.find(name)
        assert entry is not None, name
        return entry.id

    def click(self, name: str) -> None:
        view = self.panel.list
        row = view.class_model.row_of(self.id(name))
        view.scrollTo(view.class_model.index(row))
        point = view.visualRect(view.class_model.index(row)).center()
        self.qtbot.mouseClick(view.viewport(), LEFT, pos=point)

    @property
    def listed(self) -> list[str]:
        return [row.entry.name for row in self.panel.list.class_model.rows if row.entry]

    @property
    def titles(self) -> list[str]:
        return [row.title for row in self.panel.list.class_model.rows if not row.entry]


@pytest.fixture
def landscape(qtbot: QtBot, qapp: QApplication) -> Fixture:
    apply_theme(qapp, "dark")
    return Fixture(qtbot, "landscape")


@pytest.fixture
def coco(qtbot: QtBot, qapp: QApplication) -> Fixture:
    apply_theme(qapp, "dark")
    return Fixture(qtbot, "coco-stuff")


def test_a_click_picks_the_class(landscape: Fixture) -> None:
    landscape.click("tree")
    assert landscape.tools.class_id == landscape.id("tree")
    landscape.click("sand")
    assert landscape.tools.class_id == landscape.id("sand")
    assert landscape.tools.previous_class == landscape.id("tree")
    assert landscape.panel.name.text() == "Sand"
    assert landscape.panel.previous.text() == "Before: tree"


def test_a_click_does_not_take_the_keyboard(landscape: Fixture) -> None:
    landscape.panel.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    landscape.panel.setFocus()
    landscape.click("tree")
    assert not landscape.panel.list.hasFocus()


def test_a_click_on_a_title_does_nothing(landscape: Fixture) -> None:
    view = landscape.panel.list
    before = landscape.tools.class_id
    assert view.class_model.rows[0].entry is None
    point = view.visualRect(view.class_model.index(0)).center()
    landscape.qtbot.mouseClick(view.viewport(), LEFT, pos=point)
    assert landscape.tools.class_id == before


def test_groups_in_order_with_titles(landscape: Fixture) -> None:
    assert landscape.titles == ["Sky", "Land", "Water", "Plants", "Built"]
    assert set(landscape.listed) == {entry.name for entry in landscape.palette.classes}


def test_type_to_find_enter_picks_the_first(landscape: Fixture) -> None:
    panel, qtbot = landscape.panel, landscape.qtbot
    panel.focus_search()
    qtbot.keyClicks(panel.search, "mtn")
    assert landscape.listed[0] == "mountain"
    with qtbot.waitSignal(panel.focus_canvas, timeout=0):
        qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert landscape.tools.class_id == landscape.id("mountain")
    assert panel.search.text() == ""
    assert len(landscape.listed) == len(landscape.palette.classes)


def test_arrows_choose_among_what_was_found(landscape: Fixture) -> None:
    panel, qtbot = landscape.panel, landscape.qtbot
    qtbot.keyClicks(panel.search, "w")
    second, third = landscape.listed[1:3]
    for _ in range(2):
        qtbot.keyClick(panel.search, Qt.Key.Key_Down)
    qtbot.keyClick(panel.search, Qt.Key.Key_Up)
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert landscape.tools.class_id == landscape.id(second) != landscape.id(third)


def test_escape_gives_up_the_search(landscape: Fixture) -> None:
    panel, qtbot = landscape.panel, landscape.qtbot
    before = landscape.tools.class_id
    qtbot.keyClicks(panel.search, "tree")
    with qtbot.waitSignal(panel.focus_canvas, timeout=0):
        qtbot.keyClick(panel.search, Qt.Key.Key_Escape)
    assert landscape.tools.class_id == before
    assert panel.search.text() == ""


def test_nothing_found_is_said_and_enter_is_harmless(landscape: Fixture) -> None:
    panel, qtbot = landscape.panel, landscape.qtbot
    before = landscape.tools.class_id
    qtbot.keyClicks(panel.search, "zzz")
    assert panel.nothing.isVisible()
    assert not panel.list.isVisible()
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    assert landscape.tools.class_id == before
    panel.clear_search.trigger()
    assert panel.list.isVisible()


def test_a_click_while_searching_ends_the_search(landscape: Fixture) -> None:
    panel, qtbot = landscape.panel, landscape.qtbot
    qtbot.keyClicks(panel.search, "s")
    with qtbot.waitSignal(panel.focus_canvas, timeout=0):
        landscape.click("snow")
    assert landscape.tools.class_id == landscape.id("snow")
    assert panel.search.text() == ""


def test_letters_typed_in_the_list_start_a_search(landscape: Fixture) -> None:
    panel, qtbot = landscape.panel, landscape.qtbot
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_G)
    assert panel.search.text() == "g"
    assert landscape.listed[0] == "grass"


def test_the_list_claims_letters_from_single_key_shortcuts_but_not_digits(
    landscape: Fixture, qapp: QApplication
) -> None:
    def claimed(key: Qt.Key, text: str) -> bool:
        kind = QKeyEvent.Type.ShortcutOverride
        event = QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier, text)
        event.ignore()
        qapp.sendEvent(landscape.panel.list, event)
        return event.isAccepted()

    assert claimed(Qt.Key.Key_B, "b")
    assert not claimed(Qt.Key.Key_1, "1")


def test_enter_in_the_list_picks_its_cursor(landscape: Fixture) -> None:
    panel, qtbot = landscape.panel, landscape.qtbot
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    qtbot.keyClick(panel.list, Qt.Key.Key_Return)
    assert landscape.tools.class_id == landscape.id("cloud")


def test_number_keys_are_the_first_ten_classes(landscape: Fixture) -> None:
    ids = landscape.palette.ids
    for key, expected in zip("1234567890", ids[:10], strict=True):
        assert landscape.panel.pick_key(key)
        assert landscape.tools.class_id == expected
    assert not landscape.panel.pick_key("a")
    shown = {row.key: row.entry.id for row in landscape.panel.list.class_model.rows if row.key}
    assert shown == dict(zip("1234567890", ids, strict=False))


def test_a_small_palette_leaves_number_keys_without_class(qtbot: QtBot) -> None:
    document = Document()
    few = Palette("few", load_palette("landscape").classes[:3])
    document.new(8, 8, 0, few, "landscape")
    panel = PalettePanel(document, ToolSettings(0))
    qtbot.addWidget(panel)
    assert panel.pick_key("3")
    assert not panel.pick_key("4")


def test_the_rear_swatch_swaps(landscape: Fixture) -> None:
    landscape.click("tree")
    landscape.click("sand")
    pair = landscape.panel.pair
    landscape.qtbot.mouseClick(pair, LEFT, pos=(pair.back.bottomRight() - QPoint(4, 4)).toPoint())
    assert landscape.tools.class_id == landscape.id("tree")
    assert landscape.panel.name.text() == "Tree"
    assert "sand" in pair.toolTip()
    landscape.qtbot.mouseClick(pair, LEFT, pos=pair.front.center().toPoint())
    assert landscape.tools.class_id == landscape.id("tree")


def test_recent_classes_newest_first_and_clickable(landscape: Fixture) -> None:
    for name in ("tree", "sand", "rock"):
        landscape.click(name)
    recent = landscape.panel.recent
    assert recent.accessibleName() == "Recent classes: rock, sand, tree, sky"
    landscape.qtbot.mouseClick(recent, LEFT, pos=recent.rect_of(2).center().toPoint())
    assert landscape.tools.class_id == landscape.id("tree")
    beyond = recent.rect_of(9).center().toPoint()
    landscape.qtbot.mouseClick(recent, LEFT, pos=beyond)
    assert landscape.tools.class_id == landscape.id("tree")


def test_unknown_is_offered_only_if_the_model_can_fill_it(landscape: Fixture) -> None:
    panel, tools = landscape.panel, landscape.tools
    assert "Unknown" not in landscape.listed
    panel.set_dont_care(True)
    assert landscape.listed[-1] == "Unknown"
    panel.search.setText("unk")
    assert landscape.listed[-1] == "Unknown"
    panel.list.pick_cursor()
    tools.class_id = 255
    assert panel.name.text() == "Unknown"
    panel.set_dont_care(False)
    assert tools.class_id != 255
    assert "Unknown" not in landscape.listed


def test_another_palette_replaces_the_classes(landscape: Fixture) -> None:
    landscape.click("building")
    other = load_palette("cityscapes")
    landscape.document.set_model("cityscapes", other, None)
    assert set(landscape.listed) == {entry.name for entry in other.classes}
    assert landscape.tools.class_id in other.ids


def test_182_classes_are_one_view_with_few_widgets(coco: Fixture) -> None:
    panel = coco.panel
    assert len(coco.listed) == len(coco.palette.classes) >= 171
    assert len(panel.findChildren(object)) < 150
    last = coco.palette.classes[-1]
    coco.tools.class_id = last.id
    view = panel.list
    index = view.class_model.index(view.class_model.row_of(last.id))
    assert view.viewport().rect().contains(view.visualRect(index))


@pytest.mark.parametrize("grid", [False, True])
def test_the_grid_picks_too_and_scrolls_to_the_current_class(coco: Fixture, grid: bool) -> None:
    panel = coco.panel
    if grid:
        panel.layout_choice.buttons[True].click()
    panel.list.set_grid(grid)
    coco.click("elephant")
    assert coco.tools.class_id == coco.id("elephant")
    coco.tools.class_id = coco.id("snow")
    view = panel.list
    index = view.class_model.index(view.class_model.row_of(coco.id("snow")))
    assert view.viewport().rect().contains(view.visualRect(index))
    first = view.visualRect(view.class_model.index(view.class_model.row_of(coco.id("car"))))
    next_one = view.visualRect(
        view.class_model.index(view.class_model.row_of(coco.id("motorcycle")))
    )
    assert (first.top() == next_one.top()) is grid


def test_tool_tips_tell_id_colour_and_key(landscape: Fixture) -> None:
    model = landscape.panel.list.class_model
    tip = model.data(model.index(model.row_of(0)), Qt.ItemDataRole.ToolTipRole)
    assert "sky" in tip
    assert "#87ceeb" in tip
    assert "(1)" in tip


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("grid", [False, True])
def test_it_paints_in_both_themes(
    coco: Fixture, qapp: QApplication, theme: str, grid: bool
) -> None:
    coco.panel.set_dont_care(True)
    coco.panel.list.set_grid(grid)
    apply_theme(qapp, theme)
    picture = coco.panel.grab().toImage()
    colors = {picture.pixelColor(x, y).name() for x in range(0, 236, 3) for y in range(0, 600, 3)}
    assert len(colors) > 20
    apply_theme(qapp, "dark")
