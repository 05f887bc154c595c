"""Numbers are on their way out of float32."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis, first_numbers
from mxgan.callbacks.finite_guard import sums_of_squares

__all__ = ["NearOverflow"]

LIMIT = 1e6
GROWTH, GROWING, FROM = 2.0, 5, 1e3


class NearOverflow(Diagnosis):
    """The largest of weights, predictions and losses is above LIMIT, or is above FROM by doubling in GROWING readings.

    Of a weight array it is the root mean square of its first 65,536 numbers, of a batch that of its predictions.
    Squares of numbers from 1.8e19 up are infinite in float32, and a layer multiplies sizes: at LIMIT there are three
    layers left. FiniteGuard ends the run once a number is not finite.
    """

    fault = "nan_near"
    remedy = "The run is about to diverge: lower the learning rates (--lr), or let it go back by --on-nan rollback."

    def look(self, trainer, batch, result):
        parameters = [trainer.pair.parameters(half) for half in ("generator", "discriminator")]
        arrays = [first_numbers(array) for group in parameters for array in group.values()]
        arrays += [result.fake_prediction, result.real_prediction, result.generator_prediction]
        self._sizes = np.array([array.size for array in arrays])
        return [sums_of_squares(arrays)]

    def reading(self, seen, metrics):
        sizes = np.sqrt(seen[0].astype(np.float64) / self._sizes)
        return [np.max([sizes.max(), abs(metrics["loss_g"]), abs(metrics["loss_d"])])]

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        sizes = readings[:, 0]
        if sizes[-1] >= LIMIT:
            return f"weights, predictions or losses have reached {sizes[-1]:.1e}"
        last = sizes[-GROWING - 1 :]
        if len(last) > GROWING and last[-1] >= FROM and (last[1:] >= GROWTH * last[:-1]).all():
            steps = GROWING * self.every
            return f"in {steps} steps weights, predictions or losses have gone from {last[0]:.1e} to {last[-1]:.1e}"
        return None
