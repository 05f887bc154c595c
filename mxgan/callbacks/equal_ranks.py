"""`EqualRanks`: a comparison of all ranks' parameters, optimisers and averages, which must be equal to the bit."""

from __future__ import annotations

from typing import Optional, Union

from mxgan.training.callback import Callback
from mxgan.training.every import Every
from mxgan.training.parallel.equality import check_equal

__all__ = ["EqualRanks"]


class EqualRanks(Callback):
    """Compares all ranks; RanksPartedError if they differ.

    It does so before the first step, every `every` steps, before each save at an interval of steps or epochs, and at
    the end. Every rank has this callback, before all that may raise an error: the ranks wait here for each other.

    Parameters
    ----------
    every : steps between two comparisons. saves : the interval of the checkpoints, as of `Checkpointer`; a save at an
        interval of minutes is not known to all ranks, so the error names the last step at which they were equal.
    """

    def __init__(self, every: int, saves: Union[int, str]) -> None:
        self._every, self._saves = every, Every.parse("saves", saves, minutes=True)
        self._equal_at: Optional[int] = None

    def on_fit_begin(self, trainer) -> None:
        self._compare(trainer)

    def on_step_end(self, trainer, batch, result) -> None:
        if trainer.step % self._every == 0 or self._saves.names(trainer.step, trainer.iteration):
            self._compare(trainer)

    def on_epoch_end(self, trainer) -> None:
        self._compare(trainer)

    def on_fit_end(self, trainer) -> None:
        self._compare(trainer)

    def restore(self, state: dict) -> None:
        self._equal_at = None

    def _compare(self, trainer) -> None:
        if self._equal_at != trainer.step:
            check_equal(trainer.pair.ranks, trainer.pair, trainer.step, self._equal_at)
            self._equal_at = trainer.step
