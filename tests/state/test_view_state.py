"""View state: one transform for both views, one signal for a change of it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.tools import ViewMode
from app.state.view_state import MAX_ZOOM, MIN_ZOOM, ViewState

numbers = st.floats(-1e4, 1e4)


def recorded(view: ViewState) -> list[str]:
    calls: list[str] = []
    view.mode_changed.connect(lambda: calls.append("mode"))
    view.transform_changed.connect(lambda: calls.append("transform"))
    view.overlay_changed.connect(lambda: calls.append("overlay"))
    view.before_changed.connect(lambda on: calls.append(f"before {on}"))
    return calls


def test_cycling_visits_every_mode_and_returns() -> None:
    view = ViewState()
    calls = recorded(view)
    seen = []
    for _ in ViewMode:
        view.cycle()
        seen.append(view.mode)
    assert seen[-1] is ViewMode.SIDE_BY_SIDE
    assert set(seen) == set(ViewMode)
    assert calls == ["mode"] * len(ViewMode)


def test_zoom_and_center_change_with_one_signal_and_end_fitting() -> None:
    view = ViewState()
    calls = recorded(view)
    view.set_transform(2.0, (10, 20))
    assert (view.zoom, view.center, view.fit) == (2.0, (10.0, 20.0), False)
    view.set_transform(2.0, (10, 20))
    assert calls == ["transform"]


def test_the_views_may_fit_without_ending_it() -> None:
    view = ViewState()
    view.set_transform(0.5, (128, 128), fit=True)
    assert view.fit
    view.center = (0, 0)
    assert not view.fit
    view.fit = True
    assert (view.fit, view.zoom) == (True, 0.5)


def test_before_and_overlay_announce_only_changes() -> None:
    view = ViewState()
    calls = recorded(view)
    view.show_before = True
    view.show_before = True
    view.show_before = False
    view.overlay_opacity = 7
    view.overlay_opacity = 1
    assert view.overlay_opacity == 1.0
    assert calls == ["before True", "before False", "overlay"]


@given(st.floats(0.01, 100), numbers, numbers, numbers, numbers)
def test_zooming_at_a_point_keeps_it_in_place(factor, x, y, cx, cy) -> None:
    view = ViewState()
    view.set_transform(1.5, (cx, cy))
    before = ((x - cx) * view.zoom, (y - cy) * view.zoom)
    view.zoom_at(factor, x, y)
    after = ((x - view.center[0]) * view.zoom, (y - view.center[1]) * view.zoom)
    assert MIN_ZOOM <= view.zoom <= MAX_ZOOM
    assert after == pytest.approx(before, rel=1e-6, abs=1e-4)


def test_zooming_beyond_the_limit_does_not_drift() -> None:
    view = ViewState()
    view.set_transform(MAX_ZOOM, (5, 5))
    calls = recorded(view)
    view.zoom_at(2.0, 100, 100)
    assert (view.center, calls) == ((5.0, 5.0), [])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_transform_that_is_not_finite_is_refused(bad: float) -> None:
    view = ViewState()
    with pytest.raises(ValueError, match="finite"):
        view.set_transform(bad, (0, 0))
    with pytest.raises(ValueError, match="finite"):
        view.center = (0, bad)
    assert view.center == (0.0, 0.0)


@given(st.sampled_from(ViewMode), st.floats(0, 1), st.floats(0.1, 60), numbers, st.booleans())
def test_a_view_survives_json(mode, opacity, zoom, x, fit) -> None:
    view = ViewState()
    view.mode, view.overlay_opacity = mode, opacity
    view.set_transform(zoom, (x, -x), fit=fit)
    again = ViewState()
    again.restore(json.loads(json.dumps(view.to_dict())))
    assert (again.mode, again.overlay_opacity, again.fit) == (mode, opacity, fit)
    if not fit:  # when fitting, the views compute the rest
        assert (again.zoom, again.center) == (view.zoom, view.center)


@given(
    st.dictionaries(
        st.sampled_from(["mode", "overlay_opacity", "fit", "zoom", "center", "other"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.floats() | st.text() | st.integers()),
    )
)
def test_restoring_nonsense_leaves_a_usable_view(nonsense) -> None:
    view = ViewState()
    view.restore(nonsense)
    assert view.mode in ViewMode
    assert 0 <= view.overlay_opacity <= 1
    assert MIN_ZOOM <= view.zoom <= MAX_ZOOM
    assert all(math.isfinite(number) for number in view.center)
