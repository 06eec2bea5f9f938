"""A training step of ours beside a textbook's, at the paper's settings and on real label maps.

    PYTHONPATH=. python tests/bench/textbook_step.py DATA [--batch-size 1] [--steps 3]
        [--device cuda] [--precision bf16] [--threads 1] [--vgg VGG19] [--ngf 64] [--size 256]

DATA: a folder of pairs, as ``train`` takes it. Steps of both alternate in one process, from
the same weights, on the same batches; peak memory is that of one process for each. The textbook
(``textbook.py`` beside this file) computes in fp32 whatever ``--precision`` says. VGG19 has random
weights unless a file is given: its cost is the same. The C library keeps freed memory for both
(:mod:`spade.training.acceleration`); the textbook alone would be slower still.

On two cores of an AMD EPYC, no GPU, 19 semantic channels, one picture a batch: 8.8 s a step of
the textbook's, 3.7 s of ours (2.4 times as fast), of 5.3 and 4.0 GiB. Two pictures a batch: 2.6
times as fast in seconds of a core, 6.6 and 4.5 GiB.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import textbook
import torch
from torch import Tensor, nn

from spade.benchmark.memory import PeakMemory
from spade.config import DiscriminatorConfig, EncoderConfig, GeneratorConfig, TrainingConfig
from spade.data.dataset import Batch, PairedPictures
from spade.data.folder import label_channels, open_data
from spade.data.slices import Slice
from spade.perceptual import PerceptualLoss, VggFeatures, load_vgg
from spade.training.trainer import Run, Trainer

Step = Callable[[Batch], float]


class Watch:
    """Splits a step by what happens at its joints, which both kinds of step have."""

    def __init__(self, device: torch.device, clock: Callable[[], float]) -> None:
        self._cuda = device.type == "cuda"
        self._clock = clock
        self._marks: list[tuple[str, Any]] = []
        self.seconds: dict[str, float] = {}

    def mark(self, name: str) -> None:
        """What has happened since the last mark was ``name``. Does not wait for the GPU."""
        self._marks.append((name, self._now()))

    def _now(self) -> Any:
        if not self._cuda:
            return self._clock()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def start(self) -> None:
        """A step begins."""
        self._marks = []
        self.mark("")

    def stop(self) -> float:
        """A step has ended: its seconds, which are added to those of its parts as well."""
        self.mark("the rest")
        if self._cuda:
            torch.cuda.synchronize()
        total = 0.0
        for (_, before), (name, after) in itertools.pairwise(self._marks):
            spent = before.elapsed_time(after) / 1000 if self._cuda else after - before
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
            total += spent
        return total

    def network(self, name: str, network: nn.Module) -> None:
        """Mark its forward passes, and when the gradient leaves it."""

        def before(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            self.mark("the rest")
            if name == "G":
                return inputs
            return tuple(self._watched(name, x) for x in inputs)

        def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
            self.mark(f"{name} forward")

        network.register_forward_pre_hook(before)
        network.register_forward_hook(after)

    def _watched(self, name: str, x: Any) -> Any:
        if not (isinstance(x, Tensor) and x.requires_grad):
            return x
        x = x.view_as(x)
        x.register_hook(lambda gradient: self.mark(f"{name} backward"))
        return x

    def optimizer(self, name: str, optimizer: torch.optim.Optimizer) -> None:
        """Mark its steps; what comes before one is the backward pass of ``name``."""
        optimizer.register_step_pre_hook(lambda *_: self.mark(f"{name} backward"))
        optimizer.register_step_post_hook(lambda *_: self.mark("optimizers"))


def prepare(options: argparse.Namespace) -> tuple[Trainer, list[Batch]]:
    """Ours at the paper's settings, and batches enough for all steps."""
    folder = open_data(options.data, 0.0)
    generator = GeneratorConfig(
        label_channels(folder.palette), True, ngf=options.ngf, crop_size=options.size
    )
    training = TrainingConfig(
        batch_size=options.batch_size, size=options.size, precision=options.precision
    )
    run = Run(
        generator,
        EncoderConfig(input_size=min(256, options.size)),
        DiscriminatorConfig(generator.semantic_nc),
        training,
    )
    count = min(len(folder.training), max(32, 2 * options.batch_size))
    pictures = PairedPictures(folder.training[:count], folder.palette, generator, training)
    trainer = Trainer(run, torch.device(options.device))
    vgg = load_vgg(options.vgg) if options.vgg else VggFeatures(19)
    if not options.vgg:
        vgg.load_state_dict(textbook.Vgg19().state_dict())
    trainer.perceptual = PerceptualLoss(vgg.to(trainer.device, memory_format=torch.channels_last))
    return trainer, [pictures.batch(training, step) for step in range(options.steps + 1)]


