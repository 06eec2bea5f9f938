"""Each measure against what is known: closed forms, published values, identical pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file

from spade.confusion import class_ious, confusion, mean_iou, pixel_accuracy
from spade.evaluation.brushes import brush_maps, typical_map
from spade.evaluation.cielab import color_statistics, to_lab
from spade.evaluation.crude_maps import crude_maps
from spade.evaluation.evaluate import OWN, PHOTOS, Example
from spade.evaluation.features import load_vgg16, to_batch
from spade.evaluation.frechet import frechet_distance
from spade.evaluation.frechet_halves import halves_distance, leading_directions
from spade.evaluation.jpeg import write_jpeg
from spade.evaluation.lpips import lpips, mean_pairwise
from spade.evaluation.retrieval import nearest_map, thumbnail
from spade.evaluation.sheets import held_out_sheet
from spade.evaluation.style_pairs import fidelity, successors
from spade.formats.errors import InputError
from spade.formats.palette import Palette, PaletteClass, load_palette


def gaussian(mean: np.ndarray, covariance: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Samples whose mean and covariance are exactly these."""
    raw = np.random.default_rng(seed).normal(size=(count, len(mean)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def test_frechet_of_known_gaussians() -> None:
    # Commuting covariances: |m|^2 + sum (sqrt(a) - sqrt(b))^2 over the eigenvalues.
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    a, b = np.array([4.0, 1.0, 0.25]), np.array([1.0, 9.0, 0.25])
    first = gaussian(np.array([1.0, 2.0, 3.0]), turn @ np.diag(a) @ turn.T, 50, 1)
    second = gaussian(np.array([1.0, 0.0, 3.5]), turn @ np.diag(b) @ turn.T, 50, 2)
    expected = 4.25 + float(((np.sqrt(a) - np.sqrt(b)) ** 2).sum())
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_gaussians_that_do_not_commute() -> None:
    # Two dimensions: tr sqrt(M) = sqrt(tr M + 2 sqrt(det M)).
    a, b = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.7], [-0.7, 3.0]])
    product = a @ b
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(a) + np.trace(b) - 2 * root
    first, second = gaussian(np.zeros(2), a, 20, 3), gaussian(np.zeros(2), b, 20, 4)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)


@given(st.integers(2, 12), st.integers(1, 30), st.floats(1e-6, 1e4), st.integers(0, 1000))
def test_frechet_is_symmetric_and_zero_for_the_same(
    count: int, width: int, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, count, width)) * scale
    there, back = frechet_distance(a, b), frechet_distance(b, a)
    assert there >= 0
    assert there == pytest.approx(back, rel=1e-6, abs=1e-9 * scale**2)
    assert frechet_distance(a, a) <= 1e-9 * scale**2 * width
    assert frechet_distance(a, a[::-1]) <= 1e-9 * scale**2 * width
    moved = frechet_distance(a, a + 3 * scale)
    assert moved == pytest.approx(9 * scale**2 * width, rel=1e-6)


def test_frechet_of_rank_deficient_features() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 600))
    assert frechet_distance(flat, flat) < 1e-8
    assert frechet_distance(np.zeros((5, 600)), np.zeros((5, 600))) == 0
    # All of b in one point: the trace of a is left.
    expected = float(np.cov(flat.T).trace() + (flat.mean(axis=0) ** 2).sum())
    assert frechet_distance(flat, np.zeros_like(flat)) == pytest.approx(expected)
    # float32 features far from the origin
    far = (flat + 1e3).astype(np.float32)
    assert frechet_distance(far, far) < 1e-6


def test_frechet_wants_as_many_pictures_on_both_sides() -> None:
    for a, b in (((5, 3), (4, 3)), ((5, 3), (5, 2)), ((1, 3), (1, 3))):
        with pytest.raises(ValueError, match="one n over 1"):
            frechet_distance(np.zeros(a), np.zeros(b))


def test_halves_are_of_other_scenes() -> None:
    # Of the same scene a picture is its photo itself; of another one it never is.
    photos = np.diag(np.arange(10.0, 18.0))
    assert halves_distance(photos, photos) > 100
    shifted = photos + 7
    expected = halves_distance(photos, photos) + 8 * 49
    assert halves_distance(shifted, photos) == pytest.approx(expected, rel=0.2)
    assert halves_distance(photos, photos) == halves_distance(photos, photos)


