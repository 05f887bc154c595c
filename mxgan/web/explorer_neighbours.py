"""The training images nearest to an image of the explorer, among the first ones of the run's first epoch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mxgan.data.images import to_unit_range
from mxgan.data.mnist import find_mnist
from mxgan.errors import DatasetNotFoundError
from mxgan.evaluation.reference import image_chunks
from mxgan.runs.config import recorded_config
from mxgan.runs.data import data_record, open_images, trained_split
from mxgan.training.run_folder import RunFolder

__all__ = ["Neighbour", "Neighbours"]

MOST_IMAGES = 10_000
MOST_BYTES = 2**27  # of the pixels kept: 10,000 images of 3×64×64
CHUNK_NUMBERS = 2**20  # pixels compared at a time: 4 MiB in float32, which stays in a processor's cache


class Neighbour(NamedTuple):
    """The nearest of the training images: itself (1, C, H, W) in [-1, 1], its distance (L2 of all pixels), its class.

    `label` is the name of its class, "" without classes; `among` is the number of images that were searched.
    """

    image: np.ndarray
    distance: float
    label: str
    among: int


class Neighbours:
    """The first training images of a run's first epoch, kept as bytes: an order drawn by the seed, so of every class.

    Raises
    ------
    MXGANError : the data are missing, or are not those that the run was trained on. Nothing is downloaded.
    """

    def __init__(self, run: Path) -> None:
        folder = RunFolder.open(run)
        config = recorded_config(folder)
        _refuse_download(config)
        data = open_images(config, progress=False, split=trained_split(config))
        folder.check_data(data_record(data))
        shape = config.recipe.network.image_shape
        most = min(MOST_IMAGES, data.num_images, max(1, MOST_BYTES // math.prod(shape)))
        self._pixels, self._labels = np.empty((most, *shape), np.uint8), np.full(most, -1)
        self._titles, start = data.class_titles, 0
        for images, labels in image_chunks(data, most):
            rows = slice(start, start + len(images))
            self._pixels[rows] = np.rint((np.clip(images, -1, 1) + 1) * 127.5)
            if labels is not None:
                self._labels[rows] = labels
            start += len(images)

    def nearest(self, image: np.ndarray) -> Neighbour:
        """The training image nearest to an image (1, C, H, W).

        `mxgan.evaluation.copies.nearest` is for many images at once: for one, plain differences in a single thread
        take a fifth of its time, and leave the other processors to a training.
        """
        wanted, distances = image.reshape(1, -1), []
        rows = max(1, CHUNK_NUMBERS // wanted.size)
        for start in range(0, len(self._pixels), rows):
            chunk = to_unit_range(self._pixels[start : start + rows]).reshape(-1, wanted.size)
            chunk -= wanted
            distances.append(np.einsum("nd,nd->n", chunk, chunk))
        place = int(np.concatenate(distances).argmin())
        found, label = to_unit_range(self._pixels[place : place + 1]), int(self._labels[place])
        distance = float(np.linalg.norm((found.astype(np.float64) - image).ravel()))
        return Neighbour(found, distance, self._titles[label] if label >= 0 else "", len(self._pixels))


def _refuse_download(config) -> None:
    """Raise DatasetNotFoundError where opening the data would download them."""
    if config.dataset == "mnist" and find_mnist(trained_split(config), config.data_dir) is None:
        raise DatasetNotFoundError("MNIST is not on this machine, and the server downloads nothing. Start a training.")
