"""Trainers that work, wait, lie, die and are taken over; and the one that really trains."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from PySide6.QtCore import QObject, QThread

from app.state.known_runs import KnownRuns
from app.workers import training_reader
from app.workers.training_messages import TrainingChoice
from app.workers.training_worker import TrainingWorker
from spade.formats.run_folder import RunFolder, Status

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 60_000  # ms
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, sends signals")

SERVING = "t.lock(); t.say('training'); t.serve()"


def fake(script: str):
    """A command that starts the fake trainer with a script."""

    def command(arguments):
        boot = f"import sys; sys.path[:0] = {[str(ROOT), str(HERE)]!r}; import runpy; "
        boot += f"runpy.run_path({str(HERE / 'fake_trainer.py')!r}, run_name='__main__')"
        return [sys.executable, "-c", boot, textwrap.dedent(script), *arguments]

    return command


class Record(QObject):
    """What a worker has emitted, by signal."""

    def __init__(self, worker: TrainingWorker) -> None:
        super().__init__()
        self.events: list[tuple[str, tuple]] = []
        for name in ("started", "news", "sample", "early_model", "runs", "failed"):
            getattr(worker, name).connect(lambda *values, name=name: self._add(name, values))

    def _add(self, name: str, values: tuple) -> None:
        assert QThread.currentThread() is self.thread()
        self.events.append((name, values))

    def of(self, name: str) -> list:
        return [v[0] if len(v) == 1 else v for kind, v in self.events if kind == name]

    @property
    def news(self):
        """The newest news."""
        found = self.of("news")
        return found[-1] if found else None

    @property
    def state(self) -> str:
        return self.news.state if self.news else ""

    @property
    def steps(self) -> list[int]:
        """The curve that a dialog would show."""
        curve: list[int] = []
        for news in self.of("news"):
            if news.restarted:
                curve = []
            curve += [int(line["step"]) for line in news.losses]
        return curve

    @property
    def message(self) -> str:
        return self.news.status.message


@pytest.fixture
def make_worker(qapp):
    """Make workers whose trainers are the fake one; what is left of those is killed."""
    workers = []

    def make(script: str = SERVING, **options):
        worker = TrainingWorker(command=fake(script), interval=10, **options)
        workers.append(worker)
        return worker, Record(worker)

    yield make
    for worker in workers:
        launched = list(worker._desk._launched.values())
        worker.shut_down()
        for one in launched:
            one.process.returncode = None
            one.process.kill()
            one.process.wait()


@pytest.fixture
def choice(tmp_path):
    return TrainingChoice("coast", str(tmp_path / "data"), str(tmp_path / "run"), "tiny")


@pytest.fixture
def until(qtbot):
    def wait(condition):
        qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE)

    return wait


def started(worker, record, choice, until) -> Path:
    worker.start(choice)
    until(lambda: record.of("started") or record.of("failed"))
    assert record.of("failed") == []
    assert record.of("started") == [choice.out]
    assert worker.folder == choice.out
    return Path(choice.out)


def touch(folder: Path, name: str) -> None:
    (folder / name).touch()


def test_what_was_chosen_becomes_a_command_line(make_worker, choice, until):
    worker, record = make_worker("t.raw('told', '\\n'.join(t.arguments)); t.say('done')")
    chosen = replace(
        choice,
        init="landscape",
        style=False,
        recipe="quick",
        steps=1234567,
        batch_size=3,
        minutes=2.5,
        overrides={"training": {"seed": 4}, "model": {"licence": "mine"}},
    )
    folder = started(worker, record, chosen, until)
    until(lambda: record.state == "done")
    told = (folder / "told").read_text().split("\n")
    assert told[:4] == ["train", choice.data, "--out", choice.out]
    config = json.loads(Path(told[told.index("--config") + 1]).read_text())
    assert config == {"training": {"seed": 4}, "model": {"name": "coast", "licence": "mine"}}
    words = " ".join(told[4:])
    for part in (
        "--init landscape --recipe quick --no-style --no-vgg",
        "--steps 1234567 --batch-size 3 --minutes 2.5 --judge-minutes 10.0",
        "--device auto",
    ):
        assert part in words
    assert "--preset" not in words


@pytest.mark.parametrize(
    ("vgg", "expected"),
    [("", "--no-vgg"), ("download", "--download-vgg"), ("v.pth", "--vgg v.pth")],
)
def test_perceptual_loss_is_as_chosen(make_worker, choice, until, vgg, expected):
    worker, record = make_worker("t.raw('told', ' '.join(t.arguments)); t.say('done')")
    folder = started(worker, record, replace(choice, vgg=vgg), until)
    until(lambda: record.state == "done")
    told = (folder / "told").read_text()
    assert expected in told
    assert told.count("vgg") == 1
    assert "--preset tiny" in told


def test_the_first_news_is_the_whole_story_and_the_next_what_is_new(make_worker, choice, until):
    worker, record = make_worker(
        """
        t.lock(); t.steps(1, 30); t.sample(10, 50); t.sample(20, 90)
        t.raw('judged.jsonl', '{"step": 20, "agreement": 0.5, "what": "text"}\\n')
        t.raw('events.jsonl', '{"time": 1, "step": 3, "text": "batch halved"}\\n')
        t.say('training', step=30, sample='step-0000020.png')
        t.wait('on'); t.steps(31, 33); t.say('paused', step=33); t.wait('end')
        """
    )
    folder = started(worker, record, choice, until)
    until(lambda: record.news and record.news.status and record.news.status.step == 30)
    assert record.steps == list(range(1, 31))
    assert record.state == "running"
    everything = record.of("news")
    assert [line for n in everything for line in n.judged] == [{"step": 20.0, "agreement": 0.5}]
    assert [line for n in everything for line in n.notices] == ["batch halved"]
    assert record.news.samples == ("step-0000010.png", "step-0000020.png")
    shown = [n.sample for n in everything if n.sample is not None]
    assert (shown[-1] == 90).all()
    assert shown[-1].shape == (4, 6, 3)
    assert not shown[-1].flags.writeable
    count = len(everything)
    touch(folder, "on")
    until(lambda: record.state == "paused")
    assert record.steps == list(range(1, 34))
    assert all(n.sample is None and not n.notices for n in record.of("news")[count:])

    other, heard = make_worker()  # a window that is opened later
    other.watch(choice.out)
    until(lambda: heard.news)
    assert len(heard.of("news")) == 1
    assert heard.steps == list(range(1, 34))
    assert heard.state == "paused"
    assert (heard.news.sample == 90).all()


def test_samples_of_steps_that_are_void_are_not_shown(make_worker, tmp_path, until):
    from fake_trainer import FakeTrainer

    write_old(tmp_path / "run", phase="done", sample="step-0000004.png")
    trainer = FakeTrainer(["--out", str(tmp_path / "run")])
    for step in (2, 4, 6):
        trainer.sample(step, 10 * step)
    worker, record = make_worker()
    worker.watch(str(tmp_path / "run"))
    until(lambda: record.news)
    assert record.news.samples == ("step-0000002.png", "step-0000004.png")
    assert (record.news.sample == 40).all()


def test_nothing_new_is_no_news(make_worker, choice, until):
    worker, record = make_worker("t.lock(); t.say('paused'); t.wait('on'); t.say('done')")
    looks = []
    look = worker._desk.look
    worker._desk.look = lambda: looks.append(1) or look()
    folder = started(worker, record, choice, until)
    until(lambda: record.state == "paused")
    count, seen = len(record.of("news")), len(looks)
    until(lambda: len(looks) > seen + 5)
    assert len(record.of("news")) == count
    touch(folder, "on")
    until(lambda: record.state == "done")


def test_half_a_line_waits_for_its_rest_and_rubbish_is_skipped(make_worker, choice, until):
    worker, record = make_worker(
        """
        t.lock(); t.steps(1, 2)
        t.raw('stats.jsonl', '\\0\\0\\n[1]\\n{"G": 1}\\n{"step": "x"}\\n{"step": 3, "G"')
        t.say('training', step=3); t.wait('on')
        t.raw('stats.jsonl', ': NaN, "D": 2}\\n'); t.say('training', step=4); t.wait('end')
        """
    )
    folder = started(worker, record, choice, until)
    until(lambda: record.news and record.news.status and record.news.status.step == 3)
    assert record.steps == [1, 2]
    touch(folder, "on")
    until(lambda: record.news.status.step == 4)
    assert record.steps == [1, 2, 3]
    last = [line for n in record.of("news") for line in n.losses][-1]
    assert last == {"step": 3.0, "D": 2.0}  # what is no number can't be drawn


def test_a_flood_is_thinned(make_worker, choice, until):
    worker, record = make_worker(
        "t.lock(); t.steps(1, 100_003); t.say('training', step=100_003); t.wait('end')"
    )
    folder = started(worker, record, choice, until)
    until(lambda: record.news and record.news.status and record.news.status.step == 100_003)
    other, heard = make_worker()
    other.watch(str(folder))
    until(lambda: heard.news)
    assert 1000 <= len(heard.steps) <= 2001
    assert heard.steps[0] == 1
    assert heard.steps[-1] == 100_003
    gaps = set(np.diff(heard.steps)[:-1])
    assert len(gaps) == 1


@pytest.mark.parametrize("how", ["appended", "cut", "cut and grown"])
def test_a_training_that_goes_back_starts_the_curve_anew(make_worker, choice, until, how):
    back = {
        "appended": "t.steps(6, 8)",
        "cut": "os.truncate(t.folder.stats, len(''.join(map(line, range(1, 6)))))",
        "cut and grown": "os.truncate(t.folder.stats, len(line(1))); t.steps(2, 4); "
        "t.raw('stats.jsonl', line(5).replace('0.5', '0.75')); t.steps(6, 40)",
    }[how]
    worker, record = make_worker(
        f"""
        from fake_trainer import line
        t.lock(); t.steps(1, 10); t.raw('judged.jsonl', '{{"step": 4}}\\n{{"step": 9}}\\n')
        t.say('training', step=10); t.wait('on'); {back}; t.say('training', step=7); t.wait('end')
        """
    )
    folder = started(worker, record, choice, until)
    until(lambda: record.news and record.news.status and record.news.status.step == 10)
    assert record.steps == list(range(1, 11))
    touch(folder, "on")
    until(lambda: record.news.status.step == 7)
    last = {"appended": 8, "cut": 5, "cut and grown": 40}[how]
    assert record.steps == list(range(1, last + 1))
    first, again = (n for n in record.of("news") if n.restarted)
    assert first is record.of("news")[0]
    assert [line["step"] for line in again.judged] == [s for s in (4.0, 9.0) if s <= last]


def test_pausing_trying_and_stopping(make_worker, choice, until):
    worker, record = make_worker()
    folder = started(worker, record, choice, until)
    until(lambda: len(record.steps) > 3)
    worker.pause()
    until(lambda: record.state == "paused")
    worker.try_now()
    until(lambda: record.of("early_model"))
    (early,) = record.of("early_model")
    assert Path(early).parent == folder / "early"
    assert (Path(early) / "model.json").is_file()
    heard = folder / "heard.json"
    until(lambda: json.loads(heard.read_text())[2:] == ["pause"])  # as it was before
    until(lambda: record.state == "paused")
    worker.try_now()  # the very same step or the next one, but written anew
    until(lambda: len(record.of("early_model")) == 2)
    worker.go_on()
    until(lambda: json.loads(heard.read_text())[-1] == "go on")
    until(lambda: record.state == "running")
    worker.end()
    until(lambda: record.state == "stopped")
    assert json.loads(heard.read_text())[-2:] == ["go on", "stop"]
    assert record.of("failed") == []


def test_a_wish_to_try_is_not_lost_in_a_quick_sequence(make_worker, choice, until):
    worker, record = make_worker()
    folder = started(worker, record, choice, until)
    until(lambda: record.steps)
    for ask in (worker.try_now, worker.pause, worker.try_now, worker.go_on, worker.pause):
        ask()
    until(lambda: record.state == "paused" and record.of("early_model"))
    worker.end()
    until(lambda: record.state == "stopped")
    heard = json.loads((folder / "heard.json").read_text())
    assert heard.count("try") == len(record.of("early_model"))
    assert heard[0] == "try"
    assert heard[-2:] == ["pause", "stop"]


@pytest.mark.parametrize("early", ["", "step-0000005"])
def test_a_model_that_can_not_be_written_is_told(make_worker, choice, until, early):
    worker, record = make_worker(
        f"""
        t.lock(); early = {early!r}
        if early:
            (t.folder.early / early).mkdir(parents=True)
            (t.folder.early / early / 'model.json').touch()
        t.say('training', early=early); t.wait('control.json')
        t.say('training', answered=1, message='disk full', early=early); t.wait('end')
        """
    )
    started(worker, record, choice, until)
    until(lambda: record.state == "running")
    worker.try_now()
    until(lambda: record.of("failed"))
    assert record.of("failed") == ["No model could be written to try: disk full"]
    assert record.of("early_model") == []


def test_what_is_asked_before_the_first_word_is_kept_until_then(make_worker, choice, until):
    """A trainer takes what lies in its mailbox when it starts for the last one's."""
    worker, record = make_worker("t.wait('on'); t.lock(); t.serve()")
    folder = started(worker, record, choice, until)
    until(lambda: record.news)
    assert record.state == "running"
    worker.try_now()
    worker.end()
    looks = []
    look = worker._desk.look
    worker._desk.look = lambda: looks.append(1) or look()
    until(lambda: len(looks) > 3)
    assert not (folder / "control.json").exists()
    touch(folder, "on")
    until(lambda: record.state == "stopped")
    assert json.loads((folder / "heard.json").read_text()) == ["stop"]