def test_few_pictures_in_many_directions_are_judged_fairly() -> None:
    rng = np.random.default_rng(0)
    spread = np.arange(1, 301) ** -0.5

    def draw() -> np.ndarray:
        return rng.normal(size=(120, 300)) * spread

    photos, others, dull = draw(), draw(), 0.6 * draw()
    assert halves_distance(dull, photos) < halves_distance(photos, photos)  # the trap
    directions = leading_directions(photos)
    assert directions.shape == (15, 300)
    assert np.allclose(directions @ directions.T, np.eye(15))
    floor, other, poor = (
        halves_distance(x @ directions.T, photos @ directions.T) for x in (photos, others, dull)
    )
    assert poor > 1.8 * floor
    assert other < 1.5 * floor
    assert leading_directions(photos[:5]).shape == (1, 300)
    assert leading_directions(np.concatenate([photos, photos])).shape == (16, 300)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
        ((3, 3, 3), (0.82, 0, 0)),
    ],
)
def test_cielab(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    assert to_lab(np.array(rgb, np.uint8)) == pytest.approx(np.array(lab), abs=0.02)


def test_color_and_contrast_distance() -> None:
    grey = np.full((4, 6, 3), 119, np.uint8)
    black_and_white = np.zeros((4, 6, 3), np.uint8)
    black_and_white[::2] = 255
    a, b = color_statistics(grey), color_statistics(black_and_white)
    assert a.color_distance(b) == pytest.approx(0.03, abs=0.02)
    assert a.contrast_distance(b) == pytest.approx(50, abs=1e-3)
    assert a.contrast_distance(a) == b.color_distance(b) == 0


def test_lpips(vgg_file: Path) -> None:
    vgg, heads = load_vgg16(vgg_file)
    assert heads is not None
    rng = np.random.default_rng(0)
    photo = rng.integers(60, 190, (32, 48, 3)).astype(float)
    noise = rng.normal(size=photo.shape)
    pictures = [np.clip(photo + k * noise, 0, 255).astype(np.uint8) for k in (0, 4, 12, 36)]
    batch = to_batch([pictures[0], *pictures], torch.device("cpu"))
    distances = lpips(vgg, heads, batch)
    assert np.array_equal(distances, distances.T)
    assert distances[0, 1] == pytest.approx(0, abs=1e-6)
    assert 1e-5 < distances[0, 2] < distances[0, 3] < distances[0, 4]
    # The equation, term by term
    expected = 0.0
    for block, head in zip(vgg.blocks(batch[[0, 4]]), heads, strict=True):
        unit = torch.nn.functional.normalize(block.double(), dim=1)
        expected += float(((unit[0] - unit[1]) ** 2 * head[:, None, None]).sum(0).mean())
    assert distances[0, 4] == pytest.approx(expected, rel=1e-4)
    assert mean_pairwise(np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0.0]])) == 2


def test_vgg_files_that_do_not_fit(vgg_file: Path, tmp_path: Path) -> None:
    state = load_file(vgg_file)
    path = tmp_path / "vgg.safetensors"
    plain = {key: value for key, value in state.items() if not key.startswith("lpips")}
    save_file(plain, path)
    assert load_vgg16(path)[1] is None
    for changed, said in (
        (plain | {"features.34.weight": torch.zeros(1)}, "VGG19"),
        ({k: v for k, v in plain.items() if k != "features.28.bias"}, r"features\.28\.bias"),
        (plain | {"features.0.weight": torch.zeros(64, 1, 3, 3)}, r"\(64, 1, 3, 3\), expected"),
        (plain | {"lpips.lin0": torch.zeros(64)}, r"lpips\.lin1 must have 128"),
        (state | {"lpips.lin3": torch.zeros(9)}, r"lpips\.lin3 must have 512"),
        (state | {"lpips.lin0": torch.full((64,), -1.0)}, r"lpips\.lin0 has negative"),
    ):
        save_file(changed, path)
        with pytest.raises(InputError, match=said):
            load_vgg16(path)
    with pytest.raises(InputError, match="no such file"):
        load_vgg16(tmp_path / "none.safetensors")


def test_confusion() -> None:
    truth = np.array([[0, 0, 1, 1], [2, 255, 255, 1]], np.uint8)
    answer = np.array([[0, 1, 1, 1], [0, 2, 3, 3]], np.uint8)
    counts = confusion(truth, answer, 4)
    assert counts.sum() == 6
    assert pixel_accuracy(counts) == pytest.approx(3 / 6)
    ious = class_ious(counts)
    assert ious[:3] == pytest.approx([1 / 3, 2 / 4, 0])
    assert np.isnan(ious[3])  # answered, but not in the truth
    assert mean_iou(counts) == pytest.approx((1 / 3 + 1 / 2) / 3)
    nothing = confusion(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8), 4)
    assert np.isnan(pixel_accuracy(nothing))
    assert np.isnan(mean_iou(nothing))


