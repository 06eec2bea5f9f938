"""Model folders: what is written is read back, and every kind of damage is named."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from spade.checkpoint import load_baseline, load_folder, save_baseline, save_model
from spade.config import Pix2PixHDConfig
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.labels import semantic_map
from spade.model import Model, load_model
from spade.pix2pixhd import Pix2PixHDGenerator


def state_of(model: Model) -> dict[str, torch.Tensor]:
    return model.generator.state_dict()


def test_everything_comes_back(folder: Path, tiny: Model) -> None:
    loaded = load_folder(folder)
    assert loaded.config == tiny.config
    assert loaded.classes == tiny.classes
    assert (loaded.name, loaded.licence, loaded.provenance) == (
        "tiny",
        tiny.licence,
        tiny.provenance,
    )
    assert tiny.default_z is not None
    assert loaded.default_z is not None
    assert torch.equal(loaded.default_z, tiny.default_z)
    for key, value in state_of(loaded).items():
        assert torch.equal(value, state_of(tiny)[key])
        assert value.dtype == torch.float32
    assert not loaded.generator.training
    assert not any(parameter.requires_grad for parameter in loaded.generator.parameters())
    assert loaded.encoder is not None
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(loaded.encoder(image)[0], tiny.encoder(image)[0])  # type: ignore[misc]


def test_half_precision_is_for_the_disk_only(tmp_path: Path, tiny: Model) -> None:
    tiny.generator.head.norm_0.norm.running_var.fill_(1e6)  # beyond fp16
    save_model(tmp_path / "half", tiny)
    on_disk = load_file(tmp_path / "half" / "generator.safetensors")
    assert on_disk["head.conv_0.weight"].dtype == torch.float16
    assert on_disk["head.norm_0.norm.running_var"].dtype == torch.float32
    loaded = load_folder(tmp_path / "half")
    assert all(value.dtype == torch.float32 for value in state_of(loaded).values())
    assert float(loaded.generator.head.norm_0.norm.running_var[0]) == 1e6
    assert loaded.generator.fc.weight == pytest.approx(tiny.generator.fc.weight, abs=1e-3)


def test_a_network_in_training_is_saved_folded(tmp_path: Path, tiny: Model) -> None:
    torch.manual_seed(0)
    training = Generator(tiny.config.generator).train()
    tiny.generator = training
    save_model(tmp_path / "new", tiny, half=False)
    assert training.training
    loaded = load_folder(tmp_path / "new")
    semantic = semantic_map(torch.randint(0, 4, (1, 64, 64)), tiny.config.generator)
    z = torch.zeros(1, 6)
    assert torch.allclose(loaded.generator(semantic, z), training.eval()(semantic, z), atol=1e-6)


def test_saving_keeps_the_model_card_and_drops_an_old_encoder(folder: Path, tiny: Model) -> None:
    (folder / "README.md").write_text("card")
    tiny.encoder = None
    tiny.config = type(tiny.config)(tiny.config.generator, None)
    save_model(folder, tiny)
    assert (folder / "README.md").read_text() == "card"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "generator.safetensors",
        "model.json",
    ]
    assert load_folder(folder).encoder is None


def test_a_failed_save_leaves_the_old_files(
    folder: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spade.checkpoint.save_file", fail)
    with pytest.raises(InputError, match="No space left"):
        save_model(folder, tiny)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_model_without_a_vae(tmp_path: Path, no_vae: Model) -> None:
    save_model(tmp_path / "plain", no_vae, half=False)
    loaded = load_folder(tmp_path / "plain")
    assert loaded.default_z is None
    assert loaded.encoder is None


Damage = Callable[[Path], object]


def rewrite(change: Callable[[dict[str, torch.Tensor]], object]) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "generator.safetensors"
        state = load_file(path)
        change(state)
        save_file(state, path)

    return damage


def cut(share: float) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "generator.safetensors"
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return damage


def header(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Damage the list of tensors, leaving the file's form intact."""

    def damage(folder: Path) -> None:
        path = folder / "generator.safetensors"
        data = path.read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        entries = json.loads(data[8 : 8 + length])
        change(entries)
        text = json.dumps(entries).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])

    return damage


