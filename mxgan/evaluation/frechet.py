"""Fréchet distance of two sets of features, each modelled as a Gaussian."""

from __future__ import annotations

from typing import Optional

import numpy as np
from scipy import linalg

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.arrays import check_features, same_features
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.frechet_error import frechet_error
from mxgan.evaluation.resampling import halves

__all__ = ["FeatureStatistics", "frechet_distance", "measure_fid", "measure_frechet"]

SPLITS = 4  # of the real images into halves
LEAST_HALVED = 4  # real images, so that each half has a covariance


class FeatureStatistics:
    """Mean and covariance of features, computed in float64 from one part of them at a time.

    >>> statistics = FeatureStatistics()
    >>> statistics.update([[0.0, 1.0], [2.0, 1.0]])
    >>> statistics.mean, statistics.covariance[0, 0]
    (array([1., 1.]), 2.0)

    Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", for matrices.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean: Optional[np.ndarray] = None
        self._scatter: Optional[np.ndarray] = None

    @classmethod
    def of(cls, features) -> FeatureStatistics:
        """The statistics of features (N, D)."""
        statistics = cls()
        statistics.update(features)
        return statistics

    def update(self, features) -> None:
        """Add finite features (N, D); ShapeError if D differs from that of earlier features."""
        features = check_features("features", features)
        mean = features.mean(axis=0)
        centred = features - mean
        self._add(len(features), mean, centred.T @ centred)

    def merge(self, other: FeatureStatistics) -> None:
        """Add all features of `other`."""
        if other.count:
            self._add(other.count, other._mean, other._scatter)

    @property
    def mean(self) -> np.ndarray:
        """The mean, (D,)."""
        self._need(1, "mean")
        return self._mean.copy()

    @property
    def covariance(self) -> np.ndarray:
        """The covariance, (D, D), with divisor N - 1."""
        self._need(2, "covariance")
        return self._scatter / (self.count - 1)

    def _add(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        if not self.count:
            self.count, self._mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        if mean.shape != self._mean.shape:
            raise ShapeError(
                f"features have {len(mean)} numbers a row, those before {len(self._mean)}; "
                "give features of the same network."
            )
        total, shift = self.count + count, mean - self._mean
        self._scatter = self._scatter + scatter + np.outer(shift, shift) * (self.count * count / total)
        self._mean = self._mean + shift * (count / total)
        self.count = total

    def _need(self, least: int, what: str) -> None:
        if self.count < least:
            raise ArgumentError(f"{self.count} features have no {what}; give at least {least}.")


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """‖μ_a − μ_b‖² + tr(C_a + C_b − 2 (C_a^½ C_b C_a^½)^½), the squared Wasserstein-2 distance of two Gaussians.

    The trace of (C_a^½ C_b C_a^½)^½ is the sum of the singular values of C_a^½ C_b^½. The roots C_a^½ and C_b^½ come
    from the eigenvectors of both matrices. This is exact for singular covariances (fewer images than features, or a
    feature that is always 0), where a general matrix root fails or becomes complex. The distance is biased upwards for
    few images, by about 1/N, so compare equal numbers of images.

    Returns
    -------
    A number ≥ 0, 0 for equal statistics. It is called FID only for Inception's features.

    Raises ShapeError if the features have different lengths, ArgumentError for fewer than two images.

    Source: Dowson & Landau 1982, "The Fréchet distance between multivariate normal distributions"; Heusel et al. 2017,
    eq. 6.
    """
    first, second = a.covariance, b.covariance
    if first.shape != second.shape:
        raise ShapeError(
            f"features have {len(first)} and {len(second)} numbers a row; give features of the same network."
        )
    shift = a.mean - b.mean
    overlap = linalg.svdvals(_root_factor(first) @ _root_factor(second).T).sum()
    return max(0.0, float(shift @ shift + np.trace(first) + np.trace(second) - 2 * overlap))


def measure_frechet(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `frechet` of METRICS."""
    return {"frechet": _score(reference.features, samples.features, settings.seed)}


def measure_fid(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `fid` of METRICS."""
    return {"fid": _score(reference.inception, samples.inception, settings.seed)}


def _score(real: np.ndarray, fake: np.ndarray, seed: int) -> Score:
    """The distance, its error, and the mean distance of two halves of the real images from each other."""
    real, fake = same_features(("real", "fake"), real, fake, least=2)
    value = frechet_distance(FeatureStatistics.of(real), FeatureStatistics.of(fake))
    details: dict = {"standard_error": frechet_error(real, fake)}
    if len(real) >= LEAST_HALVED:
        splits = halves(len(real), seed, SPLITS, "frechet")
        parts = ([FeatureStatistics.of(real[half == side]) for side in (0, 1)] for half in splits)
        details.update(real=float(np.mean([frechet_distance(*pair) for pair in parts])), real_images=len(real) // 2)
    return Score(value, details)


def _root_factor(covariance: np.ndarray) -> np.ndarray:
    """F (D, D) with Fᵀ F = covariance. Eigenvalues that are negative or below D · ε times the largest are set to 0.

    They are rounding errors. A rounding error of 1e-16 has a root of 1e-8, which would be visible in the distance and
    differ between libraries.
    """
    values, vectors = linalg.eigh(covariance)  # in ascending order
    rounding = len(values) * np.finfo(values.dtype).eps * max(0.0, values[-1])
    return np.sqrt(np.where(values > rounding, values, 0))[:, None] * vectors.T
