"""Kernel distance: the squared maximum mean discrepancy of two sets of features under a cubic kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.arrays import draws, same_features
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.runtime.config import whole_number

__all__ = ["KernelDistance", "kernel_distance", "measure_kernel"]


class KernelDistance(NamedTuple):
    """A squared kernel distance and its standard error."""

    value: float
    standard_error: float


def kernel_distance(real, fake, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0) -> KernelDistance:
    """Mean over random subsets of the unbiased squared MMD with k(x, y) = (x·y / D + 1)³.

    Parameters
    ----------
    real, fake : features (N, D) and (M, D).
    subsets : the number of subsets, at least 2; each is drawn without replacement from all features.
    subset_size : m, from 2 to half of the smaller set. Subsets of all features would not vary, so that they show no
        error.
    seed : seed of the subsets.

    Returns
    -------
    value : around 0 for samples of one distribution, negative as often as positive; unbiased for any m.
    standard_error : the standard deviation of the value over new sets of as many features. It has the variance of the
        MMD of all features, from its linear and its degenerate part as they are estimated in the subsets, plus that of
        the mean over a limited number of subsets. It is right near a distance of 0 too, where the linear part vanishes.

    For two equal arrays the value is below 0 (by about the mean of k(x, x) − k(x, y), over m), and means nothing:
    features that are in both sets count in the term between the sets alone.

    Raises ShapeError and ArgumentError for invalid features or numbers out of range.

    Source: Bińkowski et al. 2018, "Demystifying MMD GANs"; Gretton et al. 2012, eq. 3; the variance: Serfling 1980,
    "Approximation theorems of mathematical statistics", section 5.2, as in Sutherland et al. 2017, appendix A.
    """
    real, fake = same_features(("real", "fake"), real, fake, least=4)
    fewest = min(len(real), len(fake))
    subsets = whole_number("subsets", subsets, 2)
    subset_size = whole_number("subset_size", subset_size, 2)
    if subset_size > fewest // 2:
        raise ArgumentError(
            f"subset_size is {subset_size}, and there are {len(real)} and {len(fake)} features; "
            f"give 2 to {fewest // 2}, half of the smaller set."
        )
    rng = draws("subsets", seed)
    found = np.array([_of_subsets(real, fake, subset_size, rng) for _ in range(subsets)])
    values, parts = found[:, 0], found[:, 1:].mean(axis=0)
    error = np.sqrt(_variance(*parts, len(real), len(fake)) + values.var(ddof=1) / subsets)
    return KernelDistance(float(values.mean()), float(error))


def measure_kernel(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `kernel` of METRICS."""
    real, fake = reference.features, samples.features
    size = max(2, min(settings.subset_size, len(real) // 2, len(fake) // 2))
    found = kernel_distance(real, fake, subsets=settings.subsets, subset_size=size, seed=settings.seed)
    details: dict = {"subset_size": size}
    if np.array_equal(real, fake):
        details["identical"] = True  # the value is below 0, and is no draw that has an error
    else:
        details["standard_error"] = found.standard_error
    return {"kernel": Score(found.value, details)}


def _of_subsets(real: np.ndarray, fake: np.ndarray, size: int, rng: np.random.Generator) -> tuple:
    """(MMD², linear variance of real, of fake, degenerate variance of real, of fake, of both) from one pair of subsets.

    k(x, y) is a constant, an effect of x, an effect of y, and a degenerate rest. The linear variance is that of the
    influence 2 · (effect of x in its own set − effect in the other), without the noise that the rest leaves in it.
    """
    x, y = (side[rng.choice(len(side), size, replace=False)] for side in (real, fake))
    own = [_own_parts(_kernel(side, side)) for side in (x, y)]
    across = _kernel(x, y)
    centre, effects = across.mean(), [across.mean(axis=axis) - across.mean() for axis in (1, 0)]
    squares = np.vdot(across, across) - size**2 * centre**2 - size * sum(each @ each for each in effects)
    both = squares / (size - 1) ** 2
    linear = []
    for (_, effect, rest), other in zip(own, effects):
        noise = rest / max(1, size - 2) + both / size
        linear.append(4 * ((effect - other).var(ddof=1) - noise))
    return (own[0][0] + own[1][0] - 2 * centre, *linear, own[0][2], own[1][2], both)


def _own_parts(kernel: np.ndarray) -> tuple:
    """(mean, effects (m,), variance of the rest) of the kernel of a set with itself, without the diagonal."""
    size, diagonal = len(kernel), np.diag(kernel)
    sums = kernel.sum(axis=1) - diagonal
    mean = (kernel.sum() - np.trace(kernel)) / (size * (size - 1))
    if size < 4:
        return mean, np.zeros(size), 0.0
    effects = (sums - (size - 1) * mean) / (size - 2)
    total = np.vdot(kernel, kernel) - diagonal @ diagonal - size * (size - 1) * mean**2
    return mean, effects, (total - 2 * (size - 2) * (effects @ effects)) / (size * (size - 3))


def _variance(of_x: float, of_y: float, x_rest: float, y_rest: float, both: float, n: int, m: int) -> float:
    """The variance of the MMD² of all n and m features."""
    curved = 2 * x_rest / (n * (n - 1)) + 2 * y_rest / (m * (m - 1)) + 4 * both / (n * m)
    return max(0.0, of_x / n + of_y / m) + max(0.0, curved)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    linear = x @ y.T / x.shape[1] + 1
    return linear * linear * linear  # ** 3 is many times slower
