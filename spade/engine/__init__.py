"""Rendering fast: the generator's forward, with what did not change kept from last time."""

from __future__ import annotations

from spade.engine.engine import Engine, RenderCancelled, Work

__all__ = ["Engine", "RenderCancelled", "Work"]
