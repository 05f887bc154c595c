"""Patches of images at one level of a Laplacian pyramid, and their sorted projections on directions."""

from __future__ import annotations

from typing import Optional

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["Patches", "resample"]

CHUNK_NUMBERS = 2**21  # number of patch pixels held at a time
LEAST_CONTRAST = 1e-5  # a level with a smaller standard deviation has no contrast; one step of a byte is 8e-3


def resample(images: np.ndarray, of_rows: np.ndarray, of_columns: np.ndarray) -> np.ndarray:
    """Each image X as R X Cᵀ."""
    return of_rows @ images @ of_columns.T


class Patches:
    """The patches of one set at one level, taken from a few images at a time.

    Attributes
    ----------
    images, channels : numbers of the set. count : number of patches, as many of each image.
    pixels_of_an_image : number of pixels in all patches of an image, of each channel.
    mean : (C,), over all pixels of all patches. scale : (C,), 1 / standard deviation; 0 without contrast.
    """

    def __init__(self, images: np.ndarray, steps: Optional[list], places: tuple, patch_size: int) -> None:
        self._images, self._steps, self._places, self._patch_size = images, steps, places, patch_size
        self.count, (self.images, self.channels) = places[0].size, images.shape[:2]
        self.pixels_of_an_image = places[0].shape[1] * patch_size**2
        self.mean, std = self._statistics()
        flat = std < LEAST_CONTRAST
        self.scale = np.where(flat, 0, 1 / np.where(flat, 1, std))

    def __iter__(self):
        """All patches in chunks: (slice of their positions, patches (n, C, patch_size²))."""
        channels, per_image = self._images.shape[1], self._places[0].shape[1]
        chunk = max(1, CHUNK_NUMBERS // (per_image * channels * self._patch_size**2))
        for start in range(0, len(self._images), chunk):
            level = self._images[start : start + chunk]
            if self._steps:
                down, up = zip(*self._steps)
                level = level - resample(resample(level, *down), *up)
            windows = sliding_window_view(level, (self._patch_size, self._patch_size), axis=(2, 3))
            rows, columns = (each[start : start + chunk] for each in self._places)
            patches = windows[np.arange(len(level))[:, None], :, rows, columns]  # (images, per_image, C, 7, 7)
            patches = patches.reshape(len(level) * per_image, channels, -1)
            yield slice(start * per_image, start * per_image + len(patches)), patches

    def _statistics(self) -> tuple:
        """Mean and standard deviation (C,) over all pixels of all patches."""
        total = squares = 0.0
        for _, patches in self:
            total = total + patches.sum(axis=(0, 2), dtype=np.float64)
            squares = squares + np.einsum("ncp,ncp->c", patches, patches, dtype=np.float64)
        pixels = self.count * self._patch_size**2
        mean = total / pixels
        return mean, np.sqrt(np.maximum(squares / pixels - mean**2, 0))

    def project(self, vectors: np.ndarray, in_order: bool = False) -> np.ndarray:
        """The projections of the normalised patches on each vector: (len(vectors), count), float32.

        They are sorted, or in the order of the images and their patches.
        """
        by_channel = vectors.reshape(len(vectors), self.channels, -1)
        scaled = (by_channel * self.scale[:, None]).astype(np.float32)
        shift = (scaled.sum(axis=2) @ self.mean).astype(np.float32)[:, None]
        scaled = scaled.reshape(len(vectors), -1)
        projected = np.empty((len(vectors), self.count), dtype=np.float32)
        for columns, patches in self:
            projected[:, columns] = scaled @ patches.reshape(len(patches), -1).T - shift
        if not in_order:
            projected.sort(axis=1)
        return projected

    def sums(self) -> np.ndarray:
        """The sum and the sum of squares over all pixels of all patches of each image: (2, images, C)."""
        found = np.empty((2, self.images, self.channels))
        for columns, patches in self:
            rows = slice(columns.start * self.images // self.count, columns.stop * self.images // self.count)
            parts = patches.reshape(rows.stop - rows.start, -1, *patches.shape[1:])
            found[0, rows] = parts.sum(axis=(1, 3), dtype=np.float64)
            found[1, rows] = np.einsum("nqcp,nqcp->nc", parts, parts, dtype=np.float64)
        return found
