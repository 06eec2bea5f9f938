"""How long the GUI thread is kept from its events while somebody paints.

    python tests/bench/gui_stalls.py [--seconds 20] [--scene MAP.png] [--thread]

The real application with its real worker and the bundled model: the window opens, the model
loads, then strokes are painted by mouse events, live preview on. A timer of 2 ms notes when
it fires; the gaps between are what a stroke would have waited. Loading is told apart.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("SPADEWORK_STATE_DIR", tempfile.mkdtemp(prefix="spadework-bench-"))

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

import app.main
from app.ui.main_window import MainWindow
from app.workers.in_thread_backend import InThreadBackend
from app.workers.preview_worker import PreviewWorker
from spade.formats.resources import bundled_scenes


class Heartbeat(QObject):
    """Gaps between the firings of a 2 ms timer, in milliseconds, by phase."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: dict[str, list[float]] = {}
        self.phase = "start"
        self._last = time.perf_counter()
        self._timer = QTimer(self, timerType=Qt.TimerType.PreciseTimer, interval=2)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.setdefault(self.phase, []).append((now - self._last) * 1e3)
        self._last = now


class Painter(QObject):
    """Strokes across the canvas: a mouse event every 8 ms, a pause after each stroke."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.window = window
        self.strokes = 0
        self._random = random.Random(3)
        self._points: list[QPointF] = []
        self._timer = QTimer(self, timerType=Qt.TimerType.PreciseTimer, interval=8)
        self._timer.timeout.connect(self._next)

    def start(self) -> None:
        """Begin to paint."""
        self._timer.start()

    def stop(self) -> None:
        """Lift the pen and stop."""
        self._timer.stop()

    def _next(self) -> None:
        canvas = self.window.workspace.canvas
        if not self._points:
            classes = [c.id for c in self.window.document.palette.classes]
            self.window.tools.class_id = self._random.choice(classes)
            self.window.tools.brush_size = self._random.randint(8, 60)
            width, height = canvas.width(), canvas.height()
            x, y = self._random.uniform(0.2, 0.8) * width, self._random.uniform(0.4, 0.6) * height
            turn = self._random.uniform(0, math.tau)
            self._points = [
                QPointF(
                    x + 2.5 * i * math.cos(turn + i / 40), y + 2.5 * i * math.sin(turn + i / 40)
                )
                for i in range(60)
            ]
            self._send(QEvent.Type.MouseButtonPress, self._points[0])
            return
        point = self._points.pop(0)
        self._send(QEvent.Type.MouseMove, point)
        if not self._points:
            self._send(QEvent.Type.MouseButtonRelease, point)
            self.strokes += 1

    def _send(self, kind: QEvent.Type, at: QPointF) -> None:
        canvas = self.window.workspace.canvas
        button = Qt.MouseButton.LeftButton
        pressed = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else button
        changed = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseMove else button
        event = QMouseEvent(
            kind, at, canvas.mapToGlobal(at), changed, pressed, Qt.KeyboardModifier.NoModifier
        )
        QApplication.postEvent(canvas, event)


def summary(gaps: list[float]) -> dict[str, float]:
    """99th percentile, longest and count."""
    return {
        "p50_ms": round(float(np.percentile(gaps, 50)), 2),
        "p99_ms": round(float(np.percentile(gaps, 99)), 2),
        "longest_ms": round(max(gaps), 2),
        "beats": len(gaps),
    }


def main() -> None:
    """Open, load, paint, report one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--scene", type=Path, default=bundled_scenes()[0])
    parser.add_argument(
        "--thread", action="store_true", help="render in a thread instead of a child process"
    )
    options = parser.parse_args()
    if options.thread:
        app.main.PreviewWorker = partial(PreviewWorker, backend_factory=InThreadBackend)
    began = time.perf_counter()
    qt = QApplication(sys.argv[:1])
    window = app.main.make_window(qt)
    window.open_first(options.scene.absolute())
    window.show()
    qt.processEvents()
    visible = time.perf_counter() - began
    beat, painter = Heartbeat(), Painter(window)
    times: list[float] = []

    def on_finished(result: object) -> None:
        times.append(result.seconds)  # type: ignore[attr-defined]

    def begin(_info: object) -> None:
        beat.phase = "settling"
        QTimer.singleShot(3000, paint)

    def paint() -> None:
        beat.phase = "painting"
        times.clear()
        painter.start()
        QTimer.singleShot(round(options.seconds * 1000), finish)

    def finish() -> None:
        beat.phase = "end"
        painter.stop()
        qt.exit()  # not quit: that asks about unsaved changes

    worker = window.services.worker
    worker.model_loaded.connect(begin)
    worker.finished.connect(on_finished)
    beat.phase = "loading"
    QTimer.singleShot(0, window.start)
    QTimer.singleShot(120_000, qt.exit)
    qt.exec()
    window.shut_down()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report = {
        "window_visible_s": round(visible, 2),
        "strokes": painter.strokes,
        "renders": len(times),
        "render_median_s": round(float(np.median(times)), 3) if times else None,
        "peak_mb": {"window": round(own), "renderer": round(child)},
        **{phase: summary(gaps) for phase, gaps in beat.gaps.items() if phase != "end"},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
