"""Sliced Wasserstein distance (SWD) of image patches, for each resolution of a Laplacian pyramid.

Each level of the pyramid has the details that its resolution adds: edges at the finest level. The last level has the
rest, the layout of the image. Patches of 7×7 pixels are taken at random from every image of both sets. They are
normalised by the mean and standard deviation of each channel in their own set. Along a random direction, two sets of
equally many numbers are compared exactly, by sorting. The distance is the mean over the directions.

The steps of a pyramid are linear and separable: each is one matrix product from the left and one from the right.
Patches are not stored. They are taken again for each block of directions, which bounds the memory.
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

SMALLEST = 16  # side of the coarsest level, in pixels
BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16
CHUNK_NUMBERS = 2**21  # number of patch pixels held at a time
BLOCK_NUMBERS = 52 * 2**21  # number of projections held at a time, for each set: 416 MiB
LEAST_CONTRAST = 1e-5  # a level with a smaller standard deviation has no contrast; one step of a byte is 8e-3


class Pyramid(NamedTuple):
    """The rules of a pyramid. edges : pixels beyond the image. blow_up : upsampling of one pixel to four."""

    edges: str
    blow_up: str


PYRAMIDS = {
    # Karras et al. 2018, like OpenCV's pyrDown and pyrUp inside the image: mirrored edges, zeros between the pixels.
    "mirrored": Pyramid("mirror", "zeros"),
    # MMGeneration, the source of the only published result of a DCGAN on MNIST: zeros (middle grey) beyond the edges,
    # each pixel repeated four times.
    "padded": Pyramid("zero", "repeat"),
}


def check_pyramid(name: str) -> str:
    """The name, if it is a key of PYRAMIDS; else ArgumentError."""
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
    real, fake : (N, C, H, W) in [-1, 1], the same N for both. The shorter side is a power of two from 16; the longer
        one can be halved as often as that one down to 16. The protocol has N = 16,384 and square images.
        Grey images count as three equal channels, as in the published results. So grey images and their RGB copies give
        the same values, but grey images take a third of the time.
    seed : seed of the patch positions and of the directions.
    patches_per_image : number of patches of each image at each level.
    patch_size : side of the patches, odd, at most 15.
    directions : number of unit vectors, uniform on the sphere (published as 4 × 128).
    pyramid : a key of `PYRAMIDS`. Values of different pyramids are not comparable.

    Returns
    -------
    {shorter side of a level: distance}, and their mean. 0 for the same images; always finite, because a set without
    contrast is set to 0 instead of divided by its standard deviation.

    Raises ShapeError and ArgumentError for invalid images or numbers out of range.

    Source: Karras et al. 2018, "Progressive growing of GANs", section 5. One difference: the patches have the same
    positions in both sets, so that the distance of a set to itself is 0.
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
    for size in _sizes(min(real.shape[2:])):
        sides = real.shape[2:]
        places = _places(seed, sides, patch_size, (len(real), patches_per_image))
        steps = [_steps(side, pyramid) for side in sides] if size // 2 >= SMALLEST else None
        found[str(size)] = 1e3 * _distance(*(_Patches(s, steps, places, patch_size) for s in (real, fake)), vectors)
        if steps:  # else this is the coarsest level, the rest
            real, fake = (_resample(images, *(down for down, _ in steps)) for images in (real, fake))
    return {**found, "mean": float(np.mean(list(found.values())))}


def measure_swd(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `swd` of METRICS. If one side has more images, a random part as large as the other side is used."""
    count = min(len(reference.images), len(samples.images))
    real, fake = (some_rows(side.images, count, settings.seed, "swd") for side in (reference, samples))
    found = sliced_wasserstein(real, fake, seed=settings.seed, pyramid=settings.pyramid)
    return {"swd": Score(found.pop("mean"), {**found, "pyramid": settings.pyramid, "images": count})}


def _check_sizes(real: np.ndarray, fake: np.ndarray, patch_size: int) -> None:
    if len(real) != len(fake):
        raise ShapeError(f"real has {len(real)} images, fake {len(fake)}; give the same number of each.")
    height, width = real.shape[2:]
    shorter, longer = sorted((height, width))
    if shorter < SMALLEST or shorter & (shorter - 1) or longer % (shorter // SMALLEST):
        raise ShapeError(
            f"images are {height}x{width}; give a shorter side of 16, 32, 64, 128, … and a longer one that can be "
            f"halved as often (48 with 32, 80 with 64)."
        )
    if whole_number("patch_size", patch_size, 1, SMALLEST) % 2 == 0:
        raise ArgumentError(f"patch_size is {patch_size}; give an odd number from 1 to {SMALLEST - 1}.")


def _directions(seed: int, count: int, channels: int, patch_size: int) -> np.ndarray:
    """Unit vectors (count, channels · patch_size²). For grey images: vectors of three channels, summed over them."""
    drawn = draws("directions", seed).standard_normal((count, 3 if channels == 1 else channels, patch_size**2))
    drawn /= np.sqrt((drawn**2).sum(axis=(1, 2), keepdims=True))
    folded = drawn.sum(axis=1) if channels == 1 else drawn.reshape(count, -1)
    return folded.astype(np.float32)


def _places(seed: int, sides: tuple, patch_size: int, shape: tuple) -> tuple:
    """(rows, columns) of the first pixel of each patch, each of `shape` (N, patches_per_image)."""
    ends = np.reshape([side - patch_size + 1 for side in sides], (2, 1, 1))
    return tuple(draws("patches", seed, min(sides)).integers(0, ends, (2, *shape), dtype=np.int16))


def _sizes(side: int) -> list:
    """The shorter sides of the levels: side, side / 2, … down to SMALLEST."""
    return [side >> halvings for halvings in range(side.bit_length()) if side >> halvings >= SMALLEST]


def _steps(size: int, name: str) -> tuple:
    """The matrices (down (size/2, size), up (size, size/2)) of a pyramid step along one axis of `size` pixels."""
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


def _resample(images: np.ndarray, of_rows: np.ndarray, of_columns: np.ndarray) -> np.ndarray:
    """Each image X as R X Cᵀ."""
    return of_rows @ images @ of_columns.T


class _Patches:
    """The patches of one set at one level, taken from a few images at a time."""

    def __init__(self, images: np.ndarray, steps: Optional[list], places: tuple, patch_size: int) -> None:
        self._images, self._steps, self._places, self._patch_size = images, steps, places, patch_size
        self.count = places[0].size
        self._mean, self._std = self._statistics()

    def __iter__(self):
        """All patches in chunks: (slice of their positions, patches (n, C, patch_size²))."""
        channels, per_image = self._images.shape[1], self._places[0].shape[1]
        chunk = max(1, CHUNK_NUMBERS // (per_image * channels * self._patch_size**2))
        for start in range(0, len(self._images), chunk):
            level = self._images[start : start + chunk]
            if self._steps:
                down, up = zip(*self._steps)
                level = level - _resample(_resample(level, *down), *up)
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

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """The projections of the normalised patches on each vector, sorted: (len(vectors), count), float32."""
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
    """The mean of the Wasserstein distances along all vectors."""
    block = max(1, BLOCK_NUMBERS // real.count)
    total = 0.0
    for start in range(0, len(vectors), block):
        some = vectors[start : start + block]
        gaps = real.project(some)
        gaps -= fake.project(some)
        np.abs(gaps, out=gaps)
        total += gaps.sum(dtype=np.float64)
    return float(total / (len(vectors) * real.count))
