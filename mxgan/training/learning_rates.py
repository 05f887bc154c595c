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
from dataclasses import dataclass, field, fields
from typing import Any, Optional, Tuple  # noqa: UP035 - Tuple: read at run time on Python 3.9

from mxgan.errors import ArgumentError, unknown_name
from mxgan.runtime import mx
from mxgan.runtime.config import FLOAT32_MAX, is_number, to_dict, whole_number

__all__ = ["SHAPES", "LearningRateSchedule"]


def _linear(progress: float, final: float) -> float:
    return 1 - (1 - final) * progress


def _cosine(progress: float, final: float) -> float:
    return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2


# name → (progress from 0 to 1, final share) → share of the learning rate; None: the shape needs no end
SHAPES = {"constant": None, "linear": _linear, "cosine": _cosine, "steps": None}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_positive_count(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_rate(value: Any) -> bool:
    return is_number(value, lambda rate: 0 <= rate <= FLOAT32_MAX)


def _are_ascending(values: Any) -> bool:
    return isinstance(values, list) and all(map(_is_positive_count, values)) and values == sorted(set(values)) != []


# MXNet's own classes → the arguments of each, but for base_lr, and their ranges: config.json may be a stranger's
_WARMUP = {"warmup_steps": _is_count, "warmup_begin_lr": _is_rate, "warmup_mode": ("linear", "constant").__contains__}
_DECAY = {"factor": lambda value: is_number(value, lambda factor: 0 < factor <= 1), **_WARMUP}
_END = {"max_update": _is_positive_count, "final_lr": _is_rate, **_WARMUP}
_MXNETS = {
    "FactorScheduler": {"step": _is_positive_count, "stop_factor_lr": _is_rate, **_DECAY},
    "MultiFactorScheduler": {"step": _are_ascending, **_DECAY},
    "PolyScheduler": {"pwr": _is_rate, **_END},
    "CosineScheduler": _END,
}
_KEPT_AS = {"pwr": "power"}  # an argument that MXNet keeps under another name
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
        name of its class, and `arguments` are its arguments. It counts the updates of its network.
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
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.shape not in (*SHAPES, *_MXNETS):
            raise unknown_name("shape of a learning-rate schedule", self.shape, SHAPES)
        object.__setattr__(self, "milestones", tuple(self._checked_milestones()))
        self._check_arguments()
        whole_number("warmup", self.warmup, minimum=0)
        if self.steps is not None:
            whole_number("steps of the learning-rate schedule", self.steps, minimum=self.warmup + 1)
        if not is_number(self.final, lambda share: 0 <= share <= 1):
            raise ArgumentError(f"final is {self.final!r}; give the share of the learning rate at the end, 0 to 1.")
        if not is_number(self.factor, lambda factor: 0 < factor <= 1):
            raise ArgumentError(f"factor is {self.factor!r}; give a number above 0 and at most 1.")
        self._refuse_what_is_not_read()

    def _checked_milestones(self) -> list:
        if not isinstance(self.milestones, (tuple, list)):
            raise ArgumentError(f"milestones are {self.milestones!r}; give a list of whole numbers.")
        given = [whole_number("milestones", milestone) for milestone in self.milestones]
        if self.shape == "steps" and (not given or given != sorted(set(given))):
            raise ArgumentError(
                f"milestones are {given}; the schedule 'steps' needs some, in ascending order. Add "
                "--set generator_optimizer.schedule.milestones=[10000,20000]."
            )
        return given

    def _check_arguments(self) -> None:
        allowed = _MXNETS.get(self.shape, {})
        if self.arguments.keys() != allowed.keys():
            raise ArgumentError(
                f"the learning-rate schedule {self.shape!r} has the arguments {', '.join(self.arguments) or 'none'}; "
                "only MXNet's own scheduler objects, which are given in Python, have them. Give one of "
                f"{', '.join(SHAPES)}."
            )
        for name, value in self.arguments.items():
            if not allowed[name](value):
                raise ArgumentError(f"{name} of the {self.shape} is {value!r:.80}, which MXNet cannot follow.")
        if self.arguments.get("max_update", math.inf) <= self.arguments.get("warmup_steps", 0):
            raise ArgumentError(f"max_update of the {self.shape} is not above its warmup_steps, so it has no rates.")

    def _refuse_what_is_not_read(self) -> None:
        """Raise ArgumentError for a setting that this shape does not read."""
        needs = {"steps": ("linear", "cosine"), "final": ("linear", "cosine"), "factor": ("steps",)}
        needs = {**needs, "milestones": ("steps",), "warmup": tuple(SHAPES)}
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name in needs and value != setting.default and self.shape not in needs[setting.name]:
                raise ArgumentError(
                    f"{setting.name} of the learning-rate schedule {self.shape!r} is {to_dict(value)}: it is a setting "
                    f"of {' and '.join(needs[setting.name])} alone. Set the schedule, as "
                    f"--set generator_optimizer.schedule={needs[setting.name][0]}, or leave it out."
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
        if not isinstance(scheduler, mx.lr_scheduler.LRScheduler):
            raise ArgumentError(
                f"schedule is {scheduler!r:.80}; give a LearningRateSchedule, the name of its shape "
                f"({', '.join(SHAPES)}), or a scheduler of mx.lr_scheduler."
            )
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
        arguments = {argument: getattr(scheduler, _KEPT_AS.get(argument, argument)) for argument in _MXNETS[name]}
        return cls(shape=name, arguments=copy.deepcopy(arguments))

    @property
    def is_constant(self) -> bool:
        """Whether the learning rate never changes."""
        return self.shape == "constant" and not self.warmup

    @property
    def needs_end(self) -> bool:
        """Whether the rates depend on the end of the run."""
        return self.steps is None and SHAPES.get(self.shape) is not None

    def share_at(self, step: int, end: Optional[int] = None) -> float:
        """The share of the learning rate at `step`; `end` replaces `steps` if `steps` is None.

        Raises
        ------
        ArgumentError : the schedule is MXNet's own and counts updates, or its end is not known.
        """
        if self.shape not in SHAPES or (self.needs_end and end is None):
            raise ArgumentError(f"the share of the schedule {self.shape!r} at a step is not known: it has no steps.")
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.shape == "steps":
            return self.factor ** bisect_right(self.milestones, step)
        share = SHAPES[self.shape]
        if share is None:
            return 1.0
        last = end if self.steps is None else self.steps
        return share(min(1.0, (step - self.warmup) / (last - self.warmup)), self.final)

    def of_mxnets_class(self, learning_rate: float):
        """A new scheduler of the MXNet class that `shape` names; ArgumentError if MXNet refuses it."""
        try:
            return getattr(mx.lr_scheduler, self.shape)(base_lr=learning_rate, **copy.deepcopy(dict(self.arguments)))
        except ValueError as error:
            raise ArgumentError(f"the {self.shape} was refused by MXNet: {error}") from error
