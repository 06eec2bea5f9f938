"""Importing a data set: a clean copy that training reads; the data set itself is not changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spade.data.folder import read_tags
from spade.data.lookahead import cores, in_order
from spade.doctor.becoming import becoming, not_written, still_at_it
from spade.doctor.case import Case, PairFacts
from spade.doctor.checkup import Cancelled, Checkup, ClassChoice, Progress
from spade.doctor.clean_pair import CleanPair, clean_pair
from spade.doctor.examination import examine
from spade.doctor.layouts import Entry
from spade.doctor.recoding import Recoding, recode, without_unused
from spade.formats.errors import InputError
from spade.formats.label_png import encode_label_map, read_label_map
from spade.formats.palette import UNKNOWN_ID, Palette, palette_to_json
from spade.formats.photo import read_photo

LabelPhoto = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""A photo, uint8 ``(H, W, 3)``, to its label map, uint8 ``(H, W)``."""

REPORT = "import.json"
"""In the copy: where it came from, and what was left out."""

_THREADS = 16
_SPARE = 64 * 2**20  # bytes that must be left on the disk beside the photos


@dataclass(eq=False)
class _Copy:
    """A copy that is being written. labels: its label maps, in the order of the pairs."""

    folder: Path
    used: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(256, np.bool_))
    labels: list[Path] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def repair(
    checkup: Checkup,
    out: Path,
    *,
    choices: Sequence[ClassChoice] | None = None,
    label_photos: LabelPhoto | None = None,
    label_classes: Palette | None = None,
    on_progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Checkup:
    """Write a clean copy to the folder ``out``, which must not exist or be empty.

    choices: what becomes of the classes; those not named stay as they are.
    label_photos: makes the label maps of photos alone, in the classes of ``label_classes``
    (default: those of the bundled segmenter). It is called in one thread, the caller's.

    Returns the examination of the copy. Until the copy is whole, ``out`` does not exist (or
    stays empty), whatever happens. A file that can't be read any more is left out.

    Raises InputError if nothing is usable, ``out`` is not empty, lies in the data set or can't
    be written, or photos alone come without ``label_photos``; Cancelled.
    """
    case = checkup.case
    if not case.kept:
        raise InputError(f"{checkup.folder}: nothing in it can be trained on; check it again")
    if checkup.photos_alone and label_photos is None:
        raise InputError(f"{checkup.folder}: has no label maps; choose a segmenter to make them")
    if out.resolve().is_relative_to(checkup.folder.resolve()):
        raise InputError(f"{out}: lies in the data set, which is not changed; choose another")
    palette = case.plan.palette
    everything = np.ones(256, np.bool_)
    if checkup.photos_alone:
        palette = label_classes or palette
    used = everything if checkup.photos_alone else case.areas > 0
    recoding = recode(palette, used, choices or ())
    with becoming(out) as temporary, case.files:
        copy = _Copy(temporary, left_out=list(case.left_out))
        try:
            _check_room(case, temporary)
            _write_pairs(case, copy, recoding, label_photos, on_progress, cancelled)
            recoding = _numbered_through(copy, recoding, on_progress, cancelled)
            _write_json(temporary / "classes.json", palette_to_json(recoding.palette))
            _write_tags(case, temporary)
            _write_json(temporary / REPORT, _report(checkup, copy))
        except OSError as error:
            raise not_written(out, error) from None
        examined = examine(
            temporary,
            size=case.size,
            on_progress=lambda done, total, what: on_progress(done, total, "checking the copy"),
            cancelled=cancelled,
        )
    files = replace(examined.case.files, root=out)
    return replace(examined, folder=out, case=replace(examined.case, files=files))


def _write_pairs(
    case: Case,
    copy: _Copy,
    recoding: Recoding,
    label_photos: LabelPhoto | None,
    on_progress: Progress,
    cancelled: Callable[[], bool],
) -> None:
    total = len(case.kept)
    on_progress(0, total, "writing the copy")
    with closing(_cleaned(case, recoding, label_photos)) as pairs:
        for done, (entry, pair) in enumerate(pairs):
            if cancelled():
                raise Cancelled
            if isinstance(pair, InputError):
                copy.left_out.append((entry.photo or entry.name, str(pair)))
            else:
                _write_pair(case, copy, entry, pair)
            still_at_it(copy.folder)
            on_progress(done + 1, total, "writing the copy")
    if not copy.labels:
        raise InputError("no photo or label map can be read any more; check the data set again")


def _cleaned(
    case: Case, recoding: Recoding, label_photos: LabelPhoto | None
) -> Generator[tuple[Entry, CleanPair | InputError]]:
    """Every entry with its files or why there are none, in order; read and mended in threads,
    but labelled in this one.
    """

    def clean(entry: Entry, facts: PairFacts) -> CleanPair | InputError:
        try:
            return clean_pair(case, entry, facts, recoding)
        except InputError as error:
            return error

    def read(entry: Entry) -> NDArray[np.uint8] | InputError:
        try:
            assert entry.photo is not None
            return read_photo(case.files.source(entry.photo), name=entry.photo)
        except InputError as error:
            return error

    threads = min(_THREADS, cores())
    if case.layout.photos_alone:
        assert label_photos is not None
        photos = in_order(lambda kept: read(kept[0]), case.kept, min(4, threads), "doctor")
        with closing(photos) as ahead:
            for (entry, facts), photo in zip(case.kept, ahead, strict=True):
                if isinstance(photo, InputError):
                    yield entry, photo
                    continue
                labels = label_photos(photo)
                yield entry, clean_pair(case, entry, facts, recoding, labels)
        return
    with closing(in_order(lambda kept: clean(*kept), case.kept, threads, "doctor")) as pairs:
        for (entry, _), pair in zip(case.kept, pairs, strict=True):
            yield entry, pair


def _write_pair(case: Case, copy: _Copy, entry: Entry, pair: CleanPair) -> None:
    folder = copy.folder
    if any(other.split for other, _ in case.kept[:1]) or entry.split:
        folder = copy.folder / (entry.split or "train")
    parts = [("images", pair.photo_suffix, pair.photo), ("labels", ".png", pair.labels)]
    if pair.instances is not None:
        parts.append(("instances", ".png", pair.instances))
    for part, ending, data in parts:
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / f"{entry.name}{ending}").write_bytes(data)
    copy.labels.append(folder / "labels" / f"{entry.name}.png")
    copy.used |= pair.present


