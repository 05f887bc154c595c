"""Sliced Wasserstein distance of image patches, one figure for each resolution of a Laplacian pyramid.

Each level of the pyramid holds what its resolution adds (the last one all that is left): edges at the finest, the
layout at the coarsest. Patches of 7×7 are taken at random from every image of both sets, and normalised by their own
set's mean and standard deviation of each channel. Along a random direction two sets of as many numbers are compared
exactly, by sorting; the mean over directions is the distance.

A pyramid's steps are linear and separable, so each is one matrix from the left and one from the right. Patches are
never kept: for some directions at a time they are taken again, which bounds the memory.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mxgan.errors import ArgumentError, ShapeError, lookup
from mxgan.evaluation.arrays import draws, same_images, some_rows
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.runtime.config import whole_number
from mxgan.runtime.memory import check_room

__all__ = ["PYRAMIDS", "check_pyramid", "measure_swd", "sliced_wasserstein"]

SMALLEST = 16  # pixels: the coarsest level
BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16
CHUNK_NUMBERS = 2**21  # pixels of patches held at a time
BLOCK_NUMBERS = 52 * 2**21  # projections held at a time, of each set: 416 MiB
LEAST_CONTRAST = 1e-5  # of a level's standard deviation; one step of a byte is 8e-3


class Pyramid(NamedTuple):
    """How a pyramid is built: what lies beyond the edges, and what becomes of a pixel that is blown up to four."""

    edges: str
    blow_up: str


PYRAMIDS = {
    # Karras et al. 2018, as OpenCV's pyrDown and pyrUp inside the picture: mirrored edges, zeros between the pixels.
    "mirrored": Pyramid("mirror", "zeros"),
    # MMGeneration, whose DCGAN on MNIST is the one published result: zeros (middle grey) beyond the edges, each pixel
    # four times.
    "padded": Pyramid("zero", "repeat"),
}


def check_pyramid(name: str) -> str:
    """The name, if it is a key of PYRAMIDS; ArgumentError else."""
    lookup("pyramid", name, PYRAMIDS)
    return name


def sliced_wasserstein(
    real,
    fake,
    *,
    seed: int = 0,
    patches_per_image: int = 128,
    patch_size: int = 7,
    directions: int = 512,
    pyramid: str = "mirrored",
) -> dict:
    """Sliced Wasserstein distance × 10³ of two sets of images, {"64": …, "32": …, "16": …, "mean": …}.

    Parameters
    ----------
    real, fake : (N, C, H, H) in [-1, 1], as many of each, H a power of two from 16. The protocol has N = 16,384.
        Grey images are taken as three equal channels, which is what was published; so those and their RGB copies
        give the same figures, the grey ones in a third of the time.
    seed : of the places of the patches and of the directions.
    patches_per_image : at each level.
    patch_size : side of the patches, odd, at most 15.
    directions : unit vectors, uniform on the sphere (published as 4 × 128).
    pyramid : a key of `PYRAMIDS`. Figures of one are not figures of the other.

    Returns
    -------
    The distance at each resolution by its name, and their mean. 0 for the same images; finite always: a set without
    contrast is left at 0 instead of being divided by it.

    Raises ShapeError and ArgumentError for images that are not these, or numbers out of range.

    Source: Karras et al. 2018, "Progressive growing of GANs", section 5. One difference: patches lie at the same
    places in both sets, so that the distance of a set to itself is 0.
    """
    real, fake = same_images(("real", "fake"), real, fake, least=2)
    _check_sizes(real, fake, patch_size)
    whole_number("patches_per_image", patches_per_image)
    vectors = _directions(seed, whole_number("directions", directions), real.shape[1], patch_size)
    projected = (
        max(1, min(len(vectors), BLOCK_NUMBERS // (len(real) * patches_per_image))) * len(real) * patches_per_image
    )
    check_room(f"projections of {len(real):,} images", 2 * real.itemsize * projected, "Give fewer, or leave swd out.")
    found = {}
    for size in _sizes(real.shape[-1]):
        steps = _steps(size, pyramid)
        places = _places(seed, size, patch_size, (len(real), patches_per_image))
        used = steps if size // 2 >= SMALLEST else None  # the coarsest level is what is left
        found[str(size)] = 1e3 * _distance(*(_Patches(s, used, places, patch_size) for s in (real, fake)), vectors)
        real, fake = _resample(real, steps[0]), _resample(fake, steps[0])
    return {**found, "mean": float(np.mean(list(found.values())))}


def measure_swd(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `swd` of METRICS; of the larger side, as many images at random as the other has."""
    count = min(len(reference.images), len(samples.images))
    real, fake = (some_rows(side.images, count, settings.seed, "swd") for side in (reference, samples))
    found = sliced_wasserstein(real, fake, seed=settings.seed, pyramid=settings.pyramid)
    return {"swd": Score(found.pop("mean"), {**found, "pyramid": settings.pyramid, "images": count})}


def _check_sizes(real: np.ndarray, fake: np.ndarray, patch_size: int) -> None:
    if len(real) != len(fake):
        raise ShapeError(f"real has {len(real)} images, fake {len(fake)}; give as many of each.")
    height, width = real.shape[2:]
    if height != width or height < SMALLEST or height & (height - 1):
        raise ShapeError(f"images are {height}x{width}; give square ones with a side of 16, 32, 64, 128, …")
    if whole_number("patch_size", patch_size, 1, SMALLEST) % 2 == 0:
        raise ArgumentError(f"patch_size is {patch_size}; give an odd number from 1 to {SMALLEST - 1}.")


