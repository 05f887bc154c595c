"""Learning-rate schedules: the learning rate of an optimiser as a function of the training step.

A schedule is part of an `OptimizerConfig`, which is part of a recipe and of config.json::

    mxgan train --set generator_optimizer.schedule=cosine --set generator_optimizer.schedule.warmup=500

At each update of a network, MXNet asks the scheduler for the rate at the number of updates so far. A checkpoint holds
that number, so a resumed run has the same rates as an uninterrupted run.
"""

from __future__ import annotations

import copy
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Tuple  # noqa: UP035 - Tuple: read at run time on Python 3.9

from mxgan.errors import ArgumentError, unknown_name
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number

__all__ = ["SHAPES", "LearningRateSchedule", "ScheduledRate"]


def _linear(progress: float, final: float) -> float:
    return 1 - (1 - final) * progress


def _cosine(progress: float, final: float) -> float:
    return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2


# name → (progress from 0 to 1, final share) → share of the learning rate; None: the shape needs no end
SHAPES = {"constant": None, "linear": _linear, "cosine": _cosine, "steps": None}
_MXNETS = ("FactorScheduler", "MultiFactorScheduler", "PolyScheduler", "CosineScheduler")
_BASES = ("base_lr", "base_lr_orig", "warmup_final_lr")  # attributes of MXNet's schedulers that hold the full rate
_MXNETS_DEFAULT = 0.01  # MXNet's default for the base_lr of a scheduler


