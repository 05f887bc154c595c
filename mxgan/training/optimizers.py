"""Optimisers: the configuration for one network, and the state as plain arrays and numbers.

MXNet's own `save_optimizer_states` writes a pickle and loses Adam's step count, so 2 + 2 resumed steps differ from 4.
Here the state is exported by parameter name, with the counts, and restored exactly. bound_pair.py lists the modules
that use MXNet's private parts.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Optional

import numpy as np

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.runtime import mx
from mxgan.runtime.config import FLOAT32_MAX, from_dict
from mxgan.training.adadelta import check_ranges
from mxgan.training.learning_rates import LearningRateSchedule
from mxgan.training.scheduled_rate import ScheduledRate

__all__ = [
    "OptimizerConfig",
    "continue_schedule",
    "export_state",
    "import_state",
    "init_optimizer",
    "next_learning_rate",
    "scale_learning_rate",
]


@dataclass(frozen=True)
class OptimizerConfig:
    """An optimiser of mx.optimizer by its registered name, with its settings.

    Parameters
    ----------
    name : as registered in MXNet: "adam", "sgd", "rmsprop", …; "adadelta_lr" is `AdaDeltaWithRate`.
    learning_rate : above 0.
    settings : further arguments of the optimiser's constructor. The gradient is divided by the batch size, as
        `Module.init_optimizer` does.
    schedule : a `LearningRateSchedule`; or only its shape, as text; or one of MXNet's own scheduler objects
        (mx.lr_scheduler), whose base_lr is replaced by `learning_rate`.
    """

    name: str = "adam"
    learning_rate: float = 2e-4
    settings: Mapping[str, Any] = field(default_factory=lambda: {"beta1": 0.5, "wd": 0.0})
    schedule: LearningRateSchedule = field(default_factory=LearningRateSchedule)

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate <= FLOAT32_MAX:
            raise ArgumentError(f"learning_rate is {self.learning_rate!r}; give a number above 0.")
        check_ranges(self.settings)
        if isinstance(self.schedule, str):
            object.__setattr__(self, "schedule", LearningRateSchedule(self.schedule))
        elif isinstance(self.schedule, Mapping):
            object.__setattr__(self, "schedule", from_dict(LearningRateSchedule, self.schedule, "schedule"))
        elif not isinstance(self.schedule, LearningRateSchedule):
            object.__setattr__(self, "schedule", LearningRateSchedule.of_mxnet(self.schedule, self.learning_rate))


def _try_out(name: str, settings: Mapping) -> None:
    """Try the optimiser on one weight for two updates: MXNet checks some settings only in an update."""
    trial = mx.optimizer.create(name, **copy.deepcopy(dict(settings)))
    weight = mx.nd.ones((1,))
    state = trial.create_state_multi_precision(0, weight)
    for _ in range(2):
        trial.update_multi_precision(0, weight, mx.nd.ones((1,)), state)
    if not math.isfinite(weight.asscalar()):
        raise ValueError("its update is not finite")


def init_optimizer(
    module,
    config: OptimizerConfig,
    devices: int = 1,
    updates_per_step: int = 1,
    end: Optional[int] = None,
    batch_size: Optional[int] = None,
) -> None:
    """Give a bound Module its optimiser; ArgumentError if MXNet does not know the optimiser or its settings.

    With several devices, a 'local' store sums the gradients; without a store, MXNet lets the replicas drift apart. The
    update runs beside each replica, where the optimiser's state can be read.

    Parameters
    ----------
    devices : the number of replicas.
    updates_per_step : the number of updates of this Module in one training step, for the learning-rate schedule.
    end : the step at which the training ends, for the learning-rate schedule; None: unknown.
    batch_size : the number of samples over which the gradient was summed; None: those of the Module's own batch.
    """
    settings = {"learning_rate": config.learning_rate, **config.settings}
    given = settings.pop("lr_scheduler", None)
    schedule = config.schedule if given is None else given
    if given is not None and not config.schedule.is_constant:
        raise ArgumentError("the optimiser has a schedule and an lr_scheduler among its settings; give one of the two.")
    if not isinstance(schedule, (LearningRateSchedule, mx.lr_scheduler.LRScheduler)):
        raise ArgumentError(f"lr_scheduler is {schedule!r}; give a scheduler of mx.lr_scheduler, or schedule instead.")
    if not (isinstance(schedule, LearningRateSchedule) and schedule.is_constant):
        settings["lr_scheduler"] = ScheduledRate(schedule, config.learning_rate, updates_per_step, end)
    if batch_size is not None:
        settings.setdefault("rescale_grad", 1 / batch_size)
    try:
        _try_out(config.name, settings)
        with _update_beside_replicas():
            module.init_optimizer(
                kvstore="local" if devices > 1 else None,
                optimizer=config.name,
                optimizer_params=tuple(settings.items()),
            )
    except (ValueError, TypeError, AssertionError, AttributeError, mx.MXNetError) as error:
        shown = {name: value for name, value in settings.items() if name not in ("lr_scheduler", "rescale_grad")}
        raise ArgumentError(f"the optimiser {config.name!r} with {shown} was refused by MXNet: {error}") from error


def scale_learning_rate(module, rate: float, scale: float) -> None:
    """Multiply the learning rate of a Module's optimiser by `scale`; `rate` is the unscaled rate without a schedule."""
    scheduler = module._optimizer.lr_scheduler
    if scheduler is None:
        module._optimizer.set_learning_rate(rate * scale)
    else:
        scheduler.scale = scale


