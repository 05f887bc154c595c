"""`NearOverflow`: weights, predictions or losses grow towards the limit of float32."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis, first_numbers
from mxgan.callbacks.finite_guard import sums_of_squares

__all__ = ["NearOverflow"]

LIMIT = 1e6
GROWTH, GROWING, FROM = 2.0, 5, 1e3


class NearOverflow(Diagnosis):
    """The largest size is LIMIT or more, or it is FROM or more after it at least doubled in GROWING readings in a row.

    The sizes are: for each weight array, the root mean square of its first 65,536 values; for each batch, the root mean
    square of its predictions; the absolute values of the losses. In float32 the squares of numbers from 1.8e19 up are
    infinite, and each layer multiplies sizes: at LIMIT there are three layers left. FiniteGuard ends the run when a
    number is not finite.
    """

    fault = "nan_near"
    remedy = (
        "The run is about to diverge: lower the learning rates (--lr), or let the run return to a checkpoint by "
        "--on-nan rollback."
    )

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
