from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from spade.data.simplify import Labels, simplify, with_unknown_patches

MAPS = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.sampled_from([0, 7, 9])
)


def scene(size: int = 256) -> Labels:
    """Sky over a ragged range of hills over grass, a lake in it, and specks everywhere."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:size, :size] / size
    ridge = 0.4 + 0.08 * np.sin(9 * columns) + 0.02 * rng.random(size)
    labels = np.where(rows < ridge, 0, 4).astype(np.uint8)
    labels[rows > 0.65] = 11
    labels[((rows - 0.8) / 0.1) ** 2 + ((columns - 0.5) / 0.25) ** 2 < 1] = 7
    labels[rng.random((size, size)) < 0.02] = 254
    return labels


def borders(labels: Labels) -> int:
    """Neighbours across and down that differ."""
    return int((labels[1:] != labels[:-1]).sum() + (labels[:, 1:] != labels[:, :-1]).sum())


@given(MAPS, st.integers(0, 2**32))
def test_only_ids_of_the_map_come_out_and_the_map_stays(labels: Labels, seed: int) -> None:
    before = labels.copy()
    result = simplify(labels, np.random.default_rng(seed))
    assert (result.shape, result.dtype) == (labels.shape, np.uint8)
    assert np.isin(result, labels).all()
    assert not np.shares_memory(result, labels)
    assert np.array_equal(labels, before)
    assert np.array_equal(result, simplify(labels, np.random.default_rng(seed)))


@given(MAPS, st.integers(0, 2**32))
def test_patches_hide_and_change_nothing_else(labels: Labels, seed: int) -> None:
    before = labels.copy()
    hidden = with_unknown_patches(labels, np.random.default_rng(seed))
    assert ((hidden == labels) | (hidden == 255)).all()
    assert np.array_equal(labels, before)
    assert np.array_equal(hidden, with_unknown_patches(labels, np.random.default_rng(seed)))


@given(st.sampled_from([0, 3, 254, 255]), st.integers(0, 2**32))
def test_one_class_stays_one_class(class_id: int, seed: int) -> None:
    labels = np.full((48, 64), class_id, np.uint8)
    assert (simplify(labels, np.random.default_rng(seed)) == class_id).all()


@pytest.mark.parametrize("seed", range(12))
def test_the_scene_is_kept_in_fewer_lines(seed: int) -> None:
    labels = scene()
    result = simplify(labels, np.random.default_rng(seed))
    real = labels != 254
    assert (result == labels)[real].mean() > 0.9
    assert borders(result) < 0.4 * borders(labels)
    assert (result == 7).sum() > 0.5 * (labels == 7).sum()  # the lake is no speck
    assert (result == 254).mean() < 0.005


def test_each_seed_draws_anew_and_no_way_is_rare() -> None:
    labels = scene(64)
    drawn = {simplify(labels, np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(drawn) == 20


def test_slivers_of_unknown_between_regions_go() -> None:
    labels = scene()
    labels[labels == 254] = 0
    labels[100:103] = 255
    for seed in range(8):
        assert (simplify(labels, np.random.default_rng(seed)) == 255).mean() < 0.004


def test_patches_hide_something_but_not_all() -> None:
    labels = scene()
    shares = [
        float((with_unknown_patches(labels, np.random.default_rng(seed)) == 255).mean())
        for seed in range(40)
    ]
    assert min(shares) > 0
    assert max(shares) < 0.6
    assert 0.02 < float(np.mean(shares)) < 0.4


@pytest.mark.parametrize("change", [simplify, with_unknown_patches])
def test_a_training_map_takes_a_few_milliseconds(
    change: Callable[[Labels, np.random.Generator], Labels],
) -> None:
    labels = scene()
    spent = []
    for seed in range(15):
        before = time.thread_time()
        change(labels, np.random.default_rng(seed))
        spent.append(time.thread_time() - before)
    assert sorted(spent)[7] < 0.02  # about 0.0015 on one core of 2024
