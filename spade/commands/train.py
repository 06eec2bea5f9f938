"""``spadework train DATA``: settings from defaults, a TOML file, then flags."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    OasisConfig,
    Pix2PixHDConfig,
    TrainingConfig,
    from_dict,
)
from spade.data.folder import label_channels, read_classes
from spade.formats.errors import InputError

if TYPE_CHECKING:
    from spade.training import Run, TrainingProgress

_SECTIONS = ("generator", "encoder", "discriminator", "training", "model")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "data", type=Path, metavar="DATA", help="folder: images/, labels/, classes.json"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="training folder (default: runs/NAME of the model)"
    )
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings; see the README")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from DIR/state.pt, or from weights alone where it did not come along",
    )
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="end within M minutes, checkpoint and all"
    )
    parser.add_argument(
        "--shards",
        type=Path,
        metavar="DIR",
        help="also write the weights there, in files of at most 16 MiB to take along",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="DIR", help="go on from such files if there is no state.pt"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="length of the schedule in steps")
    parser.add_argument("--batch-size", type=int, metavar="N")
    parser.add_argument("--size", type=int, metavar="PX", help="side of the training crops")
    parser.add_argument("--checkpoint-steps", type=int, metavar="N", help="also save every N steps")
    parser.add_argument("--seed", type=int, metavar="N")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--precision", choices=("fp32", "bf16"))
    parser.add_argument("--vgg", default="", metavar="FILE", help="VGG16 or VGG19 weights")
    parser.add_argument(
        "--download-vgg", action="store_true", help="agree to download VGG19 if it is not there"
    )
    parser.add_argument("--no-vgg", action="store_true", help="train without perceptual loss")
    parser.add_argument(
        "--tensorboard", action="store_true", help="write events to DIR/tensorboard (extra [train])"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train; returns what ``--json`` prints."""
    began = time.monotonic()  # torch, slow to import, is not there yet
    settings = read_settings(args)
    if args.minutes is not None and not 0 < args.minutes < math.inf:
        raise InputError(f"--minutes is {args.minutes}: give a number above 0")
    out = args.out or Path("runs") / settings.name

    from spade.model import resolve_device
    from spade.training import train
    from spade.vgg_weights import find_vgg

    device = resolve_device(args.device)
    if settings.training.perceptual_weight > 0 and not args.no_vgg:
        given = args.vgg or settings.training.vgg
        vgg = find_vgg(given, lambda question: args.download_vgg or _ask(question))
        settings = replace(settings, training=replace(settings.training, vgg=vgg))
    else:
        settings = replace(settings, training=replace(settings.training, vgg=""))
    if not settings.training.vgg:
        print(
            "training without perceptual loss: pictures get sharper and better with it "
            "(--vgg FILE or --download-vgg)",
            file=sys.stderr,
        )
    stop = StopOnInterrupt()
    report = _Report(out, args.tensorboard)
    try:
        with stop:
            result = train(
                settings,
                args.data,
                out,
                device=device,
                resume=args.resume,
                weights=args.weights,
                shards=args.shards,
                minutes=args.minutes,
                began=began,
                on_reading=report.reading,
                on_progress=report,
                on_notice=lambda line: print(line, file=sys.stderr, flush=True),
                should_stop=lambda: stop.asked,
            )
    finally:
        report.close()
    if result.model is None:
        print("stopped while reading photos, before there was a model", file=sys.stderr)
    return {
        "model": None if result.model is None else str(result.model),
        "step": result.step,
        "steps": settings.training.steps,
    }


