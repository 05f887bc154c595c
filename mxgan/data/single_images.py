"""One image file as an array for the networks, seen as the data set `folder` sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mxgan.data.background import WHITE
from mxgan.data.decoding import MAX_BYTES, read_rgb
from mxgan.data.fitting import fitted
from mxgan.data.images import to_unit_range
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, DatasetError
from mxgan.runtime import cv2
from mxgan.runtime.files import open_plain

__all__ = ["read_image", "read_pixels"]


def read_pixels(path: Path, background: tuple = WHITE, remedy: str = "") -> np.ndarray:
    """The upright pixels of an image file, uint8 (height, width, 3) in the order RGB.

    Raises CheckpointError if there is no such file, and CorruptFileError, with the remedy, if it is no image or larger
    than `MAX_BYTES`.
    """
    with open_plain(path) as stream:
        content = stream.read(MAX_BYTES + 1)
    try:
        if len(content) > MAX_BYTES:
            raise DatasetError(f"it is larger than {MAX_BYTES >> 20} MB")
        return read_rgb(content, background)
    except DatasetError as error:
        raise CorruptFileError(path, f"cannot be read as an image: {error}", remedy=remedy) from error


def read_image(path: Path, shape: tuple, background: tuple = WHITE) -> np.ndarray:
    """The image in a file, (C, H, W) float32 in [-1, 1].

    Parameters
    ----------
    path : the file, of any format and size that `folder` reads.
    shape : (C, H, W), C 1 (grey) or 3 (RGB). The largest middle part of this ratio is cut out, then scaled.
    background : the colour behind transparent parts.

    Raises
    ------
    ArgumentError : there is no such file. CorruptFileError : it cannot be read as an image.
    """
    try:
        pixels = fitted(read_pixels(path, background, "Give an image file."), *shape[1:])
    except CheckpointError as error:
        raise ArgumentError(str(error)) from error
    pixels = pixels if shape[0] == 3 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    return to_unit_range(pixels).transpose(2, 0, 1)
