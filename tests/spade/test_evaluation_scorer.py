"""The segmentation head that judges: it learns, it is reproducible, and its file is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from spade.evaluation.features import Vgg16, load_vgg16, to_batch
from spade.evaluation.judge import Judge
from spade.evaluation.scorer import Columns, Scorer, ScorerConfig, columns
from spade.evaluation.scorer_file import TrainedScorer, load_scorer, save_scorer
from spade.evaluation.scorer_training import CELLS, Cells, collect_cells, pure_cells, train_scorer
from spade.formats.errors import InputError

CPU = torch.device("cpu")
COLORS = np.array([[200, 60, 40], [40, 90, 210], [60, 180, 70]], np.uint8)


@pytest.fixture(scope="module")
def vgg(vgg_file: Path) -> Vgg16:
    return load_vgg16(vgg_file)[0]


def scenes(count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """32x32 pictures of 16x16 squares in three colours, with noise."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        truth = rng.integers(0, 3, (2, 2), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
        noisy = COLORS[truth] + rng.normal(scale=8, size=(32, 32, 3))
        yield noisy.clip(0, 255).astype(np.uint8), truth


def toy_cells(vgg: Vgg16, count: int = 10) -> Cells:
    return collect_cells(vgg, scenes(count, 0), count, CPU, lambda done: None)


def test_it_learns_and_is_reproducible(vgg: Vgg16, tmp_path: Path) -> None:
    losses: list[float] = []
    cells = toy_cells(vgg)
    config = ScorerConfig(3, hidden=32)
    scorer = train_scorer(cells, config, CPU, lambda done, of, loss: losses.append(loss))
    assert losses[-1] < losses[0] / 2
    judge = Judge(vgg, None, scorer, CPU)
    pictures, truths = zip(*scenes(6, 1), strict=True)
    looks = judge.look(pictures)
    right = np.mean([look.answer == truth for look, truth in zip(looks, truths, strict=True)])
    assert right > 0.8
    # The same, one by one or together, and from the same seed again.
    alone = judge.look([pictures[3]])[0]
    assert (alone.answer == looks[3].answer).mean() > 0.999
    assert alone.pooled[0] == pytest.approx(looks[3].pooled[0], abs=1e-4)
    assert [len(vector) for vector in alone.pooled] == [512, 512]
    answers, distances = judge.compare(pictures)
    assert (answers == np.stack([look.answer for look in looks])).mean() > 0.999
    assert distances is None
    again = train_scorer(toy_cells(vgg), config, CPU, lambda *_: None)
    for key, value in scorer.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    # Through the file and back
    path = tmp_path / "scorer.safetensors"
    save_scorer(path, TrainedScorer(scorer, ("a", None, "c"), frozenset({"p", "q"}), 32))
    loaded = load_scorer(path)
    assert (loaded.classes, loaded.photos, loaded.size) == (("a", None, "c"), {"p", "q"}, 32)
    read = Judge(vgg, None, loaded.network, CPU).look([pictures[3]])[0]
    assert np.array_equal(read.answer, alone.answer)


def test_parts_at_their_own_size_are_the_layer_on_the_hypercolumn(vgg: Vgg16) -> None:
    torch.manual_seed(0)
    scorer = Scorer(ScorerConfig(4, hidden=8)).eval()
    picture = next(scenes(1, 3))[0]
    with torch.no_grad():
        seen = columns(vgg.blocks(to_batch([picture], CPU)))
        assert [tuple(block.shape[1:]) for block in seen.blocks] == [
            (128, 8, 8),
            (256, 8, 8),
            (512, 4, 4),
            (512, 2, 2),
        ]
        large = tuple(
            torch.nn.functional.interpolate(b, size=(8, 8), mode="bilinear") for b in seen.blocks
        )
        expected = scorer(Columns(large, seen.scene))
        assert torch.allclose(scorer(seen), expected, atol=1e-4)
        assert scorer.answer(seen, (32, 32)).shape == (1, 32, 32)


def test_cells_are_pure_and_known() -> None:
    truth = np.zeros((8, 12), np.uint8)
    truth[:, 5:] = 2
    truth[4:, 8:] = 255
    assert pure_cells(truth).tolist() == [[0, 255, 2], [0, 255, 255]]


def test_small_regions_are_heard(vgg: Vgg16) -> None:
    truth = np.zeros((64, 64), np.uint8)
    truth[:16, :16] = 1
    truth[:, 32:] = 255
    picture = np.zeros((64, 64, 3), np.uint8)
    # So many photos that only a few cells of each can be kept.
    cells = collect_cells(vgg, [(picture, truth)], CELLS // 20, CPU, lambda done: None)
    assert len(cells.labels) == 20
    assert set(cells.labels.tolist()) == {0, 1}
    assert [block.dtype for block in cells.blocks] == [torch.float16] * 4
    # One photo is little to learn from, but no reason to fail.
    scorer = train_scorer(cells, ScorerConfig(2, hidden=4), CPU, lambda *_: None)
    assert all(bool(value.isfinite().all()) for value in scorer.state_dict().values())
    with pytest.raises(InputError, match="known class"):
        collect_cells(vgg, [(picture, np.full_like(truth, 255))], 1, CPU, lambda done: None)


def test_files_that_are_no_scorer(tmp_path: Path) -> None:
    path = tmp_path / "scorer.safetensors"
    save_scorer(path, TrainedScorer(Scorer(ScorerConfig(2, 4)), ("a", "b"), frozenset(), 32))
    whole = path.read_bytes()
    state = {key: value.clone() for key, value in load_file(path).items()}  # not mapped

    def refused(said: str) -> None:
        with pytest.raises(InputError, match=said) as caught:
            load_scorer(path)
        assert "\n" not in str(caught.value)

    path.write_bytes(whole[:-9])
    refused("scorer.safetensors")
    path.write_bytes(b"PK\x03\x04 pickled")
    refused("not readable")
    save_file(state, path)
    refused("holds no scorer")
    about = {"config": {"classes": 2, "hidden": 4}, "classes": ["a", "b"], "photos": [], "size": 32}
    for changes, said in (
        ({"size": None}, "damaged"),
        ({"classes": 3}, "damaged"),
        ({"config": {"classes": 2, "hidden": 5}}, r"expected \(5"),
        ({"config": {"classes": 0, "hidden": 4}}, "out of range"),
    ):
        save_file(state, path, metadata={"spadework_scorer": json.dumps(about | changes)})
        refused(said)
    save_file(state, path, metadata={"spadework_scorer": "{"})
    refused("damaged")
