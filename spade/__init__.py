"""Semantic image synthesis with spatially-adaptive normalization, in torch.

``import spade`` loads no torch; the first use of :func:`load_model` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spade.model import Model, load_model

__all__ = ["Model", "load_model"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        from spade import model

        return getattr(model, name)
    raise AttributeError(f"module 'spade' has no attribute {name!r}")
