"""Two processes against one with the double batch; micro-batches against the whole batch.

In double precision the only difference is the order in which sums are taken: losses,
gradients to 1e-9, weights after three steps of Adam, which enlarges it, to 1e-7, so that a wrong
share, a random number too many or a class weight of one process alone would show.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import parallel_cases as cases
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from spade.data.dataset import PairedPictures
from spade.data.folder import open_data
from spade.data.slices import Slice, micro_batches, share_of
from spade.formats.errors import InputError
from spade.processes import Process, device_of, process
from spade.training import parallel
from spade.training.augment import draw_augmentation

Results = dict[str, Any]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results, Results]:
    """The folder, and what each of two processes got."""
    folder = tmp_path_factory.mktemp("two")
    cases.write_data(folder / "data")
    cases.in_two_processes([cases.__file__, str(folder)])
    first, second = (
        torch.load(folder / f"result{rank}.pt", weights_only=False) for rank in range(2)
    )
    return folder, first, second


def assert_close(
    found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float, floor: float = 1e-2
) -> None:
    """Each to ``tolerance`` of the largest of its tensor, or of ``floor`` of the largest of all:
    some gradients are 0 but for rounding.
    """
    assert found.keys() == expected.keys()
    largest = max(float(value.abs().max()) for value in expected.values())
    for name, value in expected.items():
        scale = max(float(value.abs().max()), floor * largest)
        error = float((found[name] - value).abs().max()) / scale
        assert error < tolerance, f"{name}: {error:.1e} of {scale:.1e}"


@pytest.mark.parametrize("case", cases.IN_TWO, ids=lambda case: case.name)
def test_two_processes_are_one_with_the_double_batch(
    case: cases.Case, two: tuple[Path, Results, Results]
) -> None:
    folder, first, second = two
    one = cases.three_steps(cases.whole(case), folder / "data")
    double = case.dtype == torch.float64
    both = first[case.name], second[case.name]
    # Five pictures: two and three, or as many micro-batches in each.
    assert [found["pieces"] for found in both] == [{99: 1, 2: 2, 1: 2}[case.at_once]] * 2
    keys = one["losses"][0].keys()
    assert {"kld", "d", "gan", "perceptual"} <= keys
    if case.everything:
        assert {"r1", "color", "labelmix" if case.oasis else "feature"} <= keys
    for found in both:
        for losses, expected in zip(found["losses"], one["losses"], strict=True):
            # A score is the small difference of large terms: to 1e-4 of the largest loss.
            tolerance = (1e-9, 1e-2) if double else (1e-4, 1.0)
            assert_close(losses, expected, *tolerance)
        assert_close(found["gradients"], one["gradients"], 1e-9 if double else 2e-4)
        assert len(found["gradients"]) > 100
        if double:
            assert_close(found["states"], one["states"], 1e-7)
        else:
            # Adam's first steps go by the sign alone: where a gradient is 0 but for rounding,
            # the weights may part by the rates of three steps.
            off = [(found["states"][k] - v).abs() for k, v in one["states"].items()]
            assert max(float(difference.max()) for difference in off) < 6 * 4e-4
            assert sum(float((d > 1e-5).sum()) for d in off) < 0.01 * sum(d.numel() for d in off)


def test_weights_and_spectral_norms_stay_the_same_everywhere(
    two: tuple[Path, Results, Results],
) -> None:
    _, first, second = two
    for case in cases.IN_TWO:
        states = first[case.name]["states"], second[case.name]["states"]
        assert any(name.endswith("_u") for name in states[0])
        for name, value in states[0].items():
            assert torch.equal(value, states[1][name]), (case.name, name)


def test_one_may_compute_by_windows_where_the_other_can_not(
    two: tuple[Path, Results, Results],
) -> None:
    """They wait for each other in the same places all the same, or the above had not ended."""
    _, first, second = two
    pairs = [
        pair
        for case in cases.IN_TWO
        for steps in zip(first[case.name]["windows"], second[case.name]["windows"], strict=True)
        for pair in zip(*steps, strict=True)
    ]
    assert {(True, True), (False, False)} < set(pairs)
    assert {(True, False), (False, True)} & set(pairs)


@pytest.mark.parametrize("kind", ["patch", "oasis"])
def test_micro_batches_have_the_gradients_of_the_whole(kind: str, tmp_path: Path) -> None:
    data = cases.write_data(tmp_path / "data")
    case = cases.Case("", batch=4, oasis=kind == "oasis", frozen=True)
    one = cases.three_steps(case, data)
    for at_once, pieces in ((2, 2), (1, 4)):
        found = cases.three_steps(replace(case, at_once=at_once), data)
        assert found["pieces"] == pieces
        for losses, expected in zip(found["losses"], one["losses"], strict=True):
            assert_close(losses, expected, 1e-9)
        assert_close(found["gradients"], one["gradients"], 1e-9)
        assert_close(found["states"], one["states"], 1e-7)


def test_micro_batches_have_batch_statistics_of_their_own(tmp_path: Path) -> None:
    data = cases.write_data(tmp_path / "data")
    case = cases.Case("", batch=4)
    one = cases.three_steps(case, data)["losses"][0]["gan"]
    halves = cases.three_steps(replace(case, at_once=2), data)["losses"][0]["gan"]
    assert abs(halves - one) > 1e-6 * abs(one)


def test_batch_norm_over_processes(two: tuple[Path, Results, Results]) -> None:
    _, first, second = two
    h, weight = cases.batch_for_norm(torch.float64)
    h.requires_grad_()
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    out = F.batch_norm(h, mean, var, training=True)
    (out * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert h.grad is not None
    # The mean is 10^4 spreads: in single precision E[x^2] - E[x]^2 would have no digit left.
    for name, tolerance in (("norm 64", 1e-9), ("norm 32", 2e-3)):
        a, b = first[name], second[name]
        assert torch.equal(a["mean"], b["mean"])
        assert torch.equal(a["var"], b["var"])
        joined = {key: torch.cat([a[key], b[key]]) for key in ("out", "gradient")}
        assert_close(joined, {"out": out.detach(), "gradient": h.grad}, tolerance)
        assert_close({"mean": a["mean"], "var": a["var"]}, {"mean": mean, "var": var}, tolerance)
        assert float(a["alone"].abs().max()) < 1e-6


def test_what_processes_tell_each_other(two: tuple[Path, Results, Results]) -> None:
    for found in (two[1]["spoken"], two[2]["spoken"]):
        assert found["agreed"] == (1, 3, 0)
        assert found["alike"] == (True, False)
        assert found["got"]["step"] == 7
        inner, rest = found["got"]["nested"]
        assert torch.equal(inner["w"], torch.arange(24.0).view(2, 3, 2, 2))
        assert int(inner["n"]) == 3
        assert rest == (None, "text")
        assert found["channels last"]


def test_one_process_asks_nobody() -> None:
    assert (parallel.count(), parallel.rank(), parallel.is_first()) == (1, 0, True)
    assert parallel.agree(3, 0) == (3, 0)
    assert parallel.from_first({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("total", [1, 5, 8, 17])
def test_slices_cover_a_batch_once_and_evenly(total: int) -> None:
    for processes in range(1, total + 1):
        shares = [share_of(total, rank, processes) for rank in range(processes)]
        assert [k for s in shares for k in range(s.start, s.stop)] == list(range(total))
        lengths = {len(share) for share in shares}
        assert max(lengths) - min(lengths) <= 1
        for at_once in range(1, total + 1):
            pieces = [micro_batches(total, at_once, rank, processes) for rank in range(processes)]
            assert len({len(own) for own in pieces}) == 1
            for share, own in zip(shares, pieces, strict=True):
                assert [k for s in own for k in range(s.start, s.stop)] == list(
                    range(share.start, share.stop)
                )
                assert all(0 < len(piece) <= max(at_once, 2 - (at_once > 1)) for piece in own)
    with pytest.raises(InputError, match=f"batch_size is {total}: {total + 1} processes"):
        share_of(total, 0, total + 1)


def test_a_part_of_a_batch_is_as_in_the_whole(tmp_path: Path) -> None:
    case = cases.Case("", batch=6)
    run = case.run()
    folder = open_data(cases.write_data(tmp_path / "data"), 0.0)
    pictures = PairedPictures(folder.training, folder.palette, run.generator, run.training)
    for step in (0, 5):
        batch = pictures.batch(run.training, step)
        change = draw_augmentation(run.training, 32, step, 1, cases.CPU)
        assert change is not None
        assert change.shift is not None
        for part in (Slice(0, 2), Slice(1, 5), Slice(5, 6)):
            chosen = slice(part.start, part.stop)
            for made in (pictures.batch(run.training, step, part), batch.part(part)):
                assert torch.equal(made.images, batch.images[chosen])
                assert torch.equal(made.labels, batch.labels[chosen])
            own = draw_augmentation(run.training, 32, step, 1, cases.CPU, part)
            assert own is not None
            assert own.shift == change.shift[chosen]
            assert torch.equal(own.color, change.color[chosen])  # type: ignore[arg-type,index]
            assert torch.equal(own.hole, change.hole[chosen])  # type: ignore[arg-type,index]


def set_ranks(monkeypatch: pytest.MonkeyPatch, **ranks: object) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
        if name in ranks:
            monkeypatch.setenv(name, str(ranks[name]))


def test_ranks_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_ranks(monkeypatch)
    assert process() == Process(0, 1, 0, 1)
    set_ranks(monkeypatch, WORLD_SIZE=1, RANK=0)
    assert process() == Process()
    set_ranks(monkeypatch, WORLD_SIZE=4, RANK=3)
    assert process() == Process(3, 4, 3, 4)
    assert process().share([*range(9)]) == [3, 7]
    set_ranks(monkeypatch, WORLD_SIZE=4, RANK=3, LOCAL_RANK=1, LOCAL_WORLD_SIZE=2)
    assert process() == Process(3, 4, 1, 2)
    for wrong, complaint in (
        ({"WORLD_SIZE": 2}, "RANK is '' in the environment, with WORLD_SIZE '2'"),
        ({"WORLD_SIZE": 0, "RANK": 0}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'"),
        ({"WORLD_SIZE": 2, "RANK": 2}, "RANK is 2 of WORLD_SIZE 2"),
        ({"WORLD_SIZE": 2, "RANK": -1}, "RANK is '-1'"),
    ):
        set_ranks(monkeypatch, **wrong)
        with pytest.raises(InputError, match=complaint):
            process()


def test_a_process_without_a_device_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    cuda = torch.device("cuda")
    assert device_of(cuda, Process(5, 8, 1, 2)) == torch.device("cuda", 1)
    assert device_of(cuda, Process()) == cuda
    assert device_of(cases.CPU, Process(5, 8, 5, 8)) == cases.CPU
    with pytest.raises(InputError, match="process 2 of this machine has no CUDA device, there are"):
        device_of(cuda, Process(2, 4, 2, 4))
