"""Training a generator: one step, the state it changes, and the loop around both."""

from __future__ import annotations

from spade.training.loop import TrainingProgress, TrainingResult, finished_model, train
from spade.training.trainer import Run

__all__ = ["Run", "TrainingProgress", "TrainingResult", "finished_model", "train"]
