"""`SaturatedDiscriminator`: the discriminator is right on almost every image, and sure."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis

__all__ = ["SaturatedDiscriminator"]

ACCURACY = 0.99
SURE = 0.003  # D's loss on fakes, as a share of the loss of an undecided D


class SaturatedDiscriminator(Diagnosis):
    """In every reading, D's accuracy is at least ACCURACY and its loss on fakes at most SURE of an undecided D's loss.

    For the objective "gan" the second condition is D(G(z)) ≤ 0.002, an entropy of G of 6.2 nats or more. Healthy runs
    on MNIST have reached 0.006, 5 nats. An objective without a threshold (wasserstein) has no accuracy, and its critic
    cannot saturate, so that this diagnosis never warns.
    """

    fault = "discriminator_saturated"
    numbers = 2
    remedy = (
        "D learns faster than G: lower D's learning rate (--set discriminator_optimizer.learning_rate=...), or add "
        "instance noise and label smoothing as in the recipe dcgan."
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
            f"(limit {ACCURACY:.0%}), and its loss on fakes is at most {loss.max():.1%} of the loss of an undecided D "
            f"(limit {SURE:.1%})"
        )
