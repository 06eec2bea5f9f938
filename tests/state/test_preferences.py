"""Preferences: sparse, atomic, deferred, and never a reason not to start."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.state.folders import config_dir, state_dir
from app.state.preferences import MAX_RECENT_FILES, Preferences


class Later:
    """Collects what would run on the file worker."""

    def __init__(self) -> None:
        self.jobs: list[tuple] = []

    def __call__(self, fn, on_done, on_error) -> None:
        self.jobs.append((fn, on_done, on_error))

    def run(self, which: int = 0) -> None:
        fn, on_done, on_error = self.jobs.pop(which)
        try:
            result = fn()
        except ValueError as error:
            on_error(error)
        else:
            on_done(result)


def stored(preferences: Preferences) -> dict:
    return json.loads(preferences.path.read_text())


def test_the_folders_follow_the_environment(state_folder: Path) -> None:
    assert config_dir() == state_folder / "config"
    assert state_dir() == state_folder / "state"


def test_the_folders_are_the_users_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPADEWORK_STATE_DIR")
    assert "spadework" in str(config_dir())
    assert "spadework" in str(state_dir())


def test_defaults_without_a_file_and_nothing_written_for_them(qapp) -> None:
    preferences = Preferences()
    assert (preferences.theme, preferences.live, preferences.device) == ("dark", True, "auto")
    assert preferences.recent_files == ()
    assert preferences.notice is None
    preferences.flush()
    assert not preferences.path.exists()


def test_only_what_differs_is_written_and_comes_back(qapp) -> None:
    preferences = Preferences()
    preferences.theme = "light"
    preferences.live = False
    preferences.live = True
    preferences.layout = "AAAA"
    preferences.add_recent_file(Path("lake.ora"))
    preferences.flush()
    assert stored(preferences) == {
        "theme": "light",
        "layout": "AAAA",
        "recent_files": [str(Path("lake.ora").absolute())],
    }
    again = Preferences()
    assert (again.theme, again.live, again.layout) == ("light", True, "AAAA")
    assert again.recent_files == preferences.recent_files


def test_a_change_is_announced_once_by_name(qapp) -> None:
    preferences = Preferences()
    names: list[str] = []
    preferences.changed.connect(names.append)
    preferences.theme = "light"
    preferences.theme = "light"
    preferences.theme = "dark"
    preferences.hint_seen = True
    assert names == ["theme", "theme", "hint_seen"]


@pytest.mark.parametrize(
    ("name", "value"), [("theme", "blue"), ("live", 1), ("recent_files", ["a"]), ("device", "tpu")]
)
def test_a_value_out_of_place_is_refused(qapp, name: str, value: object) -> None:
    preferences = Preferences()
    with pytest.raises(ValueError, match=name):
        setattr(preferences, name, value)


def test_changes_are_written_together_a_moment_later(qtbot) -> None:
    later = Later()
    preferences = Preferences(submit=later)
    preferences.theme = "light"
    preferences.device = "cpu"
    assert later.jobs == []
    qtbot.waitUntil(lambda: len(later.jobs) == 1)
    assert not preferences.path.exists()
    later.run()
    assert stored(preferences) == {"theme": "light", "device": "cpu"}


def test_the_timer_alone_writes_when_there_is_no_worker(qtbot) -> None:
    preferences = Preferences()
    preferences.live = False
    qtbot.waitUntil(preferences.path.exists)
    assert stored(preferences) == {"live": False}


def test_an_older_write_never_follows_a_newer_one(qtbot) -> None:
    later = Later()
    preferences = Preferences(submit=later)
    preferences.theme = "light"
    qtbot.waitUntil(lambda: len(later.jobs) == 1)
    preferences.theme = "dark"
    preferences.device = "cpu"
    preferences.flush()
    later.run()
    assert stored(preferences) == {"device": "cpu"}


def test_flush_writes_what_was_handed_over_but_never_ran(qtbot) -> None:
    later = Later()
    preferences = Preferences(submit=later)
    preferences.theme = "light"
    qtbot.waitUntil(lambda: len(later.jobs) == 1)
    preferences.flush()
    assert stored(preferences) == {"theme": "light"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b"[" * 5000, b'{"theme": "light"'], ids=repr
)
def test_a_damaged_file_gives_the_defaults_a_notice_and_is_kept(qapp, content: bytes) -> None:
    folder = config_dir()
    folder.mkdir(parents=True)
    (folder / "preferences.json").write_bytes(content)
    preferences = Preferences()
    assert preferences.theme == "dark"
    assert preferences.notice is not None
    assert "preferences.json" in preferences.notice
    assert "\n" not in preferences.notice
    preferences.theme = "light"
    preferences.flush()
    assert stored(preferences) == {"theme": "light"}
    assert (folder / "preferences.json.damaged").read_bytes() == content


def test_one_bad_value_costs_only_itself_and_unknown_entries_stay(qapp) -> None:
    folder = config_dir()
    folder.mkdir(parents=True)
    found = {"theme": 7, "live": False, "recent_files": [1], "from_the_future": {"a": [1]}}
    (folder / "preferences.json").write_text(json.dumps(found))
    preferences = Preferences()
    assert (preferences.theme, preferences.live, preferences.recent_files) == ("dark", False, ())
    assert "recent_files, theme" in (preferences.notice or "")
    preferences.hint_seen = True
    preferences.flush()
    expected = {"live": False, "hint_seen": True, "from_the_future": {"a": [1]}}
    assert stored(preferences) == expected


def test_a_folder_that_cannot_be_written_is_reported_not_raised(qapp, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    preferences = Preferences(blocked / "config")
    messages: list[str] = []
    preferences.write_failed.connect(messages.append)
    preferences.theme = "light"
    preferences.flush()
    assert len(messages) == 1
    assert "\n" not in messages[0]
    assert preferences.theme == "light"


def test_a_failed_write_is_tried_again(qtbot, tmp_path: Path) -> None:
    blocked = tmp_path / "config"
    blocked.write_text("in the way")
    later = Later()
    preferences = Preferences(blocked, submit=later)
    messages: list[str] = []
    preferences.write_failed.connect(messages.append)
    preferences.theme = "light"
    qtbot.waitUntil(lambda: len(later.jobs) == 1)
    later.run()
    assert len(messages) == 1
    os.remove(blocked)
    preferences.flush()
    assert stored(preferences) == {"theme": "light"}


def test_recent_files_are_newest_first_absolute_and_bounded(qapp) -> None:
    preferences = Preferences()
    for number in range(MAX_RECENT_FILES + 3):
        preferences.add_recent_file(Path(f"scene{number}.ora"))
    preferences.add_recent_file(Path("scene8.ora"))
    names = [Path(entry).name for entry in preferences.recent_files]
    assert names[:3] == ["scene8.ora", "scene12.ora", "scene11.ora"]
    assert len(names) == len(set(names)) == MAX_RECENT_FILES
    assert all(Path(entry).is_absolute() for entry in preferences.recent_files)
    preferences.remove_recent_file(Path("scene8.ora"))
    assert Path(preferences.recent_files[0]).name == "scene12.ora"
