"""`AdaptiveAugmentation`: the probability of the augmentations, adapted by D's sign on real images."""

from __future__ import annotations

import logging
import math
from typing import Optional

import numpy as np

from mxgan.callbacks.base import fitting
from mxgan.callbacks.history import images_per_step
from mxgan.objectives.augment.adaptive import check_adaptive
from mxgan.training.callback import Callback

__all__ = ["AdaptiveAugmentation"]

logger = logging.getLogger(__name__)

INTERVAL = 4  # steps between two changes of the probability
IMAGES = 500_000  # real images in which it can go from 0 to 1
FAINT = 0.1  # a probability at which the augmentations hardly act


class AdaptiveAugmentation(Callback):
    """Adapts `pair.augmenter.probability`, so that D does not learn the real images by heart.

    The more D is sure of the images that it is trained on, the more r = E[sign(D(x))] exceeds what it is for other
    real images; Karras et al. keep it at a target by the strength of the augmentations. Every four steps the
    probability moves by (images in four steps) / 500,000, up if r of the last four steps is above the target, else
    down; it begins at 0 and stays in [0, 1].

    r is of the four steps before the last one: their predictions are computed already, so that nothing waits for the
    device. With several updates of D in a step, r is of the last one. On several ranks, each has this callback, and all
    have the predictions of the whole batch.

    Parameters
    ----------
    augmenter : the pair's; its probability becomes 0, its `sign` is the newest r.
    target : the wanted r, above 0 and below 1; the publication has 0.6.
    objective : row of OBJECTIVES of the pair, whose threshold separates real and fake.
    steps : the step at which the training ends; if the probability cannot reach 0.1 by then, the log says it at the
        start. None: it says nothing.

    Raises
    ------
    ArgumentError : no augmentations, another target, or an objective without threshold.

    Source: Karras et al. 2020, "Training GANs with limited data", section 3.1 (r_t) and appendix C.
    """

    def __init__(self, augmenter, target: float, objective: str, steps: Optional[int] = None) -> None:
        self._steps = steps
        self._threshold = check_adaptive(augmenter.names, target, objective)
        self._augmenter, self._target = augmenter, target
        self._begin()

    def _begin(self) -> None:
        self._augmenter.adaptive, self._augmenter.probability, self._augmenter.sign = True, 0.0, math.nan
        self._pending: list = []  # of each step since the last change: the predictions, or the mean sign if it is known

    def on_fit_begin(self, trainer) -> None:
        if self._steps is None:
            return
        images = max(0, self._steps - trainer.step) * images_per_step(trainer.pair)
        reached = self._augmenter.probability + images / IMAGES
        if reached < FAINT:
            logger.warning(
                "augment_target %g: the probability of the augmentations begins at %.3g and reaches at most %.2g in %s "
                "images, so that they hardly act. Train longer, or add --set augment_target=null: the probability is "
                "then 1.",
                self._target,
                self._augmenter.probability,
                reached,
                f"{images:,}",
            )

    def on_step_end(self, trainer, batch, result) -> None:
        self._pending.append(result.real_prediction)
        if len(self._pending) > INTERVAL:
            due, self._pending = self._pending[:INTERVAL], self._pending[INTERVAL:]
            self._adapt(math.fsum(map(self._sign_of, due)) / INTERVAL, INTERVAL * images_per_step(trainer.pair))

    def _adapt(self, sign: float, images: int) -> None:
        step = images / IMAGES * ((sign > self._target) - (sign < self._target))
        self._augmenter.sign = sign
        self._augmenter.probability = min(1.0, max(0.0, self._augmenter.probability + step))

    def _sign_of(self, seen) -> float:
        """The mean sign of one step's predictions; reads them from the device."""
        if isinstance(seen, float):
            return seen
        return float(np.sign(seen.asnumpy().astype(np.float64) - self._threshold).mean())

    def state(self) -> dict:
        self._pending = [self._sign_of(each) for each in self._pending]
        sign = self._augmenter.sign
        return {
            "probability": self._augmenter.probability,
            "sign": None if math.isnan(sign) else sign,
            "pending": list(self._pending),
        }

    def restore(self, state: dict) -> None:
        """Continue from `state`; a checkpoint of a run without it begins at the probability 0."""
        self._begin()
        if state:
            with fitting(self, state):
                self._augmenter.probability = _within_one(state["probability"])
                self._augmenter.sign = math.nan if state["sign"] is None else float(state["sign"])
                self._pending = [float(each) for each in state["pending"]]


def _within_one(probability) -> float:
    if not 0 <= probability <= 1:
        raise ValueError("probability")
    return float(probability)
