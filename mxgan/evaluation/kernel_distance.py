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
    standard_error : of the value as an estimate of the distance of the two distributions. The subsets overlap, so the
        error is larger than s / √subsets, where s is the standard deviation over the subsets. Its square is
        s²/subsets + s² · f / (1 − f) with f = m / min(N, M). This follows from the law of total variance, if the
        variance of a U-statistic is ∝ 1/m. Near a distance of 0 the variance falls faster; there it is an upper bound.

    Raises ShapeError and ArgumentError for invalid features or numbers out of range.

    Source: Bińkowski et al. 2018, "Demystifying MMD GANs"; Gretton et al. 2012, eq. 3.
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
    share = subset_size / fewest
    error = found.std(ddof=1) * np.sqrt(1 / subsets + share / (1 - share))
    return KernelDistance(float(found.mean()), float(error))


def measure_kernel(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `kernel` of METRICS."""
    real, fake = reference.features, samples.features
    size = max(2, min(settings.subset_size, len(real) // 2, len(fake) // 2))
    found = kernel_distance(real, fake, subsets=settings.subsets, subset_size=size, seed=settings.seed)
    return {"kernel": Score(found.value, {"standard_error": found.standard_error, "subset_size": size})}


def _of_subsets(real: np.ndarray, fake: np.ndarray, size: int, rng: np.random.Generator) -> float:
    x, y = (side[rng.choice(len(side), size, replace=False)] for side in (real, fake))
    inside = sum(kernel.sum() - np.trace(kernel) for kernel in (_kernel(x, x), _kernel(y, y)))
    return inside / (size * (size - 1)) - 2 * _kernel(x, y).mean()


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    linear = x @ y.T / x.shape[1] + 1
    return linear * linear * linear  # ** 3 is many times slower
