"""How many images a second training takes in, and what limits it: loader, launching, device.

    PYTHONPATH=. python tests/bench/training_step.py DATA --vgg VGG --config FILE.toml \
        [--device cuda] [--photos 600] [--timed-steps 20] and the other options of train

Loader alone makes batches that nobody uses; step alone uses one batch again and again; both
is training as it runs. On CUDA "launching" is the time until a step has been handed to the
idle device: where that is nearly the step's time, the Python thread limits.
On a core of an AMD EPYC, no GPU, batches of 8 at 64 pixels, ngf 12, embedding 32, ndf 32, three
blocks of VGG16: 900 ms of the core a step, 9 images/s; the loader takes 1.2 ms of them.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import torch

from spade.commands.train import configure, read_settings
from spade.data.dataset import PairedPictures, prefetched
from spade.data.folder import open_data
from spade.model import resolve_device
from spade.training.trainer import Trainer


def waits(action: Callable[[], object]) -> int:
    """How often the CPU waited for CUDA meanwhile."""
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    configure(parser)
    parser.add_argument("--photos", type=int, default=600, help="how many are read")
    parser.add_argument("--timed-steps", type=int, default=20)
    options = parser.parse_args()
    run = read_settings(options)
    run = replace(run, training=replace(run.training, vgg=options.vgg))
    config, steps = run.training, options.timed_steps
    device = resolve_device(options.device)
    cuda = device.type == "cuda"
    folder = open_data(options.data, config.validation_share)
    began = time.perf_counter()
    pictures = PairedPictures(
        folder.training[: options.photos], folder.palette, run.generator, config
    )
    print(f"photos read     {len(pictures) / (time.perf_counter() - began):8.1f} photos/s")
    trainer = Trainer(run, device)

    def timed(action: Callable[[], object]) -> tuple[float, float]:
        """Seconds a call, and seconds of a core, after a few to warm up."""
        for _ in range(min(3, steps)):
            action()
        trainer.settle()
        began, spent = time.perf_counter(), time.process_time()
        for _ in range(steps):
            action()
        trainer.settle()
        return (time.perf_counter() - began) / steps, (time.process_time() - spent) / steps

    with prefetched(pictures, config, 0, pin=cuda) as batches:
        loader = timed(lambda: next(batches))
        batch = next(batches)
        step = timed(lambda: trainer.train_on(batch))
        both = timed(lambda: trainer.train_on(next(batches)))
    for name, (seconds, worked) in (("loader alone", loader), ("step alone", step), ("both", both)):
        print(
            f"{name:15} {config.batch_size / seconds:8.1f} images/s {1000 * seconds:9.1f} ms a "
            f"step, {1000 * worked:.1f} ms of a core"
        )
    limit = "the loader" if loader[0] > step[0] else "the device's arithmetic and memory"
    if cuda:
        torch.cuda.synchronize()
        began = time.perf_counter()
        trainer.train_on(batch)
        launching = time.perf_counter() - began
        torch.cuda.synchronize()
        print(f"launching       {1000 * launching:29.1f} ms a step")
        print(f"waits for it    {waits(lambda: trainer.train_on(batch)):29d} a step, of the CPU")
        print(f"memory          {torch.cuda.max_memory_allocated() / 2**30:8.1f} GiB at most")
        if launching > max(loader[0], 0.9 * step[0]):
            limit = "launching from Python; a larger batch costs little"
    print(f"{config.precision}, batches of {config.batch_size} at {config.size}; limit: {limit}")


if __name__ == "__main__":
    main()
