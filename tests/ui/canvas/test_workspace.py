"""Canvas and picture together: modes, one zoom for both, what the badge and the card say."""

from __future__ import annotations

import numpy as np
import pytest
from hands import Button, Hand, Studio, pixels
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.core.tools import Tool, ViewMode
from app.ui.canvas.badges import PATIENCE_MS, State
from app.ui.canvas.workspace import Workspace


def grey(value: int) -> np.ndarray:
    return np.full((30, 40, 3), value, np.uint8)


def test_side_by_side_shows_both_and_the_other_modes_the_picture(workspace: Workspace) -> None:
    assert workspace.canvas.isVisible()
    assert workspace.preview.isVisible()
    assert workspace.canvas.x() < workspace.preview.x()
    assert abs(workspace.canvas.width() - workspace.preview.width()) <= 1
    for _ in range(2):
        workspace.view.cycle()
        assert workspace.view.mode is not ViewMode.SIDE_BY_SIDE
        assert not workspace.canvas.isVisible()
        assert workspace.preview.isVisible()
    workspace.view.cycle()
    assert workspace.canvas.isVisible()


def test_fit_uses_the_room_of_the_mode(workspace: Workspace) -> None:
    side_by_side = workspace.view.zoom
    assert side_by_side == pytest.approx((300 - 32) / 30, rel=0.02)
    workspace.resize(500, 300)
    assert workspace.view.zoom == pytest.approx((248 - 32) / 40, rel=0.02)
    workspace.view.mode = ViewMode.PICTURE
    QApplication.processEvents()
    assert workspace.view.zoom == pytest.approx((300 - 32) / 30, rel=0.02)
    assert workspace.view.fit


def test_both_views_show_the_same_place(workspace: Workspace) -> None:
    Hand(workspace.preview).wheel((150, 80), 2)
    Hand(workspace.canvas).drag((3, 3), (5, 9), button=Button.MiddleButton)
    one, other = workspace.canvas.transform(), workspace.preview.transform()
    assert (one.zoom, one.center) == (other.zoom, other.center)
    assert np.abs(np.subtract(one.to_view(0, 0), other.to_view(0, 0))).max() <= 1


def test_a_very_wide_canvas_is_stacked(studio: Studio, workspace: Workspace) -> None:
    workspace.resize(800, 600)
    studio.document.new(200, 40, 0, studio.document.palette, "test")
    QApplication.processEvents()
    assert workspace.canvas.x() == workspace.preview.x()
    assert workspace.canvas.y() < workspace.preview.y()
    assert workspace.view.zoom == pytest.approx((800 - 32) / 200, rel=0.02)
    studio.document.new(40, 40, 0, studio.document.palette, "test")
    QApplication.processEvents()
    assert workspace.canvas.y() == workspace.preview.y()


def test_a_sample_scene_is_stacked_in_a_small_window_where_it_gets_larger(
    studio: Studio, workspace: Workspace
) -> None:
    workspace.resize(735, 673)
    studio.document.new(384, 256, 0, studio.document.palette, "test")
    QApplication.processEvents()
    assert workspace.canvas.y() < workspace.preview.y()
    workspace.resize(1370, 930)
    QApplication.processEvents()
    assert workspace.canvas.y() == workspace.preview.y()


def test_what_lies_over_the_lower_edge_does_not_cover_the_views(workspace: Workspace) -> None:
    workspace.set_foot(120)
    QApplication.processEvents()
    assert workspace.canvas.height() <= workspace.height() - 120
    assert workspace.view.zoom == pytest.approx((300 - 120 - 32) / 30, rel=0.02)


def test_painting_on_the_picture_paints_the_labels(studio: Studio, workspace: Workspace) -> None:
    for mode in ViewMode:
        workspace.view.mode = mode
        workspace.view.set_transform(4.0, (20.0, 15.0))
        hand = Hand(workspace.preview)
        left, top = workspace.preview.transform().to_view(0, 0)
        hand.at = lambda x, y, left=left, top=top: (left + 4 * x + 1.5, top + 4 * y + 1.5)
        hand.drag((7, 2), (9, 2))
        assert studio.painted == {(7, 2), (8, 2), (9, 2)}
        studio.document.undo()


def test_a_polygon_goes_on_in_the_other_view(studio: Studio, workspace: Workspace) -> None:
    studio.tools.tool = Tool.POLYGON
    workspace.view.set_transform(8.0, (20.0, 15.0))
    hands = []
    for view in (workspace.canvas, workspace.preview):
        hand = Hand(view)
        left, top = view.transform().to_view(0, 0)
        hand.at = lambda x, y, left=left, top=top: (left + 8 * x + 3.5, top + 8 * y + 3.5)
        hands.append(hand)
    hands[0].click(5, 5)
    hands[1].click(20, 6)
    hands[0].click(12, 20)
    QTest.keyClick(workspace.preview, Qt.Key.Key_Return)
    assert (12, 10) in studio.painted
    assert studio.undo_steps() == 1


