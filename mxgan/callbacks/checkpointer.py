"""`Checkpointer`: saving a run's state, and choosing the checkpoints to keep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Callable, Optional, Union

from mxgan.callbacks.base import Measuring, Periodic
from mxgan.errors import ArgumentError, MXGANError, unknown_name
from mxgan.runtime import versions
from mxgan.training.checkpoint import Names, save_checkpoint
from mxgan.training.checkpoint_choice import best_step
from mxgan.training.run_folder import BEST, RunFolder

__all__ = ["Checkpointer"]

WHENCE = "Metrics of samples need --evaluate-every; metrics of G's average (ema_...) need --ema too, and that of D's "
WHENCE += "(ema_test_accuracy) --set discriminator_ema=0.999."


class Checkpointer(Periodic):
    """Saves at an interval and at the end; keeps the newest `keep` checkpoints and the best one.

    Parameters
    ----------
    names : the data set and the time stamp for the file names.
    every : a number of steps, "epoch", or "15min".
    keep : the number of newest checkpoints to keep, at least 1; None: all.
    keep_best : "METRIC:min" or "METRIC:max": the best checkpoint by that metric is kept too; None: no best checkpoint.
    sources : callbacks with `metric_names()` and `metrics_at(step)`, {metric: value}. A checkpoint has the values of a
        `Measuring` source only if they were measured at its own step.
    before : called before each save; it may raise to prevent it.
    save_first : save also before the first step.
    """

    told_last = True  # it saves the state of all other callbacks after the same step

    def __init__(
        self,
        folder: RunFolder,
        names: Names,
        every: Union[int, str] = 1000,
        keep: Optional[int] = 5,
        keep_best: Optional[str] = None,
        sources: Sequence = (),
        before: Optional[Callable] = None,
        save_first: bool = False,
    ) -> None:
        super().__init__(every, before)
        self.keep, self.keep_best = keep, keep_best
        self._folder, self._names, self._sources = folder, names, sources
        self._save_first, self._owed = save_first, False
        self._check_metric()

    def on_fit_begin(self, trainer) -> None:
        super().on_fit_begin(trainer)
        for callback in trainer.callbacks:
            _check_state(callback)
        if self._save_first and not self._folder.checkpoint_steps():
            self._act_once(trainer)

    def on_step_end(self, trainer, batch, result) -> None:
        """Save if it is due; after the last step of an epoch, only when `on_epoch_end` has counted the epoch."""
        if trainer.ends_epoch and (self._owed or self.is_due(trainer)):
            self._owed = True
        else:
            super().on_step_end(trainer, batch, result)

    def on_epoch_end(self, trainer) -> None:
        if self._owed or self.every.is_epoch:
            self._act_once(trainer)

    def act(self, trainer) -> None:
        """Save now, unless this step has a checkpoint already."""
        self._owed = False
        if trainer.step in self._folder.checkpoint_steps():
            return
        metrics = {name: value for source in self._sources for name, value in source.metrics_at(trainer.step).items()}
        state = {
            "step": trainer.step,
            "epoch": trainer.epoch,
            "iteration": trainer.iteration,
            "seed": trainer.seed,
            "versions": versions(),
            "metrics": metrics,
            "callbacks": {callback.name: callback.state() for callback in trainer.callbacks},
        }
        save_checkpoint(self._folder, trainer.pair, self._names, state)
        best = best_step(self._folder, self.keep_best) if self.keep_best else None
        self._folder.prune_checkpoints(self.keep, best)

    def _check_metric(self) -> None:
        """Raise ArgumentError if no source measures `keep_best`, or if it is never measured at a checkpoint's step."""
        if not self.keep_best:
            return
        known = {name: source for source in self._sources for name in source.metric_names()}
        wanted = BEST.fullmatch(self.keep_best).group(1)
        if wanted not in known:
            raise ArgumentError(f"{unknown_name('metric in keep_best', wanted, known)} {WHENCE}")
        source = known[wanted]
        if isinstance(source, Measuring) and not source.every.meets(self.every):
            raise ArgumentError(
                f"keep_best is {self.keep_best!r}; {wanted} is measured every {source.every} and "
                f"checkpoints are saved every {self.every}: the two seldom meet, and a checkpoint has only the values "
                "of its own step. Give both the same interval, or make one a multiple of the other."
            )


def _check_state(callback) -> None:
    """Raise ArgumentError before the training if the state of a callback cannot be saved."""
    try:
        state = callback.state()
        json.dumps(state)
    except MXGANError:
        raise
    except Exception as error:  # of the user's code
        raise ArgumentError(
            f"the state of the callback {callback.name!r} cannot be saved: {error}. Give a dict of text, numbers, "
            "true, false, null, lists and dicts."
        ) from error
    if not isinstance(state, dict):
        raise ArgumentError(f"the state of the callback {callback.name!r} is {state!r:.80}; give a dict.")
