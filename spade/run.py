"""All settings of a training run, checked against each other. Nothing here loads torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    OasisConfig,
    Pix2PixHDConfig,
    TrainingConfig,
    to_dict,
)
from spade.formats.errors import InputError


@dataclass(frozen=True)
class Run:
    """All settings of a run. ``encoder`` is None without a VAE.

    ``name`` is the model's; ``licence`` says in one line what it may be used for.
    Raises InputError for parts that don't fit each other.
    """

    generator: GeneratorConfig | Pix2PixHDConfig
    encoder: EncoderConfig | None
    discriminator: DiscriminatorConfig | OasisConfig
    training: TrainingConfig
    name: str = "mine"
    licence: str = ""

    def __post_init__(self) -> None:
        generator, size = self.generator, self.training.size
        if size % generator.stride or size < generator.smallest:
            fits = max(generator.smallest, -(-size // generator.stride) * generator.stride)
            raise InputError(
                f"size {size}: it must be a multiple of {generator.stride}, the stride of this "
                f"generator; use {fits}"
            )
        if self.training.batch_size < self.least_at_once:
            raise InputError(
                f"size {size} with batch_size 1: the coarsest grid is a single cell, which has no "
                f"variance to normalise by; use size {2 * size} or batch_size 2"
            )
        reads = None
        if isinstance(generator, GeneratorConfig) and generator.use_vae:
            reads = generator.z_dim
        gives = None if self.encoder is None else self.encoder.z_dim
        if reads != gives:
            raise InputError(
                f"the generator reads a z of {reads or 'no'} values, the encoder gives "
                f"{gives or 'none'}; make z_dim equal"
            )
        if isinstance(self.discriminator, OasisConfig):
            self._check_oasis(self.discriminator)
        elif self.discriminator.semantic_nc != generator.semantic_nc:
            raise InputError(
                f"the discriminator reads {self.discriminator.semantic_nc} semantic channels, "
                f"the generator {generator.semantic_nc}; leave its semantic_nc out"
            )

    def _check_oasis(self, discriminator: OasisConfig) -> None:
        size = self.training.size
        if size % (1 << discriminator.levels):
            raise InputError(
                f"size {size}: it must be a multiple of {1 << discriminator.levels} for a "
                f"discriminator of {discriminator.levels} levels; lower its levels"
            )
        if discriminator.label_nc != self.generator.label_nc:
            raise InputError(
                f"the discriminator tells {discriminator.label_nc} classes apart, the generator "
                f"draws {self.generator.label_nc}; leave its label_nc out"
            )

    @property
    def least_at_once(self) -> int:
        """How few pictures at a time batch norm can do with: it needs two values a channel."""
        generator = self.generator
        cells = (self.training.size // generator.stride) ** 2
        return 2 if isinstance(generator, GeneratorConfig) and cells == 1 else 1

    def fewer_at_once(self, at_once: int) -> int | None:
        """Half as many pictures at a time, of a whole batch; None if that is not possible."""
        batch, half = self.training.batch_size, at_once // 2
        possible = half >= 1 and batch // -(-batch // half) >= self.least_at_once
        return half if possible else None

    def sections(self, data: str = "") -> dict[str, dict[str, Any]]:
        """The settings in the sections of a configuration file, which read back to the same.

        ``data`` is the DATA folder.
        """
        spade = isinstance(self.generator, GeneratorConfig)
        patch = isinstance(self.discriminator, DiscriminatorConfig)
        sections = {
            "data": {"folder": data} if data else {},
            "model": {"name": self.name, "licence": self.licence},
            "generator": {
                "architecture": "spade" if spade else "pix2pixhd",
                **to_dict(self.generator),
            },
            "encoder": {} if self.encoder is None else to_dict(self.encoder),
            "discriminator": {
                "architecture": "patch" if patch else "oasis",
                **to_dict(self.discriminator),
            },
            "training": to_dict(self.training),
        }
        return {name: section for name, section in sections.items() if section}
