from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError
from spade.formats.run_folder import Request, RunFolder, Status

STATUS = Status(
    "training", 4711, 12, 200, 3.5, 60.0, 1 << 30, 8 << 30, "cpu", 4, 2, 0.5, 10, "a.png", "b", "ö"
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_a_new_folder_says_and_asks_nothing(run: RunFolder) -> None:
    assert run.read_status() is None
    assert run.read_request() is None


def test_what_was_said_is_read(run: RunFolder) -> None:
    run.write_status(replace(STATUS, reading=(3, 9)))
    said = run.read_status()
    assert said is not None
    assert said.time > 1.7e9
    assert replace(said, time=0.0) == replace(STATUS, reading=(3, 9))
    assert not said.ended
    assert replace(STATUS, phase="stopped").ended


def test_requests_are_numbered_upwards(run: RunFolder) -> None:
    assert run.ask("pause") == Request(1, "pause")
    assert run.ask("stop") == Request(2, "stop")
    assert run.read_request() == Request(2, "stop")


@pytest.mark.parametrize("name", ["status.json", "control.json"])
def test_another_protocol_is_refused_by_number(run: RunFolder, name: str) -> None:
    (run.path / name).write_text(json.dumps({"protocol": 2, "number": 1, "ask": "stop"}))
    with pytest.raises(InputError, match=rf"{name}: of protocol 2, this program speaks 1"):
        _ = run.read_status() if name == "status.json" else run.read_request()


@pytest.mark.parametrize("content", [b"", b'{"protocol": 1, "ph', b"\xff\xfe"])
def test_what_a_power_cut_left_half_written_counts_as_nothing(
    run: RunFolder, content: bytes
) -> None:
    (run.path / "status.json").write_bytes(content)
    (run.path / "control.json").write_bytes(content)
    assert run.read_status() is None
    assert run.ask("go on").number == 1


def test_a_request_of_an_unknown_kind_is_refused(run: RunFolder) -> None:
    (run.path / "control.json").write_text('{"protocol": 1, "number": 1, "ask": "dance"}')
    with pytest.raises(InputError, match="asks for 'dance'"):
        run.read_request()


def test_a_status_with_fields_of_a_later_version_is_read(run: RunFolder) -> None:
    run.write_status(STATUS)
    value = json.loads((run.path / "status.json").read_text())
    (run.path / "status.json").write_text(json.dumps(value | {"mood": "good"}))
    said = run.read_status()
    assert said is not None
    assert said.step == 12


def test_a_status_without_its_fields_is_damaged(run: RunFolder) -> None:
    (run.path / "status.json").write_text('{"protocol": 1, "step": 3}')
    with pytest.raises(InputError, match=r"status\.json: damaged"):
        run.read_status()


def test_what_is_not_durable_never_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    write_atomically(tmp_path / "a", b"1", durable=False)
    assert not flushed
    write_atomically(tmp_path / "a", b"2")
    assert flushed
    assert (tmp_path / "a").read_bytes() == b"2"