def test_retrieval() -> None:
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 3, (9, 64, 48)).astype(np.uint8)
    maps[4, :20] = 255
    thumbnails = np.stack([thumbnail(m) for m in maps])
    assert thumbnails.shape == (9, 32, 32)
    for number, labels in enumerate(maps):
        assert nearest_map(thumbnails, labels) == number
    # Unknown agrees with nothing, not even with unknown.
    hidden = maps[7].copy()
    hidden[:40] = 255
    blank = np.full_like(thumbnails, 255)
    blank[7] = thumbnails[7]
    assert nearest_map(blank, hidden) == 7


@given(st.integers(3, 40), st.integers(0, 100))
def test_nobody_is_lent_their_own_style(count: int, seed: int) -> None:
    lender, stranger = successors(count, seed)
    assert sorted(lender) == sorted(stranger) == list(range(count))
    assert all(len({i, lender[i], stranger[i]}) == 3 for i in range(count))
    assert successors(count, seed) == (lender, stranger)


def test_fidelity_tells_styles_from_strangers() -> None:
    colors = [color_statistics(np.full((2, 2, 3), value, np.uint8)) for value in (0, 90, 180, 255)]
    lender, stranger = successors(4)
    perfect = fidelity([colors[k] for k in lender], colors, lender, stranger)
    assert perfect.color == perfect.contrast == 0
    assert perfect.shuffled_color > 10
    with pytest.raises(ValueError, match="three"):
        successors(2)


def test_crude_maps_of_any_palette() -> None:
    landscape = load_palette("landscape")
    small = Palette("two", (PaletteClass(3, "moss", "#112233"), PaletteClass(9, "ice", "#445566")))
    for palette in (landscape, small):
        maps = crude_maps(palette, 64)
        assert len(maps) == len({crude.title for crude in maps}) == 12
        for crude in maps:
            assert crude.labels.shape == (64, 64)
            assert set(np.unique(crude.labels)) <= {*palette.ids, 255}
        known = crude_maps(palette, 64, with_unknown=False)
        assert len(known) == 10
        assert all((crude.labels != 255).all() for crude in known)
    different = {crude.labels.tobytes() for crude in crude_maps(landscape, 64)}
    assert len(different) == 12


def test_brushes() -> None:
    classes = tuple(PaletteClass(i, f"c{i}", f"#00000{i}") for i in range(3))
    above = np.zeros((8, 8), np.uint8)
    above[4:] = 1
    odd = np.full((8, 8), 1, np.uint8)
    assert typical_map([odd, above, above]) is above
    brushes = brush_maps([above, above, odd], Palette("p", classes))
    alone, half = brushes[0]
    assert (alone == 0).all()
    assert np.array_equal(half, above)  # class 0 is at home above
    assert (brushes[1][1][4:] == 1).all()
    assert (brushes[2][1][4:] == 2).all()  # at home nowhere: below
    assert (brushes[2][1][:4] == 0).all()


def test_jpegs_are_never_too_large(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3)).astype(np.uint8)
    path = tmp_path / "noise.jpg"
    assert write_jpeg(path, noise, limit=20_000) == path.stat().st_size <= 20_000
    with Image.open(path) as image:
        assert image.format == "JPEG"
        assert image.width < 200
    write_jpeg(path, noise[:64, :64])
    with Image.open(path) as image:
        assert image.size == (64, 64)
    with pytest.raises(InputError, match="does not exist"):
        write_jpeg(tmp_path / "none" / "a.jpg", noise)


def test_sheets_leave_photos_out_where_they_may_not_be_shown() -> None:
    """The photo is the only red there is."""
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    labels = np.zeros((32, 32), np.uint8)
    palette = Palette("one", (PaletteClass(0, "sea", "#1f5fa8"),))
    pictures = {PHOTOS: red, OWN: np.full_like(red, 40)}
    with_photos, without = (
        held_out_sheet([Example("a", labels, pictures)], palette, photos)
        for photos in (True, False)
    )
    assert (with_photos == (200, 0, 0)).all(axis=-1).sum() == 32 * 32
    assert not (without == (200, 0, 0)).all(axis=-1).any()
    assert without.shape[1] < with_photos.shape[1]