@linux
def test_closing_with_stop_before_the_first_word_ends_it(make_worker, choice, until):
    worker, record = make_worker("t.wait('on')")
    folder = started(worker, record, choice, until)
    (launched,) = worker._desk._launched.values()
    worker.shut_down(stop=True)
    launched.process.returncode = None
    assert launched.process.wait(60) == -signal.SIGTERM
    assert not (folder / "control.json").exists()


def test_a_wish_to_try_that_comes_too_late_is_told(make_worker, choice, until):
    worker, record = make_worker("t.lock(); t.say('training'); t.wait('on'); t.say('done')")
    folder = started(worker, record, choice, until)
    until(lambda: record.state == "running")
    worker.try_now()
    until((folder / "control.json").exists)
    touch(folder, "on")
    until(lambda: record.of("failed"))
    assert "ended before" in record.of("failed")[0]
    worker.try_now()
    until(lambda: len(record.of("failed")) == 2)
    assert "resume" in record.of("failed")[1]
    assert record.of("early_model") == []


@linux
def test_a_killed_trainer_is_told_and_another_goes_on(make_worker, choice, until):
    script = """
        if '--resume' in t.arguments:
            t.raw('told', ' '.join(t.arguments))
            t.lock(); t.wait('on'); t.say('training', step=50); t.serve(); sys.exit()
        t.lock(); t.steps(1, 45); t.raw('state.pt', 'x'); t.print('step 45/1000  G 1.0')
        t.say('training', step=45, checkpoint_step=40); t.wait('die'); t.die()
        """
    worker, record = make_worker(script)
    folder = started(worker, record, choice, until)
    until(lambda: record.news and record.news.status and record.news.status.step == 45)
    pid = record.news.status.pid
    touch(folder, "die")
    until(lambda: record.state == "interrupted")
    assert record.message == (
        "The trainer was killed (SIGKILL, perhaps for lack of memory), at step 45 of 1000. "
        "Resume goes on from step 40."
    )
    assert not Path(f"/proc/{pid}").exists(), "a zombie"
    (folder / "control.json").write_text('{"protocol": 1, "number": 7, "ask": "stop"}')

    worker.resume(str(folder))
    until(lambda: len(record.of("started")) == 2)
    until(lambda: record.state == "running")
    assert record.news.status.phase == "starting"  # the old word is not the new trainer's
    assert record.news.status.step == 45
    assert record.message == ""
    touch(folder, "on")
    until(lambda: record.news.status.step > 50)
    assert record.news.status.pid != pid
    told = (folder / "told").read_text()
    assert told == f"train {choice.data} --out {folder} --resume --device auto"
    worker.end()
    until(lambda: record.state == "stopped")


