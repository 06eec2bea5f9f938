"""Rendering fast: the generator's forward, with what did not change kept from last time."""

from __future__ import annotations

from spade.engine.engine import Engine, Work
from spade.engine.walk import RenderCancelled

__all__ = ["Engine", "RenderCancelled", "Work"]
