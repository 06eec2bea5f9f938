"""Will a render fit into memory? Asked before it starts. Loads no torch by itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from spade.config import GeneratorConfig
from spade.formats.errors import InputError

CACHE_BYTES = 1536 << 20
"""Default bound on the activations that an engine keeps between renders."""

WORK_BYTES = 1024 << 20
"""A render whose largest stage needs more than this is computed in strips."""

STRIP_BYTES = 256 << 20
"""About what a strip's activations take."""

_FLOAT = 4
_FIXED = 192 << 20  # tables of windows, transformed pieces, workspaces of the convolutions
_SLACK = 1.05  # what the allocator rounds up and keeps; see tests/spade/test_memory.py
_HEADROOM = 0.95  # never plan to take the very last of what is available


def activation_bytes(config: GeneratorConfig, width: int, height: int) -> int:
    """Bytes of every block's middle and output on a canvas of ``width`` x ``height``."""
    total = 3 * width * height
    for fin, fout, cells in _blocks(config, width * height):
        total += cells * (min(fin, fout) + fout)
    return total * _FLOAT


def first_strip_stage(config: GeneratorConfig, width: int, height: int) -> int | None:
    """Index of the first stage to compute in strips; None if the whole fits WORK_BYTES."""
    for i, needed in enumerate(_stage_bytes(config, width * height)):
        if needed > WORK_BYTES:
            return i
    return None


