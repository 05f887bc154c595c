"""What a classifier says of samples: how sure and how varied it finds them, and which classes are missing."""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple, Optional

import numpy as np
from scipy.special import rel_entr

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.arrays import check_labels, check_probabilities, distribution, numbers
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.divergences import kl_divergence
from mxgan.runtime.config import whole_number

__all__ = [
    "ClassifierScore",
    "classifier_score",
    "label_divergence",
    "label_histogram",
    "measure_classifier_score",
    "measure_labels",
    "missing_classes",
]


class ClassifierScore(NamedTuple):
    """Mean and standard deviation of the score over the splits, as published, and the mean's standard error.

    The standard error is that of independent splits, √(Σ(s - mean)² / (n - 1) / n); None for one split.
    """

    mean: float
    std: float
    standard_error: Optional[float]


def classifier_score(probabilities, splits: int = 10) -> ClassifierScore:
    """exp(mean KL(p(y|x) ‖ p(y))) of each split, p(y) being the split's mean: from 1 to the number of classes.

    Parameters
    ----------
    probabilities : (N, K), rows of sum 1, N ≥ `splits`.
    splits : equal parts in the rows' order (sizes differ by 1 at most).

    High when each sample is surely of one class, and all classes are as frequent. It sees neither data nor variety
    within a class. Called Inception score only with Inception.

    Raises ShapeError and ArgumentError for probabilities that are not these.

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
    """The share of each class: (K,), of sum 1.

    Parameters
    ----------
    probabilities_or_labels : (N, K), of which each row's largest counts, or labels (N,), whole numbers from 0.
    classes : K; None: as many as there are probabilities. Needed for labels.

    Raises ShapeError and ArgumentError: no such array, labels beyond the classes, or K that is not the probabilities'.
    """
    values = numbers("probabilities_or_labels", probabilities_or_labels)
    if values.ndim == 2:
        values = check_probabilities("probabilities", values)
        if classes not in (None, values.shape[1]):
            raise ShapeError(f"probabilities are of {values.shape[1]} classes, not {classes}; leave classes out.")
        classes, labels = values.shape[1], values.argmax(axis=1)
    elif classes is None:
        raise ArgumentError("classes is None, and labels do not tell how many there are; give their number.")
    else:
        labels = check_labels("labels", values, whole_number("classes", classes, 2))
    return np.bincount(labels, minlength=classes) / len(labels)


def label_divergence(histogram, reference=None) -> float:
    """KL(histogram ‖ reference) in nats; 0 where they agree, log K when all are of one class and the reference is even.

    Parameters
    ----------
    histogram, reference : (K,) shares of sum 1; reference None: 1/K each. Infinity where a class of the histogram has
        no share in the reference.
    """
    return kl_divergence(*_same_classes(histogram, reference))


def missing_classes(histogram, reference=None, threshold: float = 0.1) -> list:
    """The classes with less than `threshold` times their share in the reference, as a list of their numbers.

    Parameters
    ----------
    histogram, reference : (K,) shares of sum 1; reference None: 1/K each. Classes that it lacks are not missed.
    threshold : over 0 and at most 1.
    """
    histogram, reference = _same_classes(histogram, reference)
    if isinstance(threshold, bool) or not isinstance(threshold, Real) or not 0 < threshold <= 1:
        raise ArgumentError(f"threshold is {threshold!r}; give a share over 0 and at most 1.")
    return np.flatnonzero(histogram < threshold * reference).tolist()


def measure_classifier_score(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `classifier_score` of METRICS."""
    mean, std, error = classifier_score(samples.probabilities, settings.splits)
    return {"classifier_score": Score(mean, {"std": std, **({} if error is None else {"standard_error": error})})}


def measure_labels(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The rows `label_kl` and `missing_classes` of METRICS.

    The reference is the data's labels; without them, what the network says of its images; without that, 1/K each.
    """
    histogram = label_histogram(samples.probabilities)
    classes = len(histogram)
    truth = reference.probabilities if reference.labels is None else reference.labels
    real = np.full(classes, 1 / classes) if truth is None else label_histogram(truth, classes)
    missing = missing_classes(histogram, real, settings.missing_share)
    details = {"histogram": histogram.tolist(), "reference": real.tolist(), "uniform": label_divergence(histogram)}
    return {
        "label_kl": Score(label_divergence(histogram, real), details),
        "missing_classes": Score(float(len(missing)), {"classes": missing, "share": settings.missing_share}),
    }


def measure_agreement(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `class_agreement` of METRICS, with its binomial standard error, and that of each class."""
    right = samples.probabilities.argmax(axis=1) == samples.labels
    share = float(right.mean())
    by_class = [float(right[samples.labels == label].mean()) for label in np.unique(samples.labels)]
    details = {"standard_error": math.sqrt(share * (1 - share) / len(right)), "by_class": by_class}
    return {"class_agreement": Score(share, details)}


def _same_classes(histogram, reference) -> tuple:
    """Both as shares of the same classes; even ones for no reference."""
    histogram = distribution("histogram", histogram)
    if reference is None:
        reference = np.full(histogram.shape, 1 / histogram.size)
    reference = distribution("reference", reference)
    if histogram.shape != reference.shape:
        raise ShapeError(f"histogram has shape {histogram.shape}, reference {reference.shape}; give the same classes.")
    return histogram, reference