def read_settings(args: argparse.Namespace) -> Run:
    """All settings of the run. Raises InputError naming the file and the key.

    torch is slow to import: what can be told without it is told before.
    """
    table = _read_toml(args.config)
    where = str(args.config or "default settings")
    label_nc = label_channels(read_classes(args.data))
    generator_table = {"label_nc": label_nc, "contain_dontcare": True, **table["generator"]}
    generator: GeneratorConfig | Pix2PixHDConfig
    encoder = None
    architecture = generator_table.pop("architecture", "spade")
    if architecture not in ("spade", "pix2pixhd"):
        raise InputError(
            f"{where} [generator]: architecture is {architecture!r}: use spade or pix2pixhd"
        )
    if architecture == "pix2pixhd":
        generator = from_dict(Pix2PixHDConfig, generator_table, f"{where} [generator]")
    else:
        generator = from_dict(GeneratorConfig, generator_table, f"{where} [generator]")
        if generator.use_vae:
            encoder_table = {"z_dim": generator.z_dim, **table["encoder"]}
            encoder = from_dict(EncoderConfig, encoder_table, f"{where} [encoder]")
    discriminator_table = dict(table["discriminator"])
    discriminator: DiscriminatorConfig | OasisConfig
    kind = discriminator_table.pop("architecture", "patch")
    where_d = f"{where} [discriminator]"
    if kind == "patch":
        discriminator_table = {"semantic_nc": generator.semantic_nc, **discriminator_table}
        discriminator = from_dict(DiscriminatorConfig, discriminator_table, where_d)
    elif kind == "oasis":
        discriminator_table = {"label_nc": generator.label_nc, **discriminator_table}
        discriminator = from_dict(OasisConfig, discriminator_table, where_d)
    else:
        raise InputError(f"{where_d}: architecture is {kind!r}: use patch or oasis")
    training = from_dict(TrainingConfig, table["training"], f"{where} [training]")
    flags = {
        "steps": args.steps,
        "batch_size": args.batch_size,
        "size": args.size,
        "checkpoint_steps": args.checkpoint_steps,
        "seed": args.seed,
        "precision": args.precision,
    }
    training = replace(training, **{k: v for k, v in flags.items() if v is not None})
    if (
        isinstance(generator, GeneratorConfig)
        and "crop_size" not in generator_table
        and training.size % generator.stride == 0
    ):
        generator = replace(generator, crop_size=training.size)
    name = "mine" if args.out is None else args.out.resolve().name
    texts = {"name": name, "licence": ""} | table["model"]
    for key, value in texts.items():
        if key not in ("name", "licence") or not isinstance(value, str):
            raise InputError(f"{where} [model]: {key} is {value!r}; known: name, licence (text)")
    from spade.training.trainer import Run

    return Run(generator, encoder, discriminator, training, texts["name"], texts["licence"])


def _read_toml(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None:
        return {section: {} for section in _SECTIONS}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except ValueError as error:  # of the encoding or the syntax
        raise InputError(f"{path}: not readable as TOML settings ({error}); mend it") from None
    for key, value in table.items():
        if key not in _SECTIONS or not isinstance(value, dict):
            raise InputError(f"{path}: unknown section {key!r}; known: {', '.join(_SECTIONS)}")
    return {section: table.get(section, {}) for section in _SECTIONS}


def _ask(question: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class StopOnInterrupt:
    """Ctrl+C, or a request to end, stops training after the step under way, with a checkpoint.

    While photos are read it stops after the photo under way. The second one ends it at once.
    """

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> None:
        self._before = {
            number: signal.signal(number, self._on_interrupt)
            for number in (signal.SIGINT, signal.SIGTERM)
        }

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print(
            "\nstopping after this photo or step; steps are kept with a checkpoint "
            "(once more: at once, without)",
            file=sys.stderr,
        )


class _Report:
    """Progress on stderr, and TensorBoard events if asked for."""

    def __init__(self, out: Path, tensorboard: bool) -> None:
        self._shown = 0.0
        self._writer: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise InputError(
                    "--tensorboard: the package tensorboard is missing; install spadework[train]"
                ) from None
            self._writer = SummaryWriter(str(out / "tensorboard"))

    def reading(self, read: int, photos: int) -> None:
        """``read`` of ``photos`` are in memory."""
        now = time.monotonic()
        if now - self._shown >= 2 or read == photos:
            self._shown = now
            print(f"reading photos {read}/{photos}", file=sys.stderr, flush=True)

    def __call__(self, progress: TrainingProgress) -> None:
        if self._writer is not None:
            for key, value in progress.losses.items():
                self._writer.add_scalar(f"loss/{key}", value, progress.step)
            if progress.sample is not None:
                self._write_image(progress.sample, progress.step)
        now = time.monotonic()
        last = progress.step == progress.steps
        if now - self._shown < 2 and not last and progress.sample is None:
            return
        self._shown = now
        losses = "  ".join(f"{key} {value:.3f}" for key, value in progress.losses.items())
        print(
            f"step {progress.step}/{progress.steps}  {losses}  "
            f"{progress.images_per_second:.1f} images/s  {_clock(progress.seconds_left)} left"
            + (f"  {progress.sample}" if progress.sample else ""),
            file=sys.stderr,
            flush=True,
        )

    def _write_image(self, path: Path, step: int) -> None:
        import numpy as np
        from PIL import Image

        with Image.open(path) as picture:
            self._writer.add_image("samples", np.asarray(picture), step, dataformats="HWC")

    def close(self) -> None:
        """Flush the events."""
        if self._writer is not None:
            self._writer.close()


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
