"""Photo to label map: the segmenter that ships beside a generator."""

from __future__ import annotations

from spade.segmenter.segmenter import Segmentation, Segmenter, load_segmenter

__all__ = ["Segmentation", "Segmenter", "load_segmenter"]