def test_a_trainer_that_cannot_start_says_why(make_worker, choice, until):
    worker, record = make_worker(
        """
        t.print('training without perceptual loss')
        t.print('spadework train: error: data/classes.json: missing; it names the classes')
        sys.exit(2)
        """
    )
    started(worker, record, choice, until)
    until(lambda: record.state == "failed")
    assert record.message == "data/classes.json: missing; it names the classes"


def test_a_crash_shows_its_last_line_and_the_remedy(make_worker, choice, until):
    worker, record = make_worker("t.lock(); t.say('training', step=3); 1 / 0")
    started(worker, record, choice, until)
    until(lambda: record.state == "interrupted")
    assert "exit code 1" in record.message
    assert "ZeroDivisionError: division by zero" in record.message
    assert "Resume starts from the beginning" in record.message


def test_its_own_last_word_counts_whatever_the_exit_code(make_worker, choice, until):
    worker, record = make_worker("t.say('failed', message='diverged twice'); sys.exit(3)")
    started(worker, record, choice, until)
    until(lambda: record.state == "failed")
    assert record.message == "diverged twice"


def write_old(folder: Path, **changes) -> RunFolder:
    """A status that somebody else wrote some time ago."""
    folder.mkdir(exist_ok=True)
    run = RunFolder(folder)
    run.write_status(replace(Status("training", 1, 12, 200, checkpoint_step=10), **changes))
    value = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**value, "time": 1000.0}))
    return run


