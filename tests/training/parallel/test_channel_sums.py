"""Sums and products by channel against the same formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.training.parallel import channel_sums
from mxgan.training.parallel.channel_sums import add_data_gradient, gradient_sums, moments, normalise

SHAPES = [(5, 3, 7), (4, 6, 1), (1, 2, 4096), (3, 2, 16384), (64, 96, 64)]  # the last one is three pieces


def arrays(shape, count=2, mean=5.0):
    draw = np.random.default_rng(1)
    return [draw.normal(mean, 2, shape).astype(np.float32) for _ in range(count)]


def by_channel(data, function):
    return function(data.astype(np.float64), axis=(0, 2))


def vectors(count, channels):
    return np.random.default_rng(2).normal(size=(count, channels)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_moments(shape):
    (data,) = arrays(shape, 1)
    mean, deviations = moments(data)
    np.testing.assert_allclose(mean, by_channel(data, np.mean), rtol=1e-6)
    np.testing.assert_allclose(deviations, by_channel(data, np.var) * shape[0] * shape[2], rtol=1e-6)


def test_moments_far_from_zero():
    (data,) = arrays((8, 4, 64), 1, mean=100)
    np.testing.assert_allclose(moments(data)[1], by_channel(data, np.var) * 8 * 64, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_sums(shape):
    data, gradient = arrays(shape)
    mean = by_channel(data, np.mean).astype(np.float32)
    plain, weighted = gradient_sums(data, gradient, mean)
    exact = gradient.astype(np.float64) * (data - mean.astype(np.float64)[:, None])
    np.testing.assert_allclose(plain, by_channel(gradient, np.sum), rtol=1e-6)
    np.testing.assert_allclose(weighted, by_channel(exact, np.sum), atol=1e-6 * by_channel(abs(exact), np.sum).max())


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_written(shape, add):
    data, gradient = arrays(shape)
    mean, slope, offset, scale = each = vectors(4, shape[1])
    columns = each.astype(np.float64)[:, :, None]
    out = np.ones(shape, np.float32)
    normalise(data, mean, scale, offset, out, add)
    np.testing.assert_allclose(out, (data - columns[0]) * columns[3] + columns[2] + add, rtol=1e-5, atol=1e-5)
    out = np.ones(shape, np.float32)
    add_data_gradient(data, gradient, mean, slope, offset, scale, out, add)
    expected = (gradient - (data - columns[0]) * columns[1] - columns[2]) * columns[3] + add
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_the_bits_do_not_depend_on_the_threads(monkeypatch):
    data, gradient = arrays(SHAPES[-1])
    found = []
    for count in (1, 3):
        monkeypatch.setattr(channel_sums, "threads", lambda count=count: channel_sums_threads(count))
        out = np.empty_like(data)
        normalise(data, *vectors(3, data.shape[1]), out, False)
        found.append([*moments(data), *gradient_sums(data, gradient, vectors(1, data.shape[1])[0]), out])
    for one, three in zip(*found):
        np.testing.assert_array_equal(one, three)


def channel_sums_threads(count: int):
    from mxgan.runtime.cpus import Threads

    return Threads(count, "a test")


def test_an_error_in_a_piece_is_raised(monkeypatch):
    data, gradient = arrays(SHAPES[-1])
    monkeypatch.setattr(channel_sums, "threads", lambda: channel_sums_threads(2))
    with pytest.raises(ValueError, match="mismatch"):
        gradient_sums(data, gradient[:, :, 1:], vectors(1, data.shape[1])[0])
