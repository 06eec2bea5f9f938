"""The segmenter: its network, its files, its answers, its training and its figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spade.__main__ import console
from spade.confusion import (
    class_ious,
    confusion,
    mean_iou,
    pixel_accuracy,
    precisions,
    recalls,
)
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map, write_label_map
from spade.formats.merge import load_merge, same_classes
from spade.formats.palette import Palette, PaletteClass, palette_to_json
from spade.formats.segmenter_files import has_segmenter
from spade.segmenter import Segmentation, Segmenter, load_segmenter
from spade.segmenter.augment import mix_classes, random_view
from spade.segmenter.checkpoint import (
    SegmenterFile,
    load_imagenet,
    read_segmenter,
    save_segmenter,
)
from spade.segmenter.network import SegmenterNetwork
from spade.segmenter.pictures import LabelledPicture, read_labelled
from spade.segmenter.refine import guided_filter, votes
from spade.segmenter.report import judge, table, write_sheets
from spade.segmenter.thresholds import sure_thresholds
from spade.segmenter.training import (
    SegmenterTrainingConfig,
    class_weights,
    make_batch,
    train_segmenter,
)

PALETTE = Palette(
    "test",
    (
        PaletteClass(0, "sky", "#78b4e6"),
        PaletteClass(1, "grass", "#5aa03c"),
        PaletteClass(3, "rock", "#807468"),  # 2 is left out
    ),
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> SegmenterNetwork:
    torch.manual_seed(0)
    network = SegmenterNetwork(4)
    with torch.no_grad():
        network.head.weight.normal_()
        network.head.bias[2] = 50.0  # would win everywhere, were it a class
    return network.eval().requires_grad_(False)


@pytest.fixture
def segmenter(network: SegmenterNetwork) -> Segmenter:
    return Segmenter(network, PALETTE, CPU)


def picture(name: str = "a", size: int = 64, seed: int = 0) -> LabelledPicture:
    """Blue above, green below, with a border that depends on the seed."""
    rng = np.random.default_rng(seed)
    border = int(rng.integers(size // 4, 3 * size // 4))
    labels = np.zeros((size, size), np.uint8)
    labels[border:] = 1
    colours = np.array([[120, 180, 230], [90, 160, 60]], np.int16)
    photo = colours[labels] + rng.integers(-10, 11, (size, size, 3))
    return LabelledPicture(name, photo.clip(0, 255).astype(np.uint8), labels)


def test_the_network_answers_at_a_quarter_of_the_size(network: SegmenterNetwork) -> None:
    assert network(torch.rand(1, 3, 64, 96)).shape == (1, 4, 16, 24)
    with pytest.raises(ValueError, match="multiples of 32"):
        network(torch.rand(1, 3, 64, 90))


def test_published_weights_go_where_they_belong(tmp_path: Path) -> None:
    """Names as the published file has them, values told apart by their mean."""
    network = SegmenterNetwork(2)
    parts = ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2")
    own = dict(
        zip(
            parts,
            ("expand", "expand_norm", "depthwise", "depthwise_norm", "project", "project_norm"),
            strict=True,
        )
    )
    blocks = [(s, b) for s, stage in enumerate(network.backbone.stages) for b in range(len(stage))]
    state = network.backbone.state_dict()
    published = {"_conv_head.weight": torch.zeros(2), "_fc.bias": torch.zeros(3)}
    for key in state:
        first, _, rest = key.partition(".")
        if first in ("stem", "stem_norm"):
            name = {"stem": "_conv_stem", "stem_norm": "_bn0"}[first] + "." + rest
        else:
            stage, block, part, tail = rest.split(".")
            number = blocks.index((int(stage), int(block)))
            name = f"_blocks.{number}.{next(p for p in parts if own[p] == part)}.{tail}"
        published[name] = torch.full_like(state[key], len(published))
    torch.save(published, tmp_path / "published.pth")
    load_imagenet(network, tmp_path / "published.pth")
    loaded = network.backbone.state_dict()
    assert [int(loaded[key].flatten()[0]) for key in state] == list(range(2, len(state) + 2))


def test_wrong_imagenet_files_are_named(tmp_path: Path) -> None:
    network = SegmenterNetwork(2)
    with pytest.raises(InputError, match=r"nothing\.pth"):
        load_imagenet(network, tmp_path / "nothing.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(InputError, match="no EfficientNet-Lite0"):
        load_imagenet(network, tmp_path / "text.pth")
    torch.save({"_conv_stem.weight": torch.zeros(1)}, tmp_path / "part.pth")
    with pytest.raises(InputError, match="no EfficientNet-Lite0"):
        load_imagenet(network, tmp_path / "part.pth")


def test_files_come_back_as_they_were(network: SegmenterNetwork, tmp_path: Path) -> None:
    file = SegmenterFile(network, PALETTE, {0: 0.75}, {"count": 3}, {"minutes": 2})
    assert not has_segmenter(tmp_path / "m")
    save_segmenter(tmp_path / "m", file)
    assert has_segmenter(tmp_path / "m")
    back = read_segmenter(tmp_path / "m")
    assert back.palette == PALETTE
    assert (back.sure, back.figures, back.provenance) == ({0: 0.75}, {"count": 3}, {"minutes": 2})
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(back.network.state_dict()[key], value, rtol=1e-3, atol=1e-4)
    assert not any(p.requires_grad for p in back.network.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "segmenter.json").unlink(), "has no segmenter"),
        (lambda folder: (folder / "segmenter.safetensors").unlink(), "segmenter.safetensors"),
        (lambda folder: (folder / "segmenter.json").write_text("{"), "not readable"),
        (lambda folder: (folder / "segmenter.json").write_text("[]"), "format None"),
        (lambda folder: (folder / "segmenter.json").write_text('{"format": 9}'), "format 9"),
        (lambda folder: (folder / "segmenter.safetensors").write_bytes(b"x" * 9), "not readable"),
    ],
)
def test_damaged_files_are_named(network, tmp_path: Path, change, message: str) -> None:
    save_segmenter(tmp_path / "m", SegmenterFile(network, PALETTE))
    change(tmp_path / "m")
    with pytest.raises(InputError, match=message):
        load_segmenter(tmp_path / "m", "cpu")


def test_weights_of_other_classes_do_not_fit(network: SegmenterNetwork, tmp_path: Path) -> None:
    save_segmenter(tmp_path / "m", SegmenterFile(network, PALETTE))
    description = json.loads((tmp_path / "m" / "segmenter.json").read_text())
    description["palette"]["classes"].append({"id": 9, "name": "snow", "color": "#ffffff"})
    (tmp_path / "m" / "segmenter.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="head"):
        load_segmenter(tmp_path / "m", "cpu")


def test_no_such_segmenter() -> None:
    with pytest.raises(InputError, match="no such model"):
        load_segmenter("nowhere")


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (64, 64), (100, 37), (900, 130)])
def test_any_size_gets_an_answer_of_its_size(segmenter: Segmenter, size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    answer = segmenter.segment(photo)
    assert answer.labels.shape == answer.confidence.shape == size
    assert (answer.labels.dtype, answer.confidence.dtype) == (np.uint8, np.float32)
    assert set(np.unique(answer.labels)) <= set(PALETTE.ids)
    assert answer.confidence.min() >= 0
    assert answer.confidence.max() <= 1.0001


def test_what_is_no_photo_is_refused(segmenter: Segmenter) -> None:
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(InputError, match="give uint8"):
            segmenter.segment(wrong)


def test_mirrored_photos_get_mirrored_answers(segmenter: Segmenter) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    straight = segmenter.probabilities(photo)
    mirrored = segmenter.probabilities(np.ascontiguousarray(photo[:, ::-1]))
    torch.testing.assert_close(mirrored.flip(-1), straight, rtol=0, atol=1e-4)


def test_enlarging_keeps_the_answer(segmenter: Segmenter) -> None:
    given = torch.zeros(3, 8, 8)  # sky, grass, rock
    given[0, :, :4] = 0.75
    given[2, :, 4:] = 0.5
    answer = segmenter._enlarged(given, given, 600, 80)
    assert (answer.labels[:, :39] == 0).all()
    assert (answer.labels[:, 41:] == 3).all()
    assert np.allclose(answer.confidence[:, :30], 0.75)
    assert np.allclose(answer.confidence[:, 50:], 0.5)


def test_votes_remove_specks_and_keep_borders() -> None:
    labels = torch.zeros(24, 24, dtype=torch.int64)
    labels[:, 12:] = 1
    clean = labels.clone()
    labels[5, 5] = labels[9, 20] = 2
    labels[3:5, 11] = 1  # a frayed border
    assert torch.equal(votes(labels, 3, 2).argmax(dim=0), clean)


def test_only_sure_labels_are_kept(network: SegmenterNetwork) -> None:
    segmenter = Segmenter(network, PALETTE, CPU, {0: 0.9})
    answer = Segmentation(
        np.array([[0, 0, 1, 1]], np.uint8), np.array([[0.95, 0.85, 0.6, 0.4]], np.float32)
    )
    assert segmenter.trusted(answer).tolist() == [[0, 255, 1, 255]]
    assert segmenter.trusted(answer, 0.3).tolist() == [[0, 255, 1, 1]]


def test_borders_move_to_the_edges_of_the_photo() -> None:
    photo = torch.zeros(3, 32, 48)
    photo[:, :, 20:] = 0.8
    soft = torch.zeros(2, 32, 48)
    soft[1] = ((torch.arange(48) - 12) / 20).clamp(0, 1)  # half way at 22, and blurred
    soft[0] = 1 - soft[1]
    refined = guided_filter(soft, photo, 6, 1e-4)
    assert (refined.argmax(0)[16] == (torch.arange(48) >= 20)).all()
    torch.testing.assert_close(refined.sum(0), torch.ones(32, 48))


@given(st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_refining_leaves_plain_areas_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    photo = torch.from_numpy(rng.random((3, 17, 23))).float()
    share = torch.from_numpy(rng.dirichlet(np.ones(5))).float()
    plain = share.view(5, 1, 1).expand(5, 17, 23)
    refined = guided_filter(plain, photo, int(rng.integers(1, 9)), 1e-3)
    torch.testing.assert_close(refined, plain, rtol=0, atol=1e-4)


def test_it_learns_a_plain_problem() -> None:
    torch.manual_seed(0)
    network = SegmenterNetwork(2)
    stem = network.backbone.stem.weight.clone()
    pictures = [picture(str(i), seed=i) for i in range(8)]
    config = SegmenterTrainingConfig(
        steps=25, batch_size=4, size=64, warmup=2, ema_decay=0.8, precision="fp32"
    )
    losses: list[float] = []
    trained = train_segmenter(
        network, pictures, config, device=CPU, on_progress=lambda p: losses.append(p.loss)
    )
    assert len(losses) == 25
    assert np.mean(losses[-3:]) < 0.6 * np.mean(losses[:3])
    assert torch.equal(network.backbone.stem.weight, stem)
    assert not trained.training


def test_pictures_without_any_label_teach_nothing_and_do_no_harm() -> None:
    empty = picture()
    empty.labels[:] = 255
    config = SegmenterTrainingConfig(steps=2, batch_size=2, size=32, precision="fp32")
    seen: list[int] = []
    train_segmenter(
        SegmenterNetwork(2), [empty], config, device=CPU, on_progress=lambda p: seen.append(p.step)
    )
    assert seen == []


def test_training_stops_when_asked() -> None:
    config = SegmenterTrainingConfig(steps=9, batch_size=2, size=32, precision="fp32")
    seen: list[int] = []
    train_segmenter(
        SegmenterNetwork(2),
        [picture()],
        config,
        device=CPU,
        on_progress=lambda p: seen.append(p.step),
        should_stop=lambda: len(seen) == 2,
    )
    assert seen == [1, 2]


def test_impossible_settings_are_refused() -> None:
    for wrong in ({"steps": 0}, {"batch_size": 1}, {"size": 40}):
        with pytest.raises(InputError, match="multiple of 32"):
            SegmenterTrainingConfig(**wrong)


def test_batches_are_functions_of_seed_and_step() -> None:
    pictures, extra = [picture("a"), picture("b", seed=1)], [picture("c", seed=2)]
    config = SegmenterTrainingConfig(batch_size=4, size=64)
    first = make_batch(pictures, extra, config, 3)
    again = make_batch(pictures, extra, config, 3)
    other = make_batch(pictures, extra, config, 4)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert first[0].shape == (4, 3, 64, 64)


@given(st.integers(0, 9999), st.integers(16, 80), st.integers(16, 80))
@settings(max_examples=40, deadline=None)
def test_views_hold_the_labels_of_what_they_show(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (height, width)).astype(np.uint8)
    photo = np.full((height, width, 3), 100, np.uint8)
    image, ids = random_view(LabelledPicture("a", photo, labels), 32, rng)
    assert image.shape == (3, 32, 32)
    assert ids.shape == (32, 32)
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert set(ids.unique().tolist()) <= {0, 1, 2, 255}


def test_mixing_keeps_photo_and_labels_together() -> None:
    """Each class has one colour: it still has after mixing."""
    labels = torch.randint(0, 5, (6, 16, 16), generator=torch.Generator().manual_seed(0))
    photos = labels.unsqueeze(1).expand(6, 3, 16, 16) / 10
    mixed_photos, mixed_labels = mix_classes(photos, labels, np.random.default_rng(0))
    torch.testing.assert_close(mixed_photos[:, 0], mixed_labels / 10)
    assert not torch.equal(mixed_labels, labels)


def test_rarer_classes_weigh_more() -> None:
    one = picture()
    one.labels[:] = 0
    one.labels[0, :8] = 1
    weights = class_weights([one], 3, 0.5)
    assert weights[1] > weights[0] > 0
    assert weights[2] == 0
    assert class_weights([one], 3, 0.0)[:2].tolist() == pytest.approx([1, 1])


def test_figures_by_hand() -> None:
    truth = np.array([[0, 0, 0, 1, 255, 2]], np.uint8)
    answer = np.array([[0, 0, 1, 1, 1, 255]], np.uint8)
    counts = confusion(truth, answer, 4)
    assert counts.sum() == 4
    assert pixel_accuracy(counts) == pytest.approx(0.75)
    assert class_ious(counts)[:2].tolist() == pytest.approx([2 / 3, 1 / 2])
    assert precisions(counts)[:2].tolist() == pytest.approx([1, 1 / 2])
    assert recalls(counts)[:2].tolist() == pytest.approx([2 / 3, 1])
    assert np.isnan(recalls(counts)[2:]).all()
    assert mean_iou(counts) == pytest.approx((2 / 3 + 1 / 2) / 2)


@given(st.integers(0, 9999), st.floats(0.55, 0.95))
@settings(max_examples=40, deadline=None)
def test_above_the_threshold_labels_are_as_pure_as_asked(seed: int, purity: float) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.random((40, 40)).astype(np.float32)
    truth = (rng.random((40, 40)) > confidence).astype(np.uint8)  # surer means righter
    photo = np.zeros((40, 40, 3), np.uint8)
    answer = Segmentation(np.zeros((40, 40), np.uint8), confidence)
    pairs = [(LabelledPicture("a", photo, truth), answer)]
    threshold = sure_thresholds(pairs, [0, 1], purity)
    assert set(threshold) == {0}  # class 1 was never answered
    kept = confidence >= threshold[0]
    assert (truth[kept] == 0).mean() >= purity - 1e-9 or kept.sum() <= 1600 // 10 + 1


def labelled_folder(folder: Path, names: list[str], size: int = 64) -> Path:
    (folder / "labels").mkdir(parents=True)
    (folder / "images").mkdir()
    (folder / "classes.json").write_text(json.dumps(palette_to_json(PALETTE)))
    for index, name in enumerate(names):
        item = picture(name, size, index)
        write_label_map(folder / "labels" / f"{name}.png", item.labels, PALETTE)
        Image.fromarray(item.photo).save(folder / "images" / f"{name}.png")
    return folder


def test_pictures_are_split_by_name_and_the_first_folder_counts(tmp_path: Path) -> None:
    names = [f"p{i}" for i in range(40)]
    first = labelled_folder(tmp_path / "first", names)
    second = labelled_folder(tmp_path / "second", names[:3], size=96)
    found = read_labelled([first, second], short_side=48)
    assert {p.name for p in found.training} | {p.name for p in found.held_out} == set(names)
    assert not {p.name for p in found.training} & {p.name for p in found.held_out}
    assert 0 < len(found.held_out) < 12
    assert {p.labels.shape for p in found.training} == {(48, 48)}
    swapped = read_labelled([second, first])
    assert {p.name for p in swapped.held_out} == {p.name for p in found.held_out}
    assert {p.labels.shape[0] for p in (*swapped.training, *swapped.held_out)} == {64, 96}


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    folder = labelled_folder(tmp_path / "a", ["x", "y"])
    (tmp_path / "photos").mkdir()
    (folder / "images" / "x.png").rename(tmp_path / "photos" / "x.png")
    with pytest.raises(InputError, match=r"x\.png: no picture of that name"):
        read_labelled([folder])
    found = read_labelled([folder], [tmp_path / "photos"])
    assert len(found.training) + len(found.held_out) == 2


def test_a_map_of_another_size_is_named(tmp_path: Path) -> None:
    folder = labelled_folder(tmp_path / "a", ["x"])
    Image.new("RGB", (8, 9)).save(folder / "images" / "x.png")
    with pytest.raises(InputError, match="64x64"):
        read_labelled([folder])


def merge_file(path: Path, **changes: object) -> Path:
    data = {"palette": "palette.json", "merge": {"fog": "sky"}, "unknown": ["boat"], **changes}
    path.write_text(json.dumps(data))
    (path.parent / "palette.json").write_text(json.dumps(palette_to_json(PALETTE)))
    return path


FINE = Palette(
    "fine",
    tuple(
        PaletteClass(i, name, f"#{i + 1:02x}0000")
        for i, name in enumerate(("grass", "fog", "boat", "sky"))
    ),
)


def test_merging_classes(tmp_path: Path) -> None:
    merge = load_merge(merge_file(tmp_path / "merge.json"), FINE)
    labels = np.array([[0, 1, 2, 3, 255]], np.uint8)
    assert merge.apply(labels).tolist() == [[1, 0, 255, 0, 255]]
    assert same_classes(PALETTE).apply(np.array([[0, 2, 3, 9]], np.uint8)).tolist() == [
        [0, 255, 3, 255]
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unknown": []}, "'boat' becomes 'boat'"),
        ({"merge": {"fog": "mist"}}, "'fog' becomes 'mist'"),
        ({"merge": ["fog"]}, '"merge" must'),
        ({"unknown": "boat"}, '"unknown" must'),
        ({"palette": None}, '"palette" must'),
        ({"palette": "nowhere"}, "nowhere"),
    ],
)
def test_wrong_merges_are_named(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_merge(merge_file(tmp_path / "merge.json", **changes), FINE)


def test_unreadable_merges_are_named(tmp_path: Path) -> None:
    for text in ("{", "[]"):
        (tmp_path / "merge.json").write_text(text)
        with pytest.raises(InputError, match=r"merge\.json"):
            load_merge(tmp_path / "merge.json", FINE)
    with pytest.raises(InputError, match="cannot be read"):
        load_merge(tmp_path / "none.json", FINE)


def test_sheets_and_table(segmenter: Segmenter, tmp_path: Path) -> None:
    judgement = judge(segmenter, [picture("b_1"), picture("a_1", seed=1)], apart="b_")
    assert judgement.figures["pictures"]["count"] == judgement.figures["apart"]["count"] == 1
    assert "pixel accuracy" in table(judgement.figures)
    pages = write_sheets(tmp_path / "sheets", judgement, segmenter)
    assert len(pages) == 1
    with Image.open(pages[0]) as page:
        assert page.size == (192 * 6, 192)


def test_segment_command(
    network: SegmenterNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_segmenter(tmp_path / "m", SegmenterFile(network, PALETTE))
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.jpg"):
        Image.fromarray(picture().photo).save(photos / name)
    out = tmp_path / "out"
    arguments = ["segment", str(photos), "-o", str(out), "--model", str(tmp_path / "m")]
    assert console([*arguments, "--json", "--device", "cpu"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [Path(entry["map"]).name for entry in report["maps"]] == ["a.png", "b.png"]
    labels = read_label_map(out / "a.png")
    assert (labels.kind, labels.labels.shape) == ("indexed", (64, 64))
    (photos / "c.webp").write_bytes(b"RIFF")
    assert console([*arguments, "--sure"]) == 2
    captured = capsys.readouterr()
    assert "c.webp" in captured.err
    assert "a.png" in captured.out
    Image.fromarray(picture().photo).save(photos / "a.jpg")
    assert console(arguments) == 2
    assert "same" in capsys.readouterr().err
    assert console(["segment", str(photos / "a.png"), "-o", str(photos)]) == 2
    assert "also an input" in capsys.readouterr().err


def test_train_segmenter_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = labelled_folder(tmp_path / "data", [f"p{i}" for i in range(12)])
    torch.manual_seed(0)
    start = SegmenterFile(SegmenterNetwork(4).eval(), PALETTE)
    save_segmenter(tmp_path / "start", start)
    common = ["train-segmenter", str(folder), "--out", str(tmp_path / "m"), "--device", "cpu"]
    assert (
        console(
            [
                *common,
                *("--init", str(tmp_path / "start"), "--keep", "0.5"),
                *("--steps", "2", "--batch-size", "2"),
                *("--size", "64", "--extra", str(folder), "--sheets", str(tmp_path / "s")),
                *("--precision", "fp32", "--json"),
            ]
        )
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert 0 <= report["figures"]["pictures"]["pixel_accuracy"] <= 1
    assert len(report["sheets"]) == 1
    assert load_segmenter(tmp_path / "m", "cpu").classes[0].name == "sky"
    assert read_segmenter(tmp_path / "m").provenance["extra"] > 0
    assert console([*common, "--judge-only"]) == 0
    assert "mean IoU" in capsys.readouterr().out
    assert console([*common, "--purity", "2"]) == 2
    assert "--purity 2.0" in capsys.readouterr().err