def strip_rows(config: GeneratorConfig, width: int, first: int) -> int:
    """Rows of the picture in a strip, if stages from ``first`` on are computed in strips."""
    # Per row of the picture; the coarser stages of a strip have fewer and shorter rows.
    needed = sum(_stage_bytes(config, width * config.stride)[first:]) / config.stride
    return max(32, int(STRIP_BYTES / needed) // 8 * 8)


def estimate_render_bytes(
    config: GeneratorConfig, width: int, height: int, *, cache_bytes: int = 0
) -> int:
    """Bytes that rendering ``width`` x ``height`` pixels takes at its peak, weights not counted.

    What is kept counts twice if it is within ``cache_bytes``: a render's own activations and
    those of the one before, which stay until it completes.
    """
    stride = config.stride
    width, height = -(-width // stride) * stride, -(-height // stride) * stride
    pixels = width * height
    stages = _stage_bytes(config, pixels)
    picture = (2 * 3 * _FLOAT + 24) * pixels  # twice; as bytes; labels and windows
    kept = activation_bytes(config, width, height)
    if kept <= cache_bytes:
        return int(_SLACK * (2 * kept + max(stages) + picture)) + _FIXED
    first = first_strip_stage(config, width, height)
    if first is None:
        return int(_SLACK * (max(stages) + picture)) + _FIXED
    work = max([*stages[:first], 0]) + 2 * STRIP_BYTES
    return int(_SLACK * (work + picture)) + _FIXED


def estimate_plain_bytes(config: GeneratorConfig, width: int, height: int) -> int:
    """The same for the plain network, which makes the one-hot map, and the embedding, gamma
    and beta of a layer, whole."""
    stride = config.stride
    width, height = -(-width // stride) * stride, -(-height // stride) * stride
    pixels = width * height
    largest = 0
    for fin, fout, cells in _blocks(config, pixels):
        largest = max(largest, cells * (config.embedding + 8 * fin + 2 * fout))
    semantic = 2 * config.semantic_nc * pixels
    return int(_SLACK * _FLOAT * (semantic + largest + 6 * pixels)) + _FIXED


def room_to_keep(
    config: GeneratorConfig, width: int, height: int, cache_bytes: int, available: int | None
) -> bool:
    """Whether a render's activations are within ``cache_bytes`` and can be kept until after
    the next render, with ``available`` bytes left now (None: nobody knows)."""
    if activation_bytes(config, width, height) > cache_bytes:
        return False
    needed = estimate_render_bytes(config, width, height, cache_bytes=cache_bytes)
    return available is None or needed <= available * _HEADROOM


def check_render_fits(
    config: GeneratorConfig,
    width: int,
    height: int,
    available: int | None = None,
    *,
    plain: bool = False,
) -> None:
    """Raise InputError, with the size that would fit, if a render needs more than there is.

    available: bytes; None asks the system. Where that can't be known, nothing is raised.
    plain: by the plain network, not the engine. What an engine keeps is not counted: it
    keeps nothing where that would not fit.
    """
    if available is None:
        available = available_memory()
    if available is None:
        return
    room = int(available * _HEADROOM)
    estimate = estimate_plain_bytes if plain else estimate_render_bytes
    needed = estimate(config, width, height)
    if needed <= room:
        return
    fitting = _largest_fitting(width, height, lambda *size: estimate(config, *size) <= room)
    remedy = f"make it at most {fitting[0]}x{fitting[1]}" if fitting else "free some memory"
    raise InputError(
        f"a picture of {width}x{height} needs about {_gigabytes(needed)} of memory and "
        f"{_gigabytes(available)} is available: {remedy}, or close other programs"
    )


def available_memory(device: str = "cpu") -> int | None:
    """Bytes that can be had now on ``device`` without swapping; None if nobody knows."""
    if device.startswith("cuda"):
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        # The allocator keeps what it has freed; that can be had too.
        idle = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + idle)
    found = [each for each in (_system_memory(), _cgroup_memory()) if each is not None]
    return min(found, default=None)


def _stage_bytes(config: GeneratorConfig, pixels: int) -> list[int]:
    """Most bytes that each block holds at once: its input, what a convolution reads, its
    middle and output."""
    result = []
    before = 16 * config.ngf * pixels // config.stride**2
    for fin, fout, cells in _blocks(config, pixels):
        middle = min(fin, fout)
        held = before + cells * max(fin + 2 * middle, 2 * middle + fout, middle + 2 * fout)
        result.append(held * _FLOAT)
        before = cells * fout
    return result


def _blocks(config: GeneratorConfig, pixels: int) -> list[tuple[int, int, int]]:
    """(channels in, channels out, cells of its grid) of every residual block."""
    k = config.ngf
    doublings = config.doublings
    middle = 1 if config.upsampling == "normal" else 2
    plan = [(16 * k, 16 * k, 0), (16 * k, 16 * k, 1), (16 * k, 16 * k, middle)]
    plan += [(16 * k >> i, 8 * k >> i, middle + 1 + i) for i in range(4)]
    if config.upsampling == "most":
        plan.append((k, k // 2, middle + 5))
    return [(fin, fout, pixels >> 2 * (doublings - level)) for fin, fout, level in plan]


def _largest_fitting(
    width: int, height: int, fits: Callable[[int, int], bool]
) -> tuple[int, int] | None:
    """The largest size of the same shape that fits, in steps of 1/64."""
    for step in range(63, 0, -1):
        smaller = max(1, width * step // 64), max(1, height * step // 64)
        if fits(*smaller):
            return smaller
    return None


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB"


def _system_memory() -> int | None:
    if sys.platform == "win32":
        return _windows_memory()
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):  # macOS has the second alone
        try:
            return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
        except (ValueError, OSError):
            continue
    return None


_UNLIMITED = 1 << 60  # cgroup v1 says "no limit" by a number of about 2^63


def _cgroup_memory(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What a container's limit leaves, by cgroup v2 or else v1; None without a limit.

    Usage counts the page cache too. Files not touched lately make room by themselves before
    the limit is enforced, so they count as available.
    """
    for folder, limit_file, usage_file, cache_key in (
        (root, "memory.max", "memory.current", "inactive_file"),
        (root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            limit = (folder / limit_file).read_text().strip()
            if limit == "max" or int(limit) >= _UNLIMITED:
                return None
            used = int((folder / usage_file).read_text())
            cache = _statistic(folder / "memory.stat", cache_key)
        except (OSError, ValueError):
            continue
        return min(int(limit), max(0, int(limit) - used + cache))
    return None


def _statistic(path: Path, key: str) -> int:
    """The value of ``key`` in a memory.stat; 0 if it is not there."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key} ")), 0)


if sys.platform == "win32":

    def _windows_memory() -> int | None:
        import ctypes

        class Status(ctypes.Structure):
            _fields_ = [
                ("length", ctypes.c_ulong),
                ("load", ctypes.c_ulong),
                *((name, ctypes.c_ulonglong) for name in ("total", "free", "page", "page_free")),
                *((name, ctypes.c_ulonglong) for name in ("virtual", "virtual_free", "extended")),
            ]

        status = Status()
        status.length = ctypes.sizeof(Status)
        if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return None
        return int(status.free)
