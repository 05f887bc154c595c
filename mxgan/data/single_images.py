"""One image file as an array for the networks, seen as the data set `folder` sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mxgan.data.background import WHITE
from mxgan.data.decoding import read_rgb
from mxgan.data.fitting import fitted
from mxgan.data.images import to_unit_range
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, DatasetError
from mxgan.runtime import cv2
from mxgan.runtime.files import open_plain

__all__ = ["read_image"]


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
        with open_plain(path) as stream:
            content = stream.read()
    except CheckpointError as error:
        raise ArgumentError(str(error)) from error
    try:
        pixels = fitted(read_rgb(content, background), *shape[1:])
    except DatasetError as error:
        raise CorruptFileError(path, f"cannot be read as an image: {error}", remedy="Give an image file.") from error
    pixels = pixels if shape[0] == 3 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    return to_unit_range(pixels).transpose(2, 0, 1)
