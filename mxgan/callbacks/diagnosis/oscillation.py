"""G and D chase each other: their losses swing to and fro."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis

__all__ = ["Oscillation", "swings"]

SWING = 1.0
SWINGS = 5


class Oscillation(Diagnosis):
    """A loss has gone up and down by large steps at least SWINGS times in the last 300 steps.

    Large is SWING times the larger of the loss's own median and of the loss of a D that cannot tell; for an
    objective without a threshold, whose losses have no level of their own, of the median of D's. The losses are the
    means over the steps since the line before.
    """

    fault = "oscillation"
    numbers = 2
    remedy = (
        "G and D chase each other: lower both learning rates (--lr), or take beta1 from 0.9 to 0.5 or 0; an average "
        "of G (--ema 0.999) evens samples out."
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
    """How often a series goes up or down by at least `least`, each time the other way than before."""
    count, direction = 0, 0
    lowest = highest = values[0]  # since the last turn
    for value in values[1:]:
        lowest, highest = min(lowest, value), max(highest, value)
        if direction >= 0 and highest - value >= least:
            count, direction, lowest = count + 1, -1, value
        elif direction <= 0 and value - lowest >= least:
            count, direction, highest = count + 1, 1, value
    return count
