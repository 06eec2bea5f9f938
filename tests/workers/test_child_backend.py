"""The renderer's process for real: works, dies, hangs, is left alone."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from app.core.style import SampledStyle, Style
from app.workers.child_backend import ChildBackend
from app.workers.messages import ModelSource, Purpose, RenderRequest
from spade.model import load_model

ROOT = Path(__file__).parents[2]
PATIENCE = 60_000  # ms: the child imports torch, on any machine
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, sends signals")


def make_request(source: ModelSource, revision: int = 1, **changes) -> RenderRequest:
    labels = np.zeros((40, 64), np.uint8)
    labels[20:, 10:] = revision % 3
    request = RenderRequest(revision, labels, Style(SampledStyle(3)), source)
    return dataclasses.replace(request, **changes)


@pytest.fixture
def child(make_worker, qtbot, tiny):
    """A worker on a child that has loaded the tiny model."""
    backend = ChildBackend()
    worker, record = make_worker(backend)
    worker.load_model(tiny)
    qtbot.waitUntil(
        lambda: bool(record.of("model_loaded") or record.of("failed")), timeout=PATIENCE
    )
    assert record.of("failed") == []
    return worker, record, backend


def wait_results(qtbot, record, count: int) -> None:
    qtbot.waitUntil(lambda: len(record.of("finished")) >= count, timeout=PATIENCE)


def test_renders_what_the_python_interface_renders(child, qtbot, tiny):
    worker, record, _ = child
    request = make_request(tiny)
    worker.submit(request)
    wait_results(qtbot, record, 1)
    (result,) = record.of("finished")
    expected = load_model(tiny.path, "cpu").render(request.labels, seed=3)
    assert np.abs(result.picture.astype(int) - expected).max() <= 1
    assert result.request is request
    assert result.device == "cpu"
    assert result.seconds > 0
    assert not result.picture.flags.writeable


def test_bad_input_comes_back_as_one_line(child, qtbot, tiny, tmp_path):
    worker, record, _ = child
    worker.load_model(ModelSource(str(tmp_path / "nothing")))
    qtbot.waitUntil(lambda: len(record.of("failed")) == 1, timeout=PATIENCE)
    assert "no such model" in record.of("failed")[0].message
    worker.submit(make_request(tiny, labels=np.full((8, 8), 77, np.uint8)))
    qtbot.waitUntil(lambda: len(record.of("failed")) == 2, timeout=PATIENCE)
    assert "class 77" in record.of("failed")[1].message


def test_an_export_under_way_is_cancelled_between_steps(child, qtbot, tiny):
    worker, record, backend = child
    pid = backend.pid
    worker.submit(make_request(tiny, size=(2048, 2048), purpose=Purpose.EXPORT, key="huge"))
    qtbot.waitUntil(lambda: bool(record.of("progress")[1:]), timeout=PATIENCE)  # it renders
    worker.cancel_export("huge")
    worker.submit(make_request(tiny, 2))
    wait_results(qtbot, record, 1)
    assert record.rendered == ["2"]
    assert backend.pid == pid  # the same child, not a new one


def test_says_what_was_done(child, qtbot, tiny):
    worker, record, _ = child
    for count, revision in enumerate((1, 1, 2), 1):
        worker.submit(make_request(tiny, revision))
        wait_results(qtbot, record, count)
    kinds = [result.work.kind for result in record.of("finished")]
    assert kinds[:2] == ["full", "same"]
    assert kinds[2] in ("edit", "full")


@linux
def test_painting_cuts_a_settled_preview_short(child, qtbot, tiny):
    worker, record, backend = child
    pid = backend.pid
    os.kill(pid, signal.SIGSTOP)  # so that the first is surely under way when the second comes
    worker.submit(make_request(tiny, 1))
    qtbot.waitUntil(lambda: backend._child.working, timeout=PATIENCE)
    worker.submit(make_request(tiny, 2, live=True))
    os.kill(pid, signal.SIGCONT)
    qtbot.waitUntil(lambda: "2" in record.rendered, timeout=PATIENCE)
    assert record.rendered in (["2"], ["1", "2"])  # it may have been done before it heard
    assert record.of("failed") == []
    assert backend.pid == pid


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_cut_short_the_settled_picture_is_right(child, qtbot, tiny, seed):
    """Dabs, live and settled, tiles and styles, some of them too soon after the last."""
    worker, record, _ = child
    random_ = np.random.default_rng(seed)
    labels = make_request(tiny).labels.copy()
    style = Style(SampledStyle(3))
    for revision in range(1, 40):
        if random_.random() < 0.15:
            style = Style(SampledStyle(int(random_.integers(2))))
        else:
            y, x = random_.integers(0, 36), random_.integers(0, 60)
            labels = labels.copy()
            labels[y : y + 5, x : x + 5] = random_.integers(3)
        worker.submit(
            make_request(
                tiny, revision, labels=labels, style=style, live=bool(random_.random() < 0.6)
            )
        )
        if random_.random() < 0.2:
            worker.submit(
                make_request(tiny, revision, size=(32, 20), purpose=Purpose.TILE, key="t")
            )
        if random_.random() < 0.5:
            newest = str(revision)
            qtbot.waitUntil(lambda newest=newest: newest in record.rendered, timeout=PATIENCE)
    worker.submit(make_request(tiny, 40, labels=labels, style=style))
    qtbot.waitUntil(lambda: "40" in record.rendered, timeout=PATIENCE)
    last = next(r for r in record.of("finished") if r.request.revision == 40)
    assert last.exact
    expected = load_model(tiny.path, "cpu").render(labels, seed=style.source.seed)
    assert np.abs(last.picture.astype(int) - expected).max() <= 1
    assert record.of("failed") == []


@linux
def test_killed_while_idle_it_comes_back_with_its_model(child, qtbot, tiny):
    worker, record, backend = child
    pid = backend.pid
    os.kill(pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(record.of("notice")), timeout=PATIENCE)
    worker.submit(make_request(tiny))
    wait_results(qtbot, record, 1)
    assert backend.pid not in (None, pid)
    assert record.of("failed") == []


@linux
def test_killed_under_a_job_the_job_is_done_by_another(child, qtbot, tiny):
    worker, record, backend = child
    pid = backend.pid
    os.kill(pid, signal.SIGSTOP)  # so that the job is surely under way when it dies
    worker.submit(make_request(tiny))
    qtbot.waitUntil(lambda: backend._child.working, timeout=PATIENCE)
    os.kill(pid, signal.SIGKILL)
    wait_results(qtbot, record, 1)
    assert "SIGKILL" in record.of("notice")[0].text
    assert backend.pid != pid


@linux
def test_stops_although_the_child_hangs(child, qtbot, tiny):
    worker, _, backend = child
    pid = backend.pid
    os.kill(pid, signal.SIGSTOP)
    worker.submit(make_request(tiny))
    qtbot.waitUntil(lambda: backend._child.working, timeout=PATIENCE)
    begin = time.monotonic()
    worker.stop()
    assert time.monotonic() - begin < 2.5
    assert not Path(f"/proc/{pid}").exists()


@linux
def test_stops_while_the_child_is_starting(make_worker, tiny):
    backend = ChildBackend()
    worker, record = make_worker(backend)
    worker.load_model(tiny)
    begin = time.monotonic()
    worker.stop()
    assert time.monotonic() - begin < 2.5
    assert record.of("failed") == []


SCRIPT = """
    import json, os, sys
    from pathlib import Path
    import numpy as np
    from PySide6.QtCore import QCoreApplication
    from app.core.style import Style
    from app.workers.messages import ModelSource, RenderRequest
    from app.workers.preview_worker import PreviewWorker

    # Deliberately without a main guard: nothing of this may run in the child.
    app = QCoreApplication([])
    source = ModelSource(sys.argv[1])
    worker = PreviewWorker(device="cpu")
    worker.finished.connect(lambda result: app.quit())
    worker.failed.connect(lambda failure: sys.exit(failure.message))
    worker.start()
    worker.submit(RenderRequest(1, np.zeros((32, 32), np.uint8), Style(), source))
    app.exec()
    pid = worker._backend.pid
    loaded = Path(f"/proc/{pid}/maps").read_text()
    print(json.dumps({
        "torch here": "torch" in sys.modules,
        "torch there": "libtorch" in loaded,
        "Qt there": "libQt6" in loaded or "PySide6" in loaded,
        "nice": os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0),
        "pid": pid,
    }))
    sys.stdout.flush()
"""


@linux
@pytest.mark.parametrize("ending", ["worker.stop()", "os._exit(0)"], ids=["stopped", "crashed"])
def test_keeps_torch_there_and_qt_here_and_dies_with_its_parent(tiny, tmp_path, ending):
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(SCRIPT) + ending + "\n")
    done = subprocess.run(
        [sys.executable, "-W", "error", script, tiny.path],
        capture_output=True,
        text=True,
        timeout=PATIENCE / 1000,
        env={**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["torch here"] is False
    assert found["torch there"] is True
    assert found["Qt there"] is False
    assert found["nice"] == 5
    try:
        handle = os.pidfd_open(found["pid"])
    except ProcessLookupError:
        return
    with os.fdopen(handle):
        assert select.select([handle], [], [], 10)[0], "the child outlived the program"
