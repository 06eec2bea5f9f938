"""Reading reference checkpoints: what tensors tell, what is said, and what contradicts."""

from __future__ import annotations

import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from spade.checkpoint import import_reference
from spade.formats.errors import InputError
from spade.model import load_model

PARITY = Path(__file__).parent.parent / "data" / "parity"


def write(folder: Path, state: Any, name: str = "latest_net_G.pth") -> Path:
    folder.mkdir(exist_ok=True)
    torch.save(state, folder / name)
    return folder / name


OPTIONS = """----------------- Options ---------------
             aspect_ratio: {aspect_ratio}                           \t[default: 1.0]
   contain_dontcare_label: False
                crop_size: {crop_size}                           \t[default: 256]
                 label_nc: {label_nc}
              no_instance: True                                  \t[default: False]
    num_upsampling_layers: {kind}                          \t[default: normal]
                     name: run: with a colon
----------------- End -------------------
"""


@pytest.mark.parametrize(
    ("kind", "crop", "aspect", "grid"),
    [
        ("normal", 256, 1.0, (8, 8)),
        ("normal", 128, 2.0, (2, 4)),
        ("more", 512, 2.0, (4, 8)),
        ("more", 256, 1.0, (4, 4)),
        ("most", 512, 1.0, (4, 4)),
        ("most", 1024, 2.0, (4, 8)),
        ("normal", 256, 0.5, (16, 8)),
        ("normal", 384, 4 / 3, (9, 12)),
    ],
)
@pytest.mark.parametrize("vae", [True, False])
def test_every_kind_and_shape(
    tmp_path: Path,
    reference_state: Any,
    kind: str,
    crop: int,
    aspect: float,
    grid: tuple[int, int],
    vae: bool,
) -> None:
    state = reference_state(cells=grid[0] * grid[1], z_dim=7 if vae else None, most=kind == "most")
    path = write(tmp_path / "run", state)
    model = import_reference(
        path, upsampling=None if kind == "most" else kind, crop_size=crop, aspect_ratio=aspect
    )
    config = model.config.generator
    assert (config.upsampling, config.base_grid, config.use_vae) == (kind, grid, vae)
    assert (config.ngf, config.embedding, config.semantic_nc) == (2, 8, 5)
    stride = {"normal": 32, "more": 64, "most": 128}[kind]
    assert model.trained_size == (grid[1] * stride, grid[0] * stride)
    semantic = torch.zeros(1, 5, 2 * stride, stride)
    semantic[:, 1] = 1
    z = torch.zeros(1, 7) if vae else None
    assert model.generator(semantic, z).shape == (1, 3, 2 * stride, stride)


def test_weights_are_divided_by_their_spectral_norm(tmp_path: Path, reference_state: Any) -> None:
    model = import_reference(write(tmp_path, reference_state()), crop_size=128)
    for block in ("head", "middle_1", "up_2"):
        weight = getattr(model.generator, block).conv_1.weight
        assert torch.linalg.matrix_norm(weight.flatten(1), 2) == pytest.approx(1, abs=1e-4)


def test_prefixes_of_data_parallel(tmp_path: Path, reference_state: Any) -> None:
    state = reference_state()
    plain = import_reference(write(tmp_path / "a", state), crop_size=128)
    wrapped = {f"module.{key}": value for key, value in state.items()}
    model = import_reference(write(tmp_path / "b", wrapped), crop_size=128)
    assert torch.equal(model.generator.up_1.conv_s.weight, plain.generator.up_1.conv_s.weight)


def test_opt_txt_says_what_tensors_cant(tmp_path: Path, reference_state: Any) -> None:
    path = write(tmp_path, reference_state(cells=32))
    text = OPTIONS.format(aspect_ratio="2.0", crop_size=512, label_nc=5, kind="more")
    (tmp_path / "opt.txt").write_text(text)
    config = import_reference(path).config.generator
    assert (config.upsampling, config.crop_size, config.aspect_ratio) == ("more", 512, 2.0)
    # An argument comes first.
    config = import_reference(tmp_path, upsampling="normal", crop_size=256).config.generator
    assert (config.upsampling, config.base_grid) == ("normal", (4, 8))


@pytest.mark.parametrize(
    ("key", "value"),
    [("crop_size", "wide"), ("aspect_ratio", "2:1"), ("label_nc", "5.5"), ("kind", "some")],
)
def test_nonsense_in_opt_txt(tmp_path: Path, reference_state: Any, key: str, value: str) -> None:
    path = write(tmp_path, reference_state(cells=64))
    values = {"aspect_ratio": 1.0, "crop_size": 256, "label_nc": 5, "kind": "normal"}
    (tmp_path / "opt.txt").write_text(OPTIONS.format(**(values | {key: value})))
    with pytest.raises(InputError, match=re.escape(value)):
        import_reference(path)