def test_whether_a_stranger_trains_is_told_by_the_lock(make_worker, tmp_path, until):
    run = write_old(tmp_path / "run")
    (run.path / "log.txt").write_text("CUDA error: device lost\nstep 12/200 G 1\n")
    lock = FileLock(run.lock)
    lock.acquire()
    worker, record = make_worker()
    try:
        worker.watch(str(run.path))
        until(lambda: record.news)
        assert record.state == "running"
        worker.resume(str(run.path))
        until(lambda: record.of("failed"))
        assert "is running there" in record.of("failed")[0]
    finally:
        lock.release()
    until(lambda: record.state == "interrupted")
    assert "without a last word" in record.message
    assert '"CUDA error: device lost"' in record.message
    assert "goes on from step 10" in record.message
    write_old(run.path, phase="done")
    until(lambda: record.state == "done")


def test_a_fresh_word_is_a_sign_of_life(make_worker, tmp_path, until, monkeypatch):
    """The lock is left alone then: whoever starts at that moment must find it free."""
    run = write_old(tmp_path / "run")
    clock = SimpleNamespace(time=lambda: 1002.0)
    monkeypatch.setattr(training_reader, "time", clock)
    tried = []
    monkeypatch.setattr(
        training_reader, "FileLock", lambda path: tried.append(path) or FileLock(path)
    )
    run.lock.touch()
    worker, record = make_worker()
    worker.watch(str(run.path))
    until(lambda: record.news)
    assert record.state == "running"
    assert tried == []
    clock.time = lambda: 1010.0
    until(lambda: record.state == "interrupted")
    looks = []
    look = worker._desk.look
    worker._desk.look = lambda: looks.append(1) or look()
    until(lambda: len(looks) > 3)
    assert len(tried) == 1  # and it is not tried again until somebody speaks