@dataclass(frozen=True)
class LearningRateSchedule:
    """The share of the learning rate at each training step, from step 0.

    A step counts once, also if it has several updates.

    With progress p = (step − warmup) / (steps − warmup), from 0 to 1::

        constant    1
        linear      1 − (1 − final) p
        cosine      final + (1 − final) (1 + cos π p) / 2        Loshchilov and Hutter 2017, eq. 5, without restarts
        steps       factor^k, k the number of milestones up to this step

    In the first `warmup` steps the share is (step + 1) / warmup (Goyal et al. 2017, section 2.2, gradual warm-up).

    Parameters
    ----------
    shape : a row of SHAPES. One of MXNet's own scheduler objects can replace the whole schedule; then the shape is the
        name of its class, and `attributes` are its attributes. It counts the updates of its network.
    steps : the step at which linear and cosine reach `final` and stay there; None: the end of the run.
    final : the share at the end, from 0 to 1.
    milestones : for the shape "steps": the steps, ascending, at which the rate is multiplied by `factor`.
    factor : above 0 and at most 1.
    warmup : the number of steps in which the rate rises linearly to the full rate; 0 means no warm-up.

    >>> LearningRateSchedule("linear", steps=100).share_at(25)
    0.75
    """

    shorthand = "shape"  # allows `--set generator_optimizer.schedule=cosine`

    shape: str = "constant"
    steps: Optional[int] = None
    final: float = 0.0
    milestones: Tuple[int, ...] = ()  # noqa: UP006
    factor: float = 0.1
    warmup: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.shape not in (*SHAPES, *_MXNETS):
            raise unknown_name("shape of a learning-rate schedule", self.shape, SHAPES)
        if (self.shape in _MXNETS) != bool(self.attributes):
            raise ArgumentError(
                f"the learning-rate schedule {self.shape!r} has {len(self.attributes)} attributes; only MXNet's own "
                "scheduler objects, which are given in Python, have them. Give one of " + ", ".join(SHAPES) + "."
            )
        whole_number("warmup", self.warmup, minimum=0)
        if self.steps is not None:
            whole_number("steps of the learning-rate schedule", self.steps, minimum=self.warmup + 1)
        if not 0 <= self.final <= 1:
            raise ArgumentError(f"final is {self.final!r}; give the share of the learning rate at the end, 0 to 1.")
        if not 0 < self.factor <= 1:
            raise ArgumentError(f"factor is {self.factor!r}; give a number above 0 and at most 1.")
        for milestone in self.milestones:
            whole_number("milestones", milestone)
        if list(self.milestones) != sorted(set(self.milestones)) or (self.shape == "steps") != bool(self.milestones):
            raise ArgumentError(
                f"milestones are {list(self.milestones)} and the shape is {self.shape!r}; the shape steps needs "
                "ascending milestones, as --set generator_optimizer.schedule.milestones=[10000,20000]; others none."
            )

    @classmethod
    def of_mxnet(cls, scheduler, learning_rate: float) -> LearningRateSchedule:
        """A schedule made from one of MXNet's own schedulers (mx.lr_scheduler); config.json can hold it.

        As in MXNet, the optimiser's `learning_rate` replaces the scheduler's base_lr.

        Raises
        ------
        ArgumentError : the class is not MXNet's own, or a given base_lr differs from the learning rate.
        """
        name = type(scheduler).__name__
        if type(scheduler) is not getattr(mx.lr_scheduler, name, None) or name not in _MXNETS:
            raise ArgumentError(
                f"the scheduler {name} cannot be recorded in config.json; give one of MXNet's own "
                f"({', '.join(_MXNETS)}) or a LearningRateSchedule. In a loop of your own, give it in the settings as "
                "lr_scheduler."
            )
        if scheduler.base_lr not in (learning_rate, _MXNETS_DEFAULT):
            raise ArgumentError(
                f"learning_rate is {learning_rate}, and the base_lr of the {name} is {scheduler.base_lr}; give both "
                "the same."
            )
        attributes = {key: value for key, value in copy.deepcopy(vars(scheduler)).items() if key not in _BASES}
        return cls(shape=name, attributes=attributes)

    @property
    def is_constant(self) -> bool:
        """Whether the learning rate never changes."""
        return self.shape == "constant" and not self.warmup

    @property
    def needs_end(self) -> bool:
        """Whether the rates depend on the end of the run."""
        return self.steps is None and SHAPES.get(self.shape) is not None

    def share_at(self, step: int, end: Optional[int] = None) -> float:
        """The share of the learning rate at `step`; `end` replaces `steps` if `steps` is None."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.shape == "steps":
            return self.factor ** bisect_right(self.milestones, step)
        share = SHAPES[self.shape]
        if share is None:
            return 1.0
        last = max(self.steps or end, self.warmup + 1)
        return share(min(1.0, (step - self.warmup) / (last - self.warmup)), self.final)

    def of_mxnets_class(self, learning_rate: float):
        """A new scheduler of the MXNet class that `shape` names, with these attributes."""
        kind = getattr(mx.lr_scheduler, self.shape)
        scheduler = kind.__new__(kind)
        vars(scheduler).update(copy.deepcopy(dict(self.attributes)), **dict.fromkeys(_BASES, learning_rate))
        return scheduler


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
        if isinstance(schedule, LearningRateSchedule) and schedule.needs_end and end is None:
            raise ArgumentError(
                f"the learning-rate schedule {schedule.shape!r} has no steps, and the end of the training is not known "
                "here; give steps, as LearningRateSchedule('linear', steps=20000)."
            )
        self.scale, self._schedule, self._learning_rate = 1.0, schedule, learning_rate
        self._updates_per_step, self._end = updates_per_step, end
        self._mxnets, self._last = None, 0
        if not isinstance(schedule, LearningRateSchedule):
            schedule.base_lr = learning_rate  # as MXNet's optimisers do

    def __call__(self, num_update: int) -> float:
        return self.scale * self._rate(num_update)

    def _rate(self, num_update: int) -> float:
        schedule = self._schedule
        if not isinstance(schedule, LearningRateSchedule):
            return schedule(num_update)
        if schedule.shape in SHAPES:
            step = max(0, num_update - 1) // self._updates_per_step
            return self._learning_rate * schedule.share_at(step, self._end)
        if self._mxnets is None or not self._last <= num_update <= self._last + 1:  # they only count up, by one
            self._mxnets = schedule.of_mxnets_class(self._learning_rate)
            end = getattr(self._mxnets, "max_update", num_update)
            if num_update > end:  # past `end` they keep their last rate, which is the full rate for a new scheduler
                self._mxnets(end)
        self._last = num_update
        return self._mxnets(num_update)
