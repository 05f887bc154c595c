"""What a step reports: the original's accuracy and entropies as mx.metric metrics, D's mean predictions, losses.

The labels here are the hard ones, 0 for fake and 1 for real, also when training smooths them.
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


def facc(label: np.ndarray, pred: np.ndarray, threshold: float = 0.5) -> float:
    """Share of predictions on the right side of `threshold`; `label` (N,) is 0 or 1, `pred` (N, 1)."""
    return ((pred.ravel() > threshold) == label.ravel()).mean()


def fentropy(label: np.ndarray, pred: np.ndarray) -> float:
    """Mean binary cross-entropy in nats, with the original's guard of 1e-12 inside the logarithms."""
    return cross_entropy(pred.ravel(), label.ravel()).mean()


def mean_absolute_error(label: np.ndarray, pred: np.ndarray) -> float:
    """Mean of |prediction − label|, which some publications plot as the loss of D."""
    return np.abs(pred.ravel() - label.ravel()).mean()


def mean_prediction(label: np.ndarray, pred: np.ndarray) -> float:
    """Mean of the predictions, whatever the label: D(x) or D(G(z))."""
    return pred.mean()


def class_accuracy(label: np.ndarray, pred: np.ndarray) -> float:
    """Share of the rows of `pred` (N, K) that are largest at their class, of those whose class is known (≥ 0)."""
    known = label >= 0
    return (pred[known].argmax(axis=1) == label[known]).mean()


def mean_loss(loss, label: np.ndarray, pred: np.ndarray) -> float:
    """Mean of an objective's per-sample loss."""
    return loss(pred.ravel(), label.ravel()).mean()


class AdversarialMetrics:
    """The original's three metrics, mACC, mG and mD, and what else an objective has, over the steps since `reset`.

    mACC and mD see D's prediction on the fake and the real batch before D's update; mG sees it on the fake batch
    after the update, under the label "real". An objective whose prediction is no probability has no entropies and no
    mean absolute error, and one without a threshold no accuracy: they are NaN. Its own losses are always there; a
    penalty is no part of them.

    Parameters
    ----------
    objective : the row of OBJECTIVES that is trained on; None: "gan".
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
        """Count one step in; waits until the device has computed its predictions."""
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
        """{name: float mean over the steps}; NaN over none, and for what the objective does not have.

        Always facc, fentropy_g, fentropy_d, d_real, d_fake, loss_g, loss_d (of the fake and of the real batch, their
        mean) and mae_d; the objective's estimates; penalty and class_accuracy_{real, fake, labelled} where seen.
        """
        found = {name: float(metric.get()[1]) for name, metric in self._named.items()}
        for name, estimate in self.objective.estimates.items():
            found[name] = estimate(found["d_real"], found["d_fake"])
        seen = {name: metric for name, metric in self._occasional.items() if metric.num_inst}
        return {**found, **{name: float(metric.get()[1]) for name, metric in seen.items()}}

    def names(self) -> list:
        """Every name that `values` may ever have."""
        return [*self._all(), *self.objective.estimates]

    def line(self, epoch: int, iteration: int) -> str:
        """The line that MXNet's DCGAN example prints, word for word; with losses where there is no entropy."""
        shown = [(metric.get()[0], float(metric.get()[1])) for metric in (self.mACC, self.mG, self.mD)]
        if not self.objective.probability:
            accuracy = [] if self.objective.threshold is None else ["facc"]
            values = self.values()
            shown = [(name, values[name]) for name in (*accuracy, "loss_g", "loss_d", *self.objective.estimates)]
        return f"epoch: {epoch} iter: {iteration} metric: {' '.join(map(str, shown))}"

    def reset(self) -> None:
        """Forget the steps so far."""
        for metric in self._all().values():
            metric.reset()

    def _all(self) -> dict:
        return {**self._named, **self._occasional}

    def state(self) -> dict:
        """The sums so far as JSON values, from which `restore` goes on exactly."""
        return {name: [float(metric.sum_metric), metric.num_inst] for name, metric in self._all().items()}

    def restore(self, state: dict) -> None:
        """Go on from what `state` gave; a metric that it does not have, an older version's, begins anew.

        Raises TypeError or ValueError for a state of another form.
        """
        self.reset()
        for name, metric in self._all().items():
            total, count = state.get(name, (0.0, 0))
            metric.sum_metric, metric.num_inst = float(total), operator.index(count)
