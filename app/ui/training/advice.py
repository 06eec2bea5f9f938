"""What suits the data: said on the model page, and chosen until the user chooses otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.ui.training.texts import plural
from app.workers.training_messages import DataReport, SizePreset, TrainingOptions
from spade.formats.errors import InputError
from spade.formats.palette import load_palette

FEW: Final = 500
"""Pictures below which training from scratch has too little to learn from."""
TINY: Final = "tiny"
SLOW: Final = 10_000_000
"""Parameters from which on a processor alone takes too long."""
BUNDLED: Final = "landscape"


@dataclass(frozen=True)
class Advice:
    """``fine_tune``: start from a model. ``preset``: the size that suits, or ""."""

    fine_tune: bool
    preset: str
    text: str


def advise(report: DataReport, options: TrainingOptions) -> Advice:
    """What to start from and how large, for these data on this device."""
    few = report.pictures < FEW
    known = known_classes(report)
    fine_tune = bool(options.models) and (few or known > len(report.classes) / 2)
    preset = suitable(report, options)
    count = plural(report.pictures, "picture")
    if few and fine_tune:
        text = f"{count} are few: start from a model that knows what such things look like."
    elif few:
        text = f"{count} are few to start from scratch: pictures may repeat what they have seen."
    elif fine_tune:
        classes = plural(len(report.classes), "class", "classes")
        text = f"The landscape model knows {known} of your {classes} by name."
    else:
        text = f"{count} are enough to start from scratch."
    return Advice(fine_tune, preset, text)


def known_classes(report: DataReport) -> int:
    """How many of the classes the bundled model has, by name."""
    try:
        palette = load_palette(BUNDLED)
    except InputError:
        return 0
    return sum(palette.find(entry.name) is not None for entry in report.classes)


def too_slow(preset: SizePreset, options: TrainingOptions) -> bool:
    """It fits, but the device would take weeks."""
    return options.device == "cpu" and preset.parameters > SLOW


def suitable(report: DataReport, options: TrainingOptions) -> str:
    """The largest that the device can train in reasonable time and the pictures are good for."""
    fitting = [preset for preset in options.presets if preset.fits]
    for preset in reversed(fitting):
        good = preset.size <= max(report.size, 64) and not too_slow(preset, options)
        if good and preset.name not in (TINY, "paper"):
            return preset.name
    return fitting[0].name if fitting else ""
