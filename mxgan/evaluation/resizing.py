"""Images of any size as a network or a metric takes them: `resized`, and `reduced` to grey ones."""

from __future__ import annotations

import numpy as np

from mxgan.evaluation.arrays import check_images
from mxgan.runtime import cv2
from mxgan.runtime.image_size import ImageSize, height_and_width

__all__ = ["PADDING", "RESIZING", "reduced", "resized"]

PADDING = "what another aspect ratio leaves over repeats the edge"
RESIZING = "mean of the channels; OpenCV INTER_AREA to a smaller side, INTER_LINEAR to a larger one"


def resized(images: np.ndarray, size: ImageSize) -> np.ndarray:
    """Images (N, C, H, W) in [-1, 1] resized to (N, C, h, w), float32: by area to shrink them, else bilinear.

    The whole image is kept, and nothing is stretched: it is scaled until it fits into (h, w), the `size`, and what
    another aspect ratio leaves over at two sides repeats the image's edge.

    Raises ShapeError and ArgumentError for invalid images.
    """
    images = np.ascontiguousarray(check_images("images", images))
    sides, target = images.shape[2:], height_and_width(size)
    if sides == target:
        return images
    scale = min(wanted / side for wanted, side in zip(target, sides))
    height, width = (max(1, round(side * scale)) for side in sides)
    top, left = (target[0] - height) // 2, (target[1] - width) // 2
    margins = (top, target[0] - height - top, left, target[1] - width - left)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    made = np.empty((images.shape[0] * images.shape[1], *target), np.float32)
    for plane, given in zip(made, images.reshape(-1, *sides)):
        plane[...] = cv2.copyMakeBorder(
            cv2.resize(given, (width, height), interpolation=method), *margins, cv2.BORDER_REPLICATE
        )
    return made.reshape(*images.shape[:2], *target)


def reduced(images: np.ndarray, size: ImageSize) -> np.ndarray:
    """Images (N, C, H, W) as grey images (N, 1, h, w): the mean of the channels, then `resized`."""
    images = check_images("images", images)
    return resized(images.mean(axis=1, keepdims=True, dtype=np.float32) if images.shape[1] > 1 else images, size)
