from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spade.config import GeneratorConfig, TrainingConfig
from spade.data.dataset import Batch, PairedPictures, prefetched, to_network
from spade.data.folder import label_channels, open_data
from spade.data.slices import Slice
from spade.formats.errors import InputError

COLORS = np.array([[10, 20, 200], [200, 40, 30], [30, 180, 40]], dtype=np.uint8)


def write_data(
    folder: Path, count: int = 12, size: tuple[int, int] = (40, 32), cell: int = 8
) -> Path:
    """A DATA folder whose photos are their label maps in COLORS: a crop shows if it slipped."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    width, height = size
    rng = np.random.default_rng(5)
    for i in range(count):
        labels = rng.integers(0, 3, (height // cell, width // cell), dtype=np.uint8)
        labels = labels.repeat(cell, axis=0).repeat(cell, axis=1)
        Image.fromarray(COLORS[labels]).save(folder / "images" / f"p{i:02d}.png")
        Image.fromarray(labels).save(folder / "labels" / f"p{i:02d}.png")
    classes = [{"id": i, "name": f"c{i}", "color": f"#{i}{i}{i}000"} for i in range(3)]
    (folder / "classes.json").write_text(json.dumps({"name": "three", "classes": classes}))
    return folder


def decoded(
    folder: Path, training: TrainingConfig | None = None, **generator: object
) -> PairedPictures:
    data = open_data(folder, 0.0)
    settings: dict[str, Any] = {"contain_dontcare": True} | generator
    config = GeneratorConfig(label_channels(data.palette), **settings)
    return PairedPictures(data.training, data.palette, config, training or TrainingConfig())


def assert_equal(batch: Batch, other: Batch) -> None:
    assert torch.equal(batch.images, other.images)
    assert torch.equal(batch.labels, other.labels)


def assert_aligned(batch: Batch) -> None:
    """Photos show the colours of their labels."""
    expected = torch.from_numpy(COLORS)[batch.labels.long()].permute(0, 3, 1, 2).int()
    wrong = (expected - batch.images.int()).abs().amax(dim=1) > 6
    # Only pixels beside a border differ: there the photo is smooth and the labels are not.
    padded = torch.nn.functional.pad(batch.labels.float(), (3, 3, 3, 3), mode="replicate")
    highest = torch.nn.functional.max_pool2d(padded[:, None], 7, 1)[:, 0]
    lowest = -torch.nn.functional.max_pool2d(-padded[:, None], 7, 1)[:, 0]
    assert not wrong[highest == lowest].any()
    assert (highest == lowest).float().mean() > 0.2


def test_validation_is_fixed_by_name_whatever_else_is_there(tmp_path: Path) -> None:
    many = open_data(write_data(tmp_path / "a", 60), 0.3)
    few = open_data(write_data(tmp_path / "b", 20), 0.3)
    held_out = {p.image.stem for p in many.validation}
    assert 5 < len(held_out) < 30
    assert {p.image.stem for p in few.validation} == {n for n in held_out if int(n[1:]) < 20}
    assert not held_out & {p.image.stem for p in many.training}


def test_rejected_photos_are_left_out(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d")
    (folder / "photo-tags.json").write_text(json.dumps({"reject": ["p03", "p07"], "best": ["p01"]}))
    data = open_data(folder, 0.2)
    stems = {p.image.stem for p in (*data.training, *data.validation)}
    assert len(stems) == 10
    assert not stems & {"p03", "p07"}


def test_train_and_val_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    write_data(tmp_path / "d" / "train", 3)
    write_data(tmp_path / "d" / "val", 2)
    (tmp_path / "d" / "classes.json").write_bytes(
        (tmp_path / "d" / "train" / "classes.json").read_bytes()
    )
    data = open_data(tmp_path / "d")
    assert (len(data.training), len(data.validation)) == (3, 2)


@pytest.mark.parametrize("min_scale", [0.3, 0.7, 1.0])
def test_photo_and_labels_are_cropped_and_flipped_together(
    tmp_path: Path, min_scale: float
) -> None:
    config = TrainingConfig(batch_size=24, size=64, min_scale=min_scale)
    pictures = decoded(write_data(tmp_path / "d"), config)
    batch = pictures.batch(config, 3)
    assert (batch.images.shape, batch.images.dtype) == ((24, 3, 64, 64), torch.uint8)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.labels.shape == (24, 64, 64)
    assert_aligned(batch)


def test_a_batch_depends_on_its_number_alone_and_an_epoch_shows_all(tmp_path: Path) -> None:
    pictures = decoded(write_data(tmp_path / "d", 10))
    config = TrainingConfig(batch_size=4, size=32)
    with prefetched(pictures, config, 5) as batches:
        fetched = [next(batches) for _ in range(3)]
    for step, batch in zip((5, 6, 7), fetched, strict=True):
        assert_equal(batch, pictures.batch(config, step))
    assert not torch.equal(fetched[0].images, fetched[1].images)
    assert {pictures._index(config, i) for i in range(10)} == set(range(10))
    other = pictures.batch(replace(config, seed=1), 5)
    assert not torch.equal(other.images, fetched[0].images)


def test_unknown_pixels_stay_unknown(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 1)
    Image.fromarray(np.full((32, 40), 255, np.uint8)).save(folder / "labels" / "p00.png")
    pictures = decoded(folder)
    assert (pictures.batch(TrainingConfig(batch_size=2, size=32), 0).labels == 255).all()


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        open_data(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"classes\.json: missing; it names the classes"):
        open_data(tmp_path / "empty")
    folder = write_data(tmp_path / "d", 2)
    Image.fromarray(np.full((32, 40), 9, np.uint8)).save(folder / "labels" / "p01.png")
    with pytest.raises(InputError, match=r"p01\.png: class id 9 is not in classes\.json"):
        decoded(folder)
    Image.fromarray(np.zeros((10, 40), np.uint8)).save(folder / "labels" / "p01.png")
    with pytest.raises(InputError, match=r"p01\.png: 40x10"):
        decoded(folder)
    (folder / "labels" / "p01.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"p01\.png"):
        decoded(folder)


def test_ids_with_gaps_count_up_to_the_highest(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 2)
    classes = [{"id": i, "name": f"c{i}"} for i in (0, 1, 2, 7)]
    (folder / "classes.json").write_text(json.dumps({"name": "gaps", "classes": classes}))
    assert label_channels(open_data(folder).palette) == 8
    Image.fromarray(np.full((32, 40), 7, np.uint8)).save(folder / "labels" / "p01.png")
    assert 7 in decoded(folder).batch(TrainingConfig(batch_size=2, size=32), 0).labels
    Image.fromarray(np.full((32, 40), 5, np.uint8)).save(folder / "labels" / "p01.png")
    with pytest.raises(InputError, match=r"p01\.png: class id 5 is not in classes\.json"):
        decoded(folder)


def test_label_maps_in_palette_colours_are_read(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 3)
    config = TrainingConfig(batch_size=3, size=32)
    expected = decoded(folder).batch(config, 0).labels
    palette = open_data(folder).palette
    for path in (folder / "labels").iterdir():
        labels = np.asarray(Image.open(path))
        Image.fromarray(palette.lut()[labels]).save(path)
    assert torch.equal(decoded(folder).batch(config, 0).labels, expected)


def test_unknown_pixels_without_their_channel_are_told_when_read(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 2)
    labels = np.zeros((32, 40), np.uint8)
    labels[3, 4] = 255
    Image.fromarray(labels).save(folder / "labels" / "p01.png")
    with pytest.raises(InputError, match=r"p01\.png: has unknown pixels .*contain_dontcare"):
        decoded(folder, contain_dontcare=False)


def test_instance_maps_are_cropped_and_flipped_with_the_rest(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 3)
    (folder / "instances").mkdir()
    for path in sorted((folder / "labels").iterdir())[:2]:
        ids = np.asarray(Image.open(path)).astype(np.uint16) * 300
        Image.fromarray(ids).save(folder / "instances" / path.name)
    with pytest.raises(InputError, match=r"p02\.png: has no map in instances/"):
        decoded(folder, instance_edges=True)
    assert decoded(folder).batch(TrainingConfig(batch_size=1, size=32), 0).instances is None
    (folder / "images" / "p02.png").unlink()
    config = TrainingConfig(batch_size=8, size=64, min_scale=0.4)
    batch = decoded(folder, config, instance_edges=True).batch(config, 1)
    assert batch.instances is not None
    assert torch.equal(batch.instances, batch.labels.int() * 300)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "instances" / "p01.png")
    with pytest.raises(InputError, match=r"instances.p01\.png: 9x9, but p01\.png is 40x32"):
        decoded(folder, instance_edges=True)


def test_large_photos_are_kept_no_larger_than_the_crops_need(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 2, size=(800, 640), cell=160)
    config = TrainingConfig(batch_size=6, size=32, min_scale=0.5)
    pictures = decoded(folder, config)
    assert [item.photo.shape for item in pictures._items] == [(64, 80, 3)] * 2
    assert_aligned(pictures.batch(config, 0))


@pytest.mark.parametrize(
    "tags", ["[]", "3", '{"best": 5}', '{"reject": 5}', '{"reject": "p01"}', '{"reject": [[]]}']
)
def test_photo_tags_of_another_form_are_refused(tags: str, tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 2)
    (folder / "photo-tags.json").write_text(tags)
    with pytest.raises(InputError, match=r"photo-tags\.json: not photo tags"):
        open_data(folder)


def test_any_number_of_threads_makes_the_same_batches(tmp_path: Path) -> None:
    config = TrainingConfig(batch_size=3, size=32, simplify=0.5, unknown_patches=0.5, rare_power=1)
    pictures = decoded(write_data(tmp_path / "d", 7), config)
    single = [pictures.batch(config, step) for step in range(9)]  # over the ends of epochs
    for threads in (1, 4):
        with prefetched(pictures, config, 2, threads=threads) as batches:
            for step in range(2, 9):
                assert_equal(next(batches), single[step])


def test_an_error_in_a_thread_reaches_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainingConfig(batch_size=1, size=32)
    pictures = decoded(write_data(tmp_path / "d", 2), config)
    batch = pictures.batch

    def failing(config: TrainingConfig, step: int, part: Slice | None) -> Batch:
        if step == 2:
            raise MemoryError("batch 2")
        return batch(config, step)

    monkeypatch.setattr(pictures, "batch", failing)
    with prefetched(pictures, config, 0, threads=3) as batches:
        assert_equal(next(batches), batch(config, 0))
        next(batches)
        with pytest.raises(MemoryError, match="batch 2"):
            next(batches)


def test_reading_counts_in_order_and_stops_when_told(tmp_path: Path) -> None:
    data = open_data(write_data(tmp_path / "d", 30), 0.0)
    config = GeneratorConfig(3, True)
    counts: list[int] = []
    PairedPictures(data.training, data.palette, config, TrainingConfig(), counts.append)
    assert counts == list(range(31))

    def stop(count: int) -> None:
        if count == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PairedPictures(data.training, data.palette, config, TrainingConfig(), stop)


def test_networks_read_minus_one_to_one() -> None:
    given = torch.tensor([[[[0, 255, 51]]]], dtype=torch.uint8)
    assert torch.allclose(to_network(given), torch.tensor([-1.0, 1.0, -0.6]))


def test_the_best_are_tagged_and_shown_more_often(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 10)
    (folder / "photo-tags.json").write_text(json.dumps({"best": ["p03"], "snow": ["p01"]}))
    assert [p.image.stem for p in open_data(folder, 0.0).training if p.best] == ["p03"]
    pictures = decoded(folder)
    config = TrainingConfig(best_factor=3.0)
    epoch = [pictures._index(config, i) for i in range(12)]
    assert sorted(epoch) == sorted([*range(10), 3, 3])
    assert sorted(pictures._index(config, i) for i in range(12, 24)) == sorted(epoch)
    assert [pictures._index(config, i) for i in range(12)] == epoch
    assert {pictures._index(TrainingConfig(), i) for i in range(10)} == set(range(10))


def test_photos_with_rare_classes_are_shown_more_often(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 8)
    for path in sorted((folder / "labels").iterdir())[1:]:
        Image.fromarray(np.asarray(Image.open(path)) % 2).save(path)  # class 2 in p00 alone
    pictures = decoded(folder)
    config = TrainingConfig(rare_power=0.5)
    shown = [pictures._index(config, i) for i in range(100)]
    assert shown.count(0) > 1.7 * max(shown.count(i) for i in range(1, 8))


def test_simplified_maps_change_nothing_else(tmp_path: Path) -> None:
    config = TrainingConfig(batch_size=16, size=64)
    pictures = decoded(write_data(tmp_path / "d"), config)
    plain = pictures.batch(config, 4)
    crude = pictures.batch(replace(config, simplify=0.5), 4)
    assert torch.equal(plain.images, crude.images)
    changed = (plain.labels != crude.labels).flatten(1).any(dim=1)
    assert 3 <= int(changed.sum()) <= 13
    assert set(crude.labels.unique().tolist()) <= {0, 1, 2}
    hidden = pictures.batch(replace(config, unknown_patches=1.0), 4)
    assert torch.equal(plain.images, hidden.images)
    unknown = hidden.labels == 255
    assert unknown.flatten(1).any(dim=1).all()
    assert torch.equal(hidden.labels[~unknown], plain.labels[~unknown])


def test_changes_that_the_generator_cannot_follow_are_refused(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "d", 2)
    with pytest.raises(InputError, match=r"unknown_patches is 0\.1, .*contain_dontcare = true"):
        decoded(folder, TrainingConfig(unknown_patches=0.1), contain_dontcare=False)
    with pytest.raises(InputError, match=r"simplify is 0\.1, .* instance_edges = false"):
        decoded(folder, TrainingConfig(simplify=0.1), instance_edges=True)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("best_factor", 0.5), ("rare_power", -1.0), ("simplify", 1.5), ("unknown_patches", -0.1)],
)
def test_settings_out_of_range_are_named(setting: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{setting} is {value}: it must"):
        TrainingConfig(**{setting: value})  # type: ignore[arg-type]