def test_opt_txt_that_contradicts_the_channels(tmp_path: Path, reference_state: Any) -> None:
    path = write(tmp_path, reference_state(cells=64))
    text = OPTIONS.format(aspect_ratio=1.0, crop_size=256, label_nc=9, kind="normal")
    (tmp_path / "opt.txt").write_text(text)
    with pytest.raises(InputError, match=r"5 semantic channels, but label_nc 9.*label_nc 4"):
        import_reference(path)


def test_defaults_that_do_not_fit_name_what_does(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_model(str(PARITY / "vae-normal"), "cpu")
    message = str(caught.value)
    assert "latest_net_G.pth" in message
    assert "16 cells" in message
    assert "upsampling 'normal', crop_size 128, aspect_ratio 1;" in message
    assert "upsampling 'more', crop_size 256, aspect_ratio 1;" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("said", "offered"),
    [
        ({}, "upsampling 'normal', crop_size 256, aspect_ratio 2"),
        ({"upsampling": "more"}, "upsampling 'more', crop_size 512, aspect_ratio 2"),
        ({"aspect_ratio": 2.0, "crop_size": 512}, "upsampling 'more', crop_size 512"),
        ({"crop_size": 128}, "upsampling 'normal', crop_size 128, aspect_ratio 0.5"),
    ],
)
def test_what_is_offered_fits_and_keeps_to_what_is_said(
    tmp_path: Path, reference_state: Any, said: dict[str, Any], offered: str
) -> None:
    path = write(tmp_path, reference_state(cells=32))
    with pytest.raises(InputError) as caught:
        import_reference(path, **said)
    fitting = str(caught.value).split("what fits: ")[1].split("; ")
    assert any(offered in combination for combination in fitting)
    for combination in fitting:
        match = re.fullmatch(
            r"upsampling '(\w+)', crop_size (\d+), aspect_ratio ([\d.]+)", combination
        )
        assert match is not None
        values = {
            "upsampling": match[1],
            "crop_size": int(match[2]),
            "aspect_ratio": float(match[3]),
        }
        assert said.items() <= values.items()
        assert import_reference(path, **values).generator is not None


def test_nothing_that_is_said_fits(tmp_path: Path, reference_state: Any) -> None:
    path = write(tmp_path, reference_state(cells=32))
    with pytest.raises(InputError, match="nothing fits with what is said; what would: ups"):
        import_reference(path, crop_size=64, aspect_ratio=1.0)


@pytest.mark.parametrize(("most", "kind"), [(True, "normal"), (True, "more"), (False, "most")])
def test_upsampling_against_the_tensors(
    tmp_path: Path, reference_state: Any, most: bool, kind: str
) -> None:
    path = write(tmp_path, reference_state(most=most, cells=4))
    with pytest.raises(InputError, match="up_4"):
        import_reference(path, upsampling=kind)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"upsampling": "huge"}, "normal, more, most"),
        ({"crop_size": 0}, "crop_size is 0"),
        ({"crop_size": -256}, "crop_size is -256"),
        ({"aspect_ratio": 0.0}, "aspect_ratio is 0.0"),
        ({"aspect_ratio": float("nan")}, "aspect_ratio is nan"),
        ({"crop_size": 100, "aspect_ratio": 1.0}, "crop_size 100"),
    ],
)
def test_values_that_make_no_sense(
    tmp_path: Path, reference_state: Any, given: dict[str, Any], message: str
) -> None:
    path = write(tmp_path, reference_state(z_dim=None))
    with pytest.raises(InputError, match=re.escape(message)):
        import_reference(path, **given)


@pytest.mark.parametrize(
    ("channels", "division", "name"),
    [
        (184, (182, True, True), "person"),
        (151, (150, True, False), "wall"),
        (36, (35, False, True), "unlabeled"),
        (20, (20, False, False), "class 0"),
    ],
)
def test_channels_of_well_known_data_sets(
    tmp_path: Path,
    reference_state: Any,
    channels: int,
    division: tuple[int, bool, bool],
    name: str,
) -> None:
    path = write(tmp_path, reference_state(semantic_nc=channels, z_dim=None))
    model = import_reference(path)
    config = model.config.generator
    assert (config.label_nc, config.contain_dontcare, config.instance_edges) == division
    assert [entry.id for entry in model.classes] == list(range(division[0]))
    assert model.classes[0].name == name


def test_how_the_channels_divide(tmp_path: Path, reference_state: Any) -> None:
    path = write(tmp_path, reference_state(semantic_nc=6, z_dim=None))

    def division(**said: Any) -> tuple[int, bool, bool]:
        config = import_reference(path, **said).config.generator
        return config.label_nc, config.contain_dontcare, config.instance_edges

    assert division() == (6, False, False)
    assert division(label_nc=4) == (4, True, True)
    assert division(contain_dontcare=True) == (5, True, False)
    assert division(label_nc=5, contain_dontcare=False) == (5, False, True)
    with pytest.raises(InputError, match="leaves 1; say which"):
        division(label_nc=5)
    with pytest.raises(InputError, match="label_nc 6, contain_dontcare False"):
        division(label_nc=7)


