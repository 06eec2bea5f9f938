"""Numbers as the training window says them."""

from __future__ import annotations

MINUTE, HOUR = 60.0, 3600.0
YEAR = 365


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 picture", "1,240 pictures"; ``many``: the plural where it isn't ``one`` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def bytes_text(count: int) -> str:
    """ "640 MB", "3.2 GB", "139 GB"; decimal units, as devices are sold."""
    if count < 1e9:
        return f"{max(count / 1e6, 0):.0f} MB"
    giga = count / 1e9
    return f"{giga:.1f} GB" if giga < 20 else f"{giga:.0f} GB"


def duration_text(seconds: float) -> str:
    """ "40 s", "12 min", "2 h 05 min", "3 days"."""
    if seconds < MINUTE:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / MINUTE)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{round(minutes / (24 * 60))} days"


def about_text(seconds: float) -> str:
    """An estimate in one or two figures: "about 40 s", "about 3 h", "over a year"."""
    for unit, length, most in (("s", 1.0, MINUTE), ("min", MINUTE, 100), ("h", HOUR, 48)):
        rounded = _figure(seconds / length)
        if rounded < most:
            return f"about {rounded} {unit}"
    days = seconds / (24 * HOUR)
    return f"about {_figure(days)} days" if days < YEAR else "over a year"


def _figure(value: float) -> int:
    """To one figure below ten, to a multiple of five below a hundred, then to two figures."""
    if value < 10:
        return max(round(value), 1)
    if value < 100:
        return 5 * round(value / 5)
    step = 10 ** (len(str(int(value))) - 2)
    return int(step * round(value / step))


def millions(count: int) -> str:
    """ "0.4 M", "12.4 M", "112 M"."""
    value = count / 1e6
    return f"{value:.1f} M" if value < 100 else f"{value:.0f} M"


def share_text(share: float) -> str:
    """ "34 %", "2.1 %", "0.03 %", "0 %"; for shares in [0, 1]."""
    percent = 100 * share
    if percent >= 10:
        return f"{percent:.0f} %"
    if percent >= 0.1:
        return f"{percent:.1f} %"
    if percent >= 0.01:
        return f"{percent:.2f} %"
    return "< 0.01 %" if percent > 0 else "0 %"


def sentence(text: str) -> str:
    """``text`` with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?:…" else ".")


def breakable(text: str, longest: int = 28) -> str:
    """``text`` with places to break in words too long for a line, such as file names."""
    return " ".join(
        word
        if len(word) <= longest
        else "\u200b".join(word[i : i + 12] for i in range(0, len(word), 12))
        for word in text.split(" ")
    )
