"""``state.pt``: everything a run goes on from, written only while it is sound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.training.shards import has_shards

VERSION = 1
"""Of a saved state's layout."""


class NotFinite(Exception):  # noqa: N818 - named for what it finds
    """The values of ``what`` are not all finite after ``step``."""

    def __init__(self, step: int, what: str) -> None:
        super().__init__(f"step {step}: {what} holds values that are not finite")
        self.step = step
        self.what = what


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a trainer's state atomically.

    Raises NotFinite, and leaves the former file as it was, if the state is one to never go on
    from; InputError if the file can't be written.
    """
    check_finite(state)
    with atomic_path(path) as temporary:
        try:
            # Through a file of ours: torch's own says nothing of a full disk.
            with temporary.open("wb") as file:
                torch.save(state, file)
        except RuntimeError as error:
            # torch.save comes upon what it left half written, and reports that.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


@torch.no_grad()
def check_finite(state: dict[str, Any]) -> None:
    """Raise NotFinite unless all weights, averages and what the optimizers keep are finite."""
    for part, value in state.items():
        tensors = [t for t in _tensors(value) if t.is_floating_point() and t.numel()]
        if not tensors:
            continue
        # A largest value that is not finite tells of any: one number to wait for.
        largest = torch.stack([norm.float() for norm in torch._foreach_norm(tensors, math.inf)])
        if not bool(torch.isfinite(largest).all()):
            raise NotFinite(int(state["step"]), part)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)


def read_state(path: Path) -> dict[str, Any]:
    """A saved state, its tensors on the CPU.

    Raises InputError if it is missing, or damaged: then with what else there is to go on from.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or "version" not in state:
            raise ValueError("it holds no state of a training")
        return state
    except FileNotFoundError:
        raise InputError(f"{path}: nothing to resume; train without --resume first") from None
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(f"{path}: is damaged ({first_line(error)}); {_instead(path)}") from None


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _instead(path: Path) -> str:
    """What beside a damaged state can be gone on from."""
    folder = path.parent
    ways = []
    if has_shards(folder / "shards"):
        ways.append("move it away, and --resume goes on from the weights in shards/")
    if (folder / "model" / "model.json").is_file():
        ways.append(
            f"its last model is there: begin another folder from it with --init {folder / 'model'}"
        )
    return "; or ".join(ways) or "train anew into another folder"