def write(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "file", "said"),
    [
        (cut(0.9), "generator.safetensors", r"cut off .*tensor \w+"),
        (cut(0.5), "generator.safetensors", r"cut off .*tensor \w+"),
        (cut(0.001), "generator.safetensors", "list of tensors"),
        (cut(0.0), "generator.safetensors", "list of tensors"),
        (
            rewrite(lambda s: s.pop("up_1.conv_0.bias")),
            "generator.safetensors",
            r"up_1\.conv_0\.bias .*missing",
        ),
        (
            rewrite(lambda s: s.update({"up_1.conv_0.bais": s.pop("up_1.conv_0.bias")})),
            "generator.safetensors",
            r"up_1\.conv_0\.bias .*missing.*up_1\.conv_0\.bais",
        ),
        (
            rewrite(lambda s: s.update({"fc.bias": torch.zeros(3)})),
            "generator.safetensors",
            r"fc\.bias is \(3,\), expected \(128,\)",
        ),
        (rewrite(lambda s: s.update(more=torch.zeros(1))), "generator.safetensors", "more"),
        (
            rewrite(lambda s: s["fc.bias"].fill_(float("inf"))),
            "generator.safetensors",
            r"fc\.bias .*not finite",
        ),
        (
            rewrite(lambda s: s.update({"fc.bias": torch.zeros(128, dtype=torch.int64)})),
            "generator.safetensors",
            r"fc\.bias is I64",
        ),
        (
            header(lambda h: h["fc.bias"].update(data_offsets=[0, 10**12])),
            "generator.safetensors",
            r"cut off .*fc\.bias",
        ),
        (header(lambda h: h["fc.bias"].pop("shape")), "generator.safetensors", r"fc\.bias"),
        (
            write("generator.safetensors", pickle.dumps({"fc.bias": [1.0]})),
            "generator.safetensors",
            "pickled",
        ),
        (
            write("generator.safetensors", b"PK\x03\x04" + bytes(300)),
            "generator.safetensors",
            "pickled",
        ),
        (write("generator.safetensors", b"\xff" * 300), "generator.safetensors", "list of tensors"),
        (
            lambda folder: (folder / "generator.safetensors").unlink(),
            "generator.safetensors",
            "no such file",
        ),
        (
            lambda folder: (folder / "encoder.safetensors").unlink(),
            "encoder.safetensors",
            "no such file",
        ),
        (
            lambda folder: (folder / "encoder.safetensors").write_bytes(
                (folder / "generator.safetensors").read_bytes()
            ),
            "encoder.safetensors",
            r"convs\.0\.weight .*missing",
        ),
        (lambda folder: (folder / "model.json").unlink(), "model.json", "no such file"),
        (write("model.json", b"{"), "model.json", "not valid JSON"),
        (write("model.json", b"[]"), "model.json", "format"),
        (write("model.json", b"\xff\xfe"), "model.json", "not valid JSON"),
    ],
)
def test_damage_is_named(folder: Path, damage: Damage, file: str, said: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=said) as caught:
        load_folder(folder)
    message = str(caught.value)
    assert message.startswith(str(folder / file))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", 2, "format 2"),
        ("format", "1", "format"),
        ("kind", "pix2pixhd", "'pix2pixhd'"),
        ("config", None, "generator"),
        ("config.generator", None, "generator: is missing"),
        ("config.encoder", 5, "encoder: is missing or no table"),
        ("config.generator.ngf", "many", "ngf is 'many'"),
        ("config.generator.ngf", 2.5, r"ngf is 2\.5"),
        ("config.generator.ngf", 0, "ngf is 0"),
        ("config.generator.ngf", True, "ngf is True"),
        ("config.generator.ngf", 10**9, "sizes make no network"),
        ("config.generator.use_vae", "yes", "use_vae is 'yes'"),
        ("config.generator.upsampling", "lots", "normal, more, most"),
        ("config.generator.wings", 2, "'wings'"),
        ("config.generator.aspect_ratio", 0, "aspect_ratio|base grid|sizes"),
        ("config.encoder.z_dim", 7, "z_dim 7"),
        ("config.encoder.input_size", 100, "input_size is 100"),
        ("default_style", [1.0, 2.0], "default_style"),
        ("default_style", "warm", "default_style"),
        ("classes", None, "classes"),
        ("classes", [], "class"),
        ("classes", [{"id": 4, "name": "beyond", "color": "#000000"}], "label_nc 4"),
        ("name", 7, "name"),
    ],
)
def test_a_wrong_setting_is_named(folder: Path, key: str, value: Any, said: str) -> None:
    path = folder / "model.json"
    data = json.loads(path.read_text())
    *parents, last = key.split(".")
    entry = data
    for parent in parents:
        entry = entry[parent]
    entry[last] = value
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=said) as caught:
        load_folder(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_what_a_folder_may_leave_out(folder: Path) -> None:
    path = folder / "model.json"
    data = json.loads(path.read_text())
    for key in ("kind", "name", "licence", "default_style", "provenance", "trained_size"):
        del data[key]
    path.write_text(json.dumps(data))
    model = load_folder(folder)
    assert model.name == "tiny"  # the folder's
    assert model.default_z is not None
    assert model.default_z.abs().sum() == 0


def test_load_model_finds_folders_and_says_so_if_not(folder: Path, tmp_path: Path) -> None:
    for source in (str(folder), folder, folder / "model.json", folder / "generator.safetensors"):
        assert load_model(source, "cpu").name == "tiny"
    with pytest.raises(InputError, match="no such model"):
        load_model("no-such-thing")
    with pytest.raises(InputError, match="crop_size 128 was given"):
        load_model(folder, crop_size=128)
    with pytest.raises(InputError, match=r"latest_net_G\.pth"):
        load_model(tmp_path)
    for device in ("toaster", "cuda:99"):
        with pytest.raises(InputError, match=device):
            load_model(folder, device)


def test_baseline_folders(tmp_path: Path, tiny: Model, folder: Path) -> None:
    torch.manual_seed(0)
    network = Pix2PixHDGenerator(Pix2PixHDConfig(4, True, ngf=2, downsamplings=2, blocks=1))
    save_baseline(tmp_path / "base", network, tiny.classes, half=False)
    loaded = load_baseline(tmp_path / "base")
    assert loaded.config == network.config
    assert torch.equal(loaded.stem.weight, network.stem.weight)
    with pytest.raises(InputError, match="'pix2pixhd'"):
        load_model(tmp_path / "base")
    with pytest.raises(InputError, match="'spade'"):
        load_baseline(folder)