def _numbered_through(
    copy: _Copy, recoding: Recoding, on_progress: Progress, cancelled: Callable[[], bool]
) -> Recoding:
    """Classes that turned out to be in no map are dropped after all, and the maps renumbered."""
    used = copy.used.copy()
    used[UNKNOWN_ID] = False
    if used[list(recoding.palette.ids)].all() or not used.any():
        return recoding
    dense = without_unused(recoding, used)

    def renumber(path: Path) -> None:
        labels = np.ascontiguousarray(dense.lut[read_label_map(path).labels])
        path.write_bytes(encode_label_map(labels, dense.palette))

    work = in_order(renumber, copy.labels, min(_THREADS, cores()), "doctor")
    with closing(work) as results:
        for done, _ in enumerate(results):
            if cancelled():
                raise Cancelled
            still_at_it(copy.folder)
            on_progress(done + 1, len(copy.labels), "numbering the classes")
    return dense


def _check_room(case: Case, folder: Path) -> None:
    needed = sum(case.files.size(entry.photo or "") for entry, _ in case.kept) + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            f"{folder.parent}: the copy takes {needed // 2**20} MB, but {free // 2**20} MB are "
            "free; make room or choose another folder"
        )


def _write_tags(case: Case, folder: Path) -> None:
    """Tags of photo-tags.json that training reads, of the photos that are in the copy."""
    if case.files.zipped or not (case.files.root / "photo-tags.json").is_file():
        return
    try:
        best = read_tags(case.files.root / "photo-tags.json")["best"]
    except InputError:
        return
    names = [entry.name for entry, _ in case.kept if entry.name in best]
    _write_json(folder / "photo-tags.json", {"best": names})


def _report(checkup: Checkup, copy: _Copy) -> dict[str, Any]:
    return {
        "from": checkup.folder.name,
        "layout": checkup.layout,
        "pictures": len(copy.labels),
        "problems": [
            {"kind": problem.kind, "count": problem.count, "text": problem.text}
            for problem in checkup.problems
        ],
        "left_out": [{"file": name, "why": why} for name, why in copy.left_out],
    }


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
