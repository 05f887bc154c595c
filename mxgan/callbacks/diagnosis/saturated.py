"""The discriminator has won: it tells every image right, and is sure of it."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis

__all__ = ["SaturatedDiscriminator"]

ACCURACY = 0.99
SURE = 0.003  # D's loss on fakes, in parts of that of a D which cannot tell


class SaturatedDiscriminator(Diagnosis):
    """D's accuracy is at least ACCURACY, and its loss on G's fakes at most SURE of an undecided D's, in every reading.

    With the objective "gan" the second is D(G(z)) ≤ 0.002, an entropy of G from 6.2 nats up; healthy runs on MNIST have
    been seen to pass 0.006, 5 nats. An objective without a threshold (wasserstein) has no accuracy, and its critic
    cannot saturate: nothing is said of it.
    """

    fault = "discriminator_saturated"
    numbers = 2
    remedy = (
        "D learns faster than G: lower D's learning rate (--set discriminator_optimizer.learning_rate=...), or add "
        "instance noise and smoothing as the recipe dcgan has them."
    )

    def look(self, trainer, batch, result):
        return [result.generator_prediction]

    def reading(self, seen, metrics):
        if self.objective.threshold is None:
            return [np.nan, np.nan]
        loss, fake = self.objective.discriminator_loss, np.zeros(1)
        undecided = float(loss(np.full(1, self.objective.threshold), fake)[0])
        return [metrics["facc"], loss(seen[0].ravel(), fake).mean() / undecided]

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        accuracy, loss = readings.T
        if not (self.is_full and (accuracy >= ACCURACY).all() and (loss <= SURE).all()):
            return None
        return (
            f"for {len(readings) * self.every} steps D has been right on at least {accuracy.min():.1%} of the images "
            f"(warned of from {ACCURACY:.0%}), and its loss on fakes is at most {loss.max():.1%} of that of a D which "
            f"cannot tell (from {SURE:.1%} down)"
        )
