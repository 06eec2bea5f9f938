"""Examining a data set: every file is read, in threads, and reduced to a few figures."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from spade.data.folder import read_tags
from spade.data.lookahead import cores, in_order
from spade.doctor.case import Case, PairFacts, Plan
from spade.doctor.checkup import Cancelled, Checkup, FoundClass, Progress
from spade.doctor.facts import pair_facts
from spade.doctor.files import Files, find_files
from spade.doctor.findings import found_classes, problems
from spade.doctor.layouts import Layout, recognise
from spade.doctor.plan import decide
from spade.doctor.tally import tally
from spade.doctor.triage import drop_duplicates, is_held_out, sort_entries
from spade.formats.errors import InputError
from spade.formats.palette import Palette
from spade.formats.resources import bundled
from spade.formats.segmenter_files import segmenter_palette

SEGMENTER = "landscape"
"""The bundled model whose segmenter labels photos alone, unless another is chosen."""

_THREADS = 16


def examine(
    folder: Path,
    *,
    size: int | None = None,
    on_progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Checkup:
    """Read every photo and label map of ``folder`` (or zip) and name what is wrong.

    ``size``: the training size in pixels; None: the largest of 64, 128, 256 and 512 that nine
    tenths of the photos fill. A broken file is a problem among others; it stops nothing.

    Raises InputError if there is no such folder or no picture in it; Cancelled.
    """

    def check(done: int, total: int) -> None:
        if cancelled():
            raise Cancelled
        on_progress(done, total, "comparing photos")

    with find_files(
        folder, lambda count: on_progress(0, count, "looking for files"), cancelled
    ) as files:
        layout = _without_rejected(files, recognise(files))
        facts = _read(files, layout, on_progress, cancelled)
    plan = _plan(layout, facts)
    triage = sort_entries(layout, facts, plan, size)
    drop_duplicates(triage, check)
    counted = tally(triage.kept, plan)
    classes = found_classes(layout, counted, plan)
    found = problems(layout, triage, counted, plan, classes, files.unsafe)
    return Checkup(
        folder,
        _described(layout),
        len(triage.kept),
        sum(is_held_out(entry) for entry, _ in triage.kept),
        triage.size,
        layout.photos_alone,
        not layout.native or any(problem.severity == "fixed" for problem in found),
        found,
        _of_segmenter(plan.palette) if layout.photos_alone else classes,
        Case(
            files,
            layout,
            plan,
            tuple(triage.kept),
            tuple(triage.left_out),
            dict(triage.turn),
            counted.areas,
            size,
        ),
    )


def _read(
    files: Files, layout: Layout, on_progress: Progress, cancelled: Callable[[], bool]
) -> list[PairFacts]:
    facts: list[PairFacts] = []
    total = len(layout.entries)
    on_progress(0, total, "reading pictures")
    work = in_order(
        lambda entry: pair_facts(files, entry), layout.entries, min(_THREADS, cores()), "doctor"
    )
    with closing(work) as results:
        for result in results:
            if cancelled():
                raise Cancelled
            facts.append(result)
            on_progress(len(facts), total, "reading pictures")
    return facts


def _plan(layout: Layout, facts: list[PairFacts]) -> Plan:
    if layout.photos_alone:
        return Plan(segmenter_classes())
    maps = [
        pair.labels
        for pair in facts
        if pair.labels is not None and pair.photo is not None and not pair.labels.fault
    ]
    return decide(layout, maps)


def _described(layout: Layout) -> str:
    if not layout.tested:
        return layout.name
    return f"{layout.name}; {layout.tested} photos in test/ are not used"


def segmenter_classes() -> Palette:
    """The classes that photos alone get."""
    return segmenter_palette(bundled(f"assets/models/{SEGMENTER}"))


def _of_segmenter(palette: Palette) -> tuple[FoundClass, ...]:
    return tuple(
        FoundClass(entry.id, entry.name, entry.color, entry.group, 0.0, 0)
        for entry in palette.classes
    )


def _without_rejected(files: Files, layout: Layout) -> Layout:
    """Without the pairs that photo-tags.json rejects, as training leaves them out too."""
    if files.zipped:
        return layout
    try:
        rejected = read_tags(files.root / "photo-tags.json")["reject"]
    except InputError:
        return layout
    entries = tuple(entry for entry in layout.entries if entry.name not in rejected)
    return Layout(**{**layout.__dict__, "entries": entries}) if rejected else layout
