"""The rows of METRICS that look at predicted classes, with their errors and with what real images get."""

from __future__ import annotations

import math
from typing import Optional

import numpy as np
from scipy.special import ndtr

from mxgan.evaluation.arrays import check_probabilities
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.classifier_scores import classifier_score, label_divergence, label_histogram, missing_classes
from mxgan.evaluation.resampling import curved_error

__all__ = ["measure_agreement", "measure_classifier_score", "measure_labels"]


def measure_classifier_score(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `classifier_score` of METRICS.

    Details
    -------
    standard_error : from the spread of the splits.
    bias : an estimate of how much the value is too low because each split estimates the shares of the classes from few
        samples. It can be larger than the error, so only values of equally many samples can be compared.
    real : the same score of the real images; real_images : their number.
    """
    mean, std, error = classifier_score(samples.probabilities, settings.splits)
    details = {"std": std, "bias": _score_bias(samples.probabilities, mean, settings.splits)}
    if error is not None:
        details["standard_error"] = error
    real = reference.probabilities
    if real is not None and len(real) >= settings.splits:
        details.update(real=classifier_score(real, settings.splits).mean, real_images=len(real))
    return {"classifier_score": Score(mean, details)}


def _score_bias(probabilities, score: float, splits: int) -> float:
    """How much lower the score of a split is than that of infinitely many samples: a number of 0 or less.

    The entropy of the mean p of n rows is too low by Σ Var(p_k) / (2 n p_k): Miller 1955, "Note on the bias of
    information estimates", for probabilities in the place of counts.
    """
    probabilities = check_probabilities("probabilities", probabilities)
    mean, variances = probabilities.mean(axis=0), probabilities.var(axis=0)
    lost = (variances[mean > 0] / mean[mean > 0]).sum() * splits / (2 * len(probabilities))
    return float(score * -math.expm1(lost))


def measure_labels(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The rows `label_kl` and `missing_classes` of METRICS.

    `label_kl` compares the classes that the network predicts for samples with those that it predicts for real images,
    so that a set has 0 from itself, however wrong the network is. Without predictions for real images it takes the
    data's labels; without these, 1/K for each class. Its details:

    histogram, reference : shares of the classes in the samples, and those that they are compared with.
    labels : the shares by the data's labels, where they are known. uniform : the divergence from 1/K.
    real : what real images have on average, as many as the samples: (K − 1) / 2 · (1/N + 1/M).

    `missing_classes` compares with the data's labels, if they are known. Its `real` is the number of classes that are
    missing in the predictions for the real images: above 0, the network is at fault and not the generator.
    """
    histogram = label_histogram(samples.probabilities)
    classes = len(histogram)
    predicted, labelled = (
        None if values is None else label_histogram(values, classes)
        for values in (reference.probabilities, reference.labels)
    )
    even = np.full(classes, 1 / classes)
    real, truth = (
        next((each for each in order if each is not None), even)
        for order in ((predicted, labelled), (labelled, predicted))
    )
    compared = reference.labels if predicted is None else reference.probabilities
    counts = [len(side) for side in (samples.probabilities, compared) if side is not None]
    details = {
        "histogram": histogram.tolist(),
        "reference": real.tolist(),
        "uniform": label_divergence(histogram),
        **({} if labelled is None else {"labels": labelled.tolist()}),
        **_divergence_details(histogram, real, counts),
    }
    return {
        "label_kl": Score(label_divergence(histogram, real), details),
        "missing_classes": _missing(samples.probabilities, truth, predicted, settings),
    }


def _divergence_details(histogram: np.ndarray, real: np.ndarray, counts: list) -> dict:
    """The standard error of a divergence, and what real images have; nothing if it is infinite.

    counts : [number of samples], and that of the real images if `real` is a histogram of images.

    A sample of class k has the influence log(p_k / q_k), a real image −p_k / q_k. Near 0 the divergence is half of a
    χ² with as many degrees of freedom as there are classes, less one.
    """
    if (histogram[real == 0] > 0).any():
        return {}
    p, q = histogram[real > 0], real[real > 0]
    logs = np.log(np.where(p > 0, p, 1) / q)
    linear = (p @ logs**2 - (p @ logs) ** 2) / counts[0]
    if len(counts) > 1:
        linear += (p @ (p / q) - 1) / counts[1]
    free, each = len(p) - 1, sum(1 / count for count in counts)
    return {"standard_error": curved_error(linear, free * each**2 / 2), "real": free * each / 2}


def _missing(probabilities, truth: np.ndarray, predicted: Optional[np.ndarray], settings: Settings) -> Score:
    """The score of missing_classes, with its standard error and the number for the real images."""
    histogram, share = label_histogram(probabilities), settings.missing_share
    missing = missing_classes(histogram, truth, share)
    details: dict = {"classes": missing, "share": share}
    details["standard_error"] = _missing_error(histogram, truth * share, len(probabilities))
    if predicted is not None:
        details["real"] = float(len(missing_classes(predicted, truth, share)))
    return Score(float(len(missing)), details)


def _missing_error(histogram: np.ndarray, least: np.ndarray, count: int) -> float:
    """√(Σ p (1 − p)), where p is the chance that a class has a share below `least` in as many new samples.

    A new share differs from the old one by √2 standard errors of a share: a chance that is not 0 or 1 near `least`.
    """
    known = histogram[least > 0]
    smooth = (known * count + 0.5) / (count + 1)  # no class has exactly no chance
    chance = ndtr((least[least > 0] - known) / np.sqrt(2 * smooth * (1 - smooth) / count))
    return round(math.sqrt(np.sum(chance * (1 - chance))), 4)  # 1e-20 is 0


def measure_agreement(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `class_agreement` of METRICS.

    Details: its standard error, where as many samples are asked of each class again; the agreement for each class;
    `real`, the share of the real images that the same network puts into the class of their label, if these are known;
    of a network that was trained on them, the share of the images that were held out, as samples are new to it too.
    """
    right, asked = samples.probabilities.argmax(axis=1) == samples.labels, np.asarray(samples.labels)
    by_class = [right[asked == label] for label in np.unique(asked)]
    variance = sum(len(each) * each.mean() * (1 - each.mean()) for each in by_class) / len(right) ** 2
    details = {"standard_error": math.sqrt(variance), "by_class": [float(each.mean()) for each in by_class]}
    if reference.probabilities is not None and reference.labels is not None:
        known = np.asarray(reference.probabilities).argmax(axis=1) == reference.labels
        share, count = reference.accuracy or (known.mean(), len(known))
        details.update(real=float(share), real_images=int(count))
    return {"class_agreement": Score(float(right.mean()), details)}
