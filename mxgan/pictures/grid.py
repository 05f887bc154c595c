"""Grids of images as RGB arrays, and PNG files.

Every function takes and gives RGB, except `bgr`, which converts to OpenCV's channel order. windows.py shows the grids
live.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mxgan.errors import ArgumentError, OutputError, ShapeError
from mxgan.runtime import cv2
from mxgan.runtime.files import write_whole

__all__ = [
    "GAP",
    "bgr",
    "checked_grid",
    "columns_of_classes",
    "image_grid",
    "png_bytes",
    "save_grid",
    "save_png",
    "standardize",
]

GAP = 2  # black pixels between the images; without them, digits that fill their images would touch


def image_grid(images, columns: Optional[int] = None, padding: int = GAP) -> np.ndarray:
    """Place images row by row on an almost square black sheet.

    Parameters
    ----------
    images : (N, C, H, W) floats in [-1, 1], C = 1 (grey) or 3 (RGB); values outside are clipped.
    columns : images in a row; by default ceil(sqrt(N)).
    padding : black pixels between neighbours.

    Returns
    -------
    (rows * H + gaps, columns * W + gaps, 3) uint8, RGB.

    Raises
    ------
    ShapeError : `images` has another shape.
    ArgumentError : it holds integers, NaN or infinity.

    >>> image_grid(np.ones((5, 1, 8, 8), np.float32)).shape
    (18, 28, 3)
    """
    images = _checked_images(images)
    count, _, height, width = images.shape
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    if columns < 1 or padding < 0:
        raise ArgumentError(f"columns {columns} must be at least 1 and padding {padding} at least 0.")
    rows = math.ceil(count / columns)
    cells = np.zeros((rows * columns, height + padding, width + padding, 3), np.uint8)
    pixels = np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)
    cells[:count, :height, :width] = pixels.transpose(0, 2, 3, 1)  # a grey channel spreads over all three
    cells = cells.reshape(rows, columns, height + padding, width + padding, 3)
    sheet = cells.transpose(0, 2, 1, 3, 4).reshape(rows * (height + padding), columns * (width + padding), 3)
    return sheet[: sheet.shape[0] - padding, : sheet.shape[1] - padding].copy()


def columns_of_classes(classes: int, count: int) -> Optional[int]:
    """The columns of a nearly square grid of `count` images whose `classes` take turns: each column is of one class.

    None for fewer images than classes: then no column could be of one class.
    """
    return classes * max(1, round(math.sqrt(count) / classes)) if classes <= count else None


def _numpy(array) -> np.ndarray:
    return array.asnumpy() if hasattr(array, "asnumpy") else np.asarray(array)


def _checked_images(images) -> np.ndarray:
    images = _numpy(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise ShapeError(f"images of shape {images.shape}: expected (N, C, H, W), none of them 0, C = 1 or 3.")
    if not np.issubdtype(images.dtype, np.floating):
        raise ArgumentError(
            f"images of type {images.dtype}: expected floats in [-1, 1]; convert bytes by x / 127.5 - 1."
        )
    finite = np.isfinite(images).all(axis=(1, 2, 3))
    if not finite.all():
        raise ArgumentError(
            f"image {finite.argmin()} of {len(images)} holds NaN or infinity ({(~finite).sum()} images in all)"
            ", which cannot be drawn."
        )
    return images.astype(np.float32)


def standardize(gradients) -> np.ndarray:
    """(x - mean) / std over the whole array, as the original's `diff` window shows the input gradient.

    It takes an array of any shape and gives float32 of the same shape; all zeros if all values are equal.
    A NaN or infinity makes every value NaN, without a warning.
    """
    values = _numpy(gradients).astype(np.float64)
    if not np.isfinite(values).all():
        return np.full(values.shape, np.nan, np.float32)
    if values.size == 0 or values.min() == values.max():  # the rounded std of equal values can be a little above 0
        return np.zeros(values.shape, np.float32)
    return ((values - values.mean()) / values.std()).astype(np.float32)


def bgr(grid: np.ndarray) -> np.ndarray:
    """An RGB picture in OpenCV's channel order (BGR), or the reverse."""
    return np.ascontiguousarray(grid[..., ::-1])


def checked_grid(grid) -> np.ndarray:
    """The picture as an array; ShapeError unless it is (H, W, 3) uint8."""
    grid = np.asarray(grid)
    if grid.dtype != np.uint8 or grid.ndim != 3 or grid.shape[2] != 3 or 0 in grid.shape:
        raise ShapeError(
            f"a picture of shape {grid.shape}, type {grid.dtype}: expected (H, W, 3) uint8 (see image_grid)."
        )
    return grid


def save_png(path: Union[str, Path], grid: np.ndarray) -> Path:
    """Write an RGB picture as PNG, whole or not at all: a reader never sees half a file.

    Parameters
    ----------
    path : a name ending in .png in a folder that exists; an old file of that name is replaced.
    grid : (H, W, 3) uint8, RGB.

    Raises
    ------
    OutputError : the file cannot be written; an old file is then unchanged.
    """
    path, grid = Path(path), checked_grid(grid)
    if path.suffix.lower() != ".png":
        raise ArgumentError(f"picture {path}: only PNG is written; give a name that ends in .png.")
    write_whole(path, png_bytes(grid))
    return path


def png_bytes(grid: np.ndarray) -> bytes:
    """An RGB picture (H, W, 3) uint8 as the bytes of a PNG file; OutputError if OpenCV cannot encode it."""
    encoded, data = cv2.imencode(".png", bgr(checked_grid(grid)))
    if not encoded:
        raise OutputError(f"OpenCV could not encode a picture of {grid.shape} as PNG. Draw fewer images.")
    return data.tobytes()


def save_grid(path: Union[str, Path], images, columns: Optional[int] = None, padding: int = GAP) -> Path:
    """`image_grid`, then `save_png`."""
    return save_png(path, image_grid(images, columns, padding))