def test_another_protocol_is_refused_once(make_worker, tmp_path, until):
    run = write_old(tmp_path / "run")
    worker, record = make_worker()
    (run.path / "status.json").write_text('{"protocol": 9, "phase": "training"}')
    worker.watch(str(run.path))
    until(lambda: record.of("failed"))
    looks = []
    look = worker._desk.look
    worker._desk.look = lambda: looks.append(1) or look()
    until(lambda: len(looks) > 3)
    (line,) = record.of("failed")
    assert "protocol 9" in line
    assert record.of("news") == []
    write_old(run.path, phase="done")  # and when it speaks ours again, it is heard
    until(lambda: record.state == "done")


def test_a_folder_that_vanishes_is_told(make_worker, tmp_path, until):
    run = write_old(tmp_path / "run", phase="done")
    worker, record = make_worker()
    worker.watch(str(run.path))
    until(lambda: record.news)
    run.path.rename(tmp_path / "elsewhere")
    until(lambda: record.of("failed"))
    assert "gone" in record.of("failed")[0]


def test_two_trainings_do_not_share_a_folder(make_worker, choice, until):
    worker, record = make_worker("t.wait('on'); t.raw('run.json', '{}'); t.say('done')")
    folder = started(worker, record, choice, until)
    worker.start(choice)
    until(lambda: record.of("failed"))
    assert "is running there" in record.of("failed")[0]
    touch(folder, "on")
    until(lambda: record.state == "done")
    (launched,) = worker._desk._launched.values()
    until(lambda: launched.process.returncode == 0)
    worker.start(choice)
    until(lambda: len(record.of("failed")) == 2)
    assert "there already" in record.of("failed")[1]


