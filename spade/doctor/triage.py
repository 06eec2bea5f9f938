"""Entry by entry: which files have which fault, which pairs a clean copy gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spade.data.folder import name_hash
from spade.doctor.alignment import geometry, turning_margin
from spade.doctor.case import LabelFacts, PairFacts, PhotoFacts, Plan
from spade.doctor.duplicates import find_repeats, find_twins
from spade.doctor.layouts import Entry, Layout
from spade.doctor.plan import holds_ids, ids_by_color, odd_masks, stated_ids

SIZES = (64, 128, 256, 512)
FILLED = 0.9
"""Share of the photos that must fill the training size."""
TOO_SMALL, ODD_MASK = "too small", "a mask among maps of several classes"
"""Reasons for which a pair is left out."""
VALIDATION_SHARE = 0.03
"""Of a set without val/, by name, as training holds it out."""


@dataclass(eq=False)
class Triage:
    """found: examples of every fault by the slug of its kind, in order. kept: entries and
    their facts that a clean copy gets. left_out: (file, why) for people. turn: by an entry's
    name and split the EXIF orientation by which its label map has to be turned.

    size: of training. details: by file what is wrong with it. twins: by photo the one that is
    the same. stray_…: of smoothed maps, all their stray pixels of so many, and the most stray
    colours of one.
    """

    size: int
    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    kept: list[tuple[Entry, PairFacts]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    turn: dict[str, int] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)
    stray_pixels: int = 0
    stray_total: int = 0
    stray_colors: int = 0
    turnable: int = 0
    resizable: int = 0

    def leave_out(self, name: str, why: str) -> None:
        """Note a file that the clean copy lacks."""
        self.left_out.append((name, why))


def training_size(facts: Sequence[PairFacts]) -> int:
    """The largest of ``SIZES`` that nine tenths of the readable photos fill."""
    sides = [
        min(pair.photo.width, pair.photo.height)
        for pair in facts
        if pair.photo is not None and not pair.photo.fault
    ]
    fitting = [size for size in SIZES if sum(side >= size for side in sides) >= FILLED * len(sides)]
    return max(fitting, default=SIZES[0])


def is_held_out(entry: Entry, share: float = VALIDATION_SHARE) -> bool:
    """Whether training would validate on it."""
    return entry.split == "val" or (not entry.split and name_hash(entry.name) < share)


def sort_entries(
    layout: Layout, facts: Sequence[PairFacts], plan: Plan, size: int | None
) -> Triage:
    """Go through all entries."""
    triage = Triage(size or training_size(facts))
    triage.found["same-stem"] = list(layout.same_stem)
    for name in layout.same_stem:
        triage.leave_out(name, "another photo has its name")
    margin = turning_margin(facts)
    tiny = _tiny(facts, triage.size)
    # With a size that was asked for, most may be too small: then none is left out.
    drop_tiny = len(tiny) <= (1 - FILLED) * len(facts)
    readable = [k for k, pair in enumerate(facts) if pair.labels and not pair.labels.fault]
    odd = odd_masks([pair.labels for pair in facts if pair.labels and not pair.labels.fault], plan)
    masks = {readable[k] for k in odd}
    for number, (entry, pair) in enumerate(zip(layout.entries, facts, strict=True)):
        reasons: list[str] = []
        photo, labels = pair.photo, pair.labels
        if photo is not None:
            _look_at_photo(triage, entry, photo, reasons)
        if labels is not None:
            is_odd = number in masks
            _look_at_labels(triage, entry, labels, plan, reasons, is_odd, photo is None)
        if photo is None or labels is None:
            if not layout.photos_alone:
                _one_is_missing(triage, entry)
                continue
        elif not photo.fault and not labels.fault:
            _look_at_geometry(triage, entry, pair, margin, reasons)
        if number in tiny:
            triage.found["tiny-pictures"].append(entry.photo or "")
            if drop_tiny:
                reasons.append(TOO_SMALL)
        if reasons:
            triage.leave_out(entry.photo or entry.labels or "", reasons[0])
        else:
            triage.kept.append((entry, pair))
    return triage


def drop_duplicates(triage: Triage, check: Callable[[int, int], None]) -> None:
    """Take photos out of the validation set that are trained on too; note what is twice
    within one set, for which nothing is done.
    """
    held = [k for k, (entry, _) in enumerate(triage.kept) if is_held_out(entry)]
    trained = sorted(set(range(len(triage.kept))) - set(held))
    hashes, tiny = _hashes([pair.photo for _, pair in triage.kept])
    twins = find_twins(hashes[held], tiny[held], hashes[trained], tiny[trained], check)
    dropped = {index for index, twin in zip(held, twins.tolist(), strict=True) if twin >= 0}
    names = [entry.photo or "" for entry, _ in triage.kept]
    for index, twin in zip(held, twins.tolist(), strict=True):
        if twin >= 0:
            triage.found["duplicates"].append(names[index])
            triage.twins[names[index]] = names[trained[twin]]
            triage.leave_out(names[index], f"trained on as {names[trained[twin]]}")
    repeated: dict[int, int] = {}
    for group in (trained, held):
        first = find_repeats(hashes[group], tiny[group]).tolist()
        repeated |= {group[k]: group[twin] for k, twin in enumerate(first) if twin >= 0}
    for index in sorted(repeated.keys() - dropped):
        triage.found["repeated-photos"].append(names[index])
        triage.twins[names[index]] = names[repeated[index]]
    triage.kept = [pair for k, pair in enumerate(triage.kept) if k not in dropped]


def _hashes(
    photos: Sequence[PhotoFacts | None],
) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    tiny = [photo.tiny for photo in photos if photo is not None and photo.tiny is not None]
    hashes = [photo.hash for photo in photos if photo is not None]
    stacked = np.stack(tiny) if tiny else np.zeros((0, 1, 1), np.uint8)
    return np.array(hashes, np.uint64), stacked


def _tiny(facts: Sequence[PairFacts], size: int) -> set[int]:
    return {
        number
        for number, pair in enumerate(facts)
        if pair.photo is not None
        and not pair.photo.fault
        and 2 * min(pair.photo.width, pair.photo.height) < size
    }


def _look_at_photo(triage: Triage, entry: Entry, photo: PhotoFacts, reasons: list[str]) -> None:
    name = entry.photo or ""
    if photo.fault:
        triage.found[photo.fault].append(name)
        triage.details[name] = photo.detail
        reasons.append(photo.fault)
    elif photo.grey:
        triage.found["grey-photos"].append(name)


def _look_at_labels(
    triage: Triage,
    entry: Entry,
    labels: LabelFacts,
    plan: Plan,
    reasons: list[str],
    odd_mask: bool,
    alone: bool,
) -> None:
    name = entry.labels or ""
    found = triage.found
    if labels.fault:
        found[labels.fault].append(name)
        triage.details[name] = labels.detail
        reasons.append(labels.fault)
        return
    if alone:
        return
    in_ids = stated_ids(labels) is not None and (plan.binary or holds_ids(labels, plan.palette))
    if odd_mask or plan.binary:
        found["binary-masks"].append(name)
        if odd_mask:
            reasons.append(ODD_MASK)
    elif labels.storage == "colour" and in_ids:
        found["grey-as-colour"].append(name)
    elif labels.storage == "colour" and not labels.lossy:
        _look_at_colors(triage, name, labels, plan)
    if labels.lossy:
        found["lossy-labels"].append(name)
        if in_ids and not plan.binary:
            reasons.append("class ids blurred by lossy compression")
    elif labels.format != "PNG":
        found["label-formats"].append(name)
    if labels.bits >= 16:
        found["deep-labels"].append(name)
    elif 1 < labels.bits < 8 and labels.storage == "grey":
        found["shallow-labels"].append(name)
    if labels.alpha:
        found["alpha-labels"].append(name)
    if labels.interlaced:
        found["interlaced-labels"].append(name)


def _look_at_colors(triage: Triage, name: str, labels: LabelFacts, plan: Plan) -> None:
    assert labels.colors is not None
    assert labels.counts is not None
    assert labels.flat is not None
    known = {*ids_by_color(plan.palette)}
    listed = np.array([int(code) in known for code in labels.colors], np.bool_)
    exact = int(labels.counts[listed].sum())
    strays = labels.pixels - labels.transparent - exact
    if strays <= 0:
        if not plan.by_color:  # colours are how CVAT, say, means it
            triage.found["colour-labels"].append(name)
        return
    if labels.flat[~listed].sum() > strays / 2 and not labels.lossy:
        triage.found["unlisted-colours"].append(name)
    else:
        triage.found["stray-colours"].append(name)
    triage.stray_pixels += strays
    triage.stray_total += labels.pixels
    triage.stray_colors = max(triage.stray_colors, labels.distinct - int(listed.sum()))


def _one_is_missing(triage: Triage, entry: Entry) -> None:
    if entry.photo is not None:
        triage.found["missing-labels"].append(entry.photo)
        triage.leave_out(entry.photo, "no label map")
    elif entry.labels is not None:
        triage.found["missing-pictures"].append(entry.labels)
        triage.leave_out(entry.labels, "no photo")


def _look_at_geometry(
    triage: Triage, entry: Entry, pair: PairFacts, margin: float, reasons: list[str]
) -> None:
    found = geometry(pair, margin)
    if not found.kind:
        return
    triage.found[found.kind].append(entry.labels or "")
    if not found.usable:
        reasons.append("its label map is of another shape")
    elif found.kind == "orientation":
        triage.turn[f"{entry.split}/{entry.name}"] = found.turn
        triage.turnable += 1
    else:
        triage.resizable += 1
