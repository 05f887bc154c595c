"""Fréchet distance against closed forms and SciPy's matrix root; statistics in parts against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.frechet import FeatureStatistics, _root_factor, frechet_distance


def features(seed: int, count: int = 200, size: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, size)) @ rng.standard_normal((size, size)) + rng.standard_normal(size)


def distance(a, b) -> float:
    return frechet_distance(FeatureStatistics.of(a), FeatureStatistics.of(b))


@pytest.mark.parametrize("parts", [[200], [1, 199], [50, 1, 1, 148], [67, 67, 66]])
def test_statistics_in_parts_are_numpys(parts):
    whole = features(0) + 1e4  # a mean that would cost a sum of squares its digits
    updated, merged = FeatureStatistics(), FeatureStatistics()
    for part in np.split(whole, np.cumsum(parts)[:-1]):
        updated.update(part)
        merged.merge(FeatureStatistics.of(part))
    merged.merge(FeatureStatistics())
    for found in (updated, merged):
        assert found.count == 200
        np.testing.assert_allclose(found.mean, whole.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(found.covariance, np.cov(whole, rowvar=False), rtol=1e-9)


def test_merging_and_reading_change_no_other_statistics():
    part, other = FeatureStatistics.of(features(0)), FeatureStatistics.of(features(1))
    mean, covariance = other.mean, other.covariance
    part.merge(other)
    empty = FeatureStatistics()
    empty.merge(other)
    empty.update(features(2))
    other.mean[:] = 0
    other.covariance[:] = 0
    np.testing.assert_array_equal(other.mean, mean)
    np.testing.assert_array_equal(other.covariance, covariance)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_formula_with_scipys_matrix_root(seed):
    a, b = features(seed), features(seed + 100)
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(first @ second).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)
    assert distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_gaussians_in_closed_form():
    """Of axes of their own: the means' squared distance and that of the standard deviations."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal((500, 4))
    white = (white - white.mean(0)) @ linalg.inv(linalg.cholesky(np.cov(white, rowvar=False)))  # covariance 1
    scale, shift = np.array([2.0, 1.0, 0.5, 0.0]), np.array([1.0, -2.0, 0.0, 0.0])
    expected = 1 + 4 + (1 + 0 + 0.25 + 1)
    assert distance(white, white * scale + shift) == pytest.approx(expected, rel=1e-10)
    turn = linalg.qr(rng.standard_normal((4, 4)))[0]
    assert distance(white @ turn, (white * scale + shift) @ turn) == pytest.approx(expected, rel=1e-10)


def test_rounding_in_the_place_of_an_eigenvalue_that_is_0_does_not_show():
    """Its root, 1e-8, would; an eigenvalue that is larger than rounding stays."""
    for size, kept in [(1e-16, 0.0), (-1e-16, 0.0), (1e-12, 1e-12)]:
        factor = _root_factor(np.diag([1.0, size]))
        np.testing.assert_allclose(factor.T @ factor, np.diag([1.0, kept]), rtol=1e-9, atol=0)


def test_identity_and_symmetry():
    a, b = features(0), features(1)
    assert distance(a, a) == pytest.approx(0, abs=1e-10)
    assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-12)


@pytest.mark.parametrize("count", [2, 5, 40])
def test_singular_covariances(count):
    """Fewer images than features, and features that are always 0: no warning, no complex number, 0 for the same."""
    a = np.hstack([features(0, count, 50), np.zeros((count, 10))])
    assert distance(a, a) == pytest.approx(0, abs=1e-8)
    assert distance(a, a + 1) == pytest.approx(60, rel=1e-8)
    assert np.isfinite(distance(a, np.zeros_like(a)))
    assert distance(np.ones((3, 4)), np.zeros((3, 4))) == 4


def test_it_grows_with_noise():
    a = features(0, 1000)
    rng = np.random.default_rng(1)
    found = [distance(a, a + strength * rng.standard_normal(a.shape)) for strength in (0, 0.2, 0.5, 1, 2)]
    assert found == sorted(found)
    assert found[-1] > 1


def test_bad_calls():
    with pytest.raises(ArgumentError, match="^0 features have no mean; give at least 1."):
        FeatureStatistics().mean  # noqa: B018
    one = FeatureStatistics.of(features(0, 1))
    with pytest.raises(ArgumentError, match="^1 features have no covariance; give at least 2."):
        frechet_distance(one, one)
    with pytest.raises(ShapeError, match="^features have 5 numbers a row, those before 6; give features of the same"):
        one.update(features(0, 4, 5))
    with pytest.raises(ShapeError, match="^features have 6 and 5 numbers a row; give features of the same network."):
        distance(features(0), features(0, 10, 5))
    with pytest.raises(ArgumentError, match="^features holds NaN or infinity"):
        one.update(np.full((2, 6), np.nan))
    assert one.count == 1
