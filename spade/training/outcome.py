"""What comes out of a training: the averaged networks as a model folder."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spade.checkpoint import save_baseline, save_model
from spade.config import to_dict
from spade.data.dataset import PairedPictures
from spade.data.folder import DataFolder
from spade.discriminator import Discriminator
from spade.generator import Generator
from spade.model import Model, ModelConfig
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.spectral import fold_spectral_norm
from spade.training.trainer import Trainer


def save_finished(
    path: Path,
    trainer: Trainer,
    pictures: PairedPictures,
    folder: DataFolder,
    provenance: dict[str, Any] | None = None,
    on_batch: Callable[[], None] = lambda: None,
) -> None:
    """Write the averaged networks to the model folder ``path``. Raises InputError.

    ``on_batch``: see :meth:`spade.training.trainer.Trainer.finished`.
    """
    finished = finished_model(trainer, pictures, folder, provenance, on_batch)
    if isinstance(finished, Model):
        save_model(path, finished)
    else:
        save_baseline(
            path,
            finished,
            folder.palette.classes,
            name=trainer.run.name,
            licence=trainer.run.licence,
            provenance=_provenance(trainer, pictures, provenance),
        )


def finished_model(
    trainer: Trainer,
    pictures: PairedPictures,
    folder: DataFolder,
    provenance: dict[str, Any] | None = None,
    on_batch: Callable[[], None] = lambda: None,
) -> Model | Pix2PixHDGenerator:
    """The averaged networks as a model that can be saved, opened and rendered with.

    The baseline of the paper comes as its generator alone.
    """
    run = trainer.run
    generator, encoder, default_z = trainer.finished(pictures, on_batch=on_batch)
    if isinstance(generator, Pix2PixHDGenerator):
        return generator
    assert isinstance(generator, Generator)
    return Model(
        name=run.name,
        config=ModelConfig(generator.config, run.encoder),
        generator=generator,
        encoder=encoder,
        classes=folder.palette.classes,
        default_z=default_z,
        device=trainer.device,
        provenance=_provenance(trainer, pictures, provenance),
        licence=run.licence,
        discriminator=_judge_of(trainer),
    )


def _judge_of(trainer: Trainer) -> Discriminator | None:
    """The discriminator as it is, for runs that start from this model; only of patches."""
    network = trainer.networks.discriminator
    if not isinstance(network, Discriminator):
        return None
    return fold_spectral_norm(copy.deepcopy(network)).requires_grad_(False).eval()


def _provenance(
    trainer: Trainer, pictures: PairedPictures, given: dict[str, Any] | None
) -> dict[str, Any]:
    """How the networks came about: what the caller says, the model that training started
    from, the steps, photos and settings."""
    training = trainer.run.training
    return {
        **(given or {}),
        **trainer.origin,
        "steps": trainer.step,
        "photos": len(pictures),
        "training": to_dict(training) | {"vgg": Path(training.vgg).name},
    }
