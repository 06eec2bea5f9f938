"""Workers that answer when a test tells them to, and what they answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.workers.training_messages import (
    DataReport,
    Finding,
    FoundClass,
    ImportRequest,
    KnownRun,
    RecipeTime,
    RunNews,
    RunState,
    SizePreset,
    TrainingChoice,
    TrainingOptions,
)
from spade.formats.palette import Palette, palette_from_classes
from spade.formats.run_folder import Status

GIGA = 10**9
CLASSES = (
    FoundClass(0, "lawn", "#6db33f", "plants", 0.42, 61),
    FoundClass(1, "hedge", "#2f6b2f", "plants", 0.23, 55),
    FoundClass(2, "path", "#b9a68c", "ground", 0.18, 40),
    FoundClass(3, "pond", "#3b7fb5", "water", 0.09, 22),
    FoundClass(4, "gnome", "#c0392b", "things", 0.0002, 3),
)
PALETTE: Palette = palette_from_classes(
    "garden", [(entry.id, entry.name, entry.color, entry.group) for entry in CLASSES]
)


class FakeDatasets(QObject):
    """Records what is asked; a test answers by emitting the signals."""

    progress = Signal(str, object)
    report = Signal(object)
    imported = Signal(str, object)
    options = Signal(object)
    scene = Signal(object, object)
    failed = Signal(str)
    busy_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.checked: list[str] = []
        self.imports: list[ImportRequest] = []
        self.devices: list[str] = []
        self.scenes: list[str] = []
        self.cancels = 0
        self.busy = False
        self.stopped = False

    def check(self, folder: str, size: int | None = None) -> None:
        self.checked.append(folder)
        self.busy = True

    def import_data(self, request: ImportRequest) -> None:
        self.imports.append(request)
        self.busy = True

    def ask_options(self, device: str = "auto", classes: int = 0, pictures: int = 0) -> None:
        self.devices.append(device)

    def open_scene(self, folder: str) -> None:
        self.scenes.append(folder)

    def cancel(self) -> None:
        self.cancels += 1
        self.busy = False

    def stop(self) -> None:
        self.stopped = True

    # -- answers

    def answer_check(self, report: DataReport) -> None:
        self.busy = False
        self.report.emit(report)

    def answer_import(self, report: DataReport) -> None:
        self.busy = False
        self.imported.emit(report.folder, report)

    def answer_scene(self, width: int = 64, height: int = 48) -> None:
        labels = np.zeros((height, width), np.uint8)
        labels[height // 2 :] = 2
        labels.setflags(write=False)
        self.scene.emit(labels, PALETTE)

    def fail(self, text: str) -> None:
        self.busy = False
        self.failed.emit(text)


class FakeTrainings(QObject):
    """As above. ``start`` and ``resume`` are answered by ``answer_start``."""

    started = Signal(str)
    news = Signal(object)
    sample = Signal(str, object)
    early_model = Signal(str)
    runs = Signal(object)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.folder = ""
        self.choices: list[TrainingChoice] = []
        self.resumed: list[str] = []
        self.asked: list[str] = []
        self.wanted: list[str] = []
        self.forgotten: list[str] = []
        self.lists = 0
        self.shut: bool | None = None

    def start(self, choice: TrainingChoice) -> None:
        self.choices.append(choice)

    def resume(self, folder: str) -> None:
        self.resumed.append(folder)

    def watch(self, folder: str) -> None:
        self.folder = folder

    def pause(self) -> None:
        self.asked.append("pause")

    def go_on(self) -> None:
        self.asked.append("go on")

    def end(self) -> None:
        self.asked.append("stop")

    def try_now(self) -> None:
        self.asked.append("try")

    def load_sample(self, name: str) -> None:
        self.wanted.append(name)

    def list_runs(self) -> None:
        self.lists += 1

    def forget(self, folder: str) -> None:
        self.forgotten.append(folder)

    def shut_down(self, stop: bool = False) -> None:
        self.shut = stop

    # -- answers

    def answer_start(self, folder: str | None = None) -> str:
        self.folder = folder or (self.resumed[-1] if self.resumed else self.choices[-1].out)
        self.started.emit(self.folder)
        return self.folder

    def tell(self, state: RunState, step: int = 0, **more: object) -> None:
        """News of the folder watched."""
        self.news.emit(news(self.folder, state, step, **more))


def news(
    folder: str,
    state: RunState,
    step: int = 0,
    *,
    steps: int = 1000,
    phase: str = "",
    checkpoint: int = 0,
    message: str = "",
    status: dict | None = None,
    **more: object,
) -> RunNews:
    """News as the worker makes them; ``more``: losses, samples, sample, notices …"""
    phases = {"running": "training", "interrupted": "training"}
    told = Status(
        phase=phase or phases.get(state, state),  # type: ignore[arg-type]
        pid=1,
        step=step,
        steps=steps,
        images_per_second=12.3 if step else 0.0,
        seconds_left=0.6 * (steps - step) if step else None,
        memory_bytes=3 * GIGA if step else 0,
        memory_limit=8 * GIGA,
        device="NVIDIA GeForce RTX 4060",
        batch_size=8,
        micro_batch=8,
        checkpoint_step=checkpoint,
        message=message,
        **(status or {}),
    )
    return RunNews(folder, state, told, **more)  # type: ignore[arg-type]


def known(name: str, state: RunState = "interrupted", step: int = 1240) -> KnownRun:
    return KnownRun(f"/{name}", name, state, step, 20000)


def report(
    folder: str = "/data/my-garden",
    *,
    pictures: int = 640,
    findings: tuple[Finding, ...] = (),
    classes: tuple[FoundClass, ...] = CLASSES,
    needs_import: bool = False,
    photos_alone: bool = False,
) -> DataReport:
    return DataReport(
        folder=folder,
        layout="Folders of images and labels",
        pictures=pictures,
        validation=pictures // 10,
        size=256,
        photos_alone=photos_alone,
        needs_import=needs_import,
        findings=findings,
        classes=classes,
    )


def finding(
    kind: str = "rgb-labels", severity: str = "fixed", count: int = 12, **more: object
) -> Finding:
    return Finding(
        kind=kind,
        title="Label maps in colour",
        text=f"{count} label maps are RGB pictures with 1,204 stray colours at the borders.",
        remedy="Import gives each pixel the class of the nearest colour.",
        count=count,
        severity=severity,  # type: ignore[arg-type]
        examples=tuple(f"labels/{kind}-{number}.png" for number in range(min(count, 6))),
        **more,  # type: ignore[arg-type]
    )


def options(available: int = 8 * GIGA, *, device: str = "cuda", vgg: str = "") -> TrainingOptions:
    sizes = (
        ("tiny", "Tiny", "64 pixels; to try things out", 64, 8, 2, 400_000, 0.3),
        ("small", "Small", "128 pixels; overnight on a processor", 128, 16, 4, 3_100_000, 1.1),
        ("medium", "Medium", "256 pixels; for a graphics card", 256, 32, 8, 24_600_000, 6.2),
        ("large", "Large", "256 pixels, the paper's widths", 256, 64, 4, 97_500_000, 12.4),
        ("paper", "As in the paper", "256 pixels, as the paper", 256, 64, 16, 97_500_000, 34.0),
    )
    presets = tuple(
        SizePreset(
            name,
            title,
            detail,
            size,
            ngf,
            batch,
            count,
            int(need * GIGA),
            need * GIGA < available,
            recipe_times(need / 10, 3_000, 20_000, 80_000),
        )
        for name, title, detail, size, ngf, batch, count, need in sizes
    )
    name = {"cuda": "NVIDIA GeForce RTX 4060", "cpu": "Processor (8 cores)"}[device]
    models = (("landscape", "landscape"), ("/runs/meadow/model", "meadow"))
    times = {"landscape": recipe_times(0.8, 400, 3_000, 12_000)}  # of the other nobody knows
    return TrainingOptions(device, name, available, presets, models, vgg, times)


def recipe_times(seconds: float, *steps: int) -> tuple[RecipeTime, ...]:
    """``seconds`` of a step with the perceptual loss; half of them without."""
    recipes = ("quick", "balanced", "thorough")
    return tuple(
        RecipeTime(name, count, seconds, seconds / 2)
        for name, count in zip(recipes, steps, strict=True)
    )


def grid(rows: int = 8, columns: int = 5, side: int = 64, seed: int = 0) -> np.ndarray:
    """A sample grid as training writes it."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    small = rng.integers(40, 220, (rows * 4, columns * 4, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((columns * side, rows * side)))


def losses(first: int, last: int, seed: int = 0) -> tuple[dict[str, float], ...]:
    """Plausible curves."""
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(first, last):
        fall = float(np.exp(-step / 4000))
        noise = rng.normal(0, 1, 5)
        rows.append(
            {
                "step": float(step),
                "d": 1.2 + 0.15 * noise[0],
                "gan": 0.4 + 0.3 * noise[1] - 0.3 * fall,
                "feature": 1.1 + 0.9 * fall + 0.06 * noise[2],
                "perceptual": 3.2 + 3.5 * fall + 0.2 * noise[3],
                "kld": 8 * fall + 2 + 0.4 * noise[4],
            }
        )
    return tuple(rows)


def folder_of(path: Path) -> str:
    return str(path)