def ours(trainer: Trainer, watch: Watch) -> Step:
    """A step as ``train`` makes it."""
    assert trainer.perceptual is not None
    watch.network("G", trainer.networks.generator)
    watch.network("D", trainer.networks.discriminator)
    watch.network("VGG", trainer.perceptual.vgg)
    watch.optimizer("G", trainer.optimizers.generator)
    watch.optimizer("D", trainer.optimizers.discriminator)

    def step(batch: Batch) -> float:
        watch.start()
        trainer.train_on(batch)
        return watch.stop()

    return step


def plain(trainer: Trainer, watch: Watch, tf32: bool) -> Step:
    """The textbook's, from the same weights."""
    run, device = trainer.run, trainer.device
    cuda = device.type == "cuda"
    assert isinstance(run.generator, GeneratorConfig)
    assert isinstance(run.discriminator, DiscriminatorConfig)
    assert run.encoder is not None
    assert trainer.perceptual is not None
    g, e = run.generator, run.encoder
    networks = trainer.networks
    assert networks.encoder is not None
    generator = textbook.Generator(g.semantic_nc, g.ngf, g.z_dim, g.crop_size, g.embedding)
    encoder = textbook.Encoder(e.nef, e.z_dim, e.layers)
    judge = textbook.Discriminator(g.semantic_nc, run.discriminator.ndf)
    vgg = textbook.Vgg19()
    pairs = ((generator, networks.generator), (encoder, networks.encoder))
    pairs += ((judge, networks.discriminator), (vgg, trainer.perceptual.vgg))
    for own, theirs in pairs:
        handed = copy.deepcopy(theirs.state_dict())
        own.load_state_dict({name: handed[name] for name in own.state_dict()})
        own.to(device, memory_format=torch.contiguous_format)
    t = textbook.Textbook.of(generator, encoder, judge, vgg)
    for name, network in (("G", generator), ("D", judge), ("VGG", vgg)):
        watch.network(name, network)
    watch.optimizer("G", t.optimizer_g)
    watch.optimizer("D", t.optimizer_d)
    step_number = iter(range(10**9))

    def step(batch: Batch) -> float:
        watch.start()
        noise = trainer.noise(next(step_number), Slice(0, len(batch.images)))
        assert noise is not None
        semantic = trainer.semantic(batch).contiguous()
        images = trainer.images(batch).contiguous()
        with torch.backends.cudnn.flags(benchmark=cuda, allow_tf32=tf32):
            textbook.textbook_step(t, semantic, images, noise)
        return watch.stop()

    return step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--ngf", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--vgg", type=Path)
    parser.add_argument(
        "--core-seconds", action="store_true", help="of all cores, where others use them as well"
    )
    parser.add_argument("--tf32", action="store_true", help="convolutions of the textbook, on CUDA")
    parser.add_argument("--only", choices=("ours", "textbook"), help="one of them, for its memory")
    parser.add_argument("--no-memory", action="store_true", help="leave peak memory out")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    trainer, batches = prepare(options)
    device = trainer.device
    memory = PeakMemory(device)
    clock = time.process_time if options.core_seconds else time.perf_counter
    names = [options.only] if options.only else ["textbook", "ours"]
    watches = {name: Watch(device, clock) for name in names}
    steps: dict[str, Step] = {}
    if "textbook" in watches:
        steps["textbook"] = plain(trainer, watches["textbook"], options.tf32)
    if "ours" in watches:
        steps["ours"] = ours(trainer, watches["ours"])
    totals: dict[str, list[float]] = {name: [] for name in steps}
    for number, batch in enumerate(batches):
        for name, step in steps.items():
            totals[name].append(step(batch))
        if number == 0:  # warm
            for name in steps:
                totals[name].clear()
                watches[name].seconds.clear()
    seconds = {name: statistics.median(values) for name, values in totals.items()}
    parts = sorted({part for watch in watches.values() for part in watch.seconds})
    print(f"{'':24}" + "".join(f"{name:>12}" for name in steps))
    for part in parts:
        shares = (watches[name].seconds.get(part, 0.0) / options.steps for name in steps)
        print(f"{part:24}" + "".join(f"{share:11.3f}s" for share in shares))
    print(f"{'a step':24}" + "".join(f"{seconds[name]:11.3f}s" for name in steps))
    if options.only:
        print(f"peak memory {(memory.most or 0) / 1024:.2f} GiB")
        return
    print(f"ours is {seconds['textbook'] / seconds['ours']:.2f} times as fast")
    if not options.no_memory:
        command = [sys.executable, __file__, *sys.argv[1:], "--steps", "1", "--only"]
        for name in steps:
            result = subprocess.run([*command, name], check=True, capture_output=True, text=True)
            print(f"{name:12} {result.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
