"""The dataset doctor: what is wrong with a folder of photos and label maps, and its remedy.

:func:`examine` reads every file of a data set (a folder in one of many layouts, or a zip) and
names its problems; :func:`repair` writes a clean copy that training reads. The data set itself
is never changed. No torch here: label maps for photos alone are made by a function that the
caller hands in.
"""

from __future__ import annotations

from spade.doctor.checkup import (
    Cancelled,
    Checkup,
    ClassChoice,
    FoundClass,
    Problem,
    Progress,
    Severity,
)
from spade.doctor.clean_copy import repair
from spade.doctor.examination import examine
from spade.doctor.thumbnails import thumbnail

__all__ = [
    "Cancelled",
    "Checkup",
    "ClassChoice",
    "FoundClass",
    "Problem",
    "Progress",
    "Severity",
    "examine",
    "repair",
    "thumbnail",
]
