"""Photos to label maps: whose segmenter, kept between photos, memory, cancelling, the child."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_backend import MODEL, OTHER, photo_request

from app.workers import segment_service
from app.workers.backend import JobCancelled
from app.workers.child_backend import ChildBackend
from app.workers.in_thread_backend import InThreadBackend
from app.workers.messages import ModelSource, SegmentRequest
from app.workers.render_service import RenderService
from app.workers.segment_service import SegmentService, find_segmenter
from spade.formats.errors import InputError
from spade.formats.palette import PaletteClass, palette_from_classes
from spade.segmenter import Segmentation, load_segmenter
from spade.segmenter.checkpoint import SegmenterFile, save_segmenter
from spade.segmenter.network import SegmenterNetwork

PALETTE = palette_from_classes("own", [(0, "sky", "", ""), (2, "grass", "", "")])
PATIENCE = 60_000


@pytest.fixture(scope="session")
def segmenter_file() -> SegmenterFile:
    """Random weights of a fixed seed."""
    torch.manual_seed(0)
    return SegmenterFile(SegmenterNetwork(3), PALETTE)


@pytest.fixture(scope="session")
def with_segmenter(tiny, segmenter_file, tmp_path_factory) -> ModelSource:
    """The tiny model with a segmenter in its folder."""
    folder = tmp_path_factory.mktemp("models") / "with-segmenter"
    shutil.copytree(tiny.path, folder)
    save_segmenter(folder, segmenter_file)
    return ModelSource(str(folder))


@pytest.fixture
def bundled(tmp_path, monkeypatch) -> Path:
    """The folder that the bundled segmenter is looked for in, empty at first."""
    monkeypatch.setattr(segment_service, "bundled", lambda _relative: tmp_path / "bundled")
    return tmp_path / "bundled"


class FakeSegmenter:
    """Everything is class 4; ``faults`` are raised first."""

    classes = (PaletteClass(4, "sea", "#1f5fa8", "water"),)

    def __init__(self, faults: list[Exception]) -> None:
        self.faults = faults

    def segment(self, photo: np.ndarray) -> Segmentation:
        if self.faults:
            raise self.faults.pop(0)
        return Segmentation(np.full(photo.shape[:2], 4, np.uint8), np.ones(photo.shape[:2]))


class Loads:
    """A loader of fake segmenters that writes down what it was asked for."""

    def __init__(self, *faults: Exception) -> None:
        self.log: list[tuple[str, str]] = []
        self.faults = list(faults)

    def __call__(self, source: str, device: str) -> FakeSegmenter:
        self.log.append((source, device))
        return FakeSegmenter(self.faults)


def run(service: SegmentService, request: SegmentRequest, cancelled=lambda: False):
    reports: list[object] = []
    return service.segment(request, reports.append, cancelled), reports


def test_a_segmenter_is_loaded_once_for_many_photos():
    loads = Loads()
    service = SegmentService("cpu", loads)
    found, _ = run(service, photo_request())
    assert found.labels.tolist() == [[4] * 6] * 4
    assert not found.labels.flags.writeable
    assert found.classes == ((4, "sea", "#1f5fa8", "water"),)
    run(service, photo_request("2"))
    run(service, photo_request("3", model=OTHER))
    assert loads.log == [("fake", "cpu"), ("other", "cpu")]


def test_a_device_that_is_not_there_is_replaced():
    loads = Loads()
    _, reports = run(SegmentService("cuda:77", loads), photo_request())
    assert loads.log == [("fake", "cpu")]
    assert any("not available" in getattr(report, "text", "") for report in reports)


def test_out_of_memory_is_bad_luck_and_not_the_end():
    full = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 99 bytes")
    loads = Loads(full)
    service = SegmentService("cpu", loads)
    with pytest.raises(InputError, match="not enough memory"):
        run(service, photo_request())
    run(service, photo_request())
    assert len(loads.log) == 2  # it was let go, to make room


def test_a_full_gpu_leaves_it_to_the_cpu(monkeypatch):
    monkeypatch.setattr(segment_service, "usable_device", lambda wanted, _report: wanted)
    loads = Loads(torch.OutOfMemoryError("CUDA out of memory"))
    found, reports = run(SegmentService("cuda", loads), photo_request())
    assert found.labels.shape == (4, 6)
    assert loads.log == [("fake", "cuda"), ("fake", "cpu")]
    assert any("on the CPU" in getattr(report, "text", "") for report in reports)


def test_other_faults_are_not_hidden():
    with pytest.raises(RuntimeError, match="shapes"):
        run(SegmentService("cpu", Loads(RuntimeError("shapes differ"))), photo_request())


@pytest.mark.parametrize("after", [0, 1, 2])
def test_cancelled_at_every_step(after):
    asked = iter([False] * after + [True] * 9)
    with pytest.raises(JobCancelled):
        run(SegmentService("cpu", Loads()), photo_request(), lambda: next(asked))


def test_the_models_own_segmenter_comes_first(with_segmenter, bundled, segmenter_file):
    save_segmenter(bundled, segmenter_file)
    found = find_segmenter(with_segmenter)
    assert found is not None
    assert (found.source, found.is_own) == (with_segmenter, True)
    assert found.class_names == ("sky", "grass")


def test_without_its_own_the_bundled_one(tiny, bundled, segmenter_file):
    assert find_segmenter(tiny) is None
    save_segmenter(bundled, segmenter_file)
    found = find_segmenter(tiny)
    assert found is not None
    assert (found.source, found.is_own) == (ModelSource("landscape"), False)


def test_a_reference_checkpoint_has_the_one_beside_it(bundled, tmp_path, segmenter_file):
    checkpoint = tmp_path / "reference" / "latest_net_G.pth"
    save_segmenter(checkpoint.parent, segmenter_file)
    checkpoint.write_bytes(b"")
    source = ModelSource(str(checkpoint))
    found = find_segmenter(source)
    assert found is not None
    assert found.source == source
    loads = Loads()
    run(SegmentService("cpu", loads), photo_request(model=source))
    assert loads.log == [(str(checkpoint.parent), "cpu")]


def test_the_model_says_who_segments(with_segmenter, tiny, bundled):
    service = RenderService("cpu")
    reports: list[object] = []
    info = service.load(with_segmenter, reports.append, lambda: False)
    assert info.segmenter is not None
    assert info.segmenter.is_own
    assert service.load(tiny, reports.append, lambda: False).segmenter is None


@pytest.mark.parametrize("text", ["not json", "[]", json.dumps({"palette": {"classes": [1]}})])
def test_a_damaged_segmenter_does_not_cost_the_model(with_segmenter, tmp_path, bundled, text):
    folder = tmp_path / "damaged"
    shutil.copytree(with_segmenter.path, folder)
    (folder / "segmenter.json").write_text(text)
    reports: list[object] = []
    info = RenderService("cpu").load(ModelSource(str(folder)), reports.append, lambda: False)
    assert info.segmenter is None
    assert any("can't be segmented" in getattr(report, "text", "") for report in reports)


def noise(model: ModelSource) -> SegmentRequest:
    photo = np.random.default_rng(3).integers(0, 256, (40, 56, 3), np.uint8)
    photo.setflags(write=False)
    return SegmentRequest(photo, model, "noise")


@pytest.mark.parametrize("kind", [ChildBackend, InThreadBackend])
def test_for_real_it_is_what_the_python_interface_gives(make_worker, qtbot, with_segmenter, kind):
    worker, record = make_worker(kind())
    sent = noise(with_segmenter)
    worker.segment(sent)
    qtbot.waitUntil(lambda: bool(record.of("segmented") or record.of("failed")), timeout=PATIENCE)
    assert record.of("failed") == []
    (result,) = record.of("segmented")
    expected = load_segmenter(with_segmenter.path, "cpu")
    assert np.mean(result.labels == expected.segment(sent.photo).labels) > 0.99
    assert [row[1] for row in result.classes] == ["sky", "grass"]
    assert result.seconds > 0
    worker.segment(noise(MODEL))  # a folder that isn't there
    qtbot.waitUntil(lambda: bool(record.of("failed")), timeout=PATIENCE)
    assert "no such model" in record.of("failed")[0].message
