"""From what was found to what is said: one problem for each kind, with figures and a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from spade.doctor.case import Plan
from spade.doctor.checkup import EXAMPLES, FoundClass, Problem, Severity
from spade.doctor.kinds import KINDS
from spade.doctor.layouts import Layout
from spade.doctor.tally import Tally
from spade.doctor.triage import ODD_MASK, TOO_SMALL, Triage
from spade.formats.palette import MAX_CLASSES

ENOUGH = {64: 4, 128: 8, 256: 16, 512: 64}
"""Fewest pairs by training size."""
RARE_SHARE, RARE_PICTURES, MANY = 0.0005, 3, 20
"""A class is rare below this share or in fewer pictures, in a set of ``MANY`` or more."""


def problems(
    layout: Layout,
    triage: Triage,
    tally: Tally,
    plan: Plan,
    classes: Sequence[FoundClass],
    unsafe: Sequence[str],
) -> tuple[Problem, ...]:
    """All problems, the most serious first, then in the order of :data:`KINDS`."""
    said = {kind: _of_files(kind, names, triage) for kind, names in triage.found.items() if names}
    said |= _of_layout(layout, unsafe)
    if not layout.photos_alone:
        said |= _of_classes(layout, triage, tally, plan, classes)
    else:
        said["missing-labels"] = _photos_alone(layout, triage)
    said |= _of_number(layout, triage)
    order = {"unusable": 0, "fixed": 1, "explained": 2}
    kinds = list(KINDS)
    return tuple(
        sorted(
            (problem for problem in said.values()),
            key=lambda problem: (order[problem.severity], kinds.index(problem.kind)),
        )
    )


def found_classes(layout: Layout, tally: Tally, plan: Plan) -> tuple[FoundClass, ...]:
    """The classes of a set. Of well-known sets' long lists only those that are used."""
    total = max(1, int(tally.areas.sum()))
    found = [
        FoundClass(
            entry.id,
            entry.name,
            entry.color,
            entry.group,
            float(tally.areas[entry.id] / total),
            int(tally.pictures[entry.id]),
        )
        for entry in plan.palette.classes
    ]
    if layout.classes.stated and not plan.binary:
        return tuple(found)
    return tuple(entry for entry in found if entry.pictures) or tuple(found)


def _problem(
    kind: str,
    count: int,
    text: str,
    examples: Sequence[str] = (),
    *,
    severity: Severity | None = None,
    remedy: str = "",
) -> Problem:
    known = KINDS[kind]
    return Problem(
        kind,
        known.title,
        text,
        remedy or known.remedy,
        count,
        severity or known.severity,
        tuple(dict.fromkeys(examples))[:EXAMPLES],
    )


def _of_files(kind: str, names: list[str], triage: Triage) -> Problem:
    count = len(names)
    text = _counted(KINDS[kind].files, count)
    severity: Severity | None = None
    remedy = ""
    reasons = {why for _, why in triage.left_out}
    if kind in ("unreadable", "truncated"):
        details = sorted({triage.details[name] for name in names if triage.details.get(name)})
        text += f" ({'; '.join(details[:2])})" if details else ""
    elif kind == "stray-colours":
        share = triage.stray_pixels / max(1, triage.stray_total)
        text += (
            f": up to {triage.stray_colors} stray colours in one map, {_percent(share)} of the "
            "pixels of these maps"
        )
    elif kind == "size-mismatch":
        text += f"; {triage.resizable} of the same shape at another scale"
    elif kind == "orientation":
        text += f"; how it has to be turned is clear for {triage.turnable}"
    elif kind == "tiny-pictures":
        text += f" {triage.size // 2} pixels, half of the training size"
        if TOO_SMALL not in reasons:
            severity = "explained"
            remedy = "train at a smaller size: so many are not left out"
    elif kind in ("duplicates", "repeated-photos"):
        text += f"; {names[0]} is {triage.twins[names[0]]}"
    elif kind == "binary-masks":
        remedy = "0 and 255 become two classes"
        if ODD_MASK in reasons:
            remedy = "left out: the other label maps have more classes"
    elif kind == "grey-photos" and 2 * count > len(triage.kept):
        text += "; as most are, the model will paint in grey"
    return _problem(kind, count, text, names, severity=severity, remedy=remedy)


def _of_layout(layout: Layout, unsafe: Sequence[str]) -> dict[str, Problem]:
    said = {}
    if unsafe:
        text = _counted("{n} {name|names} in the zip {leads|lead} out of it", len(unsafe))
        said["unsafe-names"] = _problem("unsafe-names", len(unsafe), text, unsafe)
    if layout.outlines:
        text = _counted(
            "{n} {file|files} of outlines or boxes, which are not read", len(layout.outlines)
        )
        said["outlines"] = _problem("outlines", len(layout.outlines), text, layout.outlines)
    if layout.photos_alone or layout.classes.palette is not None:
        return said
    fault = layout.classes.fault
    text = f"the list of classes can't be read: {fault}" if fault else "no file names the classes"
    said["no-class-list"] = _problem("no-class-list", 1, text)
    return said


