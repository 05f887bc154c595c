"""Kernel distance against plain loops and a closed form; unbiased, and its error is what it says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.arrays import draws
from mxgan.evaluation.bundle import Bundle, Settings
from mxgan.evaluation.kernel_distance import kernel_distance, measure_kernel


def gaussian(seed: int, count: int, mean: float = 0.0, size: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, size)) + mean


def loops(x: np.ndarray, y: np.ndarray) -> float:
    def k(a, b):
        return (sum(p * q for p, q in zip(a, b)) / len(a) + 1) ** 3

    m = len(x)
    inside = sum(k(s[i], s[j]) for s in (x, y) for i, j in itertools.permutations(range(m), 2)) / (m * (m - 1))
    return inside - 2 * sum(k(a, b) for a in x for b in y) / m**2


def test_it_is_the_plain_loops():
    real, fake = gaussian(0, 40, size=3), gaussian(1, 30, 0.5, size=3)
    rng = draws("subsets", 7)
    expected = []
    for _ in range(4):
        x = real[rng.choice(40, 10, replace=False)]
        expected.append(loops(x, fake[rng.choice(30, 10, replace=False)]))
    found = kernel_distance(real, fake, subsets=4, subset_size=10, seed=7)
    assert found.value == pytest.approx(np.mean(expected), rel=1e-12)
    assert found.standard_error > np.std(expected, ddof=1) / 2  # of the mean of 4 subsets alone


@pytest.mark.parametrize("mean", [0.0, 0.5, 1.0])
def test_gaussians_in_closed_form(mean):
    """(xy + 1)³ compares moments: 3 (Δ E x)² + 3 (Δ E x²)² + (Δ E x³)²; N(m, 1) has m, m² + 1, m³ + 3m."""
    expected = 3 * mean**2 + 3 * mean**4 + (mean**3 + 3 * mean) ** 2
    found = kernel_distance(gaussian(0, 20000), gaussian(1, 20000, mean), subset_size=500)
    assert abs(found.value - expected) < 4 * found.standard_error
    assert found.standard_error < 0.05 + 0.1 * expected


@pytest.mark.long
def test_no_bias_at_any_size():
    """Means over many draws of one distribution stay at 0, though subsets hold ten features."""
    values = np.array(
        [kernel_distance(gaussian(i, 40), gaussian(1000 + i, 40), subset_size=10).value for i in range(200)]
    )
    assert abs(values.mean()) < 4 * values.std() / 200**0.5
    assert (values < 0).mean() > 0.3


@pytest.mark.parametrize("count, size", [(400, 100), (1000, 50)])
def test_the_error_is_that_of_repeated_draws(count, size):
    found = [
        kernel_distance(gaussian(i, count), gaussian(1000 + i, count, 1.0), subset_size=size, subsets=50)
        for i in range(60)
    ]
    spread = np.std([each.value for each in found], ddof=1)
    assert np.mean([each.standard_error for each in found]) == pytest.approx(spread, rel=0.35)


def test_a_set_against_itself_is_below_0_and_says_so():
    features = gaussian(0, 200, size=4)
    itself, other = (
        measure_kernel(Bundle(features=features), Bundle(features=samples), Settings(subsets=20))["kernel"]
        for samples in (features.copy(), gaussian(1, 200, size=4))
    )
    assert itself.value < 0
    assert itself.details == {"subset_size": 100, "identical": True}
    assert other.details["standard_error"] > 0
    assert "identical" not in other.details


def test_it_grows_with_the_shift_and_is_symmetric():
    real = gaussian(0, 1000, size=4)
    found = [kernel_distance(real, gaussian(1, 1000, mean, size=4), subset_size=200).value for mean in (0, 0.2, 0.5, 1)]
    assert found == sorted(found)
    fake = gaussian(1, 1000, 0.5, size=4)
    forth, back = (kernel_distance(*sides, subset_size=200) for sides in ((real, fake), (fake, real)))
    assert abs(forth.value - back.value) < 3 * forth.standard_error  # other subsets


def test_the_seed_decides_the_subsets():
    real, fake = gaussian(0, 100), gaussian(1, 100)
    first, again, other = (kernel_distance(real, fake, subset_size=20, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "settings, error, text",
    [
        (
            {"subset_size": 51},
            ArgumentError,
            "subset_size is 51, and there are 100 and 120 features; give 2 to 50, half",
        ),
        ({"subset_size": 1}, ArgumentError, "subset_size is 1; give a whole number from 2"),
        ({"subsets": 1}, ArgumentError, "subsets is 1; give a whole number from 2"),
        ({"fake": gaussian(0, 100, size=2)}, ShapeError, "real has 1 features a row, fake 2"),
        ({"fake": gaussian(0, 3)}, ShapeError, "fake has 3 rows; give at least 4."),
        ({"real": gaussian(0, 100) * np.nan}, ArgumentError, "real holds NaN or infinity"),
    ],
)
def test_bad_calls(settings, error, text):
    settings = {"real": gaussian(0, 100), "fake": gaussian(1, 120), "subset_size": 20, **settings}
    with pytest.raises(error, match=f"^{text}"):
        kernel_distance(settings.pop("real"), settings.pop("fake"), **settings)
