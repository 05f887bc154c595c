"""`FrozenGenerator`: the generator does not change any more."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis, first_numbers
from mxgan.callbacks.finite_guard import sums_of_squares

__all__ = ["FrozenGenerator"]

CHANGE = 1e-6  # at this rate, a change as large as the weights takes a million steps


class FrozenGenerator(Diagnosis):
    """No weight array of G changes by more than CHANGE of its norm in a step, in any reading of the window.

    A reading compares the first 65,536 values of each array before and after one step. The published recipes change by
    1e-5 to 1e-2.
    """

    fault = "generator_frozen"
    remedy = (
        "G learns nothing: raise its learning rate (--lr, or --set generator_optimizer.learning_rate=...); if it is "
        "not small, G's gradient has vanished: weaken D."
    )

    def on_step_begin(self, trainer) -> None:
        if self.is_due(trainer.step + 1):
            self._before = {name: first_numbers(array).copy() for name, array in _weights(trainer.pair).items()}

    def look(self, trainer, batch, result):
        before, self._before = self._before, {}
        after = _weights(trainer.pair)
        changes = [first_numbers(after[name]) - array for name, array in before.items()]
        return [sums_of_squares([*changes, *before.values()])]

    def reading(self, seen, metrics):
        changes, sizes = np.sqrt(seen[0].astype(np.float64)).reshape(2, -1)
        return [(changes / np.maximum(sizes, np.finfo(np.float32).tiny)).max()]

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        if not (self.is_full and (readings <= CHANGE).all()):
            return None
        steps = len(readings) * self.every
        return f"for {steps} steps no weight of G has changed by more than {readings.max():.1e} of its size in a step"


def _weights(pair) -> dict:
    return {name: array for name, array in pair.parameters("generator").items() if name.endswith("weight")}
