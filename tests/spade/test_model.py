"""The Python interface: label maps in, pictures out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from spade.formats.errors import InputError
from spade.formats.photo import read_photo
from spade.model import Model, resize_labels, to_picture, to_tensor
from spade.plain import render_plain

ROOT = Path(__file__).parent.parent.parent


def test_importing_spade_loads_no_torch() -> None:
    code = "import sys, spade, spade.cli, spade.__main__; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_load_model_is_at_the_top(folder: Path) -> None:
    import spade

    assert spade.load_model(str(folder)).name == "tiny"
    with pytest.raises(AttributeError):
        _ = spade.nothing_like_this


def test_render_is_the_network(tiny: Model, labels: np.ndarray) -> None:
    picture = tiny.render(labels)
    assert (picture.dtype, picture.shape) == (np.uint8, (64, 96, 3))
    expected = to_picture(render_plain(tiny, labels, tiny.default_z))
    assert np.abs(picture.astype(int) - expected).max() <= 1
    assert np.array_equal(picture, tiny.render(labels))


@pytest.mark.parametrize("size", [(1, 1), (33, 7), (64, 64), (100, 65)])
def test_any_size(tiny: Model, size: tuple[int, int]) -> None:
    labels = np.arange(size[0] * size[1], dtype=np.uint8).reshape(size[1], size[0]) // 64 % 4
    picture = tiny.render(labels)
    assert picture.shape == (size[1], size[0], 3)
    expected = to_picture(render_plain(tiny, labels, tiny.default_z))
    assert np.abs(picture.astype(int) - expected).max() <= 1


def test_size_brings_the_labels_to_it(tiny: Model, labels: np.ndarray) -> None:
    small = resize_labels(labels, (48, 32))
    assert set(np.unique(small)) <= set(np.unique(labels))
    assert np.array_equal(tiny.render(labels, size=(48, 32)), tiny.render(small))
    with pytest.raises(InputError, match="0"):
        tiny.render(labels, size=(0, 32))


def test_styles(tiny: Model, labels: np.ndarray, photo_file: Path) -> None:
    photo = read_photo(photo_file)
    mu, logvar = tiny.encode(photo)
    assert mu.shape == logvar.shape == (1, 6)
    by_photo = tiny.render(labels, style=photo)
    assert np.array_equal(by_photo, tiny.render(labels, style=mu))
    assert np.array_equal(by_photo, tiny.render(labels, style=mu[0].numpy()))
    default = tiny.render(labels)
    seeded = tiny.render(labels, seed=3)
    assert np.array_equal(seeded, tiny.render(labels, seed=3))
    for a, b in ((default, by_photo), (default, seeded), (seeded, tiny.render(labels, seed=4))):
        assert np.abs(a.astype(int) - b).mean() > 0.5


def test_large_photos_are_averaged_before_they_are_sampled(tiny: Model) -> None:
    flat = np.full((640, 640, 3), 128, np.uint8)
    checks = flat.copy()
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    checks[::2, 1::2] = checks[1::2, ::2] = 1
    assert torch.allclose(tiny.encode(checks)[0], tiny.encode(flat)[0], atol=1e-3)


def test_what_render_refuses(tiny: Model, labels: np.ndarray) -> None:
    with pytest.raises(InputError, match="class id 9"):
        tiny.render(np.full((8, 8), 9, np.uint8))
    with pytest.raises(InputError, match="class ids must be"):
        tiny.render(np.full((8, 8), 300))
    with pytest.raises(InputError, match="class ids must be"):
        tiny.render(np.full((8, 8), -1))
    for shape in ((8, 8, 3), (8,), (0, 8)):
        with pytest.raises(InputError, match="label map"):
            tiny.render(np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match="float"):
        tiny.render(np.zeros((8, 8)))
    with pytest.raises(InputError, match="not both"):
        tiny.render(labels, style=torch.zeros(6), seed=1)
    with pytest.raises(InputError, match="6 values"):
        tiny.render(labels, style=np.zeros(5))
    with pytest.raises(InputError, match="finite"):
        tiny.render(labels, style=np.full(6, np.nan))
    with pytest.raises(InputError, match="seed -1"):
        tiny.render(labels, seed=-1)
    with pytest.raises(InputError, match="style image"):
        tiny.encode(np.zeros((4, 4), np.uint8))


def test_models_without_encoder_or_vae_say_so(
    tiny: Model, no_vae: Model, labels: np.ndarray
) -> None:
    tiny.encoder = None
    with pytest.raises(InputError, match="no encoder"):
        tiny.encode(np.zeros((8, 8, 3), np.uint8))
    assert no_vae.render(labels).shape == (64, 96, 3)
    for arguments in ({"seed": 1}, {"style": np.zeros((8, 8, 3), np.uint8)}):
        with pytest.raises(InputError, match="without a VAE"):
            no_vae.render(labels, **arguments)  # type: ignore[arg-type]


def test_pixels_there_and_back() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = np.stack([pixels, pixels.T, 255 - pixels], axis=-1)
    tensor = to_tensor(picture)
    assert (float(tensor.min()), float(tensor.max())) == (-1.0, 1.0)
    assert np.array_equal(to_picture(tensor[0]), picture)


def test_trained_size_and_palette(tiny: Model) -> None:
    assert tiny.trained_size == (64, 64)
    assert tiny.palette.find("grass") is not None
