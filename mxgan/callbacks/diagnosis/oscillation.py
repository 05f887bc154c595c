"""`Oscillation`: the losses of G and D swing up and down."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis

__all__ = ["Oscillation", "swings"]

SWING = 1.0
SWINGS = 5


class Oscillation(Diagnosis):
    """A loss has gone up or down by a large amount at least SWINGS times in the last 300 steps.

    "Large" is SWING times the larger of two values: the median of the loss, and the loss of an undecided D. If the
    objective has no threshold, its losses have no such level; then the second value is the median of D's loss. Medians
    are of absolute values. A loss is the mean over the steps since the previous log line.
    """

    fault = "oscillation"
    numbers = 2
    remedy = (
        "G and D chase each other: lower both learning rates (--lr), or lower beta1 from 0.9 to 0.5 or 0; an average "
        "of G's weights (--ema 0.999) makes the samples steadier."
    )
    windows = 3

    def reading(self, seen, metrics):
        return [metrics["loss_g"], metrics["loss_d"]]

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        if not np.isfinite(readings).all():
            return None
        for network, losses in zip("GD", readings.T):
            least = SWING * max(np.median(np.abs(losses)), self._level(readings[:, 1]))
            count = swings(losses, least) if least > 0 else 0
            if count >= SWINGS:
                steps = len(readings) * self.every
                return f"in {steps} steps the loss of {network} has swung {count} times by more than {least:.2g}"
        return None

    def _level(self, discriminator_losses: np.ndarray) -> float:
        threshold = self.objective.threshold
        if threshold is None:
            return float(np.median(np.abs(discriminator_losses)))
        prediction = np.full(2, threshold)
        return float(self.objective.discriminator_loss(prediction, np.array([0.0, 1.0])).mean())


def swings(values: np.ndarray, least: float) -> int:
    """The number of moves of a series by at least `least`, each in the opposite direction of the previous one."""
    count, direction = 0, 0
    lowest = highest = values[0]  # since the last turn
    for value in values[1:]:
        lowest, highest = min(lowest, value), max(highest, value)
        if direction >= 0 and highest - value >= least:
            count, direction, lowest = count + 1, -1, value
        elif direction <= 0 and value - lowest >= least:
            count, direction, highest = count + 1, 1, value
    return count
