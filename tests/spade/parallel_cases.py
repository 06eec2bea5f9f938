"""Training steps to be done by one process and by two, and what is compared. Run as a program
it is one of two processes: RANK and WORLD_SIZE as torchrun sets them, and a folder to meet in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from spade.batch_norm import BatchNorm, statistics_of_all_processes
from spade.config import DiscriminatorConfig, EncoderConfig, GeneratorConfig, OasisConfig
from spade.config import TrainingConfig as Settings
from spade.data.dataset import PairedPictures
from spade.data.folder import open_data
from spade.data.slices import micro_batches, share_of
from spade.label_windows import LabelWindows
from spade.perceptual import PerceptualLoss, VggFeatures
from spade.training import Run, parallel
from spade.training.objective import MicroBatch, train_step
from spade.training.trainer import Trainer

ROOT = Path(__file__).parent.parent.parent
CPU = torch.device("cpu")

EVERYTHING: dict[str, Any] = {
    "augment_color": 0.5,
    "augment_translation": 0.2,
    "augment_cutout": 0.5,
    "r1_weight": 1.0,
    "r1_every": 2,
    "color_weight": 1.0,
    "perceptual_quarter": True,
    "simplify": 0.5,
    "unknown_patches": 0.5,
}


@dataclass(frozen=True)
class Case:
    """Three steps of training: of ``batch`` pictures, at most ``at_once`` at the same time.

    frozen: batch norm takes its running statistics, so that how the batch is divided plays
    no part.
    """

    name: str
    batch: int = 5
    at_once: int = 99
    oasis: bool = False
    everything: bool = True
    frozen: bool = False
    dtype: torch.dtype = torch.float64

    def run(self) -> Run:
        """Its settings: small networks, two classes."""
        changes = EVERYTHING if self.everything else {}
        training = Settings(batch_size=self.batch, size=32, validation_share=0.0, **changes)
        generator = GeneratorConfig(2, True, ngf=2, z_dim=4, crop_size=32, embedding=8)
        patch = DiscriminatorConfig(generator.semantic_nc, ndf=2)
        return Run(
            generator,
            EncoderConfig(nef=2, z_dim=4, input_size=32),
            OasisConfig(2, ndf=2, levels=2) if self.oasis else patch,
            training,
        )


IN_TWO = (
    Case("paper", everything=False),
    Case("paper in single precision", everything=False, dtype=torch.float32),
    Case("patch, all on"),
    Case("oasis, all on", oasis=True),
    Case("oasis in micro-batches", oasis=True, at_once=1, frozen=True),
    Case("patch in micro-batches", at_once=2, frozen=True),
)
"""What two processes are to do just as one does with ``at_once`` = 99."""


def write_data(folder: Path) -> Path:
    """Seven photos that are their label maps in two colours; the maps of two are nothing but
    noise, unknown pixels in it.
    """
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    colors = np.zeros((256, 3), np.uint8)
    colors[:2] = [20, 60, 220], [230, 60, 30]
    rng = np.random.default_rng(2)
    for i in range(7):
        labels = rng.integers(0, 2, (4, 4), dtype=np.uint8).repeat(12, axis=0).repeat(12, axis=1)
        labels[: 4 * i] = 0  # in some photos class 1 is rare
        if i in (1, 4):
            labels = rng.choice(np.array([0, 1, 255], np.uint8), labels.shape)
        Image.fromarray(colors[labels]).save(folder / "images" / f"p{i}.png")
        Image.fromarray(labels).save(folder / "labels" / f"p{i}.png")
    classes = [{"id": i, "name": f"c{i}", "color": f"#{i}{i}{i}000"} for i in range(2)]
    (folder / "classes.json").write_text(json.dumps({"name": "two", "classes": classes}))
    return folder


def three_steps(case: Case, data: Path) -> dict[str, Any]:
    """Losses of each step, all gradients after the first, all states after the third."""
    run = case.run()
    config = run.training
    trainer = Trainer(run, CPU)
    networks = trainer.networks
    torch.manual_seed(7)
    perceptual = PerceptualLoss(VggFeatures(16, blocks=2)).to(case.dtype)
    learning = {"generator": networks.generator, "discriminator": networks.discriminator}
    if networks.encoder is not None:
        learning["encoder"] = networks.encoder
    for network in learning.values():
        network.to(case.dtype)
    for module in networks.generator.modules():
        if case.frozen and isinstance(module, BatchNorm):
            module.eval()
    folder = open_data(data, 0.0)
    pictures = PairedPictures(folder.training, folder.palette, run.generator, config)
    rank, count = parallel.rank(), parallel.count()
    share = share_of(case.batch, rank, count)
    found: dict[str, Any] = {
        "losses": [],
        "gradients": {},
        "states": {},
        "pieces": 0,
        "windows": [],
    }
    for step in range(3):
        trainer.step = step
        batch = pictures.batch(config, step, share)
        slices = []
        for piece in micro_batches(case.batch, case.at_once, rank, count):
            one = trainer.micro_batch(batch, piece, share.start)
            assert one.noise is not None
            tensors = (t.to(case.dtype) for t in (one.semantic, one.images, one.noise))
            slices.append(MicroBatch(piece, *tensors))
        found["pieces"] = len(slices)
        read = [networks.generator.levels(one.semantic).values() for one in slices]  # type: ignore[operator]
        found["windows"].append([isinstance(one, LabelWindows) for level in read for one in level])
        losses = train_step(networks, trainer.optimizers, perceptual, config, slices, step)
        found["losses"].append(losses)
        if step == 0:
            found["gradients"] = {
                f"{name}.{key}": parameter.grad.clone()
                for name, network in learning.items()
                for key, parameter in network.named_parameters()
                if parameter.grad is not None
            }
    found["states"] = {
        f"{name}.{key}": value.clone()
        for name, network in learning.items()
        for key, value in network.state_dict().items()
    }
    return found


def batch_for_norm(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Values whose mean is far larger than their spread, and the weights of a loss."""
    source = torch.Generator().manual_seed(3)
    h = torch.randn(5, 3, 6, 7, generator=source, dtype=torch.float64)
    h = h * torch.tensor([1.0, 0.1, 30.0])[:, None, None] + 1000.0
    h += torch.arange(5.0)[:, None, None, None]
    weight = torch.rand(5, 3, 6, 7, generator=source, dtype=torch.float64)
    return h.to(dtype), weight.to(dtype)


