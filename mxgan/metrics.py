"""What a step reports: the original's accuracy and entropies as mx.metric metrics, and D's mean predictions.

The labels here are the hard ones, 0 for fake and 1 for real, also when training smooths them.
"""

from __future__ import annotations

import numpy as np

from mxgan.modules import StepResult
from mxgan.runtime import mx

__all__ = ["AdversarialMetrics", "facc", "fentropy"]


def facc(label: np.ndarray, pred: np.ndarray) -> float:
    """Share of predictions on the right side of 0.5; `label` (N,) is 0 or 1, `pred` (N, 1) a probability."""
    return ((pred.ravel() > 0.5) == label.ravel()).mean()


def fentropy(label: np.ndarray, pred: np.ndarray) -> float:
    """Mean binary cross-entropy in nats, with the original's guard of 1e-12 inside the logarithms."""
    pred, label = pred.ravel(), label.ravel()
    return -(label * np.log(pred + 1e-12) + (1.0 - label) * np.log(1.0 - pred + 1e-12)).mean()


def mean_prediction(label: np.ndarray, pred: np.ndarray) -> float:
    """Mean of the predictions, whatever the label: D(x) or D(G(z))."""
    return pred.mean()


class AdversarialMetrics:
    """The original's three metrics, mACC, mG and mD, and D(x) and D(G(z)), over the steps since `reset`.

    mACC and mD see D's prediction on the fake and then the real batch before D's update; mG sees it on the fake
    batch after the update, under the label "real".
    """

    def __init__(self) -> None:
        self.mACC = mx.metric.CustomMetric(facc)
        self.mG = mx.metric.CustomMetric(fentropy)
        self.mD = mx.metric.CustomMetric(fentropy)
        self._named = {
            "facc": self.mACC,
            "fentropy_g": self.mG,
            "fentropy_d": self.mD,
            "d_real": mx.metric.CustomMetric(mean_prediction, name="d_real"),
            "d_fake": mx.metric.CustomMetric(mean_prediction, name="d_fake"),
        }

    def update(self, result: StepResult) -> None:
        """Count one step in; waits until the device has computed its predictions."""
        fake, real, judged = result.fake_prediction, result.real_prediction, result.generator_prediction
        zeros, ones = mx.nd.zeros(fake.shape), mx.nd.ones(fake.shape)
        for metric in (self.mD, self.mACC):
            metric.update([zeros], [fake])
            metric.update([ones], [real])
        self.mG.update([ones], [judged])
        self._named["d_real"].update([ones], [real])
        self._named["d_fake"].update([zeros], [fake])

    def values(self) -> dict:
        """{"facc", "fentropy_g", "fentropy_d", "d_real", "d_fake"}: float means over the steps; NaN over none."""
        return {name: float(metric.get()[1]) for name, metric in self._named.items()}

    def original_line(self, epoch: int, iteration: int) -> str:
        """The line that MXNet's DCGAN example prints, word for word."""
        found = " ".join(str((m.get()[0], float(m.get()[1]))) for m in (self.mACC, self.mG, self.mD))
        return f"epoch: {epoch} iter: {iteration} metric: {found}"

    def reset(self) -> None:
        """Forget the steps so far."""
        for metric in self._named.values():
            metric.reset()

    def state(self) -> dict:
        """The sums so far as JSON values, from which `restore` goes on exactly."""
        return {name: [float(metric.sum_metric), metric.num_inst] for name, metric in self._named.items()}

    def restore(self, state: dict) -> None:
        """Go on from what `state` gave."""
        for name, metric in self._named.items():
            metric.sum_metric, metric.num_inst = state[name]
