"""`VanishingGradient` and `ExplodingGradient`: the gradient that G gets from D is too small or too large."""

from __future__ import annotations

from typing import Callable, Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis
from mxgan.callbacks.finite_guard import sums_of_squares

__all__ = ["ExplodingGradient", "VanishingGradient"]

LATEST = 3  # number of readings that must agree, because one batch may be unusual
FAINT, FAINTER = 1e-6, 1e-3
HUGE, LARGER = 1e4, 1e2


class _InputGradient(Diagnosis):
    """Base class: the norm of the gradient of G's loss at an image, as root mean square over the batch.

    The fault: the last LATEST norms are all beyond `limit`, or all beyond `share` times the median of the earlier norms
    in the window.
    """

    beyond: Callable
    limit: float
    share: float

    def look(self, trainer, batch, result):
        return [sums_of_squares([result.input_gradient]) / len(result.input_gradient)]

    def reading(self, seen, metrics):
        return [np.sqrt(seen[0][0])]

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        norms, median = readings[-LATEST:, 0], np.nan
        if self.is_full:
            median = np.median(readings[:-LATEST, 0]) or np.nan  # nothing is relative to a median of 0
        if len(norms) < LATEST or not any(
            self.beyond(norms, least).all() for least in (self.limit, self.share * median)
        ):
            return None
        usual = "" if np.isnan(median) else f"; it was {median:.1e} before"
        return f"the gradient that an image gets from D has a norm of {norms[-1]:.1e}{usual}"


class VanishingGradient(_InputGradient):
    """The last LATEST norms are at most FAINT, or at most FAINTER times the median of the earlier norms."""

    fault = "vanishing_gradient"
    remedy = (
        "G learns almost nothing from D: weaken D (a lower learning rate, instance noise), or loosen a tight "
        "weight_clip; the recipe wgan-gp keeps the gradient near 1."
    )
    beyond, limit, share = np.less_equal, FAINT, FAINTER


class ExplodingGradient(_InputGradient):
    """The last LATEST norms are at least HUGE, or at least LARGER times the median of the earlier norms."""

    fault = "exploding_gradient"
    remedy = (
        "D is too steep: lower D's learning rate, or bound its slope by --set penalty=gradient_penalty or --set "
        "spectral_norm=true."
    )
    beyond, limit, share = np.greater_equal, HUGE, LARGER
