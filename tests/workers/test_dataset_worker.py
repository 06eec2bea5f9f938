"""The examiner of data sets: a process that works, is cut short, dies and is left alone."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QObject, QThread

from app.state.known_runs import KnownRuns
from app.workers.dataset_worker import DatasetWorker
from app.workers.training_messages import ClassChoice, ImportRequest, RecipeTime
from spade.formats.label_png import write_label_map
from spade.formats.palette import palette_from_classes
from spade.formats.run_folder import RunFolder, Status

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 60_000  # ms
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, sends signals")


class Record(QObject):
    """What a worker has emitted, by signal."""

    def __init__(self, worker: DatasetWorker) -> None:
        super().__init__()
        self.events: list[tuple[str, tuple]] = []
        names = ("progress", "report", "imported", "options", "scene", "failed", "busy_changed")
        for name in names:
            getattr(worker, name).connect(lambda *values, name=name: self._add(name, values))

    def _add(self, name: str, values: tuple) -> None:
        assert QThread.currentThread() is self.thread()
        self.events.append((name, values))

    def of(self, name: str) -> list:
        return [v[0] if len(v) == 1 else v for kind, v in self.events if kind == name]


@pytest.fixture
def make_worker(qapp):
    workers = []

    def make(module: str = "fake_dataset_child", **options):
        worker = DatasetWorker(module=module, **options)
        workers.append(worker)
        return worker, Record(worker)

    yield make
    for worker in workers:
        worker.stop()


@pytest.fixture
def until(qtbot):
    def wait(condition):
        qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE)

    return wait


@pytest.fixture
def data(tmp_path):
    """Make a data set with a plan."""

    def make(plan: str = "", name: str = "data") -> str:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "plan.py").write_text(textwrap.dedent(plan))
        return str(folder)

    return make


def test_a_report_comes_with_thumbnails(make_worker, data, until):
    worker, record = make_worker()
    folder = data("for i in range(10_000): on_progress(i, 20_000, 'Reading labels')")
    worker.check(folder, 64)
    assert worker.busy
    until(lambda: record.of("report"))
    (report,) = record.of("report")
    assert (report.folder, report.layout, report.size) == (folder, "Cityscapes", 64)
    assert (report.pictures, report.validation, report.needs_import) == (9, 1, True)
    assert report.usable
    (finding,) = report.findings
    assert (finding.kind, finding.count, finding.severity) == ("rgb-labels", 2, "fixed")
    assert finding.examples == ("a", "b")
    (thumbnail,) = finding.thumbnails  # of "b" there is none
    assert (thumbnail == 7).all()
    assert report.classes[0].name == "sea"
    assert record.of("busy_changed") == [True, False]
    told = record.of("progress")
    assert told[0] == ("Reading labels", 0.0)
    assert len(told) < 1000  # not one for each file
    assert not worker.busy


def test_the_newest_check_wins(make_worker, data, until):
    worker, record = make_worker()
    slow = data(
        """
        on_progress(0, 0, 'reading')
        wait_for(cancelled)
        if cancelled():
            (folder / 'gave up').touch()
            raise doctor.Cancelled
        """,
        "slow",
    )
    worker.check(slow)
    until(lambda: record.of("progress"))
    assert record.of("progress") == [("reading", None)]
    quick = [data("", name) for name in ("one", "two", "three")]
    for folder in quick:
        worker.check(folder)
    until(lambda: record.of("report"))
    assert [report.folder for report in record.of("report")] == [quick[2]]
    assert (Path(slow) / "gave up").exists()
    assert record.of("failed") == []
    assert record.of("busy_changed")[-1] is False


def test_what_is_cancelled_says_no_more(make_worker, data, until):
    worker, record = make_worker()
    worker.check(data("on_progress(0, 1, 'reading'); wait_for(cancelled)"))
    until(lambda: record.of("progress"))
    worker.cancel()
    assert not worker.busy
    worker.check(data("", "next"))  # the first ends without heeding: its report is not wanted
    until(lambda: record.of("report"))
    assert [Path(report.folder).name for report in record.of("report")] == ["next"]


def test_an_import_gets_the_choices(make_worker, data, tmp_path, until):
    worker, record = make_worker()
    folder = data(
        """
        if importing:
            assert labels is None and classes is None
            (folder / 'told').write_text(repr(choices))
        """
    )
    worker.check(folder)
    until(lambda: record.of("report"))
    choices = (ClassChoice(3, "lake", "#112233"), ClassChoice(4, "x", "#000000", 255))
    worker.import_data(ImportRequest(folder, str(tmp_path / "copy"), choices))
    until(lambda: record.of("imported") or record.of("failed"))
    ((out, report),) = record.of("imported")
    assert out == report.folder == str(tmp_path / "copy")
    told = (Path(folder) / "told").read_text()
    assert "name='lake'" in told
    assert "merge_into=255" in told
    assert record.of("busy_changed") == [True, False, True, False]


def test_an_import_without_a_check_examines_first(make_worker, data, tmp_path, until):
    worker, record = make_worker()
    folder = data("(folder / f'importing {importing}').touch()")
    worker.import_data(ImportRequest(folder, str(tmp_path / "copy")))
    until(lambda: record.of("imported"))
    assert (Path(folder) / "importing False").exists()
    assert (Path(folder) / "importing True").exists()


def test_photos_alone_are_labelled_by_the_bundled_segmenter(make_worker, data, tmp_path, until):
    worker, record = make_worker()
    plan = """
        alone = True
        if importing:
            ids = [entry.id for entry in classes.classes]
            assert labels.shape == (40, 50) and set(labels.ravel().tolist()) <= {*ids, 255}
            (folder / 'classes').write_text(str(len(ids)))
        """
    folder = data(plan)
    worker.import_data(ImportRequest(folder, str(tmp_path / "copy")))
    until(lambda: record.of("imported") or record.of("failed"))
    assert record.of("failed") == []
    assert int((Path(folder) / "classes").read_text()) > 5


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("from spade.formats.errors import InputError; raise InputError('no such')", "no such"),
        ("1 / 0", "unexpected fault (ZeroDivisionError: division by zero)"),
        ("raise MemoryError", "not enough memory: close other programs and try again"),
    ],
)
def test_failures_come_as_one_line(make_worker, data, until, plan, expected):
    worker, record = make_worker()
    worker.check(data(plan))
    until(lambda: record.of("failed"))
    assert record.of("failed") == [expected]
    assert not worker.busy
    worker.check(data("", "good"))
    until(lambda: record.of("report"))


@linux
def test_a_dead_examiner_is_told_and_replaced(make_worker, data, until):
    worker, record = make_worker()
    folder = data("on_progress(0, 1, 'reading'); wait_for((folder / 'never').exists)")
    worker.check(folder)
    until(lambda: record.of("progress"))
    pid = int((Path(folder) / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    until(lambda: record.of("failed"))
    assert record.of("failed") == [
        "The data set's examiner was killed (SIGKILL, perhaps for lack of memory); try again"
    ]
    assert not worker.busy
    good = data("", "good")
    worker.check(good)
    until(lambda: record.of("report"))
    second = int((Path(good) / "pid").read_text())
    assert second != pid
    os.kill(second, signal.SIGKILL)  # while idle: nobody need know
    worker.check(good)
    until(lambda: len(record.of("report")) == 2 or len(record.of("failed")) == 2)


def test_an_examiner_that_can_not_run_is_told_once(make_worker, data, until):
    worker, record = make_worker("no_such_module")
    for count in (1, 2):
        worker.check(data())
        until(lambda count=count: len(record.of("failed")) == count)
        assert not worker.busy
    assert all("examiner" in line for line in record.of("failed"))


@linux
def test_left_alone_it_ends_and_comes_back(make_worker, data, until):
    worker, record = make_worker(idle=50)
    folder = data()
    worker.check(folder)
    until(lambda: record.of("report"))
    pid = int((Path(folder) / "pid").read_text())
    until(lambda: not Path(f"/proc/{pid}").exists())
    worker.check(folder)
    until(lambda: len(record.of("report")) == 2)
    assert int((Path(folder) / "pid").read_text()) != pid
    assert record.of("failed") == []


IMPORTING = """
    if importing:
        on_progress(1, 2, 'copying')
        wait_for(cancelled)
        (folder / 'cleaned').touch()
        raise doctor.Cancelled
    """


def test_stopping_lets_an_import_clean_up(make_worker, data, tmp_path, until):
    worker, record = make_worker()
    folder = data(IMPORTING)
    worker.import_data(ImportRequest(folder, str(tmp_path / "copy")))
    until(lambda: record.of("progress"))
    worker.stop()
    assert (Path(folder) / "cleaned").exists()
    count = len(record.events)
    worker.check(folder)
    worker.stop()
    assert len(record.events) == count


SCRIPT = """
    import os, sys
    from pathlib import Path
    from PySide6.QtCore import QCoreApplication
    from app.workers.dataset_worker import DatasetWorker
    from app.workers.training_messages import ImportRequest

    # Deliberately without a main guard: nothing of this may run in the child.
    app = QCoreApplication([])
    worker = DatasetWorker(module="fake_dataset_child")
    worker.progress.connect(lambda *told: app.quit())
    worker.failed.connect(sys.exit)
    worker.import_data(ImportRequest(sys.argv[1], sys.argv[1] + "-copy"))
    app.exec()
    pid = int((Path(sys.argv[1]) / "pid").read_text())
    loaded = Path(f"/proc/{pid}/maps").read_text()
    print(pid, "libtorch" in loaded, "libQt6" in loaded, "torch" in sys.modules, flush=True)
    os._exit(0)
