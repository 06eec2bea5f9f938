"""How long the GUI thread is kept from its events while somebody paints, and how soon one sees it.

    python tests/bench/gui_stalls.py [--seconds 20] [--scene MAP.png] [--size 1024] [--rest 0.5]

The real application with its real worker and the bundled model: the window opens, the model
loads, then strokes are painted by mouse events, live preview on. A timer of 2 ms notes when
it fires; the gaps between are what a stroke would have waited. Loading is told apart.

Latency is from a movement of the pen that changed a pixel to the moment when a picture that
holds it is about to be painted on the screen. Pictures are counted by what the engine did.
``--size`` stretches the scene, by nearest pixels, to a square canvas; ``--rest`` lets the pen
rest so many seconds after each stroke. "elsewhere_ms" are the longest gaps that a process met
which did nothing but sleep meanwhile: what the machine, not the program, is to blame for.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("SPADEWORK_STATE_DIR", tempfile.mkdtemp(prefix="spadework-bench-"))

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

import app.main
from app.ui.main_window import MainWindow
from app.workers.in_thread_backend import InThreadBackend
from app.workers.messages import Purpose, RenderResult
from app.workers.preview_worker import PreviewWorker
from spade.formats.resources import bundled_scenes

TICK_MS = 8
LONGEST = 5  # gaps told one by one


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


class Sleeper:
    """Another process that sleeps 2 ms at a time, and its longest gaps in milliseconds."""

    _LOOP = """if True:
        import sys, threading, time
        gaps, ended = [0.0], threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        last = time.perf_counter()
        while not ended.is_set():
            time.sleep(0.002)
            now = time.perf_counter()
            gaps = sorted([*gaps, (now - last) * 1e3], reverse=True)[:5]
            last = now
        print(*gaps)
    """

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", self._LOOP], stdin=pipe, stdout=pipe, text=True
        )

    def end(self) -> list[float]:
        """The longest gaps, longest first."""
        told, _ = self._process.communicate("")
        return [round(float(gap), 1) for gap in told.split()]


class Painter(QObject):
    """Strokes across the canvas: a mouse event every 8 ms, ``rest`` seconds after each stroke."""

    def __init__(self, window: MainWindow, rest: float) -> None:
        super().__init__()
        self.window = window
        self.strokes = 0
        self._rest = round(1000 * rest / TICK_MS)  # ticks
        self._resting = 0
        self._random = random.Random(3)
        self._points: list[QPointF] = []
        self._timer = QTimer(self, timerType=Qt.TimerType.PreciseTimer, interval=TICK_MS)
        self._timer.timeout.connect(self._next)

    def start(self) -> None:
        """Begin to paint."""
        self._timer.start()

    def stop(self) -> None:
        """Lift the pen and stop."""
        self._timer.stop()

    def _next(self) -> None:
        canvas = self.window.workspace.canvas
        if self._resting:
            self._resting -= 1
            return
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
            self._resting = self._rest

    def _send(self, kind: QEvent.Type, at: QPointF) -> None:
        canvas = self.window.workspace.canvas
        button = Qt.MouseButton.LeftButton
        pressed = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else button
        changed = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseMove else button
        event = QMouseEvent(
            kind, at, canvas.mapToGlobal(at), changed, pressed, Qt.KeyboardModifier.NoModifier
        )
        QApplication.postEvent(canvas, event)


class Eye(QObject):
    """Sees when a change of the labels shows in the picture, and what the engine did for it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__()
        self.latencies: list[float] = []  # seconds
        self.pictures: dict[str, list[float]] = {}  # seconds of each, by what was done
        self._document = window.document
        self._changes: list[tuple[int, float]] = []  # revision, when; not yet seen
        self._shown = self._seen = 0  # revisions
        window.document.labels_changed.connect(self._changed)
        window.preview.rendered.connect(self._rendered)
        window.workspace.preview.installEventFilter(self)

    def open(self) -> None:
        """Begin anew."""
        self.latencies.clear()
        self.pictures.clear()
        self._changes.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint and self._seen != self._shown:
            self._seen, now = self._shown, time.perf_counter()
            while self._changes and self._changes[0][0] <= self._seen:
                self.latencies.append(now - self._changes.pop(0)[1])
        return False

    def _changed(self, _rect: object) -> None:
        self._changes.append((self._document.revision, time.perf_counter()))

    def _rendered(self, result: RenderResult) -> None:
        if result.request.purpose is Purpose.PREVIEW:
            self._shown = result.request.revision
            self.pictures.setdefault(result.work.kind, []).append(result.seconds)

    def report(self, seconds: float) -> dict[str, object]:
        """Pictures by kind with the median of their seconds, latency, and waits for a picture."""
        count = sum(map(len, self.pictures.values()))
        told: dict[str, object] = {
            "pictures": {kind: len(took) for kind, took in self.pictures.items()},
            "render_median_s": {
                kind: round(float(np.median(took)), 3) for kind, took in self.pictures.items()
            },
            "pictures_per_s": round(count / seconds, 1),
        }
        if self.latencies:
            p50, p95 = np.percentile(self.latencies, [50, 95])
            told["latency_ms"] = {
                "p50": round(1e3 * float(p50)),
                "p95": round(1e3 * float(p95)),
                "longest": round(1e3 * max(self.latencies)),
                "never_seen": len(self._changes),
            }
        return told


