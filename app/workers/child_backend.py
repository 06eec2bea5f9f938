"""The renderer as a child process, so that painting never waits for torch.

Why a process: importing torch and every operation's bookkeeping hold the interpreter's
lock, and the GUI thread would wait for it. Why not ``multiprocessing``: its spawn imports
the main module again (and with it Qt), passes ``-X importtime`` on, and keeps a tracker
process; a plain child with two pipes needs none of that and works the same under
``python -m app``, the console script and pytest.

Threads: the child uses all cores but sleeps between operations instead of spinning, and
runs at a lower priority, so that on two cores the window gets a core whenever it wants one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import cast

from app.workers import wire
from app.workers.backend import BackendError, Cancelled, JobCancelled, Report
from app.workers.messages import (
    ModelInfo,
    ModelSource,
    RenderRequest,
    RenderResult,
    SegmentRequest,
    SegmentResult,
)
from spade.formats.errors import InputError

log = logging.getLogger(__name__)

QUIT_GRACE = 0.5
"""Seconds the child gets to end by itself once its pipe is closed."""

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from app.workers.child_main import main; main(sys.argv[2])"
)

_ENVIRONMENT = {
    # OpenMP threads that wait for the next operation sleep instead of spinning: spinning
    # would take the core that the GUI thread wants. GNU's and Intel's/LLVM's names for it.
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
}


class _Child:
    """One process, the thread that reads its answers, and where they go."""

    def __init__(self, device: str, on_death: Callable[[], None]) -> None:
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.BELOW_NORMAL_PRIORITY_CLASS
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, json.dumps(sys.path), device],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env={**_ENVIRONMENT, **os.environ},
                creationflags=flags,
            )
        except OSError as error:
            raise BackendError(f"The renderer can't be started ({error})") from None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests = cast("wire.RawStream", self.process.stdin)
        self._answers = cast("wire.RawStream", self.process.stdout)
        self.inbox: queue.SimpleQueue[wire.Answer | None] = queue.SimpleQueue()
        """Answers; None is a nudge: look at ``gone`` and at ``cancelled()`` again."""
        self.gone = threading.Event()
        self.working = False
        self._on_death = on_death
        self._lock = threading.Lock()
        self._closing = False
        self._reader = threading.Thread(target=self._read, name="renderer-answers", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while True:
                self.inbox.put(cast("wire.Answer", wire.receive(self._answers)))
        except (EOFError, OSError):
            pass
        except Exception:
            log.exception("the renderer's answer can't be read")
            self.process.kill()
        with self._lock:
            self.gone.set()
            unexpected = not self.working and not self._closing
        self.inbox.put(None)
        if unexpected:
            self._on_death()

    def begin(self) -> None:
        """A job starts: from now on a death is the job's business. Raises BackendError."""
        with self._lock:
            if self.gone.is_set():
                raise BackendError(self.epitaph())
            self.working = True

    def end(self) -> None:
        """The job is over. Deaths are reported to ``on_death`` again."""
        with self._lock:
            self.working = False

    def epitaph(self) -> str:
        """How it ended, for a person."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(QUIT_GRACE)
        code = self.process.poll()
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
            return f"The renderer was killed ({name}{hint})"
        return f"The renderer ended by itself (exit code {code})"

    def kill(self) -> None:
        """At once, from any thread."""
        with self._lock:
            self._closing = True
        self.process.kill()

    def close(self) -> None:
        """End the process, gently first; free pipes and thread."""
        with self._lock:
            self._closing = True
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(QUIT_GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()


class ChildBackend:
    """Works in a child process that runs RenderService and SegmentService. See Backend."""

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._abandoned = False
        self._job = 0

    @property
    def pid(self) -> int | None:
        """The child's process id, if there is one."""
        child = self._child
        return None if child is None else child.process.pid

    def start(self, device: str, on_death: Callable[[], None]) -> None:
        """Start the child if there is none that lives; it imports torch by itself."""
        if self._child is not None and self._child.gone.is_set():
            self._child.close()
            self._child = None
        if self._abandoned:
            raise BackendError("The renderer is being closed")
        if self._child is None:
            self._child = _Child(device, on_death)

    def load(self, source: ModelSource, report: Report, cancelled: Cancelled) -> ModelInfo:
        """See Backend."""
        self._job += 1
        answer = self._ask(wire.Load(self._job, source), report, cancelled)
        assert isinstance(answer, wire.Loaded)
        return answer.info

    def render(self, request: RenderRequest, report: Report, cancelled: Cancelled) -> RenderResult:
        """See Backend."""
        self._job += 1
        answer = self._ask(wire.Render(self._job, request), report, cancelled)
        assert isinstance(answer, wire.Rendered)
        return RenderResult(request, answer.picture, answer.seconds, answer.device, answer.work)

    def segment(
        self, request: SegmentRequest, report: Report, cancelled: Cancelled
    ) -> SegmentResult:
        """See Backend."""
        self._job += 1
        answer = self._ask(wire.Segment(self._job, request), report, cancelled)
        assert isinstance(answer, wire.Segmented)
        return SegmentResult(request, answer.labels, answer.classes, answer.seconds)

    def nudge(self) -> None:
        """See Backend."""
        child = self._child
        if child is not None:
            child.inbox.put(None)

    def abandon(self) -> None:
        """Kill the child; whoever waits for it gets BackendError."""
        self._abandoned = True
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the child and wait for it."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _ask(
        self, message: wire.Order, report: Report, cancelled: Cancelled
    ) -> wire.Loaded | wire.Rendered | wire.Segmented:
        child = self._child
        assert child is not None, "start() comes first"
        child.begin()
        try:
            wire.send(child.requests, message)
            return self._await(child, message.job, report, cancelled)
        except OSError:
            raise BackendError(child.epitaph()) from None
        finally:
            child.end()

    @staticmethod
    def _await(
        child: _Child, job: int, report: Report, cancelled: Cancelled
    ) -> wire.Loaded | wire.Rendered | wire.Segmented:
        asked_to_cancel = False
        while True:
            if cancelled() and not asked_to_cancel:
                wire.send(child.requests, wire.Cancel(job))
                asked_to_cancel = True
            answer = child.inbox.get()
            if answer is None:
                if child.gone.is_set() and child.inbox.empty():
                    raise BackendError(child.epitaph())
            elif answer.job != job:
                continue
            elif isinstance(answer, wire.Told):
                report(answer.report)
            elif isinstance(answer, wire.Refused):
                raise InputError(answer.message)
            elif isinstance(answer, wire.Dropped):
                raise JobCancelled
            else:
                return answer
