"""The training images nearest to an image of the explorer, among the first ones of the run's first epoch."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mxgan.data.images import ImageArrayIter, to_unit_range
from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.resizing import reduced
from mxgan.runs.config import RunConfig
from mxgan.runs.nearest import SIDE
from mxgan.runs.own_images import own_images
from mxgan.training.run_folder import RunFolder

__all__ = ["Neighbour", "Neighbours"]

MOST_IMAGES = 10_000
MOST_BYTES = 2**27  # of the pixels kept: 10,000 images of 3×64×64
CHUNK = 512  # images that are made at a time
CHUNK_NUMBERS = 2**20  # pixels compared at a time: 4 MiB in float32, which stays in a processor's cache


class Neighbour(NamedTuple):
    """The nearest of the training images: itself (1, C, H, W) in [-1, 1], its distance, its class.

    Of a run that mirrors its images it may be a mirror image.

    The distance is that of a report, see `mxgan.runs.nearest`: the L2 norm over grey images of at most SIDE pixels a
    side. `label` is the name of its class, "" without classes; `among` is the number of images that were searched.
    """

    image: np.ndarray
    distance: float
    label: str
    among: int


class Neighbours:
    """The first training images of a run's first epoch, kept as bytes: an order drawn by the seed, so of every class.

    They are read without MXNet, which the explorer uses in another thread.

    Raises
    ------
    MXGANError : `own_images` does not give them, or they are in a .rec file, which only MXNet reads.
    """

    def __init__(self, folder: RunFolder, config: RunConfig) -> None:
        if config.dataset == "recordio":
            raise ArgumentError("the images of a .rec file are not searched here. `mxgan report` searches them.")
        data, self._shape = own_images(folder, config), config.recipe.network.image_shape
        most = min(MOST_IMAGES, data.num_images, max(1, MOST_BYTES // math.prod(self._shape)))
        self._pixels, small = np.empty((most, *self._shape), np.uint8), []
        rows = data.order(0)[:most]
        for start in range(0, most, CHUNK):
            images = data.pixels(rows[start : start + CHUNK])
            self._pixels[start : start + CHUNK] = np.rint((np.clip(images, -1, 1) + 1) * 127.5)
            small.append(self._reduced(images))
        self._small, self._labels = np.concatenate(small), _labels_of(data, rows)
        self._mirrored = config.recipe.mirror

    def _reduced(self, images: np.ndarray) -> np.ndarray:
        """(N, numbers): what is compared."""
        return reduced(images, min(SIDE, *self._shape[1:])).reshape(len(images), -1)

    def nearest(self, image: np.ndarray) -> Neighbour:
        """The training image nearest to an image (1, C, H, W); ShapeError for an image of another shape.

        `mxgan.evaluation.copies.nearest` is for many images at once: for one, plain differences in a single thread
        take a fifth of its time, and leave the other processors to a training.
        """
        if image.shape[1:] != self._shape:
            raise ShapeError(
                f"the image is {image.shape[1:]}, those of the run are {self._shape}. Load the page again."
            )
        views = (image, image[..., ::-1])[: 1 + self._mirrored]  # as far from an image as that from its mirror image
        (distance, place), turned = min((self._nearest(view), turned) for turned, view in enumerate(views))
        found = to_unit_range(self._pixels[place : place + 1])
        return Neighbour(found[..., ::-1] if turned else found, distance, self._labels[place], len(self._pixels))

    def _nearest(self, image: np.ndarray) -> tuple:
        """(distance, number) of the nearest one."""
        wanted, distances = self._reduced(image), []
        rows = max(1, CHUNK_NUMBERS // wanted.size)
        for start in range(0, len(self._small), rows):
            chunk = self._small[start : start + rows] - wanted
            distances.append(np.einsum("nd,nd->n", chunk, chunk))
        place = int(np.concatenate(distances).argmin())
        return float(np.linalg.norm(self._small[place].astype(np.float64) - wanted[0])), place


def _labels_of(data: ImageArrayIter, rows: np.ndarray) -> list:
    """The name of the class of each row, "" without classes."""
    if not data.num_classes:
        return [""] * len(rows)
    return [data.class_titles[int(label)] for label in data.labels[rows]]
