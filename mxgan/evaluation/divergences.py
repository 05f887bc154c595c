"""KL and JS divergence, Wasserstein distance, the optimal discriminator and the value of the game, without MXNet.

Throughout, p is the distribution of the data (real) and q that of the generator (fake). A discrete distribution is an
array of probabilities ≥ 0 with a sum of 1 within `arrays.SUM_TOLERANCE`. It is then divided by its sum, so that
rounding cannot make a divergence negative. Divergences are in nats, and 0 · log 0 is 0.

Every function raises ArgumentError for an argument that does not fit its docstring, and ShapeError, a subclass of
ArgumentError, for shapes that do not fit.

The important case (Arjovsky, Chintala & Bottou 2017, example 1), two distributions without common outcomes:

>>> p, near, far = [1, 0, 0], [0, 1, 0], [0, 0, 1]
>>> round(js_divergence(p, near), 4), round(js_divergence(p, far), 4)
(0.6931, 0.6931)
>>> [wasserstein_discrete(p, q, points=[0, 1, 9]).distance for q in (near, far)]
[1.0, 9.0]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Union

import numpy as np
from scipy import sparse
from scipy.spatial.distance import cdist
from scipy.special import rel_entr, xlog1py, xlogy

from mxgan.errors import ArgumentError, MXGANError, ShapeError
from mxgan.evaluation.arrays import distribution, non_negative, numbers, same_shape, sample_rows
from mxgan.runtime.config import whole_number

__all__ = [
    "Transport",
    "js_divergence",
    "js_divergence_from_samples",
    "kl_divergence",
    "kl_divergence_from_samples",
    "optimal_discriminator",
    "value_of_game",
    "wasserstein_1d",
    "wasserstein_discrete",
]

MOST_CELLS = 10**7


# ---- divergences ----


def kl_divergence(p, q) -> float:
    """Kullback–Leibler divergence KL(p‖q) = Σ p log(p / q), in nats.

    p and q are discrete distributions, arrays of the same shape. The result is ≥ 0, and 0 only for p = q. A term with
    p = 0 is 0, even if q = 0. The result is infinite if an outcome has q = 0 < p.

    Source: Kullback & Leibler 1951, "On information and sufficiency".
    """
    p, q = same_shape(distribution("p", p), distribution("q", q))
    return max(0.0, float(rel_entr(p, q).sum()))  # rounding may leave a little below 0


def js_divergence(p, q) -> float:
    """Jensen–Shannon divergence ½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2, in nats.

    The arguments are those of `kl_divergence`. The result is symmetric and finite: from 0 (only for p = q) to log 2. It
    is log 2 if no outcome has p > 0 and q > 0, for any distance between the outcomes. Its square root is a metric.

    Source: Lin 1991, "Divergence measures based on the Shannon entropy", with weights ½.
    """
    p, q = same_shape(distribution("p", p), distribution("q", q))
    doubled = rel_entr(2 * p, p + q) + rel_entr(2 * q, p + q)  # m itself may underflow to 0
    return min(max(0.0, float(doubled.sum()) / 4), math.log(2))


def kl_divergence_from_samples(x, y, bins: Union[int, Sequence] = 32, pseudocount: float = 0.0) -> float:
    """KL divergence of the distribution of samples `x` from that of samples `y`, from histograms, in nats.

    Parameters
    ----------
    x, y : finite samples (N,) or (N, axes), and (M,) or (M, axes).
    bins : the number of cells on each axis of a common grid over the range of x and y. Or the edges of the cells: one
        array for 1-D samples, else a list with one array for each axis; every sample must lie between them.
    pseudocount : added to every cell of both histograms.

    The result is infinite if a cell has samples of x but none of y, unless `pseudocount` is above 0.

    **It is biased in two ways.** Upwards by chance: if x and y have the same distribution and all K cells are well
    filled, its mean is about (K − 1)(1/N + 1/M) / 2 instead of 0. Downwards by the grid: differences inside a cell are
    not seen. The number of cells grows exponentially with the axes: beyond two or three axes the result is only the
    first bias. A pseudocount moves the result towards 0.

    Source: for the first bias, Pearson's χ² to second order (Wilks 1938); for the second, the data processing
    inequality.
    """
    return kl_divergence(*_histograms(x, y, bins, pseudocount))


def js_divergence_from_samples(x, y, bins: Union[int, Sequence] = 32) -> float:
    """Jensen–Shannon divergence of the distributions of samples `x` and `y`, from histograms, in nats.

    The arguments are those of `kl_divergence_from_samples`, without `pseudocount`. It has the same two biases: upwards
    by about (K − 1)(1/N + 1/M) / 8 for equal distributions on K well-filled cells, downwards by the grid. With many
    more cells than samples it is near log 2 for any samples, because almost no two samples share a cell.
    """
    return js_divergence(*_histograms(x, y, bins, 0.0))


# ---- Wasserstein distances ----


class Transport(NamedTuple):
    """A Wasserstein distance, and its plan (n, m): the mass that moves from outcome i of p to outcome j of q."""

    distance: float
    plan: np.ndarray


def wasserstein_1d(x, y, order: float = 1, x_weights=None, y_weights=None) -> float:
    """Wasserstein distance of two samples on a line, (∫₀¹ |F⁻¹(u) − G⁻¹(u)|^order du)^(1/order).

    The quantile functions F⁻¹, G⁻¹ of samples are step functions, so that the integral is a finite sum. The result is
    exact, also for different sizes and weights, and has the unit of the samples.

    Parameters
    ----------
    x, y : finite samples (N,) and (M,), in any order.
    order : a finite number ≥ 1.
    x_weights, y_weights : ≥ 0, one for each sample, in any unit (they are divided by their sum). None means equal
        weights.

    Source: Villani 2003, "Topics in Optimal Transportation", remarks 2.19.
    """
    _check_order(order)
    x, x_levels = _quantiles("x", x, x_weights)
    y, y_levels = _quantiles("y", y, y_weights)
    levels = np.union1d(x_levels, y_levels)
    masses = np.diff(levels, prepend=0.0)
    masses[masses <= 4 * np.finfo(float).eps] = 0  # the same level of x and y, rounded differently
    gaps = np.abs(x[np.searchsorted(x_levels, levels)] - y[np.searchsorted(y_levels, levels)])
    return _mean_distance(gaps, masses, order)


def wasserstein_discrete(p, q, points=None, *, distances=None, order: float = 1) -> Transport:
    """Wasserstein distance of two discrete distributions, min (Σᵢⱼ planᵢⱼ distanceᵢⱼ^order)^(1/order), and its plan.

    The minimum is over all plans ≥ 0 whose rows sum to p and whose columns sum to q. It is a linear programme in n · m
    unknowns, solved by SciPy's HiGHS (for a few hundred outcomes at most); a failure of HiGHS raises MXGANError.

    Parameters
    ----------
    p, q : probabilities (n,) and (m,).
    points : coordinates of the outcomes of both p and q, (n,) or (n, axes); distances are then Euclidean.
    distances : instead of points: the distance from each outcome of p to each outcome of q, (n, m), ≥ 0 and finite.
    order : a finite number ≥ 1, the exponent of the distances.

    Source: Villani 2009, "Optimal Transport: Old and New", definition 6.1, between finite sets.
    """
    _check_order(order)
    p, q = distribution("p", p), distribution("q", q)
    distances = _ground_distances(points, distances)
    if p.shape + q.shape != distances.shape:
        raise ShapeError(
            f"p {p.shape} and q {q.shape} do not fit distances {distances.shape}; give a probability for each point."
        )
    scale = distances.max() or 1.0  # HiGHS' tolerances are absolute
    from scipy.optimize import linprog  # imported here because it takes a third of a second

    rows = sparse.kron(sparse.eye(len(p)), np.ones((1, len(q))))
    columns = sparse.kron(np.ones((1, len(p))), sparse.eye(len(q)))
    found = linprog(
        ((distances / scale) ** order).ravel(),
        A_eq=sparse.vstack([rows, columns], format="csr"),
        b_eq=np.concatenate([p, q]),
        method="highs",
    )
    if not found.success:
        raise MXGANError(f"the transport of {len(p)} to {len(q)} outcomes was not solved: {found.message}")
    plan = np.maximum(found.x, 0).reshape(distances.shape)
    return Transport(_mean_distance(distances, plan, order), plan)


# ---- the game ----


def optimal_discriminator(p, q) -> np.ndarray:
    """D* = p / (p + q), the optimal discriminator for real images of density p and fake images of density q.

    p and q are probabilities or densities of the same outcomes, arrays of the same shape, ≥ 0 and finite, with any sum.
    Returns float64 of this shape: 1 where q = 0 < p, 0 where p = 0 < q, and **0.5 where both are 0**. No image is ever
    drawn there, and the value of the game does not depend on this 0.5.

    Source: Goodfellow et al. 2014, proposition 1 (eq. 2).
    """
    p, q = same_shape(non_negative("p", p), non_negative("q", q))
    return np.divide(p, p + q, out=np.full(p.shape, 0.5), where=p + q > 0)


def value_of_game(discriminator, p, q) -> float:
    """V(D, G) = E_p log D + E_q log(1 − D), in nats. The discriminator maximises it, the generator minimises it.

    At D* it is −2 log 2 + 2 JS(p‖q): −2 log 2 for a perfect generator, 0 if p and q have no common outcome.

    `discriminator` is D at each outcome, in [0, 1]; p and q are discrete distributions of the same shape. The result is
    ≤ 0. It is −infinity if an outcome has D = 0 < p, or D = 1 and q > 0.

    Source: Goodfellow et al. 2014, eq. 1; the value at D*, theorem 1 (eq. 6).
    """
    p, q = same_shape(distribution("p", p), distribution("q", q))
    d = non_negative("discriminator", discriminator)
    if d.shape != p.shape:
        raise ShapeError(f"discriminator {d.shape} does not fit p and q {p.shape}; give D at each outcome.")
    if d.max() > 1:
        raise ArgumentError(f"discriminator holds {d.max():g}; give probabilities, the sigmoid of a raw score.")
    return float((xlogy(p, d) + xlog1py(q, -d)).sum())


# ---- parts ----


def _histograms(x, y, bins, pseudocount: float) -> tuple:
    """Probabilities of x and of y on a common grid."""
    if not 0 <= pseudocount < math.inf:
        raise ArgumentError(f"pseudocount is {pseudocount!r}; give a finite number of 0 or more.")
    x, y = sample_rows("x", x), sample_rows("y", y)
    axes = x.shape[1]
    if axes != y.shape[1]:
        raise ShapeError(f"x has {axes} axes and y {y.shape[1]}; give samples of one space.")
    if np.ndim(bins) == 0 and whole_number("bins", bins) ** axes > MOST_CELLS:
        raise ArgumentError(f"bins {bins} on {axes} axes make more than {MOST_CELLS:,} cells; give fewer.")
    joint = np.concatenate([x, y])
    try:
        count, edges = np.histogramdd(joint, [bins] if axes == 1 else bins)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"bins is {bins!r}; give a number of cells, or growing edges: {error}.") from error
    if count.sum() < len(joint):
        raise ArgumentError(f"bins leave out {len(joint) - int(count.sum())} of the samples; widen the edges.")
    x, y = (np.histogramdd(samples, edges)[0] + pseudocount for samples in (x, y))
    return x / x.sum(), y / y.sum()


def _check_order(order: float) -> None:
    if not 1 <= order < math.inf:
        raise ArgumentError(f"order is {order!r}; give a finite number of 1 or more.")


def _quantiles(name: str, values, weights) -> tuple:
    """(sorted samples, levels): each sample is the quantile up to its level; the last level is 1."""
    values = numbers(name, values)
    weights = np.ones(values.shape) if weights is None else non_negative(f"{name}_weights", weights)
    if values.ndim != 1 or weights.shape != values.shape:
        raise ShapeError(f"{name} {values.shape} with weights {weights.shape}; give both as (N,).")
    order = np.argsort(values, kind="stable")
    levels = np.cumsum(weights[order], dtype=np.longdouble)
    if levels[-1] == 0:
        raise ArgumentError(f"{name}_weights are all 0; give at least one above 0.")
    return values[order], (levels / levels[-1]).astype(np.float64)


def _ground_distances(points, distances) -> np.ndarray:
    if (points is None) == (distances is None):
        raise ArgumentError("give either points or distances: where the outcomes lie, or how far apart.")
    if distances is not None:
        return non_negative("distances", distances)
    points = sample_rows("points", points)
    return cdist(points, points)


def _mean_distance(distances: np.ndarray, masses: np.ndarray, order: float) -> float:
    """(Σ masses · distances^order)^(1/order), scaled so that no power overflows."""
    scale = distances[masses > 0].max() or 1.0
    return float(scale * (masses * (distances / scale) ** order).sum() ** (1 / order))
