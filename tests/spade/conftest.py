"""A model small enough to build for every test, and reference-style checkpoints of any size."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from spade.checkpoint import save_model
from spade.config import EncoderConfig, GeneratorConfig
from spade.encoder import Encoder
from spade.evaluation.features import WIDTHS, Vgg16
from spade.formats.palette import PaletteClass
from spade.generator import Generator
from spade.model import Model, ModelConfig
from spade.spectral import fold_spectral_norm, glorot_init

sys.path.insert(0, str(Path(__file__).parent))  # engine_models
sys.path.append(str(Path(__file__).parent.parent / "bench"))  # textbook

PARITY = Path(__file__).parent.parent / "data" / "parity"

CLASSES = (
    PaletteClass(0, "sky", "#78b4e6", "air"),
    PaletteClass(1, "grass", "#5aa03c"),
    PaletteClass(2, "water", "#2a5f8f"),
    PaletteClass(3, "rock", "#807468"),
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The networks here are tiny: threads would only get in each other's way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def enliven(network: nn.Module, seed: int = 0) -> nn.Module:
    """Weights and biases as large as a trained network's, so that everything shows."""
    torch.manual_seed(seed)
    glorot_init(network, gain=1.0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.3)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.2)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
    return network


def make_model(**changes: object) -> Model:
    """A model of four classes; ``changes`` go to its GeneratorConfig."""
    settings: dict[str, object] = {
        "label_nc": 4,
        "contain_dontcare": True,
        "ngf": 2,
        "z_dim": 6,
        "crop_size": 64,
        "embedding": 8,
    }
    config = GeneratorConfig(**(settings | changes))  # type: ignore[arg-type]
    generator = fold_spectral_norm(enliven(Generator(config), 1)).eval().requires_grad_(False)
    encoder = None
    if config.use_vae:
        encoder_config = EncoderConfig(nef=2, z_dim=config.z_dim, input_size=64)
        encoder = fold_spectral_norm(enliven(Encoder(encoder_config), 2)).eval()
        encoder.requires_grad_(False)
    return Model(
        name="tiny",
        config=ModelConfig(config, None if encoder is None else encoder.config),
        generator=generator,
        encoder=encoder,
        classes=CLASSES,
        default_z=torch.linspace(-1, 1, config.z_dim).unsqueeze(0) if config.use_vae else None,
        licence="Test use only",
        provenance={"made_by": "tests", "steps": 0},
    )


@pytest.fixture
def tiny() -> Model:
    return make_model()


@pytest.fixture
def no_vae() -> Model:
    """As ``tiny``, but trained without a VAE: no z, no encoder."""
    return make_model(use_vae=False)


@pytest.fixture
def folder(tmp_path: Path, tiny: Model) -> Path:
    """``tiny`` saved in full precision."""
    path = tmp_path / "tiny"
    save_model(path, tiny, half=False)
    return path


@pytest.fixture
def labels() -> np.ndarray:
    """64 rows, 96 columns: four classes and unknown."""
    ids = np.zeros((64, 96), np.uint8)
    ids[30:] = 1
    ids[40:, 50:] = 2
    ids[10:20, 5:30] = 3
    ids[50:, :12] = 255
    return ids


@pytest.fixture
def map_file(tmp_path: Path, labels: np.ndarray) -> Path:
    path = tmp_path / "scene.png"
    Image.fromarray(labels).save(path)
    return path


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    rows, columns = np.mgrid[:80, :120]
    pixels = np.stack([rows * 3, columns * 2, 255 - rows * 2], axis=-1).astype(np.uint8)
    path = tmp_path / "photo.jpg"
    Image.fromarray(pixels).save(path)
    return path


ReferenceState = Callable[..., dict[str, Tensor]]


@pytest.fixture
def reference_state() -> ReferenceState:
    return make_reference_state


def make_reference_state(
    *,
    semantic_nc: int = 5,
    ngf: int = 2,
    cells: int = 16,
    z_dim: int | None = 7,
    most: bool = False,
    embedding: int = 8,
) -> dict[str, Tensor]:
    """A generator's state dict as the reference names and shapes it; random values."""
    random = torch.Generator().manual_seed(3)
    state: dict[str, Tensor] = {}

    def put(name: str, *shape: int) -> Tensor:
        state[name] = torch.randn(*shape, generator=random) * 0.1
        return state[name]

    def spectral_conv(name: str, fin: int, fout: int, kernel: int, bias: bool) -> None:
        weight = put(f"{name}.weight_orig", fout, fin, kernel, kernel)
        left, _, right = torch.linalg.svd(weight.flatten(1), full_matrices=False)
        state[f"{name}.weight_u"] = left[:, 0].contiguous()
        state[f"{name}.weight_v"] = right[0].contiguous()
        if bias:
            put(f"{name}.bias", fout)

    def norm(name: str, channels: int) -> None:
        state[f"{name}.param_free_norm.running_mean"] = torch.zeros(channels)
        state[f"{name}.param_free_norm.running_var"] = torch.ones(channels)
        state[f"{name}.param_free_norm.num_batches_tracked"] = torch.tensor(9)
        put(f"{name}.mlp_shared.0.weight", embedding, semantic_nc, 3, 3)
        put(f"{name}.mlp_shared.0.bias", embedding)
        for part in ("mlp_gamma", "mlp_beta"):
            put(f"{name}.{part}.weight", channels, embedding, 3, 3)
            put(f"{name}.{part}.bias", channels)

    def block(name: str, fin: int, fout: int) -> None:
        middle = min(fin, fout)
        norm(f"{name}.norm_0", fin)
        spectral_conv(f"{name}.conv_0", fin, middle, 3, True)
        norm(f"{name}.norm_1", middle)
        spectral_conv(f"{name}.conv_1", middle, fout, 3, True)
        if fin != fout:
            norm(f"{name}.norm_s", fin)
            spectral_conv(f"{name}.conv_s", fin, fout, 1, False)

    if z_dim is None:
        put("fc.weight", 16 * ngf, semantic_nc, 3, 3)
        put("fc.bias", 16 * ngf)
    else:
        put("fc.weight", 16 * ngf * cells, z_dim)
        put("fc.bias", 16 * ngf * cells)
    for name in ("head_0", "G_middle_0", "G_middle_1"):
        block(name, 16 * ngf, 16 * ngf)
    for index, (fin, fout) in enumerate([(16, 8), (8, 4), (4, 2), (2, 1)]):
        block(f"up_{index}", fin * ngf, fout * ngf)
    last = ngf
    if most:
        block("up_4", ngf, ngf // 2)
        last = ngf // 2
    put("conv_img.weight", 3, last, 3, 3)
    put("conv_img.bias", 3)
    return state


@pytest.fixture(scope="session")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG16 with random weights and LPIPS heads, as the real file has them, in fp16."""
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    source = torch.Generator().manual_seed(5)
    state: dict[str, Tensor] = {}
    for key, value in Vgg16().state_dict().items():
        fan_in = value[0].numel() if value.ndim == 4 else 1
        scale = (2 / fan_in) ** 0.5 if value.ndim == 4 else 0.05
        state[key] = (torch.randn(value.shape, generator=source) * scale).half()
    for number, width in enumerate(WIDTHS):
        state[f"lpips.lin{number}"] = torch.rand(width, generator=source).half()
    save_file(state, path)
    return path
