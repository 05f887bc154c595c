"""Images of any shape brought to one height and width: the middle is cut out, then scaled, so nothing is stretched."""

from __future__ import annotations

import numpy as np

from mxgan.runtime import cv2

__all__ = ["fitted", "middle"]


def middle(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest central part of an image (rows, columns, …) with the aspect ratio of (height, width); a view.

    Rows or columns are cut at both ends alike. The part has a whole number of pixels, so its ratio may differ from
    height / width by less than half a pixel.
    """
    rows, columns = pixels.shape[:2]
    if columns * height > rows * width:
        kept_rows, kept_columns = rows, max(1, round(rows * width / height))
    else:
        kept_rows, kept_columns = max(1, round(columns * height / width)), columns
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return pixels[top : top + kept_rows, left : left + kept_columns]


def fitted(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The `middle` of an image (rows, columns, 3) uint8, scaled to (height, width, 3).

    It is scaled by area if that shrinks it, else bilinearly. The cut comes first, so that no discarded pixel is scaled.
    """
    part = middle(pixels, height, width)
    method = cv2.INTER_AREA if height * width < part.shape[0] * part.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(part, (width, height), interpolation=method)
