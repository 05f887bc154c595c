"""Divergences and distances against closed forms, SciPy's own and each other."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.optimize
from scipy import stats
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, jensenshannon

from mxgan.errors import ArgumentError, MXGANError, ShapeError
from mxgan.evaluation.divergences import (
    js_divergence,
    js_divergence_from_samples,
    kl_divergence,
    kl_divergence_from_samples,
    optimal_discriminator,
    value_of_game,
    wasserstein_1d,
    wasserstein_discrete,
)

LOG2 = math.log(2)
SEEDS = range(8)


def random_distributions(seed: int, count: int, size: int = 12) -> list:
    """Distributions with some zeros in different places."""
    rng = np.random.default_rng(seed)
    drawn = rng.dirichlet(np.full(size, 0.5), count) * (rng.random((count, size)) > 0.2)
    return list(drawn / drawn.sum(1, keepdims=True))


def gaussian(points, mean, sigma):
    density = stats.norm.pdf(points, mean, sigma)
    return density / density.sum()


# ---- KL and JS ----


@pytest.mark.parametrize("seed", SEEDS)
def test_kl_and_js_are_scipys(seed):
    p, q = random_distributions(seed, 2)
    full = np.random.default_rng(seed).dirichlet(np.ones(12))
    assert kl_divergence(p, full) == pytest.approx(stats.entropy(p, full), rel=1e-12)
    assert js_divergence(p, q) == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-9)
    assert js_divergence(p, q) == js_divergence(q, p)
    m = (p + q) / 2
    assert js_divergence(p, q) == pytest.approx((kl_divergence(p, m) + kl_divergence(q, m)) / 2, rel=1e-12)
    assert 0 <= js_divergence(p, q) <= LOG2


@pytest.mark.parametrize("a, b", [(0.5, 0.25), (0.9, 0.1), (1.0, 0.3)])
def test_bernoulli(a, b):
    expected = a * math.log(a / b) + ((1 - a) * math.log((1 - a) / (1 - b)) if a < 1 else 0)
    assert kl_divergence([a, 1 - a], [b, 1 - b]) == pytest.approx(expected, rel=1e-12)


def test_two_gaussians_on_a_fine_grid():
    """KL(N(0, 1) ‖ N(1, 1.5²)) = log 1.5 + (1 + 1) / (2 · 1.5²) − ½."""
    points = np.linspace(-14, 14, 20001)
    p, q = gaussian(points, 0, 1), gaussian(points, 1, 1.5)
    assert kl_divergence(p, q) == pytest.approx(math.log(1.5) + 2 / (2 * 1.5**2) - 0.5, rel=1e-9)


def test_identity_zeros_and_infinity():
    for p in random_distributions(0, 5):
        assert kl_divergence(p, p) == 0
        assert js_divergence(p, p) == 0
    assert kl_divergence([0, 1], [0.5, 0.5]) == pytest.approx(LOG2)
    assert kl_divergence([0.5, 0.5], [0, 1]) == math.inf
    assert kl_divergence([0, 1], [0, 1]) == 0
    least = 5e-324  # half of it is 0
    assert js_divergence([1, least], [1, 0]) == 0


def test_rounding_never_makes_a_divergence_negative():
    rng = np.random.default_rng(1)
    for _ in range(200):
        p = rng.dirichlet(np.ones(50)).astype(np.float32)
        q = (p * (1 + 1e-7 * rng.standard_normal(50))).astype(np.float32)
        assert 0 <= kl_divergence(p, q) < 1e-12
        assert 0 <= js_divergence(p, q) < 1e-12


def test_the_root_of_js_obeys_the_triangle_inequality():
    for seed in range(100):
        p, q, r = random_distributions(seed, 3)
        root = [math.sqrt(js_divergence(*pair)) for pair in ((p, r), (p, q), (q, r))]
        assert root[0] <= root[1] + root[2] + 1e-12


def test_distributions_of_any_shape():
    p, q = (np.array(d).reshape(3, 4) for d in random_distributions(3, 2))
    assert js_divergence(p, q) == js_divergence(p.ravel(), q.ravel())


# ---- from samples ----


def test_samples_are_counted_on_one_grid():
    x, y = [0.1, 0.2, 0.9, 0.9], [0.1, 0.6, 0.7, 0.8]
    counted = [0.5, 0.5], [0.25, 0.75]
    assert kl_divergence_from_samples(x, y, bins=[0, 0.5, 1]) == pytest.approx(stats.entropy(*counted))
    assert js_divergence_from_samples(x, y, bins=[0, 0.5, 1]) == pytest.approx(js_divergence(*counted))
    assert js_divergence_from_samples(x, y, bins=2) == pytest.approx(js_divergence(*counted))  # cut at 0.5
    assert kl_divergence_from_samples(y, x, bins=[0, 0.5, 0.65, 1]) == math.inf
    smooth = kl_divergence_from_samples(y, x, bins=[0, 0.5, 0.65, 1], pseudocount=0.5)
    assert smooth == pytest.approx(stats.entropy([1.5, 1.5, 2.5], [2.5, 0.5, 2.5]))


def test_samples_in_the_plane():
    x, y = [[0, 0], [0, 1], [1, 1], [1, 1]], [[0, 0], [0, 0], [0, 1], [1, 1]]
    counted = [0.25, 0.25, 0, 0.5], [0.5, 0.25, 0, 0.25]
    assert kl_divergence_from_samples(x, y, bins=2) == pytest.approx(stats.entropy(*counted))
    edges = [-0.5, 0.5, 1.5]
    assert js_divergence_from_samples(x, y, bins=[edges, edges]) == pytest.approx(js_divergence(*counted))


def test_samples_that_are_all_the_same():
    assert js_divergence_from_samples([2.0, 2.0], [2.0], bins=4) == 0


def test_many_samples_come_near_the_closed_form():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 200_000), rng.normal(1, 1.5, 200_000)
    expected = math.log(1.5) + 2 / (2 * 1.5**2) - 0.5
    assert kl_divergence_from_samples(x, y, bins=60) == pytest.approx(expected, rel=0.03)


def test_the_upward_bias_is_what_the_docstring_says():
    rng = np.random.default_rng(0)
    cells, n, m, runs = 20, 1000, 3000, 300
    edges = np.linspace(0, 1, cells + 1)
    drawn = [(rng.random(n), rng.random(m)) for _ in range(runs)]
    bias = (cells - 1) * (1 / n + 1 / m)
    assert np.mean([kl_divergence_from_samples(x, y, edges) for x, y in drawn]) == pytest.approx(bias / 2, rel=0.1)
    assert np.mean([js_divergence_from_samples(x, y, edges) for x, y in drawn]) == pytest.approx(bias / 8, rel=0.1)


def test_too_many_cells_say_log_2_of_equal_distributions():
    x, y = np.random.default_rng(0).random((2, 50, 5))
    assert js_divergence_from_samples(x, y, bins=16) == pytest.approx(LOG2, abs=0.01)


# ---- Wasserstein ----


@pytest.mark.parametrize("seed", SEEDS)
def test_wasserstein_1d_is_scipys_at_order_1(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 1, 37), rng.normal(1, 2, 53)
    u, v = rng.random(37) * (rng.random(37) > 0.3), rng.random(53)
    assert wasserstein_1d(x, y) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12)
    found = wasserstein_1d(x, y, x_weights=u, y_weights=v)
    assert found == pytest.approx(stats.wasserstein_distance(x, y, u, v), rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3.5])
def test_wasserstein_1d_of_equal_sizes_is_the_best_assignment(order):
    x, y = np.random.default_rng(0).normal(0, 1, (2, 30))
    costs = np.abs(x[:, None] - y) ** order
    expected = costs[linear_sum_assignment(costs)].mean() ** (1 / order)
    assert wasserstein_1d(x, y, order) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_on_a_line_both_ways_give_the_same(order, seed):
    rng = np.random.default_rng(seed)
    p, q = random_distributions(seed, 2)
    points = rng.normal(0, 3, 12)
    found = wasserstein_discrete(p, q, points, order=order)
    assert found.distance == pytest.approx(wasserstein_1d(points, points, order, p, q), rel=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_plan_moves_p_to_q(seed):
    p, q = random_distributions(seed, 2)
    points = np.random.default_rng(seed).normal(0, 1, (12, 3))
    distance, plan = wasserstein_discrete(p, q, points, order=2)
    assert plan.min() >= 0
    np.testing.assert_allclose(plan.sum(1), p, atol=1e-9)
    np.testing.assert_allclose(plan.sum(0), q, atol=1e-9)
    assert distance == pytest.approx(math.sqrt((plan * cdist(points, points) ** 2).sum()), rel=1e-12)
    assert distance <= math.sqrt((np.outer(p, q) * cdist(points, points) ** 2).sum())  # the plan without thought


def test_discrete_distances_of_unequal_sizes():
    found = wasserstein_discrete([0.5, 0.5], [0.25, 0.5, 0.25], distances=[[1, 2, 9], [9, 2, 1]])
    assert found.distance == pytest.approx(0.25 * 1 + 0.25 * 2 + 0.25 * 2 + 0.25 * 1)
    np.testing.assert_allclose(found.plan, [[0.25, 0.25, 0], [0, 0.25, 0.25]], atol=1e-12)


@pytest.mark.parametrize("unit", [1e-150, 1e-9, 1e9, 1e150])
def test_the_unit_of_the_points_does_not_matter(unit):
    p, q = random_distributions(5, 2)
    points = np.random.default_rng(5).normal(0, 1, 12)
    expected = wasserstein_1d(points, points, 3, p, q)
    assert wasserstein_1d(points * unit, points * unit, 3, p, q) == pytest.approx(expected * unit, rel=1e-12)
    assert wasserstein_discrete(p, q, points * unit, order=3).distance == pytest.approx(expected * unit, rel=1e-6)


def test_gaussians_w2_by_closed_form():
    """W₂² of N(a, s²) and N(b, t²) is (a − b)² + (s − t)²: by quantiles of N(·, ·) at 200,000 and 300,000 levels."""
    x = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000, 0, 1)
    y = stats.norm.ppf((np.arange(300_000) + 0.5) / 300_000, 2, 3)
    assert wasserstein_1d(x, y, 2) == pytest.approx(math.sqrt(2**2 + 2**2), rel=1e-4)
    points = np.linspace(-20, 20, 40001)
    weights = gaussian(points, 0, 1), gaussian(points, 2, 3)
    assert wasserstein_1d(points, points, 2, *weights) == pytest.approx(math.sqrt(8), rel=1e-5)


@pytest.mark.parametrize("order", [1, 2, 40])
def test_wasserstein_is_a_metric(order):
    rng = np.random.default_rng(7)
    for _ in range(50):
        x, y, z = rng.normal(0, 1, 5), rng.normal(0, 2, 8), rng.normal(1, 1, 11)
        assert wasserstein_1d(x, y, order) == wasserstein_1d(y, x, order)
        through = wasserstein_1d(x, y, order) + wasserstein_1d(y, z, order)
        assert wasserstein_1d(x, z, order) <= through * (1 + 1e-12)
        assert wasserstein_1d(x, rng.permutation(np.repeat(x, 3)), order) == 0


def test_equal_distributions_are_at_0_however_their_weights_round():
    """A level that two sums round differently has a mass of 1e-16, and the 40th root of that is 0.4."""
    rng = np.random.default_rng(3)
    for _ in range(100):
        x, weights = rng.integers(0, 5, 1000).astype(float), rng.random(1000)
        values = np.unique(x)
        summed = [weights[x == value].sum() for value in values]
        assert wasserstein_1d(x, values, 40, weights, summed) == 0


# ---- the case that matters ----


@pytest.mark.parametrize("apart", [1, 5, 80])
def test_without_overlap_js_is_log_2_and_the_wasserstein_distance_is_the_distance(apart):
    bump = np.array([0.2, 0.6, 0.2])
    p, q = np.zeros(100), np.zeros(100)
    p[:3], q[2 + apart : 5 + apart] = bump, bump
    points = np.arange(100.0)
    assert js_divergence(p, q) == pytest.approx(LOG2, rel=1e-15)
    assert kl_divergence(p, q) == math.inf
    assert wasserstein_1d(points, points, 1, p, q) == pytest.approx(2 + apart, rel=1e-12)
    assert wasserstein_1d(points, points, 2, p, q) == pytest.approx(2 + apart, rel=1e-12)
    assert wasserstein_discrete(p, q, points).distance == pytest.approx(2 + apart, rel=1e-9)
    assert value_of_game(optimal_discriminator(p, q), p, q) == 0


def test_parallel_lines():
    """Example 1 of the Wasserstein GAN paper: (0, U) and (θ, U) with U uniform are θ apart, and JS is log 2."""
    heights = np.linspace(0, 1, 15)
    for theta in (0.01, 0.5, 3.0):
        points = np.concatenate([np.stack([np.full(15, shift), heights], axis=1) for shift in (0, theta)])
        p, q = np.repeat([1 / 15, 0], 15), np.repeat([0, 1 / 15], 15)
        assert wasserstein_discrete(p, q, points).distance == pytest.approx(theta, rel=1e-7)
        assert js_divergence(p, q) == pytest.approx(LOG2, rel=1e-15)


# ---- the game ----


@pytest.mark.parametrize("seed", SEEDS)
def test_the_value_at_the_optimal_discriminator_is_the_js_divergence(seed):
    p, q = random_distributions(seed, 2)
    value = value_of_game(optimal_discriminator(p, q), p, q)
    assert value == pytest.approx(-2 * LOG2 + 2 * js_divergence(p, q), abs=1e-12)
    assert value_of_game(optimal_discriminator(p, p), p, p) == pytest.approx(-2 * LOG2)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_discriminator_beats_the_optimal_one(seed):
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(12), 2)
    best = optimal_discriminator(p, q)
    value = value_of_game(best, p, q)
    for size in (1e-4, 1e-2, 1.0):
        other = np.clip(best + size * rng.standard_normal(12), 0, 1)
        assert value_of_game(other, p, q) < value
    step = 1e-5
    for i in range(12):
        shift = step * best[i] * (1 - best[i]) * np.eye(12)[i]
        slope = (value_of_game(best + shift, p, q) - value_of_game(best - shift, p, q)) / (2 * step)
        assert abs(slope) < 1e-9
        expected = p[i] * math.log(best[i] / 0.9) + q[i] * math.log((1 - best[i]) / 0.1)
        other = np.where(np.arange(12) == i, 0.9, best)
        assert value - value_of_game(other, p, q) == pytest.approx(expected, abs=1e-12)


def test_optimal_discriminator_of_densities_and_where_nothing_is():
    found = optimal_discriminator([[2.0, 0.0, 3.0, 0.0]], [[6.0, 5.0, 0.0, 0.0]])
    np.testing.assert_array_equal(found, [[0.25, 0, 1, 0.5]])


def test_a_wrong_certainty_costs_everything():
    p, q = [0.5, 0.5, 0], [0, 0.5, 0.5]
    assert value_of_game([0, 0.5, 0], p, q) == -math.inf
    assert value_of_game([1, 0.5, 1], p, q) == -math.inf
    assert value_of_game([1, 0.5, 0], p, q) == pytest.approx(-LOG2)
    assert value_of_game([1, 1e-30, 0], p, q) == pytest.approx(0.5 * math.log(1e-30))


# ---- errors ----


@pytest.mark.parametrize(
    "call, error, text",
    [
        (
            lambda: kl_divergence([0.5, 0.6], [0.5, 0.5]),
            ArgumentError,
            "p sums to 1.1, but a distribution sums to 1; divide it",
        ),
        (lambda: js_divergence([0.5, 0.5], [1.5, -0.5]), ArgumentError, "q holds -0.5; give numbers of 0 or more"),
        (lambda: js_divergence([np.nan, 1], [0, 1]), ArgumentError, "p holds NaN or infinity; give finite numbers"),
        (lambda: js_divergence(["a"], [1]), ArgumentError, "p is no array of numbers: could not convert"),
        (lambda: js_divergence([[1], [1, 2]], [1]), ArgumentError, "p is no array of numbers"),
        (lambda: js_divergence([], []), ShapeError, r"p has shape \(0,\); give an array of at least one number"),
        (lambda: js_divergence(1.0, 1.0), ShapeError, r"p has shape \(\); give an array"),
        (lambda: kl_divergence([1], [0.5, 0.5]), ShapeError, r"p \(1,\) and q \(2,\) differ in shape; give both over"),
        (lambda: kl_divergence_from_samples([1], [2], pseudocount=-1), ArgumentError, "pseudocount is -1; give a fin"),
        (lambda: kl_divergence_from_samples([[1, 2]], [1]), ShapeError, "x has 2 axes and y 1; give samples of one sp"),
        (lambda: js_divergence_from_samples([[[1]]], [1]), ShapeError, r"x has shape \(1, 1, 1\); give samples \(N,"),
        (lambda: js_divergence_from_samples([1], [2], bins=0), ArgumentError, "bins is 0; give a whole number from 1"),
        (lambda: js_divergence_from_samples([1], [2], bins=1.5), ArgumentError, "bins is 1.5; give a whole number"),
        (lambda: js_divergence_from_samples([1], [2], bins=[3, 1]), ArgumentError, r"bins is \[3, 1\]; give a number"),
        (lambda: js_divergence_from_samples([1], [2, 8], bins=[0, 2]), ArgumentError, "bins leave out 1 of the sample"),
        (lambda: js_divergence_from_samples([[1] * 9], [[2] * 9]), ArgumentError, "bins 32 on 9 axes make more than"),
        (lambda: wasserstein_1d([1], [2], order=0.5), ArgumentError, "order is 0.5; give a finite number of 1 or more"),
        (lambda: wasserstein_1d([1], [2], order=math.inf), ArgumentError, "order is inf; give a finite number"),
        (lambda: wasserstein_1d([[1, 2]], [2]), ShapeError, r"x \(1, 2\) with weights \(1, 2\); give both as \(N,\)"),
        (lambda: wasserstein_1d([1, 2], [2], 1, [1]), ShapeError, r"x \(2,\) with weights \(1,\); give both"),
        (lambda: wasserstein_1d([1], [2], 1, None, [-1]), ArgumentError, "y_weights holds -1; give numbers of 0"),
        (lambda: wasserstein_1d([1], [2], 1, [0]), ArgumentError, "x_weights are all 0; give at least one above 0"),
        (lambda: wasserstein_discrete([1], [1]), ArgumentError, "give either points or distances: where the outcomes"),
        (lambda: wasserstein_discrete([1], [1], [0], distances=[[0]]), ArgumentError, "give either points or distanc"),
        (lambda: wasserstein_discrete([1], [1], [0, 1]), ShapeError, r"p \(1,\) and q \(1,\) do not fit distances \(2"),
        (lambda: wasserstein_discrete([1], [1], distances=[[-1]]), ArgumentError, "distances holds -1; give numbers"),
        (lambda: optimal_discriminator([1], [-1]), ArgumentError, "q holds -1; give numbers of 0 or more"),
        (lambda: value_of_game([0.5], [1, 0], [0, 1]), ShapeError, r"discriminator \(1,\) does not fit p and q \(2,\)"),
        (lambda: value_of_game([0, 1.2], [1, 0], [0, 1]), ArgumentError, "discriminator holds 1.2; give probabilities"),
    ],
)  # fmt: skip
def test_errors_say_what_was_given_and_what_to_give(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_transport_that_is_not_solved_is_an_error(monkeypatch):
    solve = scipy.optimize.linprog
    monkeypatch.setattr(scipy.optimize, "linprog", lambda *a, **k: solve(*a, **k, options={"maxiter": 0}))
    p, q = random_distributions(0, 2)
    with pytest.raises(MXGANError, match="the transport of 12 to 12 outcomes was not solved: .*[Ii]teration"):
        wasserstein_discrete(p, q, np.arange(12))


def test_mxnet_arrays_are_taken():
    from mxgan.runtime import mx

    p, q = mx.nd.array([0.5, 0.5]), mx.nd.array([0.25, 0.75])
    assert kl_divergence(p, q) == pytest.approx(stats.entropy([0.5, 0.5], [0.25, 0.75]))


def test_mxnet_is_not_loaded():
    code = "import sys, mxgan.evaluation.divergences; sys.exit('mxnet' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code]).returncode == 0


@pytest.mark.long
def test_the_example_draws_its_picture(tmp_path):
    example = Path(__file__).resolve().parents[2] / "examples" / "divergences.py"
    environment = {**os.environ, "PYTHONPATH": str(example.parent.parent)}
    environment.pop("DISPLAY", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example), "--output", "drawn.png"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "drawn.png\n"
    picture = cv2.imread(str(tmp_path / "drawn.png"))
    assert picture.shape == (682, 1430, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100  # more than an empty frame
