"""Shared by all tests: a private state folder, no display, and no thread left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import select
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# One thread for torch: the arrays are small, and several processes at work on few cores spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "spadework",
    deadline=None,  # machines differ
    derandomize="CI" in os.environ,
    database=None,  # leaves no folder behind
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("spadework")

LEAK_PATIENCE = 5.0  # seconds in which what a test has told to stop must be gone


@pytest.fixture(autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own for preferences and autosaves."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("SPADEWORK_STATE_DIR", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_leaks(state_folder: Path) -> Iterator[None]:
    """Fail a test that leaves a thread or a child process running."""
    threads, natives, children = set(threading.enumerate()), _native_threads(), _children()
    yield
    leaks = [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread not in threads and not _has_ended(thread)
    ]
    if natives is None or (_native_threads() or natives) - natives:
        leaks += [f"QThread {thread!r}" for thread in _running_qthreads()]
    leaks += [
        f"child process {pid}: {command}"
        for pid, command in _children().items()
        if pid not in children and not _process_has_ended(pid)
    ]
    if leaks:
        pytest.fail("left running: " + "; ".join(leaks))


def _has_ended(thread: threading.Thread) -> bool:
    if isinstance(thread, threading._DummyThread):  # not Python's; see _running_qthreads
        return True
    thread.join(LEAK_PATIENCE)
    return not thread.is_alive()


def _native_threads() -> set[str] | None:
    """Ids of the system's threads; None where they can't be listed."""
    try:
        return set(os.listdir("/proc/self/task"))
    except OSError:
        return None


def _running_qthreads() -> list[object]:
    qtcore = sys.modules.get("PySide6.QtCore")
    if qtcore is None:
        return []
    import shiboken6

    main = qtcore.QCoreApplication.instance() and qtcore.QCoreApplication.instance().thread()
    return [
        found
        for found in gc.get_objects()
        if issubclass(type(found), qtcore.QThread)  # isinstance would wake lazy module attributes
        and shiboken6.isValid(found)
        and found is not main
        and found.isRunning()
        and not found.wait(int(LEAK_PATIENCE * 1000))
    ]


def _children() -> dict[int, str]:
    """Command lines of this process's running children, by process id."""
    if not os.path.isdir("/proc/self"):
        return {child.pid or 0: child.name for child in multiprocessing.active_children()}
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            after_name = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            command = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        state, parent = after_name[0], int(after_name[1])
        # multiprocessing's resource tracker serves the whole run, by design
        if parent == os.getpid() and state != "Z" and b"resource_tracker" not in command:
            found[int(entry)] = command.decode(errors="replace").strip()
    return found


def _process_has_ended(pid: int) -> bool:
    if not hasattr(os, "pidfd_open"):
        return pid not in _children()
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], LEAK_PATIENCE)[0])
    finally:
        os.close(handle)
