"""Error of the sliced Wasserstein distance, and what real images get, from random halves of the images.

Nothing is sorted again. Along some of the directions, the projections of each image are counted in the bins of a grid.
The distribution of a half is then the sum over its images, for all repeats in one matrix product, and the distance of
two halves is the area between their distributions. A half is normalised by its own mean and standard deviation, as a
set is: that moves and stretches its distribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mxgan.evaluation.resampling import halves, shared_error
from mxgan.evaluation.swd_patches import Patches

__all__ = ["LevelSpread", "level_spread", "mean_details"]

REPEATS, DIRECTIONS = 48, 48
BLOCK_NUMBERS = 2**25  # number of projections held at a time: 128 MiB
GRID = np.linspace(-6, 6, 241)  # in standard deviations of the projections; what is farther is at the end
THINNED = 16  # of so many patches, one is enough for the channels' shares


class LevelSpread(NamedTuple):
    """Distances of halves at one level, each (REPEATS, DIRECTIONS).

    first, second : of the first halves of both sets from each other, and of the second halves.
    real : of the two halves of the real images from each other.
    """

    first: np.ndarray
    second: np.ndarray
    real: np.ndarray


def mean_details(levels: Sequence[LevelSpread], directions: int) -> dict:
    """{"standard_error": of the mean over levels and `directions` directions, "real": …} × 10³; see `measure_swd`."""
    first, second, real = np.mean(levels, axis=0)
    return {"standard_error": 1e3 * shared_error(first, second, directions), "real": float(1e3 * real.mean())}


def level_spread(real: Patches, fake: Patches, vectors: np.ndarray, seed: int) -> LevelSpread:
    """The distances of halves of the images at one level; the halves are the same at each level.

    vectors : the directions; at most DIRECTIONS of them are taken.
    """
    some = vectors[:DIRECTIONS]
    sides = [_distributions(patches, some, seed, f"swd {name}") for patches, name in ((real, "real"), (fake, "fake"))]
    found = np.empty((3, REPEATS, len(some)))
    for direction, ((a, unit), (b, _)) in enumerate(zip(*sides)):  # (REPEATS, 2, grid)
        pairs = ((a[:, 0], b[:, 0]), (a[:, 1], b[:, 1]), (a[:, 0], a[:, 1]))
        found[:, :, direction] = [unit * np.abs(one - other).sum(axis=1) for one, other in pairs]
    return LevelSpread(*found)


def _distributions(patches: Patches, vectors: np.ndarray, seed: int, stream: str) -> Iterator[tuple]:
    """(distribution functions of both halves of each repeat (REPEATS, 2, grid), width of a bin), for each vector."""
    sides = halves(patches.images, seed, REPEATS, stream)
    chosen = np.stack([sides == half for half in (0, 1)], axis=1).reshape(2 * REPEATS, -1).astype(np.float32)
    shift, stretch = _normalisation(patches, vectors, chosen)
    block = max(1, BLOCK_NUMBERS // patches.count)
    for start in range(0, len(vectors), block):
        for place, row in enumerate(patches.project(vectors[start : start + block], in_order=True), start):
            counts = _counts(row.reshape(patches.images, -1))
            cumulated = np.cumsum(chosen @ counts, axis=1, dtype=np.float64)
            cumulated /= cumulated[:, -1:]
            moved = GRID + shift[:, place, None] + stretch[:, place, None] * GRID
            made = [np.interp(at, GRID, each) for at, each in zip(moved, cumulated)]
            yield np.reshape(made, (REPEATS, 2, -1)), GRID[1] - GRID[0]


def _counts(values: np.ndarray) -> np.ndarray:
    """(images, grid): how many values of each image (images, patches) lie between a point of the grid and the last."""
    bins = np.clip(np.ceil((values - GRID[0]) / (GRID[1] - GRID[0])), 0, len(GRID) - 1).astype(np.int64)
    bins += np.arange(len(values))[:, None] * len(GRID)
    return np.bincount(bins.ravel(), minlength=len(values) * len(GRID)).reshape(len(values), -1).astype(np.float32)


def _normalisation(patches: Patches, vectors: np.ndarray, chosen: np.ndarray) -> tuple:
    """(shift, stretch), each (parts, len(vectors)): a part's own mean and deviation make t to t + shift + stretch · t.

    chosen : (parts, images), 1 for the images of a part. Of several channels, each stretches the projections by its
    share in their variance.
    """
    pixels = patches.pixels_of_an_image * chosen.sum(axis=1)[:, None]
    means, squares = (chosen @ each / pixels for each in patches.sums())
    deviations = np.sqrt(np.maximum(squares - means**2, 0))
    scale = patches.scale
    weights = vectors.reshape(len(vectors), patches.channels, -1).sum(axis=2)
    stretch = (deviations * scale - (scale > 0)) @ _shares(patches, vectors).T
    return ((means - patches.mean) * scale) @ weights.T, stretch


def _shares(patches: Patches, vectors: np.ndarray) -> np.ndarray:
    """(len(vectors), C): the share of each channel in the variance of the projections, as its covariance with them."""
    total = np.zeros((len(vectors), patches.channels))
    if patches.channels == 1:
        return total + 1
    by_channel = vectors.reshape(len(vectors), patches.channels, -1)
    for _, some in patches:
        normal = (some[::THINNED] - patches.mean[:, None]) * patches.scale[:, None]
        parts = np.einsum("vcp,ncp->vnc", by_channel, normal, optimize=True)
        total += np.einsum("vnc,vn->vc", parts, parts.sum(axis=2))
    sums = total.sum(axis=1, keepdims=True)
    return total / np.where(sums > 0, sums, 1)
