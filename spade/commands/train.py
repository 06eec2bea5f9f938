"""``spadework train DATA``: settings from a preset, a recipe, a file, then flags."""

from __future__ import annotations

import argparse
import contextlib
import math
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from spade.commands import say
from spade.config import TrainingConfig, to_dict
from spade.data.folder import label_channels, read_classes
from spade.fine_tuning import FINE_TUNING
from spade.formats.errors import InputError
from spade.formats.run_folder import RunFolder
from spade.presets import PRESETS, RECIPES, Tables, by_name
from spade.run import Run
from spade.settings import build_run, data_folder, merged, read_tables

if TYPE_CHECKING:
    from spade.model import Model
    from spade.training import TrainingProgress


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "data",
        type=Path,
        nargs="?",
        metavar="DATA",
        help="folder: images/, labels/, classes.json (with --resume: by default the same)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="training folder (default: runs/NAME of the model)"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings, .toml or .json; see the README"
    )
    parser.add_argument(
        "--preset",
        choices=[preset.name for preset in PRESETS],
        help="sizes of networks, pictures and batch",
    )
    parser.add_argument(
        "--recipe",
        choices=[recipe.name for recipe in RECIPES],
        help="length, rates, losses and augmentation "
        "(default with --preset, but for paper, and with --init: balanced)",
    )
    parser.add_argument(
        "--init",
        metavar="MODEL",
        help="fine-tune: start from this model, a bundled name or a folder, and keep its sizes",
    )
    parser.add_argument("--no-style", action="store_true", help="train without a style encoder")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from DIR/state.pt, or from weights alone where it did not come along; "
        "without --config, --preset or --recipe with the settings in DIR/run.json",
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
    parser.add_argument(
        "--judge-minutes",
        type=float,
        metavar="M",
        help="evaluate on the validation photos every M minutes (0: never)",
    )
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


def run(args: argparse.Namespace) -> dict[str, Any] | None:
    """Train; returns what ``--json`` prints, None in all processes but the first."""
    began = time.monotonic()  # torch, slow to import, is not there yet
    if args.minutes is not None and not 0 < args.minutes < math.inf:
        raise InputError(f"--minutes is {args.minutes}: give a number above 0")
    # Whatever was asked before this moment is not meant for this training.
    answered = 0 if args.out is None else RunFolder(args.out).last_number
    plan = make_plan(args)
    out = args.out or Path("runs") / plan.run.name
    answered = answered if args.out else RunFolder(out).last_number

    from spade.model import resolve_device
    from spade.training import parallel, train

    with parallel.together(resolve_device(args.device)) as device:
        settings = _with_vgg(plan, args)
        stop = StopOnInterrupt(quiet=not parallel.is_first())
        report = _Report(out, args.tensorboard and parallel.is_first())
        try:
            with stop:
                result = train(
                    settings,
                    plan.data,
                    out,
                    device=device,
                    resume=args.resume,
                    weights=args.weights,
                    shards=args.shards,
                    minutes=args.minutes,
                    began=began,
                    answered=answered,
                    init=plan.init,
                    on_reading=report.reading,
                    on_progress=report,
                    on_judged=report.judged,
                    on_notice=say,
                    should_stop=lambda: stop.asked,
                )
        finally:
            report.close()
        if not parallel.is_first():
            return None
        if result.model is None:
            say("stopped while reading photos, before there was a model")
    return {
        "model": None if result.model is None else str(result.model),
        "step": result.step,
        "steps": settings.training.steps,
    }


def _with_vgg(plan: Plan, args: argparse.Namespace) -> Run:
    """The settings with the path of the VGG weights, or none."""
    from spade.training import parallel
    from spade.vgg_weights import find_vgg

    training = plan.run.training
    vgg = ""
    # A run without them goes on without them, whether there is a copy by now or not.
    without = args.no_vgg or (plan.resumed and not (args.vgg or args.download_vgg or training.vgg))
    if training.perceptual_weight > 0 and not without:
        with parallel.machine_first():
            vgg = find_vgg(
                args.vgg or training.vgg, lambda question: args.download_vgg or ask(question)
            )
    if not vgg and parallel.is_first():
        say(
            "training without perceptual loss: pictures get sharper and better with it "
            "(--vgg FILE or --download-vgg)"
        )
    vgg = str(Path(vgg).absolute()) if vgg else ""
    return replace(plan.run, training=replace(training, vgg=vgg))


