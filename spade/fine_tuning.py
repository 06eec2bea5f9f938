"""Recipes for going on with a finished model on other pictures. No torch here."""

from __future__ import annotations

from spade.presets import RECIPES, Recipe

FINE_TUNING: tuple[Recipe, ...] = RECIPES
"""By length."""
