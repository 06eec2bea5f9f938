"""The painting tools, as values."""

from __future__ import annotations

from enum import Enum


class Tool(Enum):
    """What a drag on the canvas does."""

    BRUSH = "brush"
    ERASER = "eraser"  # paints the background class
    LINE = "line"
    RECTANGLE = "rectangle"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"  # click corners, double click or Enter closes
    LASSO = "lasso"  # free outline, filled when the pen lifts
    FILL = "fill"  # flood fill; contiguous or not is a tool option
    REPLACE = "replace"  # the class under the pointer becomes the current one, everywhere
    EYEDROPPER = "eyedropper"
    PAN = "pan"


class BrushShape(Enum):
    """Outline of the brush tip."""

    ROUND = "round"
    SQUARE = "square"


class ViewMode(Enum):
    """What the middle of the window shows; one key cycles."""

    SIDE_BY_SIDE = "side_by_side"
    PICTURE = "picture"  # the picture alone, painting on it
    OVERLAY = "overlay"  # the picture with the labels translucent above it, painting on it
