"""Trained size and default style of a model before it ships."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spade.__main__ import console
from spade.finishing import with_crop_size, with_default_style
from spade.formats.errors import InputError
from spade.model import Model, load_model


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3)).astype(np.uint8)


def test_another_base_grid_draws_the_same_at_its_size(tiny: Model) -> None:
    side = tiny.config.generator.crop_size * 2
    larger = with_crop_size(tiny, side)
    assert larger.trained_size == (side, side)
    assert tiny.trained_size == (side // 2, side // 2)
    labels = np.random.default_rng(0).integers(0, 4, (side, side)).astype(np.uint8)
    z = tiny.sample_z(3)
    before = tiny.engine.render(labels, z)
    torch.testing.assert_close(larger.engine.render(labels, z), before, rtol=0, atol=1e-5)


def test_no_vae_has_no_grid_to_resize(no_vae: Model) -> None:
    with pytest.raises(InputError, match="no VAE"):
        with_crop_size(no_vae, 256)


def test_sizes_that_do_not_fit_are_refused(tiny: Model) -> None:
    with pytest.raises(InputError, match="multiple of 32"):
        with_crop_size(tiny, 100)


def test_the_default_style_is_the_mean_asked_for(tiny: Model) -> None:
    photos = [noise(0), noise(1)]
    styled = with_default_style(tiny, photos, [3, 1], ["a", "b"])
    first, second = (tiny.encode(photo)[0] for photo in photos)
    torch.testing.assert_close(styled.default_z, 0.75 * first + 0.25 * second)
    assert styled.provenance["default_style"] == "mean of a (0.75), b (0.25)"
    for images, weights in (([], []), (photos, [1.0]), (photos, [1.0, 0.0])):
        with pytest.raises(InputError, match="default style"):
            with_default_style(tiny, images, weights, ["a", "b"])


def test_finish_command(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: Model
) -> None:
    for name in ("a", "b"):
        Image.fromarray(noise(len(name))).save(tmp_path / f"{name}.png")
    (folder / "segmenter.json").write_text("{}")
    (folder / "segmenter.safetensors").write_bytes(b"weights")
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").write_text("card")
    arguments = ["finish", str(folder), "-o", str(out), "--default-style"]
    styles = [str(tmp_path / "a.png"), f"{tmp_path / 'b.png'}=3"]
    assert console([*arguments, *styles, "--crop-size", "128", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["trained_size"] == [128, 128]
    finished = load_model(out, "cpu")
    assert finished.trained_size == (128, 128)
    assert finished.provenance["default_style"] == "mean of a (0.25), b (0.75)"
    assert (out / "README.md").read_text() == "card"
    assert (out / "segmenter.safetensors").read_bytes() == b"weights"
    for wrong in ("-1", "x", "inf"):
        assert console([*arguments, f"{tmp_path / 'a.png'}={wrong}"]) == 2
        assert "must be a number above 0" in capsys.readouterr().err