def _directions(seed: int, count: int, channels: int, patch_size: int) -> np.ndarray:
    """Unit vectors (count, channels · patch_size²); of grey images those of three channels, added up."""
    drawn = draws("directions", seed).standard_normal((count, 3 if channels == 1 else channels, patch_size**2))
    drawn /= np.sqrt((drawn**2).sum(axis=(1, 2), keepdims=True))
    folded = drawn.sum(axis=1) if channels == 1 else drawn.reshape(count, -1)
    return folded.astype(np.float32)


def _places(seed: int, size: int, patch_size: int, shape: tuple) -> tuple:
    """(rows, columns), each of `shape` (N, patches_per_image): where each image's patches begin."""
    return tuple(draws("patches", seed, size).integers(0, size - patch_size + 1, (2, *shape), dtype=np.int16))


def _sizes(side: int) -> list:
    """side, side / 2, … down to the coarsest level's."""
    return [side >> halvings for halvings in range(side.bit_length()) if side >> halvings >= SMALLEST]


def _steps(size: int, name: str) -> tuple:
    """(down (size/2, size), up (size, size/2)): a picture's steps are M X Mᵀ."""
    pyramid = PYRAMIDS[check_pyramid(name)]
    blur = np.zeros((size, size))
    for offset, weight in zip(range(-2, 3), BINOMIAL):
        for row in range(size):
            column = row + offset
            if pyramid.edges == "mirror":  # … 2 1 | 0 1 2 …, as in OpenCV's BORDER_REFLECT_101
                column = size - 1 - abs(size - 1 - abs(column))
            if 0 <= column < size:
                blur[row, column] += weight
    spread = 2 * blur[:, ::2] if pyramid.blow_up == "zeros" else blur[:, ::2] + blur[:, 1::2]
    return blur[::2].astype(np.float32), spread.astype(np.float32)


def _resample(images: np.ndarray, step: np.ndarray) -> np.ndarray:
    return step @ images @ step.T


class _Patches:
    """One set's patches at one level, taken from its images a few at a time."""

    def __init__(self, images: np.ndarray, steps: Optional[tuple], places: tuple, patch_size: int) -> None:
        self._images, self._steps, self._places, self._patch_size = images, steps, places, patch_size
        self.count = places[0].size
        self._mean, self._std = self._statistics()

    def __iter__(self):
        """(their place among all, patches (n, C, patch_size²)), until all were given."""
        channels, per_image = self._images.shape[1], self._places[0].shape[1]
        chunk = max(1, CHUNK_NUMBERS // (per_image * channels * self._patch_size**2))
        for start in range(0, len(self._images), chunk):
            level = self._images[start : start + chunk]
            if self._steps:
                down, up = self._steps
                level = level - _resample(_resample(level, down), up)
            windows = sliding_window_view(level, (self._patch_size, self._patch_size), axis=(2, 3))
            rows, columns = (each[start : start + chunk] for each in self._places)
            patches = windows[np.arange(len(level))[:, None], :, rows, columns]  # (images, per_image, C, 7, 7)
            patches = patches.reshape(len(level) * per_image, channels, -1)
            yield slice(start * per_image, start * per_image + len(patches)), patches

    def _statistics(self) -> tuple:
        """Mean and standard deviation (C,) of all pixels of all patches."""
        total = squares = 0.0
        for _, patches in self:
            total = total + patches.sum(axis=(0, 2), dtype=np.float64)
            squares = squares + np.einsum("ncp,ncp->c", patches, patches, dtype=np.float64)
        pixels = self.count * self._patch_size**2
        mean = total / pixels
        return mean, np.sqrt(np.maximum(squares / pixels - mean**2, 0))

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """Normalised patches on each vector, sorted: (len(vectors), count), float32."""
        by_channel = vectors.reshape(len(vectors), len(self._mean), -1)
        flat = self._std < LEAST_CONTRAST
        scale = np.where(flat, 0, 1 / np.where(flat, 1, self._std))
        scaled = (by_channel * scale[:, None]).astype(np.float32)
        shift = (scaled.sum(axis=2) @ self._mean).astype(np.float32)[:, None]
        scaled = scaled.reshape(len(vectors), -1)
        projected = np.empty((len(vectors), self.count), dtype=np.float32)
        for columns, patches in self:
            projected[:, columns] = scaled @ patches.reshape(len(patches), -1).T - shift
        projected.sort(axis=1)
        return projected


def _distance(real: _Patches, fake: _Patches, vectors: np.ndarray) -> float:
    """Mean over the vectors of the Wasserstein distance along each."""
    block = max(1, BLOCK_NUMBERS // real.count)
    total = 0.0
    for start in range(0, len(vectors), block):
        some = vectors[start : start + block]
        gaps = real.project(some)
        gaps -= fake.project(some)
        np.abs(gaps, out=gaps)
        total += gaps.sum(dtype=np.float64)
    return float(total / (len(vectors) * real.count))