def test_changing_the_mode_ends_a_stroke(studio: Studio, workspace: Workspace) -> None:
    Hand(workspace.canvas).press(5, 5)
    workspace.view.cycle()
    assert not studio.document.stroke_active


def test_focus_goes_with_the_mode(qtbot, workspace: Workspace) -> None:
    workspace.activateWindow()
    qtbot.waitUntil(workspace.isActiveWindow)
    workspace.canvas.setFocus()
    workspace.view.cycle()
    assert workspace.preview.hasFocus()
    workspace.view.mode = ViewMode.SIDE_BY_SIDE
    assert workspace.canvas.hasFocus()


def test_the_pointer_is_echoed_in_the_other_view(studio: Studio, workspace: Workspace) -> None:
    studio.tools.brush_size = 8
    workspace.set_picture(grey(50), studio.document.revision, False)
    workspace.canvas.pointer = workspace.preview.pointer = None
    workspace.canvas.set_ghost(None)
    workspace.preview.set_ghost(None)
    plain = pixels(workspace.preview)
    Hand(workspace.canvas).move(9, 9)
    assert (pixels(workspace.preview) != plain).any()
    QApplication.sendEvent(workspace.canvas, QEvent(QEvent.Type.Leave))
    assert (pixels(workspace.preview) == plain).all()


def test_hover_is_told_for_both_views(qtbot, workspace: Workspace) -> None:
    workspace.view.set_transform(8.0, (20.0, 15.0))
    for view in (workspace.canvas, workspace.preview):
        x, y = view.transform().to_view(11.5, 4.5)
        hand = Hand(view)
        hand.at = lambda a, b, x=x, y=y: (x, y)
        with qtbot.waitSignal(workspace.hovered) as seen:
            hand.move(0, 0)
        assert seen.args == [11, 4, 0]


def test_updating_is_said_after_a_moments_patience(
    qtbot, studio: Studio, workspace: Workspace
) -> None:
    workspace.set_picture(grey(50), studio.document.revision, False)
    workspace.set_updating(True)
    assert workspace.state is State.CURRENT
    qtbot.waitUntil(lambda: workspace.state is State.UPDATING, timeout=PATIENCE_MS + 2000)
    workspace.set_picture(grey(60), studio.document.revision, False)
    workspace.set_updating(False)
    assert workspace.state is State.CURRENT


def test_a_quick_picture_causes_no_flicker(qtbot, studio: Studio, workspace: Workspace) -> None:
    badge = workspace._badge
    workspace.set_updating(True)
    assert badge._patience.isActive()
    workspace.set_updating(False)
    assert not badge._patience.isActive()
    assert badge.isHidden()


def test_an_old_picture_that_nobody_renews_is_called_out_of_date(
    qtbot, studio: Studio, workspace: Workspace
) -> None:
    workspace.set_picture(grey(50), studio.document.revision, True)
    qtbot.waitUntil(lambda: workspace.state is State.OUT_OF_DATE, timeout=PATIENCE_MS + 2000)
    workspace.set_updating(True)
    assert workspace.state is State.UPDATING
    workspace.set_picture(None, studio.document.revision, True)
    workspace.set_updating(False)
    assert workspace.state is State.CURRENT


def test_the_picture_before_is_called_that(studio: Studio, workspace: Workspace) -> None:
    before = grey(50)
    workspace.set_picture(before, studio.document.revision, False)
    first = studio.document.revision
    studio.document.flood_fill(0, 0, 2)
    now = grey(90)
    workspace.set_picture(now, studio.document.revision, False)
    workspace.view.show_before = True
    workspace.set_picture(before, first, False)
    assert workspace.state is State.BEFORE
    assert pixels(workspace.preview)[150, 200].tolist() == [50, 50, 50]
    workspace.view.show_before = False
    workspace.set_picture(now, studio.document.revision, False)
    assert workspace.state is State.CURRENT
    assert pixels(workspace.preview)[150, 200].tolist() == [90, 90, 90]


def test_a_message_lies_over_the_picture_and_lets_the_mouse_through(
    studio: Studio, workspace: Workspace
) -> None:
    workspace.set_message("Loading model…\nThe picture appears as soon as it is ready.")
    assert workspace.message.startswith("Loading model…")
    card = workspace._card
    assert workspace.preview.rect().contains(card.geometry())
    assert card.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    workspace.resize(260, 200)
    QApplication.processEvents()
    assert card.width() <= workspace.preview.width()
    workspace.set_message(None)
    assert workspace.message == ""
    assert card.isHidden()


def test_both_views_have_names_for_screen_readers(workspace: Workspace) -> None:
    for widget in (workspace, workspace.canvas, workspace.preview):
        assert widget.accessibleName()
