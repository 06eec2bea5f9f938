from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spade.data.sampling import MOST_OFTEN, Sampler, classes_present, weights

WEIGHTS = arrays(np.float64, st.integers(1, 30), elements=st.floats(1.0, 8.0))


@given(WEIGHTS, st.integers(0, 2**40), st.integers(0, 1000))
def test_every_photo_is_shown_as_often_as_its_weight_or_one_more_or_less(
    wanted: np.ndarray, seed: int, epoch: int
) -> None:
    sampler = Sampler(wanted)
    order = sampler.order(seed, epoch)
    assert len(order) == sampler.length
    assert np.array_equal(order, sampler.order(seed, epoch))
    counts = np.bincount(order, minlength=len(wanted))
    assert len(counts) == len(wanted)
    assert counts.min() >= 1
    assert wanted.sum() - 0.001 <= len(order) < wanted.sum() + 1
    assert (counts <= np.ceil(1 + (wanted - 1) * 2) + 1).all()


def test_equal_weights_are_a_plain_shuffle() -> None:
    order = Sampler(np.ones(50)).order(7, 3)
    assert np.array_equal(order, np.random.default_rng((7, 1, 3)).permutation(50))


def test_in_the_mean_the_counts_are_the_weights() -> None:
    wanted = np.array([1.0, 2.5, 1.25, 1.25, 4.0])
    sampler = Sampler(wanted)
    counts = sum(np.bincount(sampler.order(0, epoch), minlength=5) for epoch in range(400)) / 400
    assert counts == pytest.approx(wanted, abs=0.1)
    assert len({sampler.order(0, epoch).tobytes() for epoch in range(20)}) > 15


def test_neutral_settings_weigh_all_alike() -> None:
    rng = np.random.default_rng(0)
    present = rng.random((20, 256)) < 0.1
    best = rng.random(20) < 0.5
    assert (weights(present, best, 1.0, 0.0) == 1).all()


def test_the_best_and_the_rare_are_shown_more_often() -> None:
    present = np.zeros((100, 256), bool)
    present[:, 0] = True  # sky in all
    present[:40, 1] = True
    present[10:50, 2] = True
    present[:4, 3] = True  # the median of 1, 0.4, 0.4, 0.04 is 0.4
    best = np.zeros(100, bool)
    best[[0, 99]] = True
    result = weights(present, best, 2.0, 0.5)
    assert result[1] == pytest.approx(10**0.5)
    assert result[0] == pytest.approx(2 * 10**0.5)
    assert result[99] == 2
    assert (result[4:99] == 1).all()


def test_no_photo_is_shown_without_end() -> None:
    present = np.zeros((1000, 256), bool)
    present[:, :4] = True
    present[0, 9] = True
    assert weights(present, present[:, 9], 3.0, 2.0).max() == MOST_OFTEN


def test_photos_without_any_class_are_no_trouble() -> None:
    assert (weights(np.zeros((3, 256), bool), np.zeros(3, bool), 2.0, 1.0) == 1).all()
    # All of them best: none before another.
    assert (weights(np.zeros((3, 256), bool), np.ones(3, bool), 2.0, 1.0) == 1).all()


def test_a_class_counts_from_a_hundredth_of_the_map_on() -> None:
    labels = np.full((20, 20), 255, np.uint8)
    labels[0, :4] = 7
    labels[1, :3] = 8
    assert np.flatnonzero(classes_present(labels)).tolist() == [7]
    assert np.flatnonzero(classes_present(np.array([[3]], np.uint8))).tolist() == [3]
