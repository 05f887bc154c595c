"""`ScheduledRate`: a learning-rate schedule as the scheduler that an optimiser of MXNet asks for its rate."""

from __future__ import annotations

from typing import Optional

from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.training.learning_rates import SHAPES, LearningRateSchedule

__all__ = ["ScheduledRate"]

_MOST_DECAYS = 10_000  # that FactorScheduler is left to count one by one, when it is asked in the middle of a training


class ScheduledRate(mx.lr_scheduler.LRScheduler):
    """The scheduler of an MXNet optimiser, made from a `LearningRateSchedule` or from the user's scheduler.

    Parameters
    ----------
    schedule : a LearningRateSchedule, or any mx.lr_scheduler.LRScheduler.
    learning_rate : the full rate.
    updates_per_step : the number of updates of this network in one training step.
    end : the step at which the run ends; None: unknown.

    Attributes
    ----------
    scale : a factor on every rate; a rollback makes it smaller.
    """

    def __init__(self, schedule, learning_rate: float, updates_per_step: int = 1, end: Optional[int] = None) -> None:
        super().__init__(learning_rate)
        self.scale, self._schedule, self._learning_rate = 1.0, schedule, learning_rate
        self._updates_per_step, self._end = updates_per_step, end
        self._mxnets, self._last, self._from_step, self._from_update = None, 0, 0, 0
        if not isinstance(schedule, LearningRateSchedule):
            schedule.base_lr = learning_rate  # as MXNet's optimisers do
        elif schedule.shape not in SHAPES:
            self._mxnets = schedule.of_mxnets_class(learning_rate)
        elif schedule.needs_end:
            self._check_end()

    def _check_end(self) -> None:
        """Raise ArgumentError if the schedule depends on an end that is unknown, or not after its warm-up."""
        if self._end is None:
            raise ArgumentError(
                f"the learning-rate schedule {self._schedule.shape!r} has no steps, and the end of the training is not "
                "known here; give steps, as LearningRateSchedule('linear', steps=20000)."
            )
        if self._end <= self._schedule.warmup:
            raise ArgumentError(
                f"warmup is {self._schedule.warmup}, and the training ends at step {self._end}; give fewer steps of "
                "warm-up."
            )

    def continue_from(self, step: int, num_update: int) -> None:
        """Count the steps from `step` on, which is reached after `num_update` updates."""
        self._from_step, self._from_update = step, num_update

    def __call__(self, num_update: int) -> float:
        return self.scale * self._rate(num_update)

    def _rate(self, num_update: int) -> float:
        schedule = self._schedule
        if not isinstance(schedule, LearningRateSchedule):
            return schedule(num_update)
        if schedule.shape in SHAPES:
            updates = max(0, num_update - 1 - self._from_update)
            step = self._from_step + updates // self._updates_per_step
            return self._learning_rate * schedule.share_at(step, self._end)
        if not self._last <= num_update <= self._last + 1:  # they only count up, by one
            self._mxnets = schedule.of_mxnets_class(self._learning_rate)
            self._skip_decays(num_update)
            end = getattr(self._mxnets, "max_update", num_update)
            if num_update > end:  # past `end` they keep their last rate, which is the full rate for a new scheduler
                self._mxnets(end)
        self._last = num_update
        return self._mxnets(num_update)

    def _skip_decays(self, num_update: int) -> None:
        """Bring a new FactorScheduler to its place at once where its loop would take long, as by a hostile count."""
        scheduler = self._mxnets
        decays = num_update // scheduler.step if self._schedule.shape == "FactorScheduler" else 0
        if decays > _MOST_DECAYS:
            scheduler.base_lr = max(scheduler.base_lr * scheduler.factor**decays, scheduler.stop_factor_lr)
            scheduler.count = (decays - 1) * scheduler.step  # its own last step remains