def test_after_a_start_that_failed_another_may_be_tried(make_worker, choice, until):
    worker, record = make_worker("sys.exit(2) if 'quick' in t.arguments else t.say('done')")
    started(worker, record, replace(choice, recipe="quick"), until)
    until(lambda: record.state == "failed")
    worker.start(choice)
    until(lambda: record.state == "done")
    assert record.of("failed") == []


def test_what_is_no_training_can_not_be_resumed(make_worker, tmp_path, until):
    worker, record = make_worker()
    worker.resume(str(tmp_path))
    until(lambda: record.of("failed"))
    assert "no training to go on with" in record.of("failed")[0]


@pytest.mark.parametrize(
    ("name", "expected"), [("state.pt", "--resume"), ("run.json", "--config {}/run.json")]
)
def test_a_training_of_the_command_line_is_resumed_from_its_own_settings(
    make_worker, tmp_path, until, name, expected
):
    worker, record = make_worker("t.raw('told', ' '.join(t.arguments)); t.say('done')")
    (tmp_path / name).write_text("{}")
    worker.resume(str(tmp_path))
    until(lambda: record.state == "done")
    told = (tmp_path / "told").read_text()
    assert told == f"train --out {tmp_path} " + expected.format(tmp_path)


def test_one_that_ended_before_its_first_checkpoint_starts_afresh(make_worker, choice, until):
    worker, record = make_worker("t.raw('told', ' '.join(t.arguments) + '\\n'); sys.exit(2)")
    folder = started(worker, record, choice, until)
    until(lambda: record.state == "failed")
    worker.resume(str(folder))
    until(lambda: len(record.of("started")) == 2)
    until(lambda: len((folder / "told").read_text().splitlines()) == 2)
    first, second = (folder / "told").read_text().splitlines()
    assert first == second
    assert "--resume" not in second


def test_of_folders_watched_the_last_one_speaks(make_worker, tmp_path, until):
    worker, record = make_worker()
    for name in ("one", "two", "three"):
        write_old(tmp_path / name, phase="done")
        worker.watch(str(tmp_path / name))
    until(lambda: record.news)
    assert {n.folder for n in record.of("news")} == {str(tmp_path / "three")}
    worker.watch("")
    assert worker.folder == ""
    until(lambda: not worker._timer.isActive())


def test_samples_are_read_on_request_the_newest_alone(make_worker, tmp_path, until):
    from fake_trainer import FakeTrainer

    write_old(tmp_path / "run", phase="done")
    trainer = FakeTrainer(["--out", str(tmp_path / "run")])
    for step in range(1, 9):
        trainer.sample(step, 10 * step)
    worker, record = make_worker()
    worker.watch(str(tmp_path / "run"))
    until(lambda: record.news)
    names = record.news.samples
    assert len(names) == 8
    for name in names[:-1]:
        worker.load_sample(name)
    until(lambda: record.of("sample"))
    (found,) = record.of("sample")
    assert found[0] == names[6]
    assert (found[1] == 70).all()
    for wrong in ("step-0000099.png", "../secret.png"):
        worker.load_sample(wrong)
        until(lambda: record.of("failed"))
        assert wrong in record.of("failed")[-1]
        record.events.clear()
    worker.load_sample(names[0])
    until(lambda: record.of("sample"))


