"""Scores from class probabilities: classifier score, label histogram and its divergence, missing classes."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np
from scipy.special import rel_entr

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.arrays import check_labels, check_probabilities, distribution, numbers
from mxgan.evaluation.divergences import kl_divergence
from mxgan.runtime.config import is_number, whole_number

__all__ = [
    "ClassifierScore",
    "classifier_score",
    "label_divergence",
    "label_histogram",
    "missing_classes",
]


class ClassifierScore(NamedTuple):
    """Mean and standard deviation of the score over the splits, as published, and the standard error of the mean.

    The standard error assumes independent splits: √(Σ(s - mean)² / (n - 1) / n). It is None for one split.
    """

    mean: float
    std: float
    standard_error: Optional[float]


def classifier_score(probabilities, splits: int = 10) -> ClassifierScore:
    """exp(mean KL(p(y|x) ‖ p(y))) of each split, where p(y) is the mean of the split; from 1 to the number of classes.

    Parameters
    ----------
    probabilities : (N, K), rows of sum 1, N ≥ `splits`.
    splits : number of parts, in the order of the rows; their sizes differ by 1 at most.

    The score is high if each sample clearly belongs to one class and all classes are equally frequent. It does not
    measure similarity to the data or variety within a class. It rises with N, because few samples of a split say little
    of the shares of the classes; so compare equal numbers of samples. Only with the Inception network is it called
    Inception score.

    Raises ShapeError and ArgumentError for invalid probabilities.

    Source: Salimans et al. 2016, "Improved techniques for training GANs", section 4.
    """
    splits = whole_number("splits", splits)
    probabilities = check_probabilities("probabilities", probabilities, least=splits)
    scores = [
        np.exp(rel_entr(part, part.mean(axis=0)).sum(axis=1).mean()) for part in np.array_split(probabilities, splits)
    ]
    error = float(np.std(scores, ddof=1) / math.sqrt(splits)) if splits > 1 else None
    return ClassifierScore(float(np.mean(scores)), float(np.std(scores)), error)


def label_histogram(probabilities_or_labels, classes: Optional[int] = None) -> np.ndarray:
    """The share of each class: (K,), with sum 1.

    Parameters
    ----------
    probabilities_or_labels : probabilities (N, K), where the largest of a row is its class; or labels (N,), whole
        numbers from 0.
    classes : K. None means the K of the probabilities; labels need a number.

    Raises ShapeError and ArgumentError for an invalid array, a label of K or more, or a K that differs from that of the
    probabilities.
    """
    values = numbers("probabilities_or_labels", probabilities_or_labels)
    if values.ndim == 2:
        values = check_probabilities("probabilities", values)
        if classes not in (None, values.shape[1]):
            raise ShapeError(f"probabilities are of {values.shape[1]} classes, not {classes}; leave classes out.")
        classes, labels = values.shape[1], values.argmax(axis=1)
    elif classes is None:
        raise ArgumentError("classes is None, but labels do not show the number of classes; give it.")
    else:
        labels = check_labels("labels", values, whole_number("classes", classes, 2))
    return np.bincount(labels, minlength=classes) / len(labels)


def label_divergence(histogram, reference=None) -> float:
    """KL(histogram ‖ reference) in nats.

    It is 0 if the two are equal, log K if all samples are of one class and the reference is uniform, and infinite if a
    class of the histogram is missing in the reference.

    Parameters
    ----------
    histogram, reference : (K,), shares with sum 1. A reference of None means 1/K for each class.
    """
    return kl_divergence(*_same_classes(histogram, reference))


def missing_classes(histogram, reference=None, threshold: float = 0.1) -> list:
    """The numbers of the classes whose share is less than `threshold` times their share in the reference, as a list.

    Parameters
    ----------
    histogram, reference : (K,), shares with sum 1. A reference of None means 1/K for each class. A class without share
        in the reference is never missing.
    threshold : above 0 and at most 1.
    """
    histogram, reference = _same_classes(histogram, reference)
    if not is_number(threshold, lambda share: 0 < share <= 1):
        raise ArgumentError(f"threshold is {threshold!r}; give a share over 0 and at most 1.")
    return np.flatnonzero(histogram < threshold * reference).tolist()


def _same_classes(histogram, reference) -> tuple:
    """Both as shares of the same classes; a reference of None becomes 1/K for each class."""
    histogram = distribution("histogram", histogram)
    if reference is None:
        reference = np.full(histogram.shape, 1 / histogram.size)
    reference = distribution("reference", reference)
    if histogram.shape != reference.shape:
        raise ShapeError(f"histogram has shape {histogram.shape}, reference {reference.shape}; give the same classes.")
    return histogram, reference
