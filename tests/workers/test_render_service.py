"""Requests to pictures: styles, ids, sizes, memory, models, devices."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from app.core.style import DefaultStyle, ImageStyle, LatentStyle, SampledStyle, Style
from app.workers import render_service
from app.workers.backend import JobCancelled
from app.workers.messages import (
    ModelSource,
    Notice,
    Progress,
    Purpose,
    RenderRequest,
    WorkDone,
)
from app.workers.render_service import RenderService
from spade.formats.errors import InputError
from spade.model import load_model, resize_labels


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Client:
    """A service with everything it reports."""

    def __init__(self, device: str = "cpu") -> None:
        self.service = RenderService(device)
        self.reports: list[Notice | Progress] = []

    def load(self, source):
        return self.service.load(source, self.reports.append, lambda: False)

    def render(self, request, cancelled=lambda: False):
        return self.service.render(request, self.reports.append, cancelled)

    def picture(self, source, style, **changes):
        return self.render(make_request(source, style, **changes)).picture.astype(int)

    @property
    def notices(self) -> list[str]:
        return [report.text for report in self.reports if isinstance(report, Notice)]


@pytest.fixture
def client() -> Client:
    return Client()


def scene() -> np.ndarray:
    labels = np.zeros((48, 70), np.uint8)
    labels[20:] = 1
    labels[30:40, 10:60] = 2
    labels[:4, :4] = 255
    labels.setflags(write=False)
    return labels


def make_request(source, style=Style(), **changes) -> RenderRequest:  # noqa: B008 - frozen
    request = RenderRequest(1, scene(), style, source)
    return dataclasses.replace(request, **changes)


def photo(seed: int) -> ImageStyle:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    return ImageStyle(pixels // (1 + seed), f"photo {seed}")


def known(labels: np.ndarray) -> np.ndarray:
    return np.where(labels == 255, 0, labels).astype(np.uint8)


def test_says_what_the_model_is(client, tiny, bare, one_look):
    info = client.load(tiny)
    assert (info.name, info.label_nc, info.trained_size) == ("tiny", 3, 64)
    assert (info.has_dont_care, info.has_style, info.has_encoder) == (True, True, True)
    assert info.classes[0] == (0, "sky", "#78b4e6", "air")
    assert info.licence == "Test use only"
    assert info.parameters > 1000
    assert info.device == "cpu"
    info = client.load(bare)
    assert (info.has_dont_care, info.has_style, info.has_encoder) == (False, True, False)
    assert not client.load(one_look).has_style


def test_renders_what_the_python_interface_renders(client, tiny):
    """The application and ``Model.render`` agree to the pixel, for every kind of style."""
    model = load_model(tiny.path, "cpu")
    style = photo(1)
    latent = tuple(float(v) for v in np.linspace(-2, 1, 6).astype(np.float32))
    cases = [
        (Style(), model.render(scene())),
        (Style(SampledStyle(77)), model.render(scene(), seed=77)),
        (Style(style), model.render(scene(), style.pixels)),
        (Style(LatentStyle(latent)), model.render(scene(), np.array(latent))),
    ]
    pictures = []
    for wanted, expected in cases:
        result = client.render(make_request(tiny, wanted))
        assert result.picture.shape == (48, 70, 3)
        assert result.picture.dtype == np.uint8
        assert not result.picture.flags.writeable
        assert np.abs(result.picture.astype(int) - expected).max() <= 1
        pictures.append(result.picture)
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_strength_and_mix_follow_the_formula(client, tiny):
    model = load_model(tiny.path, "cpu")
    default = model.default_z
    first, second = model.sample_z(1), model.sample_z(2)
    style = Style(SampledStyle(1), SampledStyle(2), mix=0.25, strength=0.5)
    z = default + 0.5 * (0.75 * first + 0.25 * second - default)
    expected = model.render(scene(), z)
    assert np.abs(client.picture(tiny, style) - expected).max() <= 1
    ends = [
        (Style(SampledStyle(1), strength=0.0), Style()),
        (Style(SampledStyle(1), SampledStyle(2), mix=0.0), Style(SampledStyle(1))),
        (Style(SampledStyle(1), SampledStyle(2), mix=1.0), Style(SampledStyle(2))),
        (Style(SampledStyle(1), mix=0.7), Style(SampledStyle(1))),
        (Style(DefaultStyle(), strength=0.3), Style()),
    ]
    for one, other in ends:
        assert np.abs(client.picture(tiny, one) - client.picture(tiny, other)).max() <= 1


def test_an_image_is_encoded_once_and_few_are_remembered(client, tiny, monkeypatch):
    client.load(tiny)
    encoded: list[int] = []
    encode = client.service._model.encode
    monkeypatch.setattr(
        client.service._model, "encode", lambda image: encoded.append(1) or encode(image)
    )
    monkeypatch.setattr(render_service, "LATENTS_KEPT", 2)
    styles = [Style(photo(i)) for i in range(3)]
    for style in (styles[0], styles[0], styles[1], styles[0]):
        client.render(make_request(tiny, style))
    assert len(encoded) == 2
    client.render(make_request(tiny, styles[2]))  # forgets photo 1, the one not used lately
    client.render(make_request(tiny, styles[0]))
    assert len(encoded) == 3
    client.render(make_request(tiny, styles[1]))
    assert len(encoded) == 4
    assert len(client.service._latents) == 2


def test_a_style_the_model_cannot_follow_says_what_to_choose(client, bare, tiny, one_look):
    labels = known(scene())
    with pytest.raises(InputError, match=r"no encoder.*Surprise me"):
        client.render(make_request(bare, Style(photo(1)), labels=labels))
    client.render(make_request(bare, Style(SampledStyle(3)), labels=labels))
    with pytest.raises(InputError, match="latent of 6 values"):
        client.render(make_request(tiny, Style(LatentStyle((1.0, 2.0)))))
    client.render(make_request(one_look, Style(photo(1))))
    client.render(make_request(one_look, Style(photo(2))))
    assert len([text for text in client.notices if "one look" in text]) == 1


def test_ids_the_model_does_not_have_are_named(client, bare, tiny):
    with pytest.raises(InputError, match=r"16 pixels are unknown.*paint them"):
        client.render(make_request(bare))
    labels = known(scene())
    labels[5:9] = 17
    labels[9:12] = 200
    with pytest.raises(InputError, match=r"classes 17, 200 are painted.*0 to 2"):
        client.render(make_request(tiny, labels=labels))
    client.render(make_request(tiny))  # 255 is fine here


def test_renders_at_the_size_asked_for(client, tiny):
    model = load_model(tiny.path, "cpu")
    result = client.render(make_request(tiny, size=(100, 33), purpose=Purpose.EXPORT, key="x"))
    assert result.picture.shape == (33, 100, 3)
    expected = model.render(resize_labels(scene(), (100, 33)))
    assert np.abs(result.picture.astype(int) - expected).max() <= 1


def painted(labels: np.ndarray, x: int, class_id: int = 2) -> np.ndarray:
    """A dab of 6 x 6 pixels."""
    labels = labels.copy()
    labels[4:10, x : x + 6] = class_id
    return labels


def test_tiles_and_exports_leave_the_preview_alone(client, tiny):
    """The settled preview is still there after a tile and an export, of any style and size."""
    client.render(make_request(tiny))
    for purpose in (Purpose.TILE, Purpose.EXPORT):
        for size in (None, (32, 32)):
            request = make_request(tiny, Style(SampledStyle(1)), size=size, purpose=purpose)
            assert client.render(request).work.kind != "same"
            assert client.render(make_request(tiny)).work == WorkDone("same")


def test_only_the_preview_prepares_weights(client, tiny, monkeypatch):
    made: list[object] = []
    prepare = render_service.Engine.__init__

    def count(engine, *arguments, **options):
        made.append(engine)
        prepare(engine, *arguments, **options)

    monkeypatch.setattr(render_service.Engine, "__init__", count)
    client.load(tiny)
    for purpose in (Purpose.PREVIEW, Purpose.TILE, Purpose.EXPORT):
        client.render(make_request(tiny, purpose=purpose))
    assert len(made) == 1


def test_says_what_was_done(client, tiny):
    styles = Style(), Style(SampledStyle(1))
    assert client.render(make_request(tiny)).work == WorkDone("full")
    assert client.render(make_request(tiny)).work == WorkDone("same")
    assert client.render(make_request(tiny, styles[1])).work == WorkDone("style")
    dab = make_request(tiny, styles[1], labels=painted(scene(), 30))
    assert client.render(dab).work.kind in ("edit", "full")
    assert client.render(make_request(tiny, labels=np.ones((64, 80), np.uint8))).work.kind == "full"


def test_live_pictures_leave_the_settled_ones_exact(client, tiny):
    """A stroke, rendered live dab by dab, then settled: as if it had been rendered at once."""
    client.render(make_request(tiny))
    labels = scene()
    for x in range(10, 40, 5):
        labels = painted(labels, x)
        result = client.render(make_request(tiny, labels=labels, live=True))
        assert result.exact == (result.work.kind != "live")
    settled = client.render(make_request(tiny, labels=labels))
    assert settled.exact
    fresh = Client().render(make_request(tiny, labels=labels))
    assert np.abs(settled.picture.astype(int) - fresh.picture).max() <= 1


def test_exports_are_exact_whatever_the_preview_shows(client, tiny):
    client.render(make_request(tiny))
    labels = painted(scene(), 30)
    client.render(make_request(tiny, labels=labels, live=True))
    export = client.render(make_request(tiny, labels=labels, purpose=Purpose.EXPORT, key="x"))
    assert export.exact
    fresh = Client().render(make_request(tiny, labels=labels))
    assert np.abs(export.picture.astype(int) - fresh.picture).max() <= 1


def test_too_large_for_memory_is_refused_before_the_work(client, tiny, monkeypatch):
    client.render(make_request(tiny))
    monkeypatch.setattr(render_service, "available_memory", lambda: 90 << 20)
    with pytest.raises(InputError, match=r"4096x4096 needs about .* GB"):
        client.render(make_request(tiny, size=(4096, 4096), purpose=Purpose.EXPORT))
    monkeypatch.setattr(render_service, "available_memory", lambda: None)
    # What the preview kept was given up for it.
    assert client.render(make_request(tiny)).work == WorkDone("full")


def test_a_model_that_cannot_be_loaded_leaves_the_one_before(client, tiny, tmp_path):
    client.load(tiny)
    with pytest.raises(InputError, match="no such model"):
        client.load(ModelSource(str(tmp_path / "nothing")))
    before = client.service._model
    client.render(make_request(tiny))
    assert client.service._model is before


def test_a_request_brings_its_own_model(client, tiny, bare):
    client.load(tiny)
    labels = known(scene())
    client.render(make_request(bare, labels=labels, purpose=Purpose.EXPORT))
    client.render(make_request(tiny))
    loaded = [report for report in client.reports if isinstance(report, Progress)]
    assert [Progress(f"Loading {s.path}", None) for s in (tiny, bare, tiny)] == loaded


def test_cancels_between_steps(client, tiny):
    client.load(tiny)
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 4

    with pytest.raises(JobCancelled):
        client.render(make_request(tiny), cancelled)
    assert asked == 5
    assert client.render(make_request(tiny)).work == WorkDone("full")  # nothing was kept
    with pytest.raises(JobCancelled):
        client.service.load(ModelSource("x"), client.reports.append, lambda: True)


def test_reports_progress_of_slow_renders_only(client, tiny, monkeypatch):
    client.load(tiny)
    client.reports.clear()
    monkeypatch.setattr(render_service, "PATIENCE", 60.0)
    client.render(make_request(tiny))
    assert client.reports == []
    monkeypatch.setattr(render_service, "PATIENCE", 0.0)
    monkeypatch.setattr(render_service, "PROGRESS_INTERVAL", 0.0)
    client.render(make_request(tiny, Style(SampledStyle(5))))
    fractions = [report.fraction for report in client.reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    client.reports.clear()
    client.render(make_request(tiny, Style(SampledStyle(5)), labels=painted(scene(), 9), live=True))
    assert client.reports == []  # that is over before anybody could read it


def test_a_device_that_is_not_there_becomes_the_cpu(tiny):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    client = Client("cuda")
    assert client.load(tiny).device == "cpu"
    assert "cuda" in client.notices[0]
    assert "CPU" in client.notices[0]


class Gpu:
    """Makes the CPU look like a GPU whose memory never suffices for a picture.

    Only the model's and the engines' idea of where they are is changed, so that the way
    back to the CPU can be walked on any machine.
    """

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        model = client.service._model
        self.moves: list[str] = []
        self.device = torch.device("cuda")
        engine_render = render_service.Engine.render_pixels

        def to(device):
            self.moves.append(torch.device(device).type)
            model.device = torch.device(device)
            return model

        def render(engine, *arguments, **options):
            if engine.device.type == "cuda":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return engine_render(engine, *arguments, **options)

        monkeypatch.setattr(model, "to", to)
        monkeypatch.setattr(render_service.Engine, "render_pixels", render)
        model.device = self.device
        client.service._make_engines()


def test_gpu_out_of_memory_goes_on_on_the_cpu(client, tiny, monkeypatch):
    expected = client.picture(tiny, Style(SampledStyle(4)))
    gpu = Gpu(client, monkeypatch)
    result = client.render(make_request(tiny, Style(SampledStyle(4))))
    assert result.device == "cpu"
    assert np.abs(result.picture - expected).max() <= 1
    assert client.notices == ["CUDA out of memory at 70x48: rendering on the CPU"]
    client.render(make_request(tiny))
    assert gpu.moves == ["cpu"]  # and stays there, without another notice
    assert len(client.notices) == 1


def test_a_large_export_does_not_keep_the_preview_off_the_gpu(client, tiny, monkeypatch):
    client.load(tiny)
    gpu = Gpu(client, monkeypatch)
    client.render(make_request(tiny, size=(96, 96), purpose=Purpose.EXPORT))
    assert gpu.moves == ["cpu", "cuda"]


def test_cpu_out_of_memory_is_one_line(client, tiny, monkeypatch):
    client.load(tiny)

    def fail(*_arguments, **_options):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: tried 9")

    with monkeypatch.context() as patch:
        patch.setattr(render_service.Engine, "render_pixels", fail)
        with pytest.raises(InputError, match=r"not enough memory for a picture of 70x48"):
            client.render(make_request(tiny))
    client.render(make_request(tiny))


def test_other_errors_are_not_taken_for_lack_of_memory(client, tiny, monkeypatch):
    client.load(tiny)

    def fail(*_arguments, **_options):
        raise RuntimeError("a bug")

    monkeypatch.setattr(render_service.Engine, "render_pixels", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        client.render(make_request(tiny))
