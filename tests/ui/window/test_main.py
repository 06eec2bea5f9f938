"""The program as a whole: its command line, its start, and what it does with a fault."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from painter import LANDSCAPE, settle

from app.main import fault_hook, parse
from spade.formats.label_png import write_label_map

RUN = """
import sys
from PySide6.QtCore import QTimer
import app.main as program

made = []
make = program.make_window

def make_and_close(app):
    window = make(app)
    made.append(window)
    QTimer.singleShot(700, lambda: (record(window), window.close()))
    return window

def record(window):
    print(window.windowTitle(), window.document.width, window.banner.text.text(), sep="|")
    print("torch" in sys.modules, window.isVisible())

program.make_window = make_and_close
status = program.main(sys.argv[1:])
sys.exit(status)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, timeout=120
    )


def test_it_starts_on_a_sample_without_loading_torch():
    done = run()
    assert done.returncode == 0, done.stderr
    title, state = done.stdout.strip().splitlines()
    assert title.startswith("Alpine lake[*] – Spadework|384|")
    assert state == "False True"


def test_it_opens_the_file_it_is_given(tmp_path):
    path = tmp_path / "map.png"
    write_label_map(path, np.zeros((32, 48), np.uint8), LANDSCAPE)
    done = run(str(path))
    assert done.stdout.startswith("map[*] – Spadework|48|"), done.stderr


def test_a_file_that_is_not_there_is_said_and_a_sample_shown(tmp_path):
    done = run(str(tmp_path / "nothing.ora"))
    title, _ = done.stdout.strip().splitlines()
    assert title.startswith("Alpine lake[*] – Spadework|384|")
    assert "nothing.ora" in title


def test_the_command_line():
    assert parse([]).file is None
    assert parse(["scene.ora"]).file == "scene.ora"
    with pytest.raises(SystemExit) as left:
        parse(["a", "b"])
    assert left.value.code == 2


def test_a_fault_is_said_and_the_scene_is_saved_by_itself(window, qtbot, capsys):
    window.document.flood_fill(3, 3, LANDSCAPE.find("water").id)
    settle(qtbot, window)
    try:
        raise KeyError("palette")
    except KeyError as error:
        with qtbot.waitSignal(window.autosave.saved):
            fault_hook(window)(KeyError, error, error.__traceback__)
    assert "KeyError: 'palette'" in window.banner.text.text()
    assert "Traceback" in capsys.readouterr().err
    assert (window.autosave.folder / "autosave.ora").is_file()
