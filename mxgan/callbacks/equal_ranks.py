"""`EqualRanks`: a comparison of all ranks' parameters, optimisers and averages, which must be equal to the bit."""

from __future__ import annotations

from mxgan.training.callback import Callback
from mxgan.training.parallel.equality import check_equal

__all__ = ["EqualRanks"]


class EqualRanks(Callback):
    """Compares all ranks before the first step, every `every` steps and at the end; RanksPartedError if they differ.

    Every rank has this callback, before all that may raise an error: the ranks wait here for each other.
    """

    def __init__(self, every: int) -> None:
        self._every = every

    def on_fit_begin(self, trainer) -> None:
        check_equal(trainer.pair.ranks, trainer.pair, trainer.step)

    def on_step_end(self, trainer, batch, result) -> None:
        if trainer.step % self._every == 0:
            check_equal(trainer.pair.ranks, trainer.pair, trainer.step)

    def on_fit_end(self, trainer) -> None:
        check_equal(trainer.pair.ranks, trainer.pair, trainer.step)
