"""A trained model: its networks, its classes, and what it may be used for.

:func:`load_model` is the door of the Python interface; :class:`Model` draws pictures from
label maps held in numpy arrays, and carries the networks themselves for everything else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spade.config import EncoderConfig, GeneratorConfig
from spade.discriminator import Discriminator
from spade.encoder import Encoder
from spade.formats.errors import InputError
from spade.formats.limits import check_size
from spade.formats.palette import Palette, PaletteClass
from spade.formats.resources import bundled, bundled_models
from spade.generator import Generator
from spade.memory import available_memory, check_render_fits

if TYPE_CHECKING:
    from spade.engine import Engine


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks of one model; ``encoder`` is None if it has none."""

    generator: GeneratorConfig
    encoder: EncoderConfig | None = None


@dataclass(eq=False)
class Model:
    """Networks in eval mode with spectral norm folded into plain weights, frozen.

    ``classes``: in id order, never empty. ``default_z``: float32 ``(1, z_dim)`` on the CPU,
    or None if no z enters the generator. ``discriminator`` is there when a reference
    checkpoint brought one, or on request. ``licence`` says in one line what the model may be
    used for; ``provenance`` is whatever its maker wrote down (plain JSON values).
    """

    name: str
    config: ModelConfig
    generator: Generator
    encoder: Encoder | None
    classes: tuple[PaletteClass, ...]
    default_z: Tensor | None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    licence: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    discriminator: Discriminator | None = None
    _engine: Engine | None = field(default=None, init=False, repr=False)

    @property
    def palette(self) -> Palette:
        """The classes as a palette that bears the model's name."""
        return Palette(self.name, self.classes)

    @property
    def trained_size(self) -> tuple[int, int]:
        """(width, height) in pixels of the pictures the generator was trained on."""
        rows, columns = self.config.generator.base_grid
        return columns * self.config.generator.stride, rows * self.config.generator.stride

    @property
    def parameter_count(self) -> int:
        """Parameters of the generator."""
        return count_parameters(self.generator)

    def to(self, device: str | torch.device) -> Model:
        """Move the networks to ``device``, in place."""
        self.device = torch.device(device)
        for network in (self.generator, self.encoder, self.discriminator):
            if network is not None:
                network.to(self.device)
        self._engine = None
        return self

    def sample_z(self, seed: int) -> Tensor:
        """z drawn from N(0, 1), the same on every device. ``(1, z_dim)`` on the CPU.

        Raises InputError if no z enters the generator or the seed is out of range.
        """
        self._check_style()
        if not 0 <= seed < 1 << 64:
            raise InputError(f"seed {seed} is out of range: use 0 to 18446744073709551615")
        source = torch.Generator().manual_seed(seed)
        return torch.randn(1, self.config.generator.z_dim, generator=source)

    def encode(self, image: NDArray[np.uint8] | Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of a style image's latent, each ``(1, z_dim)`` on the CPU.

        image: uint8 ``(H, W, 3)``, or float ``(N, 3, H, W)`` in [-1, 1], which goes to the
        encoder as it is. Large uint8 pictures are first reduced by whole-number box
        averaging, as bilinear sampling down to the encoder's input would alias.
        Raises InputError if the model has no encoder.
        """
        self._check_style()
        if self.encoder is None:
            raise InputError(
                f"model {self.name} has no encoder, so it can't take a style from an image: "
                "use a seed or the default style"
            )
        if not isinstance(image, Tensor):
            image = to_tensor(_reduced(image, self.encoder.config.input_size))
        with torch.inference_mode():
            mu, logvar = self.encoder(image.to(self.device))
        return mu.float().cpu().clone(), logvar.float().cpu().clone()

    def latent(
        self, style: NDArray[Any] | Tensor | None = None, seed: int | None = None
    ) -> Tensor | None:
        """The z that :meth:`render` uses: ``(1, z_dim)`` on the CPU, None without a VAE.

        style: an image, uint8 ``(H, W, 3)`` (the encoder's mean of it); a latent, float of
        ``z_dim`` values; or None. seed: draw from N(0, 1) instead. With neither, the default.
        """
        if style is not None and seed is not None:
            raise InputError("give a style or a seed, not both")
        if seed is not None:
            return self.sample_z(seed)
        if style is None:
            return self.default_z
        self._check_style()
        if not isinstance(style, Tensor) and style.ndim == 3:
            return self.encode(style)[0]
        z = torch.as_tensor(style).detach().float().cpu()
        z_dim = self.config.generator.z_dim
        if z.numel() != z_dim or z.shape[-1] != z_dim:
            raise InputError(
                f"style of shape {tuple(z.shape)}: give a uint8 (H, W, 3) image or a latent "
                f"of {z_dim} values"
            )
        if not bool(torch.isfinite(z).all()):
            raise InputError("style: the latent has values that are not finite numbers")
        return z.reshape(1, z_dim)

    def render(
        self,
        label_map: NDArray[np.integer[Any]],
        style: NDArray[Any] | Tensor | None = None,
        seed: int | None = None,
        size: tuple[int, int] | None = None,
    ) -> NDArray[np.uint8]:
        """The picture of a label map.

        label_map: integer ``(H, W)``, class ids or 255 where unknown. style, seed: see
        :meth:`latent`. size: (width, height); the label map is brought to it first
        (nearest), which makes another picture, not the same one enlarged.
        Returns uint8 ``(H, W, 3)``.
        Raises InputError for ids the model does not have, and before the work starts for
        sizes that memory does not allow.
        """
        labels = check_label_map(label_map)
        if size is not None:
            labels = resize_labels(labels, size)
        self.check_memory(labels.shape[1], labels.shape[0])
        z = self.latent(style, seed)
        return self.engine.render_pixels(labels, z)

    @property
    def engine(self) -> Engine:
        """The engine that :meth:`render` draws with, made on first use."""
        if self._engine is None:
            from spade.engine import Engine

            self._engine = Engine(self, self.device)
        return self._engine

    def check_memory(self, width: int, height: int, *, plain: bool = False) -> None:
        """Raise InputError if a picture of this size needs more memory than there is.

        plain: if the plain network makes it, not the engine.
        """
        available = available_memory(str(self.device))
        check_render_fits(self.config.generator, width, height, available, plain=plain)

    def _check_style(self) -> None:
        if not self.config.generator.use_vae:
            raise InputError(
                f"model {self.name} was trained without a VAE: it has one look, and takes "
                "neither a style nor a seed"
            )


def load_model(
    source: str | os.PathLike[str],
    device: str = "auto",
    *,
    upsampling: str | None = None,
    crop_size: int | None = None,
    aspect_ratio: float | None = None,
    discriminator: bool = False,
) -> Model:
    """Load a model by bundled name, from our folder, or from a reference checkpoint.

    device: "auto" (CUDA, then MPS, then CPU), "cpu", "cuda", "cuda:1", "mps".
    upsampling, crop_size, aspect_ratio: for reference checkpoints only, what the file can't
    say; see :func:`spade.checkpoint.import_reference`.
    discriminator: also of our folder read the discriminator, if it has one: for training.
    Raises InputError naming the file (and tensor) that can't be used, and the remedy.
    """
    from spade.checkpoint import import_reference, load_folder

    target = resolve_device(device)
    path = find_model(source)
    if (path / "model.json").is_file():
        given = {
            "upsampling": upsampling,
            "crop_size": crop_size,
            "aspect_ratio": aspect_ratio,
        }
        for key, value in given.items():
            if value is not None:
                raise InputError(
                    f"{path}: {key} {value} was given, but this model states its own; leave it out"
                )
        model = load_folder(path, discriminator=discriminator)
    else:
        model = import_reference(
            path, upsampling=upsampling, crop_size=crop_size, aspect_ratio=aspect_ratio
        )
    return model.to(target)


def find_model(source: str | os.PathLike[str]) -> Path:
    """The folder or reference checkpoint that ``source`` names. Raises InputError if none."""
    if isinstance(source, str) and source in bundled_models():
        return bundled(f"assets/models/{source}")
    path = Path(source)
    try:
        if path.is_dir():
            return path
        if path.name in ("model.json", "generator.safetensors", "encoder.safetensors"):
            return path.parent
        if path.is_file():
            return path
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: cannot be read ({error}); check the name") from error
    known = ", ".join(bundled_models()) or "none"
    raise InputError(
        f"{source}: no such model; give a model folder, a reference latest_net_G.pth, or a "
        f"bundled name ({known})"
    )


def resolve_device(name: str) -> torch.device:
    """``name`` or, for "auto", the best device there is. Raises InputError if it is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device {name!r}: use auto, cpu, cuda or mps") from None
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise InputError(f"device {name!r} is not available on this machine: use auto or cpu")
    return device


def count_parameters(network: torch.nn.Module) -> int:
    """Number of learned values."""
    return sum(parameter.numel() for parameter in network.parameters())


def check_label_map(label_map: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """``label_map`` as uint8 ``(H, W)``. Raises InputError if it is no label map."""
    labels = np.asarray(label_map)
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise InputError(
            f"label map of shape {labels.shape}, {labels.dtype}: give class ids as an integer "
            "(H, W) array"
        )
    check_size(labels.shape[1], labels.shape[0], "label map")
    if labels.dtype != np.uint8 and (labels.min() < 0 or labels.max() > 255):
        raise InputError("label map: class ids must be 0 to 254, and 255 for unknown")
    return labels.astype(np.uint8, copy=False)


def resize_labels(labels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 ``(H, W)`` at ``size`` (width, height): the nearest pixel's id, never a mixture."""
    check_size(*size)
    if size == (labels.shape[1], labels.shape[0]):
        return labels
    return np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """uint8 ``(H, W, 3)`` -> float32 ``(1, 3, H, W)`` in [-1, 1]."""
    pixels = torch.from_numpy(np.array(image, dtype=np.uint8))
    return (pixels.permute(2, 0, 1).unsqueeze(0).float() / 127.5 - 1).contiguous()


def to_picture(image: Tensor) -> NDArray[np.uint8]:
    """float ``(3, H, W)`` in [-1, 1] -> uint8 ``(H, W, 3)``, rounded."""
    from spade.engine.pictures import to_bytes

    return to_bytes(image)


def _reduced(image: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """``image`` reduced by a whole factor while both sides stay at least ``side`` pixels."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise InputError(f"style image of shape {image.shape}, {image.dtype}: give uint8 (H, W, 3)")
    factor = min(image.shape[:2]) // side
    if factor < 2:
        return image
    return np.asarray(Image.fromarray(image).reduce(factor))
