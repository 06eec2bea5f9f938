"""A part of this program in a process of its own, with a pipe each way.

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
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

from app.workers import wire
from app.workers.backend import BackendError

log = logging.getLogger(__name__)

QUIT_GRACE = 0.5
"""Seconds the child gets to end by itself once its pipe is closed."""

SLEEPING_THREADS = {
    # OpenMP threads that wait for the next operation sleep instead of spinning: spinning
    # would take the core that the GUI thread wants. GNU's and Intel's/LLVM's names for it.
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
}


def boot_command(module: str, arguments: Sequence[str]) -> list[str]:
    """A command line that calls ``module.main(*arguments)`` in this very program's modules."""
    boot = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
        f"from {module} import main; main(*sys.argv[2:])"
    )
    return [sys.executable, "-P", "-c", boot, json.dumps(sys.path), *arguments]


class ChildProcess:
    """A process that runs ``module.main(*arguments)``, and the thread that hears its answers.

    who: the subject of sentences about it, "The renderer". ``hear`` gets every answer and
    ``on_end`` is called once no more can come, both on the thread that listens.
    Raises BackendError if the process can't be started.
    """

    def __init__(
        self,
        who: str,
        module: str,
        arguments: Sequence[str],
        hear: Callable[[Any], None],
        on_end: Callable[[], None],
    ) -> None:
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.BELOW_NORMAL_PRIORITY_CLASS
        try:
            self.process = subprocess.Popen(
                boot_command(module, arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env={**SLEEPING_THREADS, **os.environ},
                creationflags=flags,
            )
        except OSError as error:
            raise BackendError(f"{who} can't be started ({error})") from None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.closing = False
        """It is being ended by us: its end is no news."""
        self._who = who
        self._orders = cast("wire.RawStream", self.process.stdin)
        self._answers = cast("wire.RawStream", self.process.stdout)
        self._hear, self._on_end = hear, on_end
        self._reader = threading.Thread(
            target=self._read, name=f"{module.rpartition('.')[2]}-answers", daemon=True
        )

    def listen(self) -> None:
        """Start the thread; ``hear`` is not called before."""
        self._reader.start()

    def send(self, message: object) -> None:
        """Raises OSError if the process is gone. One thread at a time."""
        wire.send(self._orders, message)

    def epitaph(self) -> str:
        """How it ended, for a person."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(QUIT_GRACE)
        return epitaph(self._who, self.process.poll())

    def kill(self) -> None:
        """At once, from any thread."""
        self.closing = True
        self.process.kill()

    def close(self, grace: float = QUIT_GRACE) -> None:
        """End the process, gently first; free pipes and thread. Not on the listening thread.

        grace: seconds it gets to end by itself.
        """
        self.closing = True
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def _read(self) -> None:
        try:
            while True:
                self._hear(wire.receive(self._answers))
        except (EOFError, OSError):
            pass
        except Exception:
            log.exception("the answer of %s can't be read", self._who)
            self.process.kill()
        self._on_end()


def epitaph(who: str, code: int | None) -> str:
    """How a process ended, for a person, by its exit code; a negative one names a signal."""
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"{who} was killed ({name}{hint})"
    return f"{who} ended by itself (exit code {code})"
