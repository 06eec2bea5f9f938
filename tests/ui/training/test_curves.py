"""Curves: what is kept of many points, how they are smoothed, and what the chart reads out."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import losses
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from app.ui.training.chart_panel import ChartPanel
from app.ui.training.chart_scale import Scale, fitting, number, round_steps, step_marks, step_text
from app.ui.training.loss_chart import LossChart
from app.ui.training.loss_series import LIMIT, Series, by_column, smoothed


@given(st.lists(st.integers(1, 3 * LIMIT), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_no_point_is_lost_however_they_come(pieces: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    series, step, values = Series(), 0, []
    for size in pieces:
        part = rng.normal(3, 2, size)
        series.extend(np.arange(step, step + size, dtype=float), part)
        values.append(part)
        step += size
    points, bins = np.concatenate(values), series.bins
    assert len(series) <= LIMIT
    assert bins.count.sum() == len(points)
    assert bins.step[-1] == len(points) - 1
    assert np.all(np.diff(bins.step) > 0)
    assert (bins.low.min(), bins.high.max()) == (points.min(), points.max())
    assert (bins.mean * bins.count).sum() == pytest.approx(points.sum(), rel=1e-9, abs=1e-6)
    # each bin is of neighbours, all of one size but the last
    ends = np.cumsum(bins.count).astype(int)
    starts = ends - bins.count.astype(int)
    assert len(set(bins.count[:-1])) <= 1
    for bin_ in (0, len(bins.mean) // 2, len(bins.mean) - 1):
        part = points[starts[bin_] : ends[bin_]]
        assert bins.mean[bin_] == pytest.approx(part.mean())
        assert bins.spread[bin_] == pytest.approx(part.std(), abs=1e-5)


def test_what_is_no_number_is_left_out() -> None:
    series = Series()
    series.extend(np.arange(4.0), np.array([1.0, np.nan, np.inf, 3.0]))
    assert series.bins.mean.tolist() == [1.0, 3.0]
    assert series.bins.step.tolist() == [0.0, 3.0]


def test_columns_hold_what_lies_in_them() -> None:
    series = Series()
    series.extend(np.arange(1000.0), np.arange(1000.0))
    columns = by_column(series.bins, 0, 999, 10)
    assert columns.step.tolist() == list(range(10))
    assert columns.low[0] == 0
    assert columns.high[-1] == 999
    assert columns.count.sum() == 1000
    sparse = by_column(series.bins, 0, 1e6, 1000)
    assert sparse.step.tolist() == [0, 1]
    assert len(by_column(series.bins, 5000, 6000, 10).step) == 0


def test_smoothing_keeps_a_constant_and_the_ends_of_a_line() -> None:
    series = Series()
    series.extend(np.arange(500.0), np.full(500, 7.0))
    columns = by_column(series.bins, 0, 499, 500)
    assert smoothed(columns, columns.mean, 9.0) == pytest.approx(7.0)
    noise = np.random.default_rng(0).normal(0, 1, 500)
    calm = smoothed(columns, noise, 9.0)
    assert calm.std() < 0.35 * noise.std()


def test_scales_are_readable() -> None:
    assert round_steps(0, 10, 5) == [0, 2, 4, 6, 8, 10]
    assert round_steps(0.1, 0.9, 4) == pytest.approx([0.2, 0.4, 0.6, 0.8])
    log = Scale(-2, 200, log=True)
    places = log.place(np.array([-2.0, 0, 1, 10, 200]))
    assert places[0] == pytest.approx(0)
    assert places[-1] == pytest.approx(1)
    assert np.all(np.diff(places) > 0)
    assert set(log.ticks(8)) >= {0.0, 1.0, 10.0, 100.0}
    assert [number(v) for v in (0, 0.05, 0.5, 1, 12.5, 1500)] == [
        "0",
        "0.05",
        "0.5",
        "1",
        "12.5",
        "1,500",
    ]
    assert [step_text(v) for v in (500, 1000, 1500, 12000, 2e6)] == [
        "500",
        "1k",
        "1.5k",
        "12k",
        "2M",
    ]


def test_marks_are_whole_steps_and_say_which() -> None:
    def texts(first: float, last: float, most: int = 5) -> list[str]:
        return [text for _, text in step_marks(first, last, most)]

    assert texts(21, 23) == ["21", "22", "23"]
    assert texts(22, 23) == ["22", "23"]
    assert texts(12_299, 12_301) == ["12,299", "12,300", "12,301"]
    assert texts(12_340, 12_390) == [f"12,3{tens}0" for tens in range(4, 10)]
    assert texts(0, 20_000, 4) == ["0", "5k", "10k", "15k", "20k"]
    assert texts(1e7, 1.02e7, 4) == ["10,000,000", "10,050,000", *texts(10_100_000, 1.02e7, 2)]
    assert texts(-1, 1) == ["0", "1"]  # there is no step before the first


@pytest.mark.parametrize("step", [0.0, 1.0, 22.0, 12_345.0])
def test_a_single_evaluation_is_whole_in_the_middle(chart, step) -> None:
    chart.clear()
    chart.set_smooth(False)
    chart.add([{"step": step, "d": 0.41, "gan": 0.83}])
    picture = chart.grab().toImage()
    plot, ratio = chart._plot(), picture.devicePixelRatio()
    for key in ("d", "gan"):
        ink = QColor(chart.ink(key))
        found = [
            (x / ratio, y / ratio)
            for y in range(picture.height())
            for x in range(picture.width())
            if picture.pixelColor(x, y) == ink
        ]
        across = [x for x, _ in found]
        down = [y for _, y in found]
        assert max(across) - min(across) >= 3
        assert max(down) - min(down) >= 3
        assert abs((max(across) + min(across)) / 2 - plot.center().x()) < 3
        assert plot.top() < min(down) <= max(down) < plot.bottom()


def test_a_rare_spike_does_not_flatten_the_curve() -> None:
    curve = np.ones(1000) + np.linspace(0, 1, 1000)
    curve[500] = 1e6
    scale = fitting([curve], log=False)
    assert scale.high < 3
    assert fitting([], log=False) == Scale(0.0, 1.0, False)


@pytest.fixture
def chart(qtbot) -> LossChart:
    chart = LossChart()
    qtbot.addWidget(chart)
    chart.resize(500, 300)
    with qtbot.waitExposed(chart):
        chart.show()
    return chart


def test_the_read_out_tells_step_and_values(chart):
    assert chart.readout(250) is None
    chart.add([{"step": float(s), "a": s / 100, "b": 5.0} for s in range(1001)])
    middle = (48 + 500 - 12) / 2
    step, values = chart.readout(middle)
    assert step == pytest.approx(500, abs=8)
    assert dict(values)["a"] == pytest.approx(5.0, abs=0.15)
    assert dict(values)["b"] == pytest.approx(5.0)
    chart.set_hidden("b", True)
    assert [key for key, _ in chart.readout(middle)[1]] == ["a"]
    assert chart.readout(2) is None


def test_fifty_thousand_points_of_five_curves(chart, qtbot):
    rows = losses(0, 50_000)
    for start in range(0, len(rows), 2000):
        chart.add(rows[start : start + 2000])
    assert not chart.grab().isNull()
    step, values = chart.readout(480)
    assert step > 45_000
    assert dict(values)["perceptual"] == pytest.approx(3.2, abs=0.2)
    # what is drawn does not grow with the points
    assert all(len(drawn.line) <= chart.width() for drawn in chart._drawn)
    assert all(len(series) <= LIMIT for series in chart._series.values())


def test_negative_losses_are_on_the_logarithmic_scale_too(chart):
    chart.add([{"step": float(s), "gan": (-1) ** s * 2.0} for s in range(400)])
    chart.set_log(True)
    chart.set_smooth(False)
    assert not chart.grab().isNull()
    assert chart._scale.place(np.array([0.0]))[0] == pytest.approx(0.5, abs=0.2)


def test_a_single_point_is_drawn(chart):
    chart.add([{"step": 5.0, "a": 1.0}])
    image = chart.grab().toImage()
    inks = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(0, 270, 1)}
    assert chart.ink("a") in inks


def test_keys_move_the_read_out(chart, qtbot):
    from PySide6.QtCore import Qt

    chart.add(losses(0, 100))
    chart.setFocus()
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    first = chart._hover
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert chart._hover < first


def test_the_legend_switches_curves(qtbot):
    panel = ChartPanel("Losses")
    qtbot.addWidget(panel)
    panel.resize(400, 300)
    panel.show()
    panel.chart.add([{"step": 0.0, "d": 1.0}])  # learns alone at first
    panel.chart.add(losses(1, 200))
    QApplication.processEvents()
    assert sorted(panel.buttons) == sorted(panel.chart.keys)
    assert list(panel.chart.keys) == ["gan", "d", "perceptual", "feature", "kld"]
    names = ["Realism", "Discriminator", "Likeness", "Features", "Style spread"]
    order = sorted(panel.buttons.values(), key=lambda button: (button.y(), button.x()))
    assert [button.text() for button in order] == names
    # many times the others: not shown unless one asks for it
    assert not panel.buttons["kld"].isChecked()
    assert "kld" not in dict(panel.chart.readout(200)[1])
    panel.buttons["kld"].click()
    assert "kld" in dict(panel.chart.readout(200)[1])
    panel.buttons["d"].click()
    assert "d" not in dict(panel.chart.readout(200)[1])
    panel.chart.add(losses(200, 201))
    assert not panel.buttons["d"].isChecked()
    panel.chart.clear()
    assert not panel.buttons
    panel.chart.add(losses(0, 5))  # as one has switched them
    assert not panel.buttons["d"].isChecked()
    assert panel.buttons["kld"].isChecked()
