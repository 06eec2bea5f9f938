"""How fast training batches are made from a DATA folder: photos read, and images a second.

    PYTHONPATH=. taskset -c 0 python tests/bench/loader.py DATA --photos 600
    PYTHONPATH=. python tests/bench/loader.py DATA --threads 4 --simplify 0.4

A core (Xeon with AVX-512, shared with other work; per second of its time), 256 pixels, batches
of 16: 2,400 images/s made, 600 before batches were made of bytes; with --simplify 0.4 and
--unknown-patches 0.1 some 700. Photos read: 400/s, on as many cores as there are.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from spade.config import GeneratorConfig, TrainingConfig
from spade.data.dataset import PairedPictures, prefetched
from spade.data.folder import label_channels, open_data


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--simplify", type=float, default=0.0)
    parser.add_argument("--unknown-patches", type=float, default=0.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = open_data(options.data)
    training = TrainingConfig(
        batch_size=options.batch_size,
        size=options.size,
        simplify=options.simplify,
        unknown_patches=options.unknown_patches,
    )
    began = time.perf_counter()
    pictures = PairedPictures(
        folder.training[: options.photos],
        folder.palette,
        GeneratorConfig(label_channels(folder.palette), contain_dontcare=True),
        training,
    )
    print(f"{len(pictures) / (time.perf_counter() - began):.0f} photos/s read")
    with prefetched(pictures, training, 0, threads=options.threads) as batches:
        next(batches)
        began, spent = time.perf_counter(), time.process_time()
        for _ in range(options.batches):
            next(batches)
        seconds, worked = time.perf_counter() - began, time.process_time() - spent
    images = options.batches * options.batch_size
    print(
        f"{images / seconds:.0f} images/s made by {options.threads} threads, "
        f"{1000 * worked / images:.2f} ms of a core each"
    )


if __name__ == "__main__":
    main()