"""


@linux
def test_it_ends_with_its_window_cleans_up_and_needs_neither_torch_nor_qt(data):
    folder = data(IMPORTING)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT), folder],
        capture_output=True,
        text=True,
        timeout=PATIENCE / 1000,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])},
    )
    assert done.stderr == ""
    pid, *loaded = done.stdout.split()
    assert loaded == ["False", "False", "False"]
    try:
        handle = os.pidfd_open(int(pid))
    except ProcessLookupError:
        pass
    else:
        with os.fdopen(handle):
            assert select.select([handle], [], [], 10)[0], "the child outlived the program"
    assert (Path(folder) / "cleaned").exists()


def test_options_come_while_a_data_set_is_checked(make_worker, data, tmp_path, until, qtbot):
    for name, state in (("mine", "done"), ("bare", "done")):
        folder = tmp_path / name
        folder.mkdir()
        RunFolder(folder).write_status(Status(state, 1, 1500, 1500))
        KnownRuns().add(folder)
    (tmp_path / "mine" / "model").mkdir()
    (tmp_path / "mine" / "model" / "model.json").write_text('{"kind": "spade"}')
    worker, record = make_worker()
    slow = data("on_progress(0, 1, 'reading'); wait_for((folder / 'on').exists)")
    worker.check(slow)
    until(lambda: record.of("progress"))
    worker.ask_options("cuda:99", 7)  # not there: the CPU then
    until(lambda: record.of("options") or record.of("failed"))
    assert record.of("failed") == []
    assert worker.busy
    (Path(slow) / "on").touch()
    until(lambda: record.of("report"))
    (options,) = record.of("options")
    assert options.device == "cpu"
    assert "core" in options.device_name
    assert options.available > 1 << 20
    names = [preset.name for preset in options.presets]
    assert names[0] == "tiny"
    sizes = {preset.name: preset for preset in options.presets}
    assert sizes["tiny"].fits
    assert (sizes["tiny"].size, sizes["tiny"].batch_size, sizes["tiny"].ngf) == (64, 2, 8)
    assert sizes["tiny"].bytes < sizes["large"].bytes < sizes["paper"].bytes
    # The paper's generator, but with 7 classes and "don't care".
    assert 80e6 < sizes["paper"].parameters < 113e6
    for preset in options.presets:
        _check_times(preset.times, (3_000, 20_000, 80_000))
    quick = [preset.times[0].seconds for preset in options.presets]
    assert quick[:3] == sorted(set(quick[:3]))
    _check_times(options.model_times["landscape"], (400, 3_000, 12_000))
    assert options.model_times[str(tmp_path / "mine" / "model")] == ()  # has no sizes
    assert options.models[0][0] == "landscape"
    assert options.models[1:] == (
        (str(tmp_path / "mine" / "model"), "mine, trained for 1,500 steps"),
    )
    assert options.vgg == "" or Path(options.vgg).is_file()


def _check_times(times: tuple[RecipeTime, ...], steps: tuple[int, ...]) -> None:
    assert [each.recipe for each in times] == ["quick", "balanced", "thorough"]
    assert tuple(each.steps for each in times) == steps
    for each in times:
        assert 0 < each.plain_seconds < each.seconds


@pytest.fixture
def maps(tmp_path):
    """A DATA folder: val/ holds maps of one to three classes, one of them large."""
    palette = palette_from_classes("coast", ((i, f"class {i}", "", "") for i in range(4)))
    (tmp_path / "data").mkdir()
    entries = [{"id": c.id, "name": c.name, "color": c.color} for c in palette.classes]
    (tmp_path / "data" / "classes.json").write_text(json.dumps({"name": "a", "classes": entries}))
    for part in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "data" / part / kind).mkdir(parents=True)
    for index, (part, count, size) in enumerate(
        [("train", 4, (20, 30)), ("val", 1, (20, 30)), ("val", 3, (1000, 1500)), ("val", 2, (9, 9))]
    ):
        labels = np.zeros(size, np.uint8)
        labels[:, -4:] = 255
        for each in range(1, count):
            labels[each :: count * 2] = each
        labels[0, 0] = 3  # one stray pixel makes no class to see in a large map
        folder = tmp_path / "data" / part
        write_label_map(folder / "labels" / f"p{index}.png", labels, palette)
        (folder / "images" / f"p{index}.jpg").touch()
    return tmp_path / "data"


def test_the_scene_is_the_richest_map_of_the_validation_set(make_worker, maps, until):
    worker, record = make_worker()
    worker.open_scene(str(maps))
    until(lambda: record.of("scene") or record.of("failed"))
    ((labels, palette),) = record.of("scene")
    assert labels.shape == (341, 512)
    assert labels.dtype == np.uint8
    assert not labels.flags.writeable
    assert set(np.unique(labels)) >= {0, 1, 2, 255}
    assert palette.find("class 1") is not None
    assert not worker.busy


def test_a_training_folder_names_its_data_and_its_size(make_worker, maps, tmp_path, until):
    run = tmp_path / "run"
    run.mkdir()
    settings = {"data": {"folder": str(maps)}, "training": {"size": 512}}
    (run / "run.json").write_text(json.dumps(settings))
    worker, record = make_worker()
    worker.open_scene(str(run))
    until(lambda: record.of("scene") or record.of("failed"))
    assert record.of("scene")[0][0].shape == (683, 1024)


def test_broken_maps_are_passed_over(make_worker, maps, until):
    (maps / "val" / "labels" / "p2.png").write_bytes(b"\x89PNG")
    worker, record = make_worker()
    worker.open_scene(str(maps))
    until(lambda: record.of("scene") or record.of("failed"))
    assert record.of("scene")[0][0].shape == (9, 9)
    worker.open_scene(str(maps.parent))
    until(lambda: record.of("failed"))
    assert "classes.json" in record.of("failed")[0]


@linux
def test_the_doctor_itself_reads_and_mends_a_data_set(make_worker, tmp_path, until):
    """Label maps in colour, one photo without a map: checked, imported, and clean."""
    folder = tmp_path / "coast"
    noise = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for index in range(12):
        photo = Image.fromarray(noise.integers(0, 256, (80, 96, 3), np.uint8))
        photo.save(folder / "images" / f"p{index:02}.jpg")
        labels = np.full((80, 96, 3), (0, 90, 200), np.uint8)
        labels[30 + index :] = (220, 200, 120)
        if index:
            Image.fromarray(labels).save(folder / "labels" / f"p{index:02}.png")
    worker, record = make_worker("app.workers.dataset_child")
    worker.check(str(folder))
    until(lambda: record.of("report") or record.of("failed"))
    assert record.of("failed") == []
    (report,) = record.of("report")
    assert report.pictures == 11
    assert report.needs_import
    assert not report.photos_alone
    assert len(report.classes) == 2
    found = {finding.kind: finding for finding in report.findings}
    assert any(finding.severity == "fixed" for finding in report.findings)
    assert any(finding.thumbnails for finding in report.findings), sorted(found)
    for finding in report.findings:
        assert all(max(shown.shape[:2]) <= 96 for shown in finding.thumbnails)
    (child,) = children()
    assert "libtorch" not in Path(f"/proc/{child}/maps").read_text()
    sea = max(report.classes, key=lambda each: each.share)
    choices = tuple(
        ClassChoice(each.id, "sea" if each is sea else "sand", each.color)
        for each in report.classes
    )
    worker.import_data(ImportRequest(str(folder), str(tmp_path / "clean"), choices))
    until(lambda: record.of("imported") or record.of("failed"))
    assert record.of("failed") == []
    ((out, clean),) = record.of("imported")
    assert {each.name for each in clean.classes} == {"sea", "sand"}
    assert not clean.needs_import
    assert clean.pictures == 11
    worker.open_scene(out)
    until(lambda: record.of("scene") or record.of("failed"))
    ((labels, palette),) = record.of("scene")
    assert labels.shape == (80, 96)
    assert palette.find("sea") is not None


def children() -> list[int]:
    """Ids of this process's children."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if parent == str(os.getpid()):
            found.append(int(path.parent.name))
    return found
