"""The report for people, on a terminal."""

from __future__ import annotations

import textwrap

from spade.doctor.checkup import Checkup, FoundClass, Problem

_WIDTH = 96
_SHOWN = 3  # examples of a problem; --json has more
_SIGNS = {"unusable": "x", "fixed": "+", "explained": "!"}


def report_text(checkup: Checkup, copy: Checkup | None = None, left_out: int = 0) -> str:
    """What was found and, if there is a ``copy``, what became of it."""
    lines = [f"{checkup.folder}: {checkup.layout}", f"  {_pictures(checkup)}"]
    if not checkup.problems:
        lines += ["", "No problems."]
        if checkup.needs_import and copy is None:
            lines.append("Training reads a copy in its own layout: --fix OUT writes it.")
    else:
        lines += ["", _heading(checkup.problems)]
    for problem in checkup.problems:
        lines += ["", *_problem(problem)]
    if checkup.classes and not checkup.photos_alone and checkup.usable:
        lines += ["", *_classes(checkup.classes)]
    if checkup.photos_alone:
        names = ", ".join(entry.name for entry in checkup.classes)
        lines += ["", *_wrapped(f"classes of the segmenter: {names}", "")]
    if copy is not None:
        lines += ["", *_copy(copy, left_out)]
    elif any(problem.severity == "fixed" for problem in checkup.problems) and checkup.usable:
        lines += ["", f"{_SIGNS['fixed']} is mended by --fix OUT, which writes a clean copy."]
    return "\n".join(lines)


def _pictures(checkup: Checkup) -> str:
    what = "photos" if checkup.photos_alone else "photos with label maps"
    held = f", {checkup.validation} of them held out" if checkup.validation else ""
    return f"{checkup.pictures} {what}{held}; for training at {checkup.size} pixels"


def _heading(problems: tuple[Problem, ...]) -> str:
    count = len(problems)
    mended = sum(problem.severity == "fixed" for problem in problems)
    text = f"{count} problem{'' if count == 1 else 's'}"
    if mended == count:
        return f"{text}, mended in a clean copy (+)"
    rest = count - mended
    if not mended:
        return f"{text} to decide on (!)" if problems[0].severity != "unusable" else text
    return f"{text}: {mended} mended in a clean copy (+), {rest} to decide on (!)"


def _problem(problem: Problem) -> list[str]:
    sign = _SIGNS[problem.severity]
    lines = [f"{sign} {problem.title} ({problem.kind})"]
    lines += _wrapped(_sentence(problem.text), "    ")
    lines += [f"      {name}" for name in problem.examples[:_SHOWN]]
    more = problem.count - min(_SHOWN, len(problem.examples))
    if more > 0 and len(problem.examples) >= _SHOWN:
        lines.append(f"      and {more} more")
    return lines + _wrapped(_sentence(problem.remedy), "    -> ", "       ")


def _classes(classes: tuple[FoundClass, ...]) -> list[str]:
    width = min(28, max(len(entry.name) for entry in classes))
    largest = max(entry.share for entry in classes) or 1.0
    lines = [f"{'class':>{width + 4}}  {'pictures':>8}  {'share':>8}"]
    for entry in sorted(classes, key=lambda entry: -entry.share):
        bar = "#" * round(24 * entry.share / largest)
        name = entry.name if len(entry.name) <= width else entry.name[: width - 1] + "~"
        lines.append(
            f"{entry.id:>3} {name:>{width}}  {entry.pictures:>8}  {100 * entry.share:>6.2f} %  "
            f"{bar}".rstrip()
        )
    return lines


def _copy(copy: Checkup, left_out: int) -> list[str]:
    lines = [
        f"{copy.folder}: the clean copy",
        f"  {_pictures(copy)}; {len(copy.classes)} classes; {left_out} files left out",
    ]
    if left_out:
        lines.append("  import.json there says which, and why")
    if not copy.problems:
        return [*lines, "  no problems left"]
    left = ", ".join(problem.kind for problem in copy.problems)
    return [*lines, *_wrapped(f"left to decide on: {left}", "  ")]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!")) else ".")


def _wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    """Lines of ``_WIDTH``; a number stays with its percent sign."""
    lines = textwrap.wrap(
        text.replace(" %", "\xa0%"),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
    )
    return [line.replace("\xa0%", " %") for line in lines]