def test_known_trainings_are_listed_newest_first(make_worker, choice, tmp_path, until):
    write_old(tmp_path / "done", phase="done", step=200)
    write_old(tmp_path / "cut")
    write_old(tmp_path / "gone", phase="done")
    (tmp_path / "other").mkdir()
    known = KnownRuns()
    for name in ("done", "gone", "cut", "other"):
        known.add(tmp_path / name)
    (tmp_path / "gone").rename(tmp_path / "moved")
    worker, record = make_worker()
    started(worker, record, choice, until)
    until(lambda: record.steps)
    worker.list_runs()
    until(lambda: record.of("runs"))
    found = record.of("runs")[0]
    assert [(r.name, r.state) for r in found] == [
        ("coast", "running"),
        ("cut", "interrupted"),
        ("done", "done"),
    ]
    assert (found[1].step, found[1].steps) == (12, 200)
    worker.forget(str(tmp_path / "cut"))
    until(lambda: len(record.of("runs")) == 2)
    assert [r.name for r in record.of("runs")[1]] == ["coast", "done"]
    assert (tmp_path / "cut" / "status.json").is_file()


def test_closing_with_stop_saves_and_ends(make_worker, choice, until):
    worker, record = make_worker()
    started(worker, record, choice, until)
    until(lambda: len(record.steps) > 2)
    (launched,) = worker._desk._launched.values()
    worker.shut_down(stop=True)
    count = len(record.events)
    launched.process.returncode = None
    assert launched.process.wait(60) == 0
    assert RunFolder(Path(choice.out)).read_status().phase == "stopped"
    assert len(record.events) == count


SCRIPT = """
import sys
from PySide6.QtCore import QCoreApplication
from app.workers.training_messages import TrainingChoice
from app.workers.training_worker import TrainingWorker
from test_training_worker import SERVING, fake

app = QCoreApplication([])
worker = TrainingWorker(command=fake(SERVING), interval=10)
worker.news.connect(lambda news: news.losses and app.quit())
worker.failed.connect(sys.exit)
worker.start(TrainingChoice("coast", "data", sys.argv[1], "tiny"))
app.exec()
"""


@linux
@pytest.mark.parametrize("ending", ["worker.shut_down()", "import os; os._exit(0)"])
def test_a_trainer_outlives_its_window_and_another_takes_over(make_worker, tmp_path, until, ending):
    folder = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT + ending, folder],
        capture_output=True,
        text=True,
        timeout=PATIENCE / 1000,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])},
    )
    assert done.stderr == ""
    worker, record = make_worker()
    worker.watch(str(folder))
    until(lambda: len(record.of("news")) > 3)
    pid = record.news.status.pid
    assert record.state == "running"
    assert os.getsid(pid) == pid != os.getsid(0)
    worker.end()
    until(lambda: record.state == "stopped")
    worker.list_runs()
    until(lambda: record.of("runs"))
    assert [run.name for run in record.of("runs")[0]] == ["coast"]


@linux
def test_the_files_are_read_beside_the_gui_thread(make_worker, choice, until, monkeypatch):
    worker, record = make_worker()
    readers = set()
    for name in ("start", "watch", "look", "ask", "read_sample", "runs"):
        true = getattr(worker._desk, name)

        def noted(*values, true=true):
            readers.add(threading.current_thread())
            return true(*values)

        monkeypatch.setattr(worker._desk, name, noted)
    started(worker, record, choice, until)
    until(lambda: record.steps)
    worker.load_sample("nothing.png")
    worker.list_runs()
    worker.end()
    until(lambda: record.state == "stopped" and record.of("runs") and record.of("failed"))
    assert readers
    assert threading.main_thread() not in readers


def test_the_trainer_itself_starts_and_says_what_is_missing(tmp_path, choice, qapp, until):
    worker = TrainingWorker(interval=10)
    record = Record(worker)
    try:
        worker.start(choice)
        until(lambda: record.state == "failed")
    finally:
        worker.shut_down()
    assert record.message.startswith(f"{tmp_path / 'data'}: no such folder")