def continue_schedule(module, step: int) -> None:
    """Have the learning-rate schedule of a Module, whose state was just imported, count on from a training step."""
    optimizer = module._optimizer
    if isinstance(optimizer.lr_scheduler, ScheduledRate):
        optimizer.lr_scheduler.continue_from(step, optimizer.num_update)


def next_learning_rate(module) -> float:
    """The learning rate of a Module's next update."""
    optimizer = module._optimizer
    scheduler = optimizer.lr_scheduler
    return optimizer.lr if scheduler is None else scheduler(optimizer.num_update + 1)


@contextmanager
def _update_beside_replicas():
    """Set MXNet's only switch for this, an environment variable, and restore its earlier value at the end."""
    before = os.environ.get("MXNET_UPDATE_ON_KVSTORE")
    os.environ["MXNET_UPDATE_ON_KVSTORE"] = "0"
    try:
        yield
    finally:
        del os.environ["MXNET_UPDATE_ON_KVSTORE"]
        if before is not None:
            os.environ["MXNET_UPDATE_ON_KVSTORE"] = before


def export_state(module) -> tuple:
    """(arrays, counts): the exact state of the optimiser, by parameter.

    Returns
    -------
    arrays : {"PARAMETER.K": NDArray}; K numbers the arrays that the optimiser keeps for that parameter.
    counts : {"num_update": int, "index_update_count": {parameter: int}, "arrays": the number of arrays}, JSON values.
    """
    updater, devices = module._updater, len(module._context)
    updates = updater.optimizer._all_index_update_counts.get(module._context[0].device_id, {})
    arrays, counts = {}, {}
    for index, parameter in enumerate(module._exec_group.param_names):
        for k, array in enumerate(_flat(updater.states.get(index * devices))):
            arrays[f"{parameter}.{k}"] = array
        if index * devices in updates:
            counts[parameter] = updates[index * devices]
    return arrays, {
        "num_update": updater.optimizer.num_update,
        "index_update_count": counts,
        "arrays": len(arrays),
    }


def import_state(module, arrays: Mapping, counts: Mapping) -> None:
    """Restore the result of `export_state` on every device; CheckpointError if it belongs to another optimiser."""
    updater, optimizer, devices = module._updater, module._updater.optimizer, module._context
    left = dict(arrays)
    updater.states.clear()  # a file from before the first step must not leave later states here
    updater.states_synced.clear()
    optimizer.num_update = counts["num_update"]
    optimizer._all_index_update_counts = {device.device_id: {} for device in devices}
    optimizer._index_update_count = optimizer._all_index_update_counts[devices[0].device_id]
    for position, parameter in enumerate(module._exec_group.param_names):
        kept = []
        while f"{parameter}.{len(kept)}" in left:
            kept.append(left.pop(f"{parameter}.{len(kept)}"))
        count = counts["index_update_count"].get(parameter)
        if count is None:
            continue
        for k, device in enumerate(devices):
            index = position * len(devices) + k
            state = optimizer.create_state_multi_precision(index, module._exec_group.param_arrays[position][k])
            _copy_state(parameter, kept, _flat(state))
            updater.states[index], updater.states_synced[index] = state, True
            optimizer._all_index_update_counts[device.device_id][index] = count
    if left:
        raise CheckpointError(
            f"the optimiser's state has entries for unknown parameters: {', '.join(sorted(left)[:4])}."
        )


def _copy_state(parameter: str, source: list, target: list) -> None:
    if [(array.shape, array.dtype) for array in source] != [(array.shape, array.dtype) for array in target]:
        raise CheckpointError(
            f"the optimiser's state of {parameter!r} is {_described(source)} in the file and {_described(target)} "
            "here; resume with the optimiser that saved it."
        )
    for given, place in zip(source, target):
        given.copyto(place)


def _described(arrays: list) -> str:
    return ", ".join(f"{np.dtype(array.dtype).name} {array.shape}" for array in arrays) or "nothing"


def _flat(state) -> list:
    """The NDArrays in an optimiser's state (None, one array, or nested tuples), in order."""
    if state is None:
        return []
    if isinstance(state, mx.nd.NDArray):
        return [state]
    return [array for part in state for array in _flat(part)]
