"""The shared fixtures do what they promise: leaks fail the test that leaks, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LEAKS = {
    "thread": """
import threading
go = threading.Event()
def test_it():
    threading.Thread(target=go.wait, name="stray", daemon=True).start()
def test_next():
    go.set()
""",
    "child": """
import subprocess, sys
kept = []
def test_it():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
def test_next():
    kept[0].communicate(b"")
""",
    "qthread": """
from PySide6.QtCore import QThread
kept = []
def test_it():
    kept.append(QThread())
    kept[0].start()
def test_next():
    kept[0].quit()
    kept[0].wait()
""",
}

CLEAN = """
import os, subprocess, sys, threading
from pathlib import Path
from PySide6.QtCore import QThread
def test_state_folder():
    folder = Path(os.environ["SPADEWORK_STATE_DIR"])
    assert list(folder.iterdir()) == []
    (folder / "left").write_text("")
def test_another_state_folder():
    test_state_folder()
def test_what_ends_in_time_is_no_leak():
    threading.Thread(target=lambda: None).start()
    subprocess.run([sys.executable, "-c", ""])
    thread = QThread()
    thread.start()
    thread.quit()
    thread.wait()
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
"""


def run_tests(folder: Path, root: Path, source: str) -> str:
    fixtures = (root / "tests" / "conftest.py").read_text("utf-8")
    assert "LEAK_PATIENCE = 5.0" in fixtures
    fixtures = fixtures.replace("LEAK_PATIENCE = 5.0", "LEAK_PATIENCE = 0.2")
    (folder / "conftest.py").write_text(fixtures)
    (folder / "test_sample.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_fails_the_test_that_leaks(kind: str, tmp_path: Path, root: Path) -> None:
    output = run_tests(tmp_path, root, LEAKS[kind])
    assert "left running" in output
    assert "2 passed, 1 error" in output
    assert "ERROR test_sample.py::test_it" in output


def test_clean_tests_pass_each_with_a_state_folder_of_its_own(tmp_path: Path, root: Path) -> None:
    assert "3 passed" in run_tests(tmp_path, root, CLEAN)
