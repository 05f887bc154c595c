"""What metrics refuse, with the words that they say it in."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.arrays import (
    as_bytes_range,
    check_features,
    check_images,
    check_labels,
    check_probabilities,
    draws,
    same_features,
    same_images,
    some_rows,
)
from mxgan.runtime import mx

IMAGES = np.zeros((3, 1, 16, 16), dtype=np.float32)
NAN = np.where(np.arange(256).reshape(16, 16) == 5, np.nan, IMAGES)


@pytest.mark.parametrize(
    "images, error, text",
    [
        (IMAGES[0], ShapeError, r"real has shape \(1, 16, 16\); give images \(N, C, H, W\)\."),
        (IMAGES[:, :, :0], ShapeError, r"real has shape \(3, 1, 0, 16\); give images"),
        (IMAGES[:0], ShapeError, "real has 0 images; give at least 2."),
        (IMAGES[:1], ShapeError, "real has 1 images; give at least 2."),
        (
            IMAGES.astype(np.uint8),
            ArgumentError,
            r"real are uint8; give floats in \[-1, 1\], such as bytes / 127.5 - 1.",
        ),
        (IMAGES.astype(object), ArgumentError, "real are object; give floats"),
        pytest.param(
            [[1.0], [1.0, 2.0]],
            ArgumentError,
            "real are no array of numbers: ",
            marks=pytest.mark.skipif(
                np.lib.NumpyVersion(np.__version__) < "1.24.0", reason="NumPy warns, and makes an array of lists"
            ),
        ),
        (IMAGES + 2, ArgumentError, r"real go from 2 to 2; give images in \[-1, 1\]"),
        (IMAGES - 1.01, ArgumentError, "real go from -1.01 to -1.01; give images"),
        (NAN, ArgumentError, "real hold NaN or infinity; give finite images."),
        (IMAGES - np.inf, ArgumentError, "real hold NaN or infinity"),
        (IMAGES + np.inf, ArgumentError, "real hold NaN or infinity"),
    ],
)
def test_images_that_are_none(images, error, text):
    with pytest.raises(error, match=f"^{text}"):
        check_images("real", images, least=2)


def test_images_come_through_uncopied_or_as_float32():
    assert check_images("real", IMAGES) is IMAGES
    assert check_images("real", IMAGES.astype(np.float64)).dtype == np.float32
    np.testing.assert_array_equal(check_images("real", mx.nd.array(IMAGES)), IMAGES)
    check_images("real", IMAGES + 1.0005)  # rounding
    np.testing.assert_array_equal(np.unique(as_bytes_range(IMAGES - 1)), [0])
    assert as_bytes_range(IMAGES + 1.0005).max() == 255


def test_two_sets_of_images_have_one_shape():
    with pytest.raises(ShapeError, match=r"real are \(N, 1, 16, 16\), fake \(N, 3, 16, 16\); give both with the same"):
        same_images(("real", "fake"), IMAGES, np.repeat(IMAGES, 3, axis=1))


@pytest.mark.parametrize(
    "features, error, text",
    [
        (np.zeros(4), ShapeError, r"f has shape \(4,\); give features \(N, D\)\."),
        (np.zeros((0, 4)), ShapeError, r"f has shape \(0, 4\)"),
        (np.zeros((1, 4)), ShapeError, "f has 1 rows; give at least 2."),
        (np.full((3, 4), np.nan), ArgumentError, "f holds NaN or infinity; give finite numbers."),
        (
            np.full((3, 4), -1e200),
            ArgumentError,
            r"f holds 1e\+200; give features up to 1e\+20\.",
        ),
        ([["a"]], ArgumentError, "f is no array of numbers"),
    ],
)
def test_features_that_are_none(features, error, text):
    with pytest.raises(error, match=f"^{text}"):
        check_features("f", features, least=2)


def test_two_sets_of_features_have_one_length():
    with pytest.raises(ShapeError, match="real has 4 features a row, fake 5; give features of the same network."):
        same_features(("real", "fake"), np.zeros((3, 4)), np.zeros((3, 5)))


@pytest.mark.parametrize(
    "probabilities, error, text",
    [
        ([0.5, 0.5], ShapeError, r"p has shape \(2,\); give probabilities \(N, K\) of K ≥ 2 classes."),
        ([[1.0]], ShapeError, r"p has shape \(1, 1\)"),
        (
            [[0.5, 0.5], [0.7, 0.7]],
            ArgumentError,
            "row 1 of p sums to 1.4, but probabilities sum to 1; give a softmax's output.",
        ),
        ([[1.5, -0.5]], ArgumentError, "p holds -0.5; give numbers of 0 or more."),
        ([[np.nan, 1]], ArgumentError, "p holds NaN or infinity"),
    ],
)
def test_probabilities_that_are_none(probabilities, error, text):
    with pytest.raises(error, match=f"^{text}"):
        check_probabilities("p", probabilities)


def test_probabilities_are_divided_by_their_sum():
    given = np.random.default_rng(0).dirichlet(np.ones(5), 20).astype(np.float16)
    np.testing.assert_allclose(check_probabilities("p", given).sum(axis=1), 1, rtol=1e-15)


@pytest.mark.parametrize(
    "labels, error, text",
    [
        ([[1, 2]], ShapeError, r"y has shape \(1, 2\); give labels \(N,\)\."),
        ([0.5], ArgumentError, "y are not all whole numbers from 0 to 9; give labels of 10 classes."),
        ([-1], ArgumentError, "y are not all whole"),
        ([10], ArgumentError, "y are not all whole"),
    ],
)
def test_labels_that_are_none(labels, error, text):
    with pytest.raises(error, match=f"^{text}"):
        check_labels("y", labels, 10)


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5, None, True])
def test_seeds_that_are_none(seed):
    with pytest.raises(ArgumentError, match=rf"^seed is {seed!r}; give a whole number from 0 to {2**63 - 1}\."):
        draws("x", seed)


def test_draws_depend_on_stream_seed_and_index_alone():
    first = draws("x", 1, 2).random(4)
    np.testing.assert_array_equal(first, draws("x", 1, 2).random(4))
    for other in (draws("y", 1, 2), draws("x", 2, 2), draws("x", 1, 3)):
        assert not np.isin(other.random(4), first).any()


def test_some_rows_are_different_ones_in_their_order():
    rows = np.arange(100)
    some = some_rows(rows, 30, 0, "x")
    assert len(some) == 30
    assert (np.diff(some) > 0).all()
    assert some.max() > 60  # from all of them
    assert some_rows(rows, 100, 0, "x") is rows
