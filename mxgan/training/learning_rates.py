"""Learning-rate schedules: the learning rate of an optimiser as a function of the training step.

A schedule is part of an `OptimizerConfig`, so of a recipe and of config.json::

    mxgan train --set generator_optimizer.schedule=cosine --set generator_optimizer.schedule.warmup=500

MXNet asks a scheduler for the rate at each update of a network, by the number of updates so far, which a checkpoint
holds: a resumed run has the rates of an uninterrupted one.
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


# name → (progress from 0 to 1, final share) → share of the learning rate; None: no end is needed
SHAPES = {"constant": None, "linear": _linear, "cosine": _cosine, "steps": None}
_MXNETS = ("FactorScheduler", "MultiFactorScheduler", "PolyScheduler", "CosineScheduler")
_BASES = ("base_lr", "base_lr_orig", "warmup_final_lr")  # attributes of MXNet's schedulers that hold the full rate
_MXNETS_DEFAULT = 0.01  # the base_lr of an MXNet scheduler that was given none


@dataclass(frozen=True)
class LearningRateSchedule:
    """The share of the learning rate at each training step, from 0; a step counts once, however many updates it has.

    With progress p = (step − warmup) / (steps − warmup), from 0 to 1::

        constant    1
        linear      1 − (1 − final) p
        cosine      final + (1 − final) (1 + cos π p) / 2        Loshchilov and Hutter 2017, eq. 5, without restarts
        steps       factor^k, k the number of milestones up to this step

    and in the first `warmup` steps (step + 1) / warmup in its place (Goyal et al. 2017, section 2.2, gradual warm-up).

    Parameters
    ----------
    shape : a row of SHAPES. One of MXNet's own scheduler objects can take the place of the whole schedule; its class's
        name is the shape then, and its attributes are the `attributes`. It counts the updates of its network.
    steps : the step at which linear and cosine reach `final`, which stays from there on; None: the end of the run.
    final : the share at the end, from 0 to 1.
    milestones : the steps of shape "steps" from which the rate is `factor` times what it was, ascending.
    factor : above 0 and at most 1.
    warmup : the number of steps of a linear rise to the full rate; 0: none.

    >>> LearningRateSchedule("linear", steps=100).share_at(25)
    0.75
    """

    shorthand = "shape"  # of `--set generator_optimizer.schedule=cosine`

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
                f"the learning-rate schedule {self.shape!r} has {len(self.attributes)} attributes; they are those of "
                "MXNet's own scheduler objects, which are given in Python. Give one of " + ", ".join(SHAPES) + "."
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
                f"milestones are {list(self.milestones)} and the shape is {self.shape!r}; give the shape steps "
                "ascending milestones, as --set generator_optimizer.schedule.milestones=[10000,20000], and others none."
            )

    @classmethod
    def of_mxnet(cls, scheduler, learning_rate: float) -> LearningRateSchedule:
        """One of MXNet's own schedulers (mx.lr_scheduler) as a value that config.json can hold.

        As in MXNet, the optimiser's `learning_rate` takes the place of the scheduler's base_lr.

        Raises
        ------
        ArgumentError : a class that is not MXNet's own; a base_lr that was given and is not the learning rate.
        """
        name = type(scheduler).__name__
        if type(scheduler) is not getattr(mx.lr_scheduler, name, None) or name not in _MXNETS:
            raise ArgumentError(
                f"the scheduler {name} cannot be recorded in config.json; give one of MXNet's own "
                f"({', '.join(_MXNETS)}) or a LearningRateSchedule. A loop of your own may have it in the settings, as "
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
        """Whether the end of the run decides the rates."""
        return self.steps is None and SHAPES.get(self.shape) is not None

    def share_at(self, step: int, end: Optional[int] = None) -> float:
        """The share of the learning rate at `step`; `end` takes the place of `steps` where that is None."""
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
    """The scheduler that an optimiser of MXNet asks, for a `LearningRateSchedule` or a scheduler of the user's.

    Parameters
    ----------
    schedule : a LearningRateSchedule, or any mx.lr_scheduler.LRScheduler.
    learning_rate : the full rate.
    updates_per_step : updates of this network in one training step.
    end : the step at which the run ends; None: unknown.

    Attributes
    ----------
    scale : a factor on every rate; a run that was rolled back makes it smaller.
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
        if self._mxnets is None or not self._last <= num_update <= self._last + 1:  # they go forward, one by one
            self._mxnets = schedule.of_mxnets_class(self._learning_rate)
            end = getattr(self._mxnets, "max_update", num_update)
            if num_update > end:  # past it they keep the rate of before, at first the full one
                self._mxnets(end)
        self._last = num_update
        return self._mxnets(num_update)
