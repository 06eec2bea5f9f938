"""A scorer as one safetensors file that knows its classes and which photos it learned from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from spade.config import from_dict, to_dict
from spade.evaluation.scorer import Scorer, ScorerConfig
from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.weights import load_network

_KEY = "spadework_scorer"


@dataclass(frozen=True, eq=False)
class TrainedScorer:
    """The network; ``classes`` by id (None for ids without a class); the photos it learned
    from, by name; and the size in pixels at which it saw them.
    """

    network: Scorer
    classes: tuple[str | None, ...]
    photos: frozenset[str]
    size: int


def save_scorer(path: Path, scorer: TrainedScorer) -> None:
    """Write the file atomically. Raises InputError if that fails."""
    about = {
        "config": to_dict(scorer.network.config),
        "classes": scorer.classes,
        "photos": sorted(scorer.photos),
        "size": scorer.size,
    }
    state = {key: value.cpu().contiguous() for key, value in scorer.network.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata={_KEY: json.dumps(about)})


def load_scorer(path: Path) -> TrainedScorer:
    """Read what :func:`save_scorer` wrote. Raises InputError naming what is wrong."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as a scorer ({error}); remove it") from None
    if text is None:
        raise InputError(f"{path}: holds no scorer of this program; name another file")
    try:
        about = json.loads(text)
        classes = tuple(about["classes"])
        photos = frozenset(about["photos"])
        size = int(about["size"])
        config = from_dict(ScorerConfig, about["config"], str(path))
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: its description is damaged ({error}); remove it") from None
    return TrainedScorer(load_network(Scorer, config, path), classes, photos, size)
