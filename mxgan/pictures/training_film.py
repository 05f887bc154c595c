"""The pictures of a run in the order of its steps, as the frames of a film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Union

import numpy as np

from mxgan.data.single_images import read_pixels
from mxgan.errors import ArgumentError, CorruptFileError, listed
from mxgan.pictures.films import captioned
from mxgan.training.run_folder import RunFolder

__all__ = ["film_of_training"]


def film_of_training(run: Union[str, Path], title: str = "gout") -> tuple:
    """The pictures of one title in RUN/samples, each with its step under it.

    Returns
    -------
    (number of frames, iterator of (H, W, 3) uint8), read one after the other.

    Raises
    ------
    RunFolderError : not a run. ArgumentError : it has no such picture; the message names those that it has.
    CorruptFileError : a picture cannot be read, or is of another size than those before it; raised where it comes.
    """
    folder = RunFolder.open(run)
    pictures = folder.all_pictures()
    found = pictures.get(title)
    if not found:
        titles = list(pictures)
        raise ArgumentError(
            f"{folder.samples} has no picture {title!r}; there are: {listed(titles)}. "
            + (f"Choose one with --picture {titles[0]}." if titles else "Train with --sample-every N.")
        )
    return len(found), _frames(found)


def _frames(found: dict) -> Iterator[np.ndarray]:
    shape = None
    for step, path in found.items():
        pixels = read_pixels(path, remedy="Delete it.")
        shape = shape or pixels.shape
        if pixels.shape != shape:
            size, before = (f"{width}×{height}" for height, width, _ in (pixels.shape, shape))
            raise CorruptFileError(
                path, f"has {size} pixels, and those before it have {before}", remedy="Choose another --picture."
            )
        yield captioned(pixels, f"step {step}")
