"""Training a generator: one step, the state it changes, and the loop around both."""

from __future__ import annotations

from spade.run import Run
from spade.training.loop import TrainingResult, train
from spade.training.outcome import finished_model
from spade.training.steps import TrainingProgress

__all__ = ["Run", "TrainingProgress", "TrainingResult", "finished_model", "train"]
