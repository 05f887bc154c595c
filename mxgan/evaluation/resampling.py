"""Standard errors of metrics: from what each image contributes, and from random halves of the images.

A standard error here is the standard deviation of a value over independent repetitions, with as many new images of both
sides. Three ways to it, each by pure functions of arrays:

`influence_error` : for a mean, or a function that is nearly one. An image's influence is the change of the value if the
    image had a little more weight (the infinitesimal jackknife).
`squared_error` : for a squared distance. Near 0 its influences are themselves noise: their variance counts each pair of
    images twice. So the variance of the curved part, which a pair of images has, is subtracted.
`halves_error` : for all other functions, from their values on random halves of the images. The difference of the values
    of two complementary halves, divided by 2, varies as the value itself does. A half has no image twice, unlike a
    bootstrap sample, so neighbours, pairs and radii stay what they are.

Source: Efron 1982, "The jackknife, the bootstrap and other resampling plans", chapters 6 and 8 (half-sampling and
influence functions).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mxgan.evaluation.arrays import draws

__all__ = ["curved_error", "halves", "halves_error", "influence_error", "shared_error", "squared_error"]


def influence_error(*influences) -> float:
    """√(Σ of s² / n over the sides), where s² is the variance of the influences (n,) of a side's images.

    The values of a mean are their own influences: then this is the standard error of the mean.
    """
    return math.sqrt(_variance_of(influences))


def squared_error(influences: Sequence, curved: float, least: float = 0.0) -> float:
    """The standard error of a squared distance, right both at 0 and far from it.

    Parameters
    ----------
    influences : arrays (n,), one for each side.
    curved : variance of the part of the distance that is quadratic in the images' weights.
    least : further variance that remains if both sides have the same distribution.

    At 0 the variance of the influences is 2 · curved where the truth is 1 · curved; far from 0 `curved` is small.
    """
    return curved_error(_variance_of(influences), curved, least)


def curved_error(linear: float, curved: float, least: float = 0.0) -> float:
    """√(linear − curved), at least √(curved + least): see `squared_error`."""
    return math.sqrt(max(linear - curved, curved + least))


def halves(count: int, seed: int, repeats: int, stream: str) -> np.ndarray:
    """(repeats, count) int8: 0 or 1 for the half that an image is in, −1 for the one that an odd count leaves out.

    Both halves have count // 2 images. Seed, stream and the number of a repeat decide which.
    """
    found = np.full((repeats, count), -1, dtype=np.int8)
    for repeat, row in enumerate(found):
        order = draws(f"halves {stream}", seed, repeat).permutation(count)
        row[order[: count // 2]], row[order[count // 2 : count // 2 * 2]] = 0, 1
    return found


def halves_error(first, second) -> float:
    """The standard error of a value, from its values on `repeats` pairs of complementary halves, each (repeats,)."""
    return math.sqrt(np.mean(((np.asarray(first) - second) / 2) ** 2))


def shared_error(first, second, parts: int) -> float:
    """The standard error of a mean over `parts` parts, from the values (repeats, some) of a few random parts on halves.

    Each repeat has parts of its own, two or more (directions of a projection). What they share in a repeat remains in
    the mean over all parts; what each has for itself is divided by their number.
    """
    half = (np.asarray(first) - second) / 2
    some = half.shape[1]
    own = np.mean(half.var(axis=1, ddof=1))
    shared = max(0.0, np.mean(half.mean(axis=1) ** 2) - own / some)
    return math.sqrt(shared + own / parts)


def _variance_of(influences: Sequence) -> float:
    return float(sum(np.var(each, ddof=1) / len(each) for each in influences))
