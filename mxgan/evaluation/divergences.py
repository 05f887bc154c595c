"""How far one distribution is from another, and what a discriminator can make of it: the mathematics of GANs.

p (the data, real) and q (the generator's, fake) are the two sides throughout. A discrete distribution is an array of
probabilities ≥ 0 whose sum is 1 within `SUM_TOLERANCE`; it is then divided by its sum, so that rounding makes no
divergence negative. Divergences are in nats, 0 · log 0 is 0. NumPy and SciPy alone: no MXNet.

Every function raises ArgumentError where an argument is not what its docstring says, and ShapeError, a kind of it,
where shapes do not fit.

The case that matters (Arjovsky, Chintala & Bottou 2017, example 1), two distributions that share nothing:

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
from scipy.optimize import linprog
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

    p and q are discrete distributions, arrays of one shape. ≥ 0, and 0 for p = q alone; a term with p = 0 is 0, also
    where q = 0; infinity where q = 0 < p.

    Source: Kullback & Leibler 1951, "On information and sufficiency".
    """
    p, q = same_shape(distribution("p", p), distribution("q", q))
    return max(0.0, float(rel_entr(p, q).sum()))  # rounding may leave a little below 0


def js_divergence(p, q) -> float:
    """Jensen–Shannon divergence ½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2, in nats.

    Takes what `kl_divergence` does. Symmetric and finite: from 0 (p = q alone) to log 2, reached as soon as no outcome
    has p > 0 and q > 0, however far apart the outcomes lie. Its square root is a metric.

    Source: Lin 1991, "Divergence measures based on the Shannon entropy", with weights ½.
    """
    p, q = same_shape(distribution("p", p), distribution("q", q))
    doubled = rel_entr(2 * p, p + q) + rel_entr(2 * q, p + q)  # m itself may underflow to 0
    return min(max(0.0, float(doubled.sum()) / 4), math.log(2))


def kl_divergence_from_samples(x, y, bins: Union[int, Sequence] = 32, pseudocount: float = 0.0) -> float:
    """KL divergence of the distribution behind samples `x` from the one behind `y`, by histograms, in nats.

    Parameters
    ----------
    x, y : finite samples (N,) or (N, axes), and (M,) or (M, axes).
    bins : cells on each axis of the common grid, over the range of x and y together; or the edges of the cells,
        one array for 1-D samples, a list of one for each axis otherwise, around every sample.
    pseudocount : added to every cell of both histograms.

    Infinity where a cell holds samples of x and none of y, unless `pseudocount` is above 0.

    **It is biased, two ways.** Upwards by chance: for x and y of the same distribution, all K cells well filled, its
    mean is about (K − 1)(1/N + 1/M) / 2 instead of 0. Downwards by the grid: what differs inside a cell is not seen.
    Cells multiply with the axes: beyond two or three, the first bias is all that is left. A pseudocount pulls to 0.

    Source: the first bias, Pearson's χ² to second order (Wilks 1938); the second, the data processing inequality.
    """
    return kl_divergence(*_histograms(x, y, bins, pseudocount))


def js_divergence_from_samples(x, y, bins: Union[int, Sequence] = 32) -> float:
    """Jensen–Shannon divergence of the distributions behind samples `x` and `y`, by histograms, in nats.

    Takes what `kl_divergence_from_samples` does, and is biased likewise: upwards by about (K − 1)(1/N + 1/M) / 8
    for equal distributions on K well-filled cells, downwards by the grid. With many more cells than samples it is
    near log 2 whatever the samples are: hardly two of them share a cell.
    """
    return js_divergence(*_histograms(x, y, bins, 0.0))


# ---- Wasserstein distances ----


class Transport(NamedTuple):
    """A Wasserstein distance, and its plan (n, m): what mass goes from outcome i of p to outcome j of q."""

    distance: float
    plan: np.ndarray


def wasserstein_1d(x, y, order: float = 1, x_weights=None, y_weights=None) -> float:
    """Wasserstein distance of two samples on a line, (∫₀¹ |F⁻¹(u) − G⁻¹(u)|^order du)^(1/order).

    The quantile functions F⁻¹, G⁻¹ of samples are step functions and the integral a finite sum: exact, for unequal
    sizes and weights too, in the unit of the samples.

    Parameters
    ----------
    x, y : finite samples (N,) and (M,), in any order.
    order : a finite number ≥ 1.
    x_weights, y_weights : ≥ 0, one for each sample, in any unit (they are divided by their sum); None: equal ones.

    Source: Villani 2003, "Topics in Optimal Transportation", remarks 2.19.
    """
    _check_order(order)
    x, x_levels = _quantiles("x", x, x_weights)
    y, y_levels = _quantiles("y", y, y_weights)
    levels = np.union1d(x_levels, y_levels)
    masses = np.diff(levels, prepend=0.0)
    masses[masses <= 4 * np.finfo(float).eps] = 0  # one level, rounded in two ways
    gaps = np.abs(x[np.searchsorted(x_levels, levels)] - y[np.searchsorted(y_levels, levels)])
    return _mean_distance(gaps, masses, order)


def wasserstein_discrete(p, q, points=None, *, distances=None, order: float = 1) -> Transport:
    """Wasserstein distance of two discrete distributions, min (Σᵢⱼ planᵢⱼ distanceᵢⱼ^order)^(1/order), and its plan.

    The minimum is over every plan ≥ 0 whose rows sum to p and whose columns sum to q: a linear programme in n · m
    unknowns for SciPy's HiGHS (a few hundred outcomes at most), whose failure is an MXGANError.

    Parameters
    ----------
    p, q : probabilities (n,) and (m,).
    points : where the outcomes of both lie, (n,) or (n, axes); their distance is the Euclidean one.
    distances : instead, the distance from each outcome of p to each of q, (n, m), ≥ 0 and finite.
    order : a finite number ≥ 1, the power to which the distances enter.

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
    """D* = p / (p + q), the discriminator that no other beats, where real has density p and fake density q.

    p and q are probabilities or densities of the same outcomes, arrays of one shape, ≥ 0 and finite, of any sum.
    Returns float64 of that shape: 1 where only real is, 0 where only fake is, **0.5 where both are 0**: nothing is
    ever drawn there, and the value of the game does not depend on it.

    Source: Goodfellow et al. 2014, proposition 1 (eq. 2).
    """
    p, q = same_shape(non_negative("p", p), non_negative("q", q))
    return np.divide(p, p + q, out=np.full(p.shape, 0.5), where=p + q > 0)


def value_of_game(discriminator, p, q) -> float:
    """V(D, G) = E_p log D + E_q log(1 − D), in nats, which the discriminator maximises and the generator minimises.

    At D* it is −2 log 2 + 2 JS(p‖q): −2 log 2 for a perfect generator, 0 for one that shares nothing with the data.

    `discriminator` is D at each outcome, in [0, 1]; p and q are discrete distributions of its shape. ≤ 0, and
    −infinity where D = 0 < p or where D = 1 and q > 0.

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
    """Probabilities of x and of y on one grid."""
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
    """Sorted samples and the levels up to which each is the quantile: the last level is 1."""
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