def test_missing_renamed_misshapen_and_bad_tensors(tmp_path: Path, reference_state: Any) -> None:
    def broken(change: Any) -> str:
        state: dict[str, Tensor] = reference_state()
        change(state)
        path = write(tmp_path, state)
        with pytest.raises(InputError) as caught:
            import_reference(path, crop_size=128)
        message = str(caught.value)
        assert message.startswith(str(path))
        assert "\n" not in message
        return message

    assert "up_1.conv_0.bias" in broken(lambda s: s.pop("up_1.conv_0.bias"))
    assert "up_1.conv_0.weight_v" in broken(lambda s: s.pop("up_1.conv_0.weight_v"))
    assert "up_2.norm_s.mlp_beta.weight" in broken(lambda s: s.pop("up_2.norm_s.mlp_beta.weight"))
    assert "conv_img.weight" in broken(lambda s: s.pop("conv_img.weight"))
    assert "head_0.norm_0.mlp_shared.0.weight" in broken(
        lambda s: s.pop("head_0.norm_0.mlp_shared.0.weight")
    )
    renamed = broken(lambda s: s.update({"head_0.conv_9.bias": s.pop("head_0.conv_0.bias")}))
    assert "head_0.conv_0.bias" in renamed
    assert "head_0.conv_9.bias" in renamed
    assert "extra" in broken(lambda s: s.update(extra=torch.zeros(1)))
    assert "up_0.conv_1.bias (7,)" in broken(
        lambda s: s.update({"up_0.conv_1.bias": torch.zeros(7)})
    ).replace(" is ", " ")
    assert "fc.weight" in broken(lambda s: s.update({"fc.weight": torch.zeros(513, 7)}))
    assert "fc.weight" in broken(lambda s: s.update({"fc.weight": torch.zeros(5)}))
    assert "not finite" in broken(lambda s: s["fc.bias"].fill_(float("nan")))
    assert "spectral norm" in broken(lambda s: s["head_0.conv_0.weight_u"].zero_())


class Payload:
    def __reduce__(self) -> Any:
        return (Path.write_text, (Path("pwned.txt"), "ran"))


def test_pickles_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for writer in (torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))):
        path = tmp_path / "latest_net_G.pth"
        writer({"fc.weight": Payload()}, path)
        with pytest.raises(InputError, match="refused"):
            import_reference(path)
        assert not (tmp_path / "pwned.txt").exists()


def test_files_that_are_no_checkpoint(tmp_path: Path, reference_state: Any) -> None:
    whole = write(tmp_path / "whole", reference_state()).read_bytes()
    for name, content in {
        "cut.pth": whole[: len(whole) // 2],
        "short.pth": whole[:100],
        "empty.pth": b"",
        "text.pth": b"hello\n" * 100,
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=re.escape(name)) as caught:
            import_reference(path)
        assert "\n" not in str(caught.value)
    for value in ([torch.zeros(2)], {"epoch": 7}, torch.zeros(3), {}):
        with pytest.raises(InputError):
            import_reference(write(tmp_path / "other", value))
    with pytest.raises(InputError, match=r"latest_net_G\.pth: no such file"):
        import_reference(tmp_path)
    with pytest.raises(InputError, match="no such model"):
        load_model(str(tmp_path / "nowhere.pth"))


def test_encoder_and_discriminator_beside_the_generator(tmp_path: Path) -> None:
    for name in ("G", "E"):
        shutil.copy(PARITY / "vae-256-encoder" / f"latest_net_{name}.pth", tmp_path)
    model = import_reference(tmp_path)
    assert model.encoder is not None
    assert model.discriminator is None
    assert model.config.encoder is not None
    assert (model.config.encoder.nef, model.config.encoder.z_dim) == (2, 256)
    # Another run's file names pair up too.
    for name in ("G", "E"):
        (tmp_path / f"latest_net_{name}.pth").rename(tmp_path / f"20_net_{name}.pth")
    assert import_reference(tmp_path / "20_net_G.pth").encoder is not None


def test_companions_that_do_not_belong(tmp_path: Path, reference_state: Any) -> None:
    path = write(tmp_path, reference_state(cells=64))
    shutil.copy(PARITY / "vae-256-encoder" / "latest_net_E.pth", tmp_path)
    with pytest.raises(InputError, match=r"latest_net_E\.pth.*256 values.*reads 7"):
        import_reference(path)
    (tmp_path / "latest_net_E.pth").unlink()
    shutil.copy(PARITY / "vae-normal" / "latest_net_D.pth", tmp_path)
    with pytest.raises(InputError, match=r"latest_net_D\.pth.*15 channels.*5 \+ 3"):
        import_reference(path)