@linux
def test_it_steps_back_behind_the_window():
    """Its own niceness, and that of its session where the system shares by sessions."""
    script = (
        "import os; from app.workers.training_launch import step_back; before = os.nice(0); "
        "step_back(); print(os.nice(0) - before); group = '/proc/self/autogroup'; "
        "print(open(group).read().split()[-1] if os.path.exists(group) else 10)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    before = os.nice(0)
    assert done.stdout.split() == [str(min(19, before + 10) - before), "10"], done.stderr


@linux
@pytest.mark.timeout(600)
def test_a_real_training_from_the_first_step_to_the_last(tmp_path, qapp, qtbot):
    """Trained, paused, tried, killed, gone on with and ended, as a person would."""
    from PIL import Image

    from spade.formats.label_png import write_label_map
    from spade.formats.palette import palette_from_classes
    from spade.model import load_model

    data = tmp_path / "data"
    noise = np.random.default_rng(0)
    palette = palette_from_classes("coast", [(0, "sea", "", ""), (1, "sand", "", "")])
    for kind in ("images", "labels"):
        (data / kind).mkdir(parents=True)
    entries = [{"id": c.id, "name": c.name, "color": c.color} for c in palette.classes]
    (data / "classes.json").write_text(json.dumps({"name": "coast", "classes": entries}))
    for index in range(8):
        photo = noise.integers(0, 256, (70, 80, 3), np.uint8)
        labels = np.zeros((70, 80), np.uint8)
        labels[20 + 4 * index :] = 1
        Image.fromarray(photo).save(data / "images" / f"{index}.jpg")
        write_label_map(data / "labels" / f"{index}.png", labels, palette)
    choice = TrainingChoice(
        "coast",
        str(data),
        str(tmp_path / "run"),
        "tiny",
        device="cpu",
        steps=100_000,
        judge_minutes=0.0,
        overrides={"training": {"checkpoint_steps": 4, "sample_steps": 4, "statistics_batches": 2}},
    )
    # As urgent as the test, not behind everything else that runs.
    boot = f"import sys; sys.path[:] = {sys.path!r}; from spade.__main__ import console; "
    boot += "sys.exit(console(sys.argv[1:]))"
    worker = TrainingWorker(interval=20, command=lambda a: [sys.executable, "-c", boot, *a])
    record = Record(worker)

    def until(condition):  # two trainers import torch
        qtbot.waitUntil(lambda: bool(condition()), timeout=3 * PATIENCE)

    try:
        worker.start(choice)
        until(lambda: record.state not in ("", "running") or len(record.steps) >= 5)
        assert record.state == "running", record.message
        status = record.news.status
        assert status.device == "cpu"
        assert status.steps == 100_000
        assert status.checkpoint_step >= 4
        shown = [news.sample for news in record.of("news") if news.sample is not None]
        assert shown[0].ndim == 3
        worker.pause()
        until(lambda: record.state == "paused")
        worker.try_now()
        until(lambda: record.of("early_model") or record.of("failed"))
        assert record.of("failed") == []
        early = load_model(record.of("early_model")[0], "cpu")
        assert [entry.name for entry in early.classes] == ["sea", "sand"]
        until(lambda: record.state == "paused" and record.news.status.phase == "paused")

        os.kill(record.news.status.pid, signal.SIGKILL)
        until(lambda: record.state == "interrupted")
        kept = record.news.status.checkpoint_step
        assert f"goes on from step {kept}." in record.message
        worker.resume(choice.out)
        until(lambda: record.state == "running" and record.steps[-1] > kept + 2)
        assert record.steps == list(range(1, record.steps[-1] + 1))
        worker.end()
        until(lambda: record.state == "stopped")
        assert record.news.status.checkpoint_step == record.news.status.step
        assert load_model(Path(choice.out) / "model", "cpu").name == "coast"
        worker.list_runs()
        until(lambda: record.of("runs"))
        (run,) = record.of("runs")[0]
        assert (run.state, run.step) == ("stopped", record.news.status.step)
    finally:
        for launched in worker._desk._launched.values():
            launched.process.kill()
            launched.process.wait()
        worker.shut_down()
    assert record.of("failed") == []
