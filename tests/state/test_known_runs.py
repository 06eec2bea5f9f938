"""The list of trainings: newest first, of those that are there, whatever the file holds."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from app.state.folders import state_dir, trainings_dir
from app.state.known_runs import FILE_NAME, MAX_RUNS, KnownRuns
from spade.formats.errors import InputError


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / name for name in ("a", "b", "ü")]
    for folder in folders:
        folder.mkdir()
    return folders


def test_the_last_one_added_comes_first(runs: list[Path]) -> None:
    known = KnownRuns()
    assert known.folders() == ()
    for folder in (*runs, runs[0]):
        known.add(folder)
    a, b, c = runs
    assert known.folders() == (a, c, b)
    assert KnownRuns().folders() == (a, c, b)  # in the next session
    known.forget(c)
    assert KnownRuns().folders() == (a, b)
    known.forget(c)
    assert known.folders() == (a, b)


def test_what_is_gone_is_not_listed_and_comes_back(runs: list[Path], tmp_path: Path) -> None:
    known = KnownRuns()
    for folder in runs:
        known.add(folder)
    runs[1].rename(tmp_path / "moved")
    assert known.folders() == (runs[2], runs[0])
    (tmp_path / "moved").rename(runs[1])
    assert known.folders() == (runs[2], runs[1], runs[0])


def test_a_relative_folder_is_kept_absolute(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    KnownRuns().add(Path("a"))
    monkeypatch.chdir("b")
    assert KnownRuns().folders() == (runs[0],)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"runs": 3}', b'{"runs": [3, null, {}]}', b"\xff", b"[" * 99999],
)
def test_a_damaged_list_is_an_empty_one(runs: list[Path], content: bytes) -> None:
    state_dir().mkdir(parents=True)
    (state_dir() / FILE_NAME).write_bytes(content)
    known = KnownRuns()
    assert known.folders() == ()
    known.add(runs[0])
    assert known.folders() == (runs[0],)


def test_two_windows_do_not_forget_each_others(runs: list[Path]) -> None:
    here, there = KnownRuns(), KnownRuns()
    here.add(runs[0])
    there.add(runs[1])
    here.add(runs[2])
    assert there.folders() == (runs[2], runs[1], runs[0])


def test_threads_do_not_overwrite_each_other(tmp_path: Path) -> None:
    folders = [tmp_path / str(index) for index in range(20)]
    for folder in folders:
        folder.mkdir()
    known = KnownRuns()
    threads = [threading.Thread(target=known.add, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(known.folders()) == set(folders)


def test_the_oldest_are_forgotten_at_last(tmp_path: Path) -> None:
    known = KnownRuns()
    for index in range(MAX_RUNS + 2):
        (tmp_path / str(index)).mkdir()
        known.add(tmp_path / str(index))
    listed = json.loads((state_dir() / FILE_NAME).read_text())["runs"]
    assert len(listed) == MAX_RUNS
    assert known.folders()[-1] == tmp_path / "2"


def test_a_list_that_can_not_be_written_is_told(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="list of trainings"):
        KnownRuns(tmp_path / "file").add(runs[0])


def test_trainings_have_a_place_of_their_own(
    state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trainings_dir() == state_folder / "trainings"
    monkeypatch.delenv("SPADEWORK_STATE_DIR")
    assert trainings_dir().is_absolute()
    assert "spadework" in trainings_dir().parts
