"""Paths against their closed forms: great circles, straight lines, one-hot codes."""

import numpy as np
import pytest

from mxgan.errors import ArgumentError, ShapeError
from mxgan.pictures.latents.paths import class_mixtures, interpolation, swings

LATENTS = np.random.default_rng(0).standard_normal((3, 10, 1, 1)).astype(np.float32)


def norms(path):
    return np.linalg.norm(path.reshape(len(path), -1), axis=1)


def angles(path):
    """Between each frame and the next."""
    flat = path.reshape(len(path), -1).astype(np.float64)
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    return np.arccos(np.clip((unit[:-1] * unit[1:]).sum(axis=1), -1, 1))


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("loop, frames", [(True, 3 * 5), (False, 2 * 5 + 1)])
def test_a_path_goes_through_the_latents_themselves(distribution, loop, frames):
    path = interpolation(LATENTS, 5, loop, distribution)
    assert path.shape == (frames, 10, 1, 1)
    assert path.dtype == np.float32
    np.testing.assert_array_equal(path[::5][:3], LATENTS)


def test_normal_latents_move_on_a_great_circle_at_one_speed_with_a_linear_norm():
    path = interpolation(LATENTS[:2], 8, loop=False)
    turns = angles(path)
    np.testing.assert_allclose(turns, turns.mean(), atol=1e-5)
    np.testing.assert_allclose(norms(path), np.linspace(*norms(LATENTS[:2]), 9), rtol=1e-5)
    assert turns.sum() == pytest.approx(angles(LATENTS[:2])[0], abs=1e-5)  # the short way


def test_a_point_in_the_middle_is_as_far_out_as_its_ends():
    """What a straight line is not: between latents at right angles it comes nearer to 0 by the factor √2."""
    ends = np.eye(2, 50, dtype=np.float32) * 7
    assert norms(interpolation(ends, 2, loop=False))[1] == pytest.approx(7, abs=1e-5)
    assert norms(interpolation(ends, 2, False, "uniform"))[1] == pytest.approx(7 / 2**0.5, abs=1e-5)


def test_the_frame_after_the_last_is_the_first():
    path = interpolation(LATENTS, 6)
    steps = angles(np.concatenate([path, path[:1]]))
    assert steps[-1] == pytest.approx(steps[-2], abs=1e-5)
    np.testing.assert_allclose(path[12:], interpolation(LATENTS[[2, 0]], 6, loop=False)[:6], atol=1e-6)


def test_uniform_latents_stay_in_their_cube():
    corners = np.float32([[1, 1, -1], [1, -1, 1], [-1, -1, -1]])
    path = interpolation(corners, 7, distribution="uniform")
    assert np.abs(path).max() == 1
    np.testing.assert_allclose(path[:8], corners[0] + np.arange(8)[:, None] / 7 * (corners[1] - corners[0]), atol=1e-6)


@pytest.mark.parametrize("ends", [[[1, 2], [-1, -2]], [[1, 2], [2, 4]], [[0, 0], [1, 1]], [[1, 2], [1, 2]]])
def test_where_there_is_no_great_circle_the_way_is_straight(ends):
    ends = np.float32(ends)
    path = interpolation(ends, 4, loop=False)
    np.testing.assert_allclose(path, ends[0] + np.arange(5)[:, None] / 4 * (ends[1] - ends[0]), atol=1e-6)


def test_mixtures_are_shares_that_end_in_one_class():
    shares = class_mixtures([3, 1], 4, 2)
    np.testing.assert_array_equal(shares, [[0, 0, 0, 1], [0, 0.5, 0, 0.5], [0, 1, 0, 0], [0, 0.5, 0, 0.5]])


def test_a_swing_is_closed_and_reaches_both_ends():
    np.testing.assert_allclose(swings(2.0, 8)[[0, 2, 4, 6]], [0, 2, 0, -2], atol=1e-9)


@pytest.mark.parametrize(
    "call, words, kind",
    [
        (lambda: interpolation(LATENTS[:1], 5), r"are \(1, 10, 1, 1\); give at least 2 of them", ShapeError),
        (lambda: interpolation(LATENTS, 0), "frames is 0; give a whole number from 1", ArgumentError),
        (lambda: interpolation(LATENTS, 5, distribution="cauchy"), "unknown distribution of latents", ArgumentError),
        (lambda: interpolation(LATENTS * np.nan, 5), "hold NaN or infinity", ArgumentError),
    ],
)
def test_bad_paths(call, words, kind):
    with pytest.raises(kind, match=words):
        call()