def summary(gaps: list[float]) -> dict[str, object]:
    """Median, 99th percentile, the longest, and how many there were."""
    return {
        "p50_ms": round(float(np.percentile(gaps, 50)), 2),
        "p99_ms": round(float(np.percentile(gaps, 99)), 2),
        "longest_ms": [round(gap, 1) for gap in sorted(gaps)[: -LONGEST - 1 : -1]],
        "beats": len(gaps),
    }


def stretched(scene: Path, side: int) -> Path:
    """The label map as a square canvas, in a file of its own; classes stay as they are."""
    path = Path(os.environ["SPADEWORK_STATE_DIR"]) / f"{scene.stem}-{side}.png"
    with Image.open(scene) as image:
        image.resize((side, side), Image.Resampling.NEAREST).save(path)
    return path


def main() -> None:
    """Open, load, paint, report one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--scene", type=Path, default=bundled_scenes()[0])
    parser.add_argument("--size", type=int, help="side of the canvas; else the scene's own")
    parser.add_argument("--rest", type=float, default=0, help="seconds after each stroke")
    parser.add_argument(
        "--thread", action="store_true", help="render in a thread instead of a child process"
    )
    options = parser.parse_args()
    if options.thread:
        app.main.PreviewWorker = partial(PreviewWorker, backend_factory=InThreadBackend)
    scene = options.scene if options.size is None else stretched(options.scene, options.size)
    began = time.perf_counter()
    qt = QApplication(sys.argv[:1])
    window = app.main.make_window(qt)
    window.open_first(scene.absolute())
    window.show()
    qt.processEvents()
    visible = time.perf_counter() - began
    beat, painter, eye = Heartbeat(), Painter(window, options.rest), Eye(window)
    worked, sleeper = 0.0, None

    def begin(_info: object) -> None:
        beat.phase = "settling"
        wait_for_picture()

    def wait_for_picture() -> None:
        """The first picture, and a moment more."""
        if window.preview.is_current:
            QTimer.singleShot(1000, paint)
        else:
            QTimer.singleShot(100, wait_for_picture)

    def paint() -> None:
        nonlocal worked, sleeper
        sleeper = Sleeper()
        beat.phase = "painting"
        worked = time.process_time()
        eye.open()
        painter.start()
        QTimer.singleShot(round(options.seconds * 1000), finish)

    def finish() -> None:
        nonlocal worked
        worked = time.process_time() - worked
        beat.phase = "end"
        painter.stop()
        qt.exit()  # not quit: that asks about unsaved changes

    window.services.worker.model_loaded.connect(begin)
    beat.phase = "loading"
    QTimer.singleShot(0, window.start)
    QTimer.singleShot(300_000, qt.exit)
    qt.exec()
    canvas = f"{window.document.width}x{window.document.height}"
    elsewhere = [] if sleeper is None else sleeper.end()
    window.shut_down()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report = {
        "canvas": canvas,
        "window_visible_s": round(visible, 2),
        "strokes": painter.strokes,
        **eye.report(options.seconds),
        "window_cpu_share": round(worked / options.seconds, 2),  # of a core, while painting
        "elsewhere_ms": elsewhere,
        "peak_mb": {"window": round(own), "renderer": round(child)},
        **{phase: summary(gaps) for phase, gaps in beat.gaps.items() if phase != "end"},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