def normalised(dtype: torch.dtype) -> dict[str, Tensor]:
    """This process's part of a batch through a batch norm, and back."""
    h, weight = batch_for_norm(dtype)
    share = share_of(5, parallel.rank(), parallel.count())
    part = slice(share.start, share.stop)
    norm = BatchNorm(3).to(dtype)
    mine = h[part].to(memory_format=torch.channels_last).requires_grad_()
    with statistics_of_all_processes():
        out = norm(mine)
    (out * weight[part]).sum().backward()
    assert mine.grad is not None
    alone = nn.functional.batch_norm(h[part], None, None, training=True)
    return {
        "out": out.detach(),
        "gradient": mine.grad,
        "mean": norm.running_mean.clone(),
        "var": norm.running_var.clone(),
        # Outside, the first alone: nobody waits for the others.
        "alone": norm(h[part]) - alone if parallel.is_first() else torch.zeros(()),
    }


def spoken() -> dict[str, Any]:
    """What the processes tell each other."""
    rank = parallel.rank()
    weights = torch.arange(24.0).view(2, 3, 2, 2).to(memory_format=torch.channels_last)
    given = {"step": 7, "nested": [{"w": weights, "n": torch.tensor(3)}, (None, "text")]}
    got = parallel.from_first(given if rank == 0 else {"step": rank})
    return {
        "agreed": parallel.agree(int(rank == 1), 3 - rank, 0),
        "alike": (parallel.alike(5), parallel.alike(rank)),
        "got": got,
        "channels last": got["nested"][0]["w"].is_contiguous(memory_format=torch.channels_last),
    }


def in_two_processes(arguments: Sequence[str], seconds: float = 280) -> list[str]:
    """Run a program in two processes that know of each other; what each printed on stderr.

    Fails, leaving none behind, if one does or it takes longer.
    """
    both = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **local_environment(), "RANK": str(rank), "WORLD_SIZE": "2"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=seconds)[1] for process in both]
    finally:
        for process in both:
            process.kill()
            process.communicate()
    for process, text in zip(both, said, strict=True):
        assert process.returncode == 0, text
    return said


def local_environment() -> dict[str, str]:
    """For processes that talk through this machine alone, each on one thread."""
    return {
        "PYTHONPATH": str(ROOT),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


def torchrun(arguments: Sequence[object], seconds: float = 200) -> tuple[int, str, str]:
    """``torchrun --nproc-per-node 2`` on this machine: exit code, stdout, stderr.

    Whatever it was started by itself; a torchrun that takes longer is asked to end, which also
    ends what it started.
    """
    ranks = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    kept = {key: value for key, value in os.environ.items() if key not in ranks}
    options = ("--nproc-per-node", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0")
    command = (sys.executable, "-m", "torch.distributed.run", *options, *arguments)
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**kept, **local_environment()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, errors = process.communicate(timeout=seconds)
    except BaseException:
        process.terminate()
        process.communicate()
        raise
    return process.returncode, out, errors


def whole(case: Case) -> Case:
    """The same by one process at once."""
    return replace(case, at_once=99)


def main() -> None:
    """One of two processes: everything, into a file."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    with parallel.together(CPU, f"file://{folder}/meeting"):
        results = {case.name: three_steps(case, folder / "data") for case in IN_TWO}
        results["norm 64"] = normalised(torch.float64)
        results["norm 32"] = normalised(torch.float32)
        results["spoken"] = spoken()
        torch.save(results, folder / f"result{parallel.rank()}.pt")


if __name__ == "__main__":
    main()
