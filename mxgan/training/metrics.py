"""Metrics of the training steps: the original's accuracy and entropies, D's mean predictions, the losses.

The labels here are always hard, 0 for fake and 1 for real, also with label smoothing.
"""

from __future__ import annotations

import functools
import operator
from typing import Optional

import numpy as np

from mxgan.objectives.heads import Objective, cross_entropy, get_objective
from mxgan.runtime import mx
from mxgan.training.step import StepResult

__all__ = ["AdversarialMetrics", "facc", "fentropy"]

IN_THE_ORIGINAL = {"fentropy_g": "fentropy", "fentropy_d": "fentropy"}  # name here → name in its line


def facc(label: np.ndarray, pred: np.ndarray, threshold: float = 0.5) -> float:
    """Share of correct predictions: above `threshold` for label 1, else below; `label` (N,), `pred` (N, 1)."""
    return ((pred.ravel() > threshold) == label.ravel()).mean()


def fentropy(label: np.ndarray, pred: np.ndarray) -> float:
    """Mean binary cross-entropy in nats, with the original's guard of 1e-12 inside the logarithms."""
    return cross_entropy(pred.ravel(), label.ravel()).mean()


def mean_absolute_error(label: np.ndarray, pred: np.ndarray) -> float:
    """Mean of |prediction − label|; some publications plot it as the loss of D."""
    return np.abs(pred.ravel() - label.ravel()).mean()


def mean_prediction(label: np.ndarray, pred: np.ndarray) -> float:
    """Mean of the predictions, D(x) or D(G(z)); the label is not used."""
    return pred.mean()


def class_accuracy(label: np.ndarray, pred: np.ndarray) -> float:
    """Share of rows of `pred` (N, K) with the maximum at their class, among rows with a known class (label ≥ 0)."""
    known = label >= 0
    return (pred[known].argmax(axis=1) == label[known]).mean()


def mean_loss(loss, label: np.ndarray, pred: np.ndarray) -> float:
    """Mean of an objective's per-sample loss."""
    return loss(pred.ravel(), label.ravel()).mean()


class AdversarialMetrics:
    """The original's three metrics, mACC, mG and mD, and the objective's own, over the steps since `reset`.

    mACC and mD use D's predictions on the fake and the real batch before D's update; mG uses D's prediction on the
    fake batch after the update, under the label "real". If the objective's prediction is not a probability, the
    entropies and the mean absolute error are NaN; if the objective has no threshold, the accuracy is NaN. The
    objective's own losses are always present; they do not include a penalty.

    Parameters
    ----------
    objective : the row of OBJECTIVES used in training; None: "gan".
    """

    def __init__(self, objective: Optional[Objective] = None) -> None:
        self.objective = objective or get_objective("gan")
        losses = [
            functools.partial(mean_loss, loss)
            for loss in (self.objective.generator_loss, self.objective.discriminator_loss)
        ]
        accuracy = functools.partial(facc, threshold=self.objective.threshold)
        self.mACC = mx.metric.CustomMetric(accuracy, name="facc")
        self.mG = mx.metric.CustomMetric(fentropy)
        self.mD = mx.metric.CustomMetric(fentropy)
        self._named = {
            "facc": self.mACC,
            "fentropy_g": self.mG,
            "fentropy_d": self.mD,
            "d_real": mx.metric.CustomMetric(mean_prediction, name="d_real"),
            "d_fake": mx.metric.CustomMetric(mean_prediction, name="d_fake"),
            "loss_g": mx.metric.CustomMetric(losses[0], name="loss_g"),
            "loss_d": mx.metric.CustomMetric(losses[1], name="loss_d"),
            "mae_d": mx.metric.CustomMetric(mean_absolute_error, name="mae_d"),
        }
        self._occasional = {
            "penalty": mx.metric.CustomMetric(mean_prediction, name="penalty"),
            **{
                f"class_accuracy_{kind}": mx.metric.CustomMetric(class_accuracy, name=kind)
                for kind in ("real", "fake", "labelled")
            },
        }

    def update(self, result: StepResult) -> None:
        """Add one step; waits until the device has computed its predictions."""
        fake, real, judged = result.fake_prediction, result.real_prediction, result.generator_prediction
        zeros, ones = mx.nd.zeros(fake.shape), mx.nd.ones(fake.shape)
        named = self._named
        both = ["loss_d"] + (["fentropy_d", "mae_d"] if self.objective.probability else [])
        both += ["facc"] if self.objective.threshold is not None else []
        for metric in (named[name] for name in both):
            metric.update([zeros], [fake])
            metric.update([ones], [real])
        for metric in (named[name] for name in ["loss_g"] + ["fentropy_g"] * self.objective.probability):
            metric.update([ones], [judged])
        named["d_real"].update([ones], [real])
        named["d_fake"].update([zeros], [fake])
        if result.penalty is not None:
            self._occasional["penalty"].update([result.penalty], [result.penalty])
        for kind, (probabilities, classes) in result.classified.items():
            self._occasional[f"class_accuracy_{kind}"].update([classes], [probabilities])

    def values(self) -> dict:
        """{name: float mean over the steps}; NaN without steps, and for metrics that the objective does not have.

        Always present: facc, fentropy_g, fentropy_d, d_real, d_fake, loss_g, loss_d (the mean of the loss on the fake
        and on the real batch), mae_d, and the objective's estimates. Present if a step had them: penalty and
        class_accuracy_{real, fake, labelled}.
        """
        found = {name: float(metric.get()[1]) for name, metric in self._named.items()}
        for name, estimate in self.objective.estimates.items():
            found[name] = estimate(found["d_real"], found["d_fake"])
        seen = {name: metric for name, metric in self._occasional.items() if metric.num_inst}
        return {**found, **{name: float(metric.get()[1]) for name, metric in seen.items()}}

    def names(self) -> list:
        """All names that `values` can contain."""
        return [*self._all(), *self.objective.estimates]

    def headline(self) -> tuple:
        """The names of the values to print: D's accuracy, the entropies of G and D; without entropies, their losses."""
        if self.objective.probability:
            return ("facc", "fentropy_g", "fentropy_d")
        accuracy = () if self.objective.threshold is None else ("facc",)
        return (*accuracy, "loss_g", "loss_d", *self.objective.estimates)

    def line(self, epoch: int, iteration: int) -> str:
        """The line that MXNet's DCGAN example prints, word for word: it calls both entropies `fentropy`."""
        values = self.values()
        shown = [(IN_THE_ORIGINAL.get(name, name), values[name]) for name in self.headline()]
        return f"epoch: {epoch} iter: {iteration} metric: {' '.join(map(str, shown))}"

    def reset(self) -> None:
        """Delete the sums of the steps so far."""
        for metric in self._all().values():
            metric.reset()

    def _all(self) -> dict:
        return {**self._named, **self._occasional}

    def state(self) -> dict:
        """The sums so far as JSON values; `restore` continues from them exactly."""
        return {name: [float(metric.sum_metric), metric.num_inst] for name, metric in self._all().items()}

    def restore(self, state: dict) -> None:
        """Continue from the result of `state`; a metric that is missing there (older version) starts at zero.

        Raises TypeError or ValueError for a state of another form.
        """
        self.reset()
        for name, metric in self._all().items():
            total, count = state.get(name, (0.0, 0))
            metric.sum_metric, metric.num_inst = float(total), operator.index(count)
