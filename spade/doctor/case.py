"""What the doctor knows of a data set beside what it says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """Handed from the examination to the repair; of no interest to anybody else."""
