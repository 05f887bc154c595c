"""Precision, recall, density and coverage: two sets of features compared by their nearest neighbours."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.arrays import same_features, some_rows
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.manifold_halves import ManifoldHalves, Neighbours, reach
from mxgan.runtime.config import whole_number

__all__ = ["manifold_scores", "measure_manifold"]

CHUNK_DISTANCES = 2**23  # number of distances held at a time: 64 MiB


def manifold_scores(real, fake, *, precision_neighbours: int = 3, coverage_neighbours: int = 5) -> dict:
    """{"precision", "recall", "density", "coverage"} of fake features against real features.

    The ball of a feature reaches to its k-th nearest neighbour in its own set. The feature itself is not a neighbour;
    the surface belongs to the ball.

    precision : share of fakes in at least one real ball.
    recall : share of reals in at least one fake ball.
    density : mean number of real balls that contain a fake, divided by k; above 1 if fakes lie where reals are dense.
    coverage : share of real balls that contain at least one fake.

    Parameters
    ----------
    real, fake : features (N, D) and (M, D), each with more rows than neighbours.
    precision_neighbours : k of precision and recall.
    coverage_neighbours : k of density and coverage. For perfect samples and N = M, coverage is 1 − 2⁻ᵏ.

    Distances are Euclidean, in float64. They are computed for all pairs, a few rows at a time.

    Raises ShapeError and ArgumentError for invalid features or numbers out of range.

    Source: Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative models", eq. 1, 2;
    Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", section 3.
    """
    return _scores(real, fake, precision_neighbours, coverage_neighbours)[0]


def measure_manifold(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The rows `precision`, `recall`, `density` and `coverage` of METRICS, with errors and what real images get.

    Both come from halves of the images: `real` is the score of one half of the real images against the other half, the
    mean of many; `real_images` is the number of images in a half. They are left out if a half has too few.
    """
    most = whole_number("manifold_rows", settings.manifold_rows, 2)
    values, details = _scores(
        *(some_rows(side.features, most, settings.seed, "manifold") for side in (reference, samples)),
        settings.precision_neighbours,
        settings.coverage_neighbours,
        settings.seed,
    )
    return {name: Score(value, details.get(name, {})) for name, value in values.items()}


def _scores(real, fake, precision_neighbours: int, coverage_neighbours: int, seed: Optional[int] = None) -> tuple:
    """({name: score}, {name: details}); the details are empty without a seed."""
    real, fake = same_features(("real", "fake"), real, fake, least=2)
    ks = [
        whole_number(name, value, 1)
        for name, value in (
            ("precision_neighbours", precision_neighbours),
            ("coverage_neighbours", coverage_neighbours),
        )
    ]
    if max(ks) >= min(len(real), len(fake)):
        raise ArgumentError(
            f"there are {len(real)} real and {len(fake)} fake features for {max(ks)} neighbours; "
            f"give at least {max(ks) + 1} of each."
        )
    middle = real.mean(axis=0)  # distances do not change, and lose no digits to an offset
    real, fake = real - middle, fake - middle
    nearest = [_nearest(side, reach(ks, len(side))) for side in (real, fake)]
    halved = None
    if seed is not None and min(len(real), len(fake)) // 2 > max(ks):
        halved = ManifoldHalves(*nearest, ks, seed)
    radii = [[side.squared[:, k - 1] for k in ks] for side in nearest]
    values = _compare(real, fake, radii[0], radii[1][0], ks[1], halved)
    return values, halved.details() if halved else {}


def _compare(
    real: np.ndarray,
    fake: np.ndarray,
    real_radii: list,
    fake_radii: np.ndarray,
    k: int,
    halved: Optional[ManifoldHalves],
) -> dict:
    """The scores, from the squared distances of all reals to all fakes, which `halved` sees too."""
    precise = np.zeros(len(fake), dtype=bool)
    recalled = covered = inside = 0
    for start, squared in _squared_distances(real, fake):
        rows = slice(start, start + len(squared))
        precise |= (squared <= real_radii[0][rows, None]).any(axis=0)
        recalled += (squared <= fake_radii).any(axis=1).sum()
        in_ball = squared <= real_radii[1][rows, None]
        inside += in_ball.sum()
        covered += in_ball.any(axis=1).sum()
        if halved is not None:
            halved.see(start, squared)
    return {
        "precision": float(precise.mean()),
        "recall": float(recalled / len(real)),
        "density": float(inside / (k * len(fake))),
        "coverage": float(covered / len(real)),
    }


def _nearest(points: np.ndarray, count: int) -> Neighbours:
    """The `count` nearest other points of each point."""
    found = Neighbours(np.empty((len(points), count)), np.empty((len(points), count), dtype=np.int32))
    for start, squared in _squared_distances(points, points):
        rows = np.arange(len(squared))
        squared[rows, start + rows] = np.inf  # itself
        nearest = np.argpartition(squared, count - 1, axis=1)[:, :count]
        distances = np.take_along_axis(squared, nearest, axis=1)
        order = np.argsort(distances, axis=1, kind="stable")
        for kept, values in zip(found, (distances, nearest)):
            kept[start : start + len(rows)] = np.take_along_axis(values, order, axis=1)
    return found


def _squared_distances(a: np.ndarray, b: np.ndarray):
    """All rows of a in chunks: (index of the first row, squared distances of the rows to all rows of b)."""
    norms = np.einsum("nd,nd->n", b, b)
    chunk = max(1, CHUNK_DISTANCES // len(b))
    for start in range(0, len(a), chunk):
        some = a[start : start + chunk]
        squared = some @ b.T
        squared *= -2
        squared += norms
        squared += np.einsum("nd,nd->n", some, some)[:, None]
        yield start, np.maximum(squared, 0, out=squared)