def _of_classes(
    layout: Layout, triage: Triage, tally: Tally, plan: Plan, classes: Sequence[FoundClass]
) -> dict[str, Problem]:
    said = {}
    if plan.shift:
        maps = [entry.labels for entry, _ in triage.kept if entry.labels]
        text = f"ids go from 1 to {max(plan.palette.ids) + 1} and 0 is none of the classes"
        if layout.shifted:
            text += ", as in the original data set"
        said["off-by-one"] = _problem("off-by-one", len(maps), text, maps)
    if tally.beyond:
        ids = sorted(tally.beyond)
        total = int(tally.areas.sum()) + tally.unknown
        share = sum(tally.beyond.values()) / max(1, total)
        maps_said = _counted("{n} label {map has|maps have}", len(tally.beyond_maps))
        text = (
            f"{maps_said} ids that no class has: {_listed([str(value) for value in ids])} "
            f"({_percent(share)} of all pixels; the list goes to {max(plan.palette.ids)})"
        )
        said["ids-beyond"] = _problem("ids-beyond", len(tally.beyond_maps), text, tally.beyond_maps)
    unused = [entry.name for entry in classes if not entry.pictures]
    if unused and layout.classes.stated and triage.kept and not plan.binary:
        text = _counted("{n} {class is|classes are} in no label map", len(unused))
        said["unused-ids"] = _problem("unused-ids", len(unused), f"{text}: {_listed(unused)}")
    if len(triage.kept) >= MANY:
        said |= _rare(tally, classes)
    total = int(tally.areas.sum()) + tally.unknown
    if tally.mostly_unknown:
        count = len(tally.mostly_unknown)
        text = (
            _counted("{n} label {map is|maps are} more than half unknown", count)
            + f"; of all pixels {_percent(tally.unknown / max(1, total))} are"
        )
        said["much-unknown"] = _problem("much-unknown", count, text, tally.mostly_unknown)
    if len(plan.palette.classes) == MAX_CLASSES and layout.classes.palette is None:
        text = f"more than {MAX_CLASSES} classes; the rest is unknown"
        said["too-many-classes"] = _problem("too-many-classes", MAX_CLASSES, text)
    return said


def _rare(tally: Tally, classes: Sequence[FoundClass]) -> dict[str, Problem]:
    rare = [
        entry
        for entry in classes
        if entry.pictures and (entry.pictures < RARE_PICTURES or entry.share < RARE_SHARE)
    ]
    if not rare:
        return {}
    rare.sort(key=lambda entry: (entry.pictures, entry.share))
    named = _listed(
        [
            f"{entry.name} ({_counted('{n} {picture|pictures}', entry.pictures)}, "
            f"{_percent(entry.share)})"
            for entry in rare
        ]
    )
    examples = [name for entry in rare for name in tally.holders.get(entry.id, [])[:2]]
    text = _counted("{n} {class has|classes have} too little to be learnt", len(rare))
    return {"rare-classes": _problem("rare-classes", len(rare), f"{text}: {named}", examples)}


def _photos_alone(layout: Layout, triage: Triage) -> Problem:
    count = len(triage.kept)
    return _problem(
        "missing-labels",
        count,
        _counted("{n} {photo|photos} and no label map", count),
        [entry.photo or "" for entry, _ in triage.kept],
        remedy="the segmenter makes label maps on import",
    )


def _of_number(layout: Layout, triage: Triage) -> dict[str, Problem]:
    count = len(triage.kept)
    if not count:
        what = "photo can be read" if layout.photos_alone else "photo has a label map that fits it"
        return {"nothing-usable": _problem("nothing-usable", 0, f"no {what}")}
    enough = next((n for size, n in sorted(ENOUGH.items()) if size >= triage.size), 64)
    if count >= enough:
        return {}
    smaller = [size for size, n in ENOUGH.items() if size < triage.size and count >= n]
    remedy = KINDS["too-few"].remedy
    if smaller:
        remedy = f"train at {max(smaller)} pixels, add pictures, or fine-tune a model that is there"
    text = (
        _counted("{n} {pair|pairs}", count)
        + f"; training at {triage.size} pixels takes {enough} or more"
    )
    return {"too-few": _problem("too-few", count, text, remedy=remedy)}


def _counted(text: str, count: int) -> str:
    """``{n}`` and ``{one|many}`` filled in."""
    parts = text.replace("{n}", str(count)).split("{")
    result = parts[0]
    for part in parts[1:]:
        choice, _, rest = part.partition("}")
        one, _, many = choice.partition("|")
        result += (one if count == 1 else many) + rest
    return result


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 0.01:
        return "under 0.01 %"
    return f"{percent:.2f} %" if percent < 1 else f"{percent:.1f} %"


def _listed(names: Sequence[str], most: int = 12) -> str:
    """Names with commas, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