@dataclass(frozen=True)
class Plan:
    """What the arguments come to: the settings, the DATA folder and the model to start from.

    ``resumed``: the settings are those of the training folder that is gone on with.
    """

    run: Run
    data: Path
    init: Model | None
    resumed: bool


def read_settings(args: argparse.Namespace) -> Run:
    """All settings of the run. Raises InputError naming the file and the setting."""
    return make_plan(args).run


def make_plan(args: argparse.Namespace) -> Plan:
    """What to train, and on what. Raises InputError naming the file and the setting.

    torch is slow to import: what can be told without it is told before.
    """
    source, resumed = args.config, False
    if args.resume and not (args.config or args.preset or args.recipe):
        source, resumed = _kept_settings(args.out), True
    written = {} if source is None else read_tables(source)
    where = str(source or "default settings")
    data = args.data or data_folder(written, where)
    if data is None:
        raise InputError("no DATA folder: name the one with images/, labels/ and classes.json")
    palette = read_classes(data)
    flags = _flags(args)
    layers = [*_chosen(args), written]
    model: Model | None = None
    licence = ""
    if args.init is not None and (source is None or source != _kept_settings(args.out)):
        from spade.model import load_model
        from spade.training.finetune import judge_from, sizes_from

        model = load_model(args.init, "cpu", discriminator=True)
        licence = model.licence
        layers.insert(0, {"training": {"size": min(model.trained_size)}})
        size = int(
            flags.get("size") or merged(*layers)["training"].get("size", TrainingConfig.size)
        )
        instances = any((data / part / "instances").is_dir() for part in ("", "train"))
        style = False if args.no_style else None
        generator, encoder = sizes_from(model, palette, size, style=style, instances=instances)
        sizes = {"generator": {"architecture": "spade", **to_dict(generator)}}
        if encoder is not None:
            sizes["encoder"] = to_dict(encoder)
        layers.insert(-1, sizes)
        layers.insert(1, {"discriminator": judge_from(model)})
    run = build_run(
        merged(*layers),
        where,
        label_channels(palette),
        style=not args.no_style,
        training=flags,
        name="mine" if args.out is None else args.out.resolve().name,
        licence=licence,
        by_hand=written,
    )
    return Plan(run, data, model, resumed)


def _kept_settings(out: Path | None) -> Path | None:
    """The settings that a training folder was begun with, if it has them."""
    path = None if out is None else RunFolder(out).settings
    return path if path is not None and path.is_file() else None


def _flags(args: argparse.Namespace) -> dict[str, Any]:
    """Settings of [training] that have a flag, as far as they are given."""
    names = ("steps", "batch_size", "size", "checkpoint_steps", "judge_minutes", "seed")
    given = {name: getattr(args, name) for name in (*names, "precision")}
    return {name: value for name, value in given.items() if value is not None}


def _chosen(args: argparse.Namespace) -> list[Tables]:
    """The tables of --preset and --recipe, or of what goes without saying."""
    tables: list[Tables] = []
    name = args.recipe
    if args.preset is not None:
        preset = by_name(PRESETS, args.preset, "--preset")
        tables.append(preset.tables)
        name = name or preset.recipe
    if args.init is not None:
        name = name or ("" if args.config else "balanced")
    if name:
        recipes = RECIPES if args.init is None else FINE_TUNING
        tables.append(by_name(recipes, name, "--recipe").tables)
    return tables


def ask(question: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class StopOnInterrupt:
    """Ctrl+C, or a request to end, stops training after the step under way, with a checkpoint.

    While photos are read it stops after the photo under way. The second one ends it at once.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.asked = False
        self._quiet = quiet

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
        if self._quiet:
            return
        with contextlib.suppress(RuntimeError):  # in the middle of another line
            say(
                "\nstopping after this photo or step; steps are kept with a checkpoint "
                "(once more: at once, without)"
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
            say(f"reading photos {read}/{photos}")

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
        say(
            f"step {progress.step}/{progress.steps}  {losses}  "
            f"{progress.images_per_second:.1f} images/s  {_clock(progress.seconds_left)} left"
            + (f"  {progress.sample}" if progress.sample else "")
        )

    def judged(self, step: int, found: dict[str, Any]) -> None:
        """The model was evaluated at ``step``."""
        figures = {key: value for key, value in found.items() if isinstance(value, int | float)}
        say(f"step {step}: " + "  ".join(f"{key} {value:.3f}" for key, value in figures.items()))
        if self._writer is not None:
            for key, value in figures.items():
                self._writer.add_scalar(f"judged/{key}", value, step)

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
