"""Classifier score and label histogram against closed forms and SciPy's entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.stats import entropy

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.classifier_scores import classifier_score, label_divergence, label_histogram, missing_classes

DRAWN = np.random.default_rng(0).dirichlet(np.full(10, 0.2), 200)


def test_score_is_the_formula_with_scipys_entropy():
    """log score = H(mean) − mean H, in each split."""
    expected = []
    for part in np.split(DRAWN, 4):
        expected.append(math.exp(entropy(part.mean(axis=0)) - entropy(part, axis=1).mean()))
    found = classifier_score(DRAWN, splits=4)
    assert found.mean == pytest.approx(np.mean(expected), rel=1e-12)
    assert found.std == pytest.approx(np.std(expected), rel=1e-9)
    assert found.standard_error == pytest.approx(stats.sem(expected), rel=1e-9)
    assert classifier_score(DRAWN, splits=1).standard_error is None


def test_score_of_the_best_and_the_worst():
    """All classes, each for sure: their number. The same for each sample, sure or not: 1."""
    assert classifier_score(np.tile(np.eye(10), (20, 1))) == pytest.approx((10, 0, 0))
    assert classifier_score(np.tile(np.eye(10)[3], (200, 1))) == pytest.approx((1, 0, 0))
    assert classifier_score(np.full((200, 10), 0.1)) == pytest.approx((1, 0, 0))


def test_score_falls_with_doubt_and_with_lost_classes():
    sure = np.tile(np.eye(10), (20, 1))
    doubtful = [classifier_score((1 - s) * sure + s / 10).mean for s in (0, 0.2, 0.5, 0.9)]
    fewer = [classifier_score(sure[:, :][sure.argmax(axis=1) < n]).mean for n in (10, 7, 4, 2)]
    for values in (doubtful, fewer):
        assert values == sorted(values, reverse=True)
    assert fewer == pytest.approx([10, 7, 4, 2], rel=0.05)


def test_histogram_of_probabilities_and_of_labels():
    labels = DRAWN.argmax(axis=1)
    found = label_histogram(DRAWN)
    assert found.sum() == pytest.approx(1)
    assert found == pytest.approx([(labels == k).mean() for k in range(10)])
    np.testing.assert_array_equal(label_histogram(labels, 10), found)
    np.testing.assert_array_equal(label_histogram([0, 0, 2.0], 4), [2 / 3, 0, 1 / 3, 0])


def test_divergence_in_closed_form():
    assert label_divergence(np.full(10, 0.1)) == pytest.approx(0, abs=1e-15)
    assert label_divergence(np.eye(10)[2]) == pytest.approx(math.log(10))
    histogram, reference = label_histogram(DRAWN), np.arange(1, 11) / 55
    assert label_divergence(histogram, reference) == pytest.approx(entropy(histogram, reference), rel=1e-12)
    assert label_divergence(reference, reference) == 0
    assert label_divergence([0.5, 0.5], [1, 0]) == math.inf
    skewed = [label_divergence([0.5 + s, 0.5 - s]) for s in (0, 0.1, 0.2, 0.4)]
    assert skewed == sorted(skewed)


def test_missing_classes():
    histogram = [0.5, 0.019, 0.46, 0.021, 0.0]
    assert missing_classes(histogram) == [1, 4]
    assert missing_classes(histogram, threshold=0.0001) == [4]
    assert missing_classes(np.full(10, 0.1)) == []


def test_a_class_is_missed_by_its_share_of_the_data():
    even = np.full(1000, 0.001)
    assert missing_classes(even) == []  # however many classes there are
    assert missing_classes([0.9, 0.02, 0.08, 0.0], [0.9, 0.01, 0.09, 0.0]) == []
    assert missing_classes([1.0, 0.0, 0.0, 0.0], [0.9, 0.01, 0.09, 0.0]) == [1, 2]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: classifier_score(DRAWN, 0), ArgumentError, "splits is 0; give a whole number from 1"),
        (lambda: classifier_score(DRAWN[:9]), ShapeError, "probabilities has 9 rows; give at least 10."),
        (
            lambda: classifier_score(DRAWN * 2),
            ArgumentError,
            "row . of probabilities sums to 2, but probabilities sum to 1",
        ),
        (lambda: classifier_score(DRAWN * np.nan), ArgumentError, "probabilities holds NaN or infinity"),
        (lambda: label_histogram([1, 2]), ArgumentError, "classes is None, but labels do not show the number"),
        (lambda: label_histogram([1, 2], 2), ArgumentError, "labels are not all whole numbers from 0 to 1"),
        (lambda: label_histogram(DRAWN, 9), ShapeError, "probabilities are of 10 classes, not 9; leave classes out."),
        (lambda: label_divergence([0.5, 0.6]), ArgumentError, "histogram sums to 1.1, but a distribution sums to 1"),
        (lambda: label_divergence([0.5, 0.5], [1, 1]), ArgumentError, "reference sums to 2"),
        (lambda: label_divergence([0.5, 0.5], [1]), ShapeError, r"histogram has shape \(2,\), reference \(1,\)"),
        (
            lambda: missing_classes([1.0], threshold=0),
            ArgumentError,
            "threshold is 0; give a share over 0 and at most 1.",
        ),
        (lambda: missing_classes([1.0], threshold=math.nan), ArgumentError, "threshold is nan; give a share"),
    ],
)
def test_bad_calls(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()
