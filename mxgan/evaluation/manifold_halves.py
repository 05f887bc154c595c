"""Errors of precision, recall, density and coverage, and what real images get, from random halves of the features.

The k-th nearest neighbour in a half is almost always among the 4k + 8 nearest in the whole set. So the scores of all
halves come from one list of nearest neighbours for each side, and from the pairs that are near enough. These are few,
unless the samples lie in most balls, as those of a collapsed generator can. Then blocks of distances are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mxgan.evaluation.resampling import halves, halves_error

__all__ = ["ManifoldHalves", "Neighbours", "reach"]

REPEATS = 40
FEW_PAIRS = 1 / 16  # share of all pairs up to which a list of them is faster than whole blocks


class Neighbours(NamedTuple):
    """The nearest other points of each point of a set, the nearest first: squared distances and numbers, (N, count)."""

    squared: np.ndarray
    rows: np.ndarray


def reach(ks: list, count: int) -> int:
    """The number of neighbours to list, so that a half has its k-th neighbour among them; at most all others."""
    return min(4 * max(ks) + 8, count - 1)


class ManifoldHalves:
    """Scores of `REPEATS` pairs of complementary halves; `see` takes all distances between the two sides once.

    Parameters
    ----------
    real, fake : the neighbours of each side, as many as `reach` says.
    ks : k of precision and recall, and k of density and coverage; each half has more images.
    """

    def __init__(self, real: Neighbours, fake: Neighbours, ks: list, seed: int) -> None:
        self._k = ks[1]
        self._real, self._of_real = real, halves(len(real.rows), seed, REPEATS, "manifold real")
        self._of_fake = halves(len(fake.rows), seed, REPEATS, "manifold fake")
        self._real_radii = [_radii_in_halves(real, self._of_real, k) for k in ks]
        self._fake_radii = _radii_in_halves(fake, self._of_fake, ks[0])
        self._farthest = real.squared[:, -1], fake.squared[:, -1]
        self._precise, self._recalled = np.zeros(self._of_fake.shape, bool), np.zeros(self._of_real.shape, bool)
        self._covered, self._inside = np.zeros(self._of_real.shape, bool), np.zeros((REPEATS, 2), np.int64)

    def see(self, start: int, squared: np.ndarray) -> None:
        """Take the squared distances (n, M) of the real images from `start` on to all samples."""
        near = squared <= self._farthest[0][start : start + len(squared), None]
        if _are_few(near):
            self._see_pairs_in_real(start, squared, near)
        else:
            for repeat, half, i, j, block in self._blocks(start, squared):
                self._precise[repeat, j] |= (block <= self._real_radii[0][repeat, i, None]).any(axis=0)
                balls = block <= self._real_radii[1][repeat, i, None]
                self._covered[repeat, i] = balls.any(axis=1)
                self._inside[repeat, half] += np.count_nonzero(balls)
        near = squared <= self._farthest[1]
        if _are_few(near):
            self._see_pairs_in_fake(start, squared, near)
        else:
            for repeat, _, i, j, block in self._blocks(start, squared):
                self._recalled[repeat, i] = (block <= self._fake_radii[repeat, j]).any(axis=1)

    def _see_pairs_in_real(self, start: int, squared: np.ndarray, near: np.ndarray) -> None:
        i, j = np.nonzero(near)
        distances, i = squared[i, j], i + start
        for repeat in range(REPEATS):
            same = self._of_real[repeat, i] == self._of_fake[repeat, j]
            self._precise[repeat, j[same & (distances <= self._real_radii[0][repeat, i])]] = True
            balls = i[same & (distances <= self._real_radii[1][repeat, i])]
            self._covered[repeat, balls] = True
            self._inside[repeat] += np.bincount(self._of_real[repeat, balls] + 1, minlength=3)[1:]

    def _see_pairs_in_fake(self, start: int, squared: np.ndarray, near: np.ndarray) -> None:
        i, j = np.nonzero(near)
        distances, i = squared[i, j], i + start
        for repeat in range(REPEATS):
            same = self._of_real[repeat, i] == self._of_fake[repeat, j]
            self._recalled[repeat, i[same & (distances <= self._fake_radii[repeat, j])]] = True

    def _blocks(self, start: int, squared: np.ndarray) -> Iterator[tuple]:
        """(repeat, half, numbers i of its real images and j of its samples, their squared distances) of each half."""
        for repeat in range(REPEATS):
            for half in (0, 1):
                i = np.flatnonzero(self._of_real[repeat, start : start + len(squared)] == half)
                j = np.flatnonzero(self._of_fake[repeat] == half)
                yield repeat, half, i + start, j, squared[i].take(j, axis=1)

    def details(self) -> dict:
        """{score: {"standard_error", "real": what a half of the real images gets, "real_images": its size}}."""
        samples = self._k * (self._of_fake.shape[1] // 2)
        found = {
            "precision": _shares(self._precise, self._of_fake),
            "recall": _shares(self._recalled, self._of_real),
            "density": self._inside.T / samples,
            "coverage": _shares(self._covered, self._of_real),
        }
        real, images = self._of_real_images(), self._of_real.shape[1] // 2
        return {
            name: {"standard_error": halves_error(*values), "real": real[name], "real_images": images}
            for name, values in found.items()
        }

    def _of_real_images(self) -> dict:
        """The scores of each half of the real images against the other half; the mean."""
        seen = np.zeros((REPEATS, 3))
        for repeat, half in enumerate(self._of_real):
            theirs = half[self._real.rows]
            other = (theirs >= 0) & (half[:, None] >= 0) & (theirs != half[:, None])
            inside = [other & (self._real.squared <= radii[repeat][:, None]) for radii in self._real_radii]
            images = len(half) // 2 * 2
            precise = np.unique(self._real.rows[inside[0]]).size
            seen[repeat] = precise / images, inside[1].sum() / (self._k * images), inside[1].any(axis=1).sum() / images
        precision, density, coverage = map(float, seen.mean(axis=0))
        return {"precision": precision, "recall": precision, "density": density, "coverage": coverage}


def _are_few(near: np.ndarray) -> bool:
    return np.count_nonzero(near) <= FEW_PAIRS * near.size


def _radii_in_halves(nearest: Neighbours, sides: np.ndarray, k: int) -> np.ndarray:
    """(REPEATS, N): the squared distance of each point to its k-th nearest neighbour in its own half."""
    found = np.empty(sides.shape)
    for repeat, side in enumerate(sides):
        same = side[nearest.rows] == side[:, None]
        place = (np.cumsum(same, axis=1, dtype=np.int16) >= k).argmax(axis=1)
        place[same.sum(axis=1) < k] = -1  # hardly ever: the farthest of the list
        found[repeat] = nearest.squared[np.arange(len(side)), place]
    found[sides < 0] = -1  # left out: no distance is below it
    return found


def _shares(marked: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """(2, REPEATS): the share of the images of each half that are marked."""
    return np.array([[row[side == half].mean() for row, side in zip(marked, sides)] for half in (0, 1)])
