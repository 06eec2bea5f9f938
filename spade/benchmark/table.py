"""The run of ``spadework bench`` as text for people."""

from __future__ import annotations

from typing import Any

from spade.benchmark.cases import Row

_HEADINGS = (
    ("case", 11),
    ("plain ms", 19),
    ("ch. last", 9),
    ("engine ms", 19),
    ("ratio", 7),
    ("max diff", 9),
    ("plain MB", 9),
    ("MB", 7),
)


def table(data: dict[str, Any]) -> str:
    """``data`` as :func:`spade.benchmark.run.measure` returns it, with the loading times."""
    lines = [
        f"{data['model']}, {data['parameters']:,} parameters, on {data['device']} "
        f"({data['device_name']}), torch {data['torch']}",
        f"threads: plain {data['threads']}, engine {data['engine_threads']} "
        f"of {data['cores']} cores",
        f"importing torch {data['import_seconds']:.2f} s, loading the model "
        f"{data['load_seconds']:.2f} s, the engine {data['engine_seconds']:.2f} s, "
        f"first picture {data['first_seconds']:.2f} s",
        "times: median (95th percentile) in ms; MB: most memory held above the weights",
    ]
    described = {(each["scene"], each["side"]): each for each in data["scenes"]}
    measured = {each["side"]: each for each in data["machine"]}
    for scene, side in dict.fromkeys((row["scene"], row["side"]) for row in data["rows"]):
        rows = [row for row in data["rows"] if (row["scene"], row["side"]) == (scene, side)]
        lines += ["", f"{scene} scene, {side}x{side}; {_borders(described[scene, side])}"]
        lines.append(" ".join(f"{name:>{width}}" for name, width in _HEADINGS))
        lines += [line for row in rows for line in _lines(row)]
        lines += [_limits(measured[side], row) for row in rows if row["case"] == "full"]
    lines += ["", *(f"left out: {what}" for what in data["skipped"])]
    lines.append(
        f"most memory held by the process: {_number(data['peak_mb'], 0)} MB; matrix product "
        f"{data['gemm_gflops']:.0f} GFLOP/s"
    )
    return "\n".join(lines)


def _lines(row: Row) -> list[str]:
    name = row["case"] if row["dab"] is None else f"{row['case']} {row['dab']} px"
    other = row["plain_channels_last_ms"]
    cells = (
        name,
        _spread(row["plain_ms"]),
        _number(other and other["p50"]),
        _spread(row["fast_ms"]),
        _number(row["ratio"], suffix="x"),
        "-" if row["max_abs_diff"] is None else f"{row['max_abs_diff']:.1e}",
        _number(row["plain_peak_mb"], 0),
        _number(row["fast_peak_mb"], 0),
    )
    first = " ".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, _HEADINGS, strict=True))
    if row["case"] != "live":
        return [first]
    levels = row["levels"]
    everywhere, around = levels["all"], levels["around"]
    return [
        first,
        f"{'':12}settles in {_spread(row['settle_ms'])} ms; until then off by, in 8-bit levels, "
        f"mean {everywhere['mean']:.2f} p99 {everywhere['p99']} (near the dab mean "
        f"{around['mean']:.2f} p99 {around['p99']})",
    ]


def _limits(machine: dict[str, Any], row: Row) -> str:
    dense = machine["modulation_multiply_adds"] / 1e9
    return (
        f"  blocks' convolutions: {machine['block_multiply_adds'] / 1e9:.1f} G multiply-adds "
        f"(modulation, dense: {dense:.1f} G), {machine['conv_gflops']:.0f} GFLOP/s alone; as one "
        f"matrix product, {machine['gemm_gflops']:.0f} GFLOP/s: {machine['ideal_ms']:.0f} ms, of "
        f"which full takes {row['over_ideal']:.2f} times"
    )


def _borders(described: dict[str, Any]) -> str:
    parts = [
        f"{100 * level['border_share']:.0f} % at {level['side']} "
        f"({level['distinct']} distinct of {level['windows']})"
        for level in described["levels"][:3]
    ]
    return "within 2 px of a border: " + ", ".join(parts)


def _spread(times: dict[str, float] | None) -> str:
    return "-" if times is None else f"{times['p50']:.1f} ({times['p95']:.1f})"


def _number(value: float | None, digits: int = 1, suffix: str = "") -> str:
    return "-" if value is None else f"{value:.{digits}f}{suffix}"
