"""What going on with a run takes: finding it, comparing its settings, putting a checkpoint back, going back to one."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

from mxgan import runtime
from mxgan.checkpoint import load_checkpoint, rewrite_state
from mxgan.config import from_dict, to_dict
from mxgan.errors import ArgumentError, CorruptFileError, DivergedError, MXGANError, RunFinishedError
from mxgan.history import Logger
from mxgan.run_config import MAY_CHANGE, RunConfig
from mxgan.run_folder import RunFolder
from mxgan.trainer import Trainer

__all__ = ["Rollback", "check_settings", "differences", "find_run", "put_back", "recorded_config"]

logger = logging.getLogger(__name__)

BITS_DEPEND_ON = ("mxnet", "wheel", "threads", "cpu_features")
SMALLER_STEP = 0.5
MOST_ROLLBACKS = 10

_TEXTS = ("recipe.summary", "recipe.source")  # what is said of a recipe changes nothing that it does


def recorded_config(folder: RunFolder) -> RunConfig:
    """The configuration in a run's config.json; CorruptFileError where it is none of this version."""
    try:
        return from_dict(RunConfig, folder.read_config()["run"], "run")
    except ArgumentError as error:
        raise CorruptFileError(folder.config_path, f"does not fit this version of mxgan: {error}") from error


def differences(before: RunConfig, wanted: RunConfig) -> dict:
    """{setting: (value before, value wanted)} of those that make another run, None where a side has no such setting."""
    flat = [_flat(to_dict(config)) for config in (before, wanted)]
    changed = {}
    for name in sorted(flat[0].keys() | flat[1].keys()):
        values = tuple(side.get(name) for side in flat)
        if values[0] != values[1] and name not in MAY_CHANGE and name not in _TEXTS:
            changed[name] = values
    return changed


def _flat(values: Mapping, prefix: str = "") -> dict:
    found: dict = {}
    for name, value in values.items():
        found.update(_flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value})
    return found


def check_settings(folder: RunFolder, before: RunConfig, wanted: RunConfig, allow_changes: bool) -> dict:
    """The differences between a run's settings and those it is to go on with.

    Raises ArgumentError where there are any, unless `allow_changes`; with a line for each.
    """
    changed = differences(before, wanted)
    lines = "\n".join(
        f"  {name}: {json.dumps(then)} in the run, {json.dumps(now)} asked for" for name, (then, now) in changed.items()
    )
    if changed and not allow_changes:
        raise ArgumentError(
            f"the run {folder.path} has other settings than those asked for:\n{lines}\n"
            "A run keeps its settings. Leave these out, start a new run in another --run-dir, or give --allow-changes "
            "(allow_changes=True) to go on with them from its last checkpoint."
        )
    if changed:
        logger.warning("The run goes on with changed settings; it is not the run that it was:\n%s", lines)
    return changed


def find_run(wanted: RunConfig, run_dir: Union[str, Path, None]) -> Optional[Path]:
    """The run that "the same command again" means, None where there is none yet.

    With a `run_dir` the run in it, whatever its settings are; else the newest in runs/ that has the wanted settings and
    the same `data_dir`.
    """
    if run_dir is not None:
        return Path(run_dir) if RunFolder(run_dir).config_path.is_file() else None
    parent, found = Path("runs"), []
    for path in sorted(parent.iterdir()) if parent.is_dir() else ():
        folder = RunFolder(path)
        if not folder.config_path.is_file():
            continue
        try:
            before = recorded_config(folder)
            same = before.data_dir == wanted.data_dir and not differences(before, wanted)
        except MXGANError as error:
            logger.warning("%s cannot be looked at, and is passed over: %s", path, error)
            continue
        if same:
            found.append((folder.read_config()["stamp"], path))
    return max(found)[1] if found else None


def check_end(folder: RunFolder, config: RunConfig, state: Mapping) -> None:
    """Raise RunFinishedError where a checkpoint's state is at the run's end already."""
    for unit, end, done in (("step", config.steps, state["step"]), ("epoch", config.epochs, state["epoch"])):
        if end is not None and done >= end:
            raise RunFinishedError(
                f"the run {folder.path} is at {unit} {done} already, and its end is {end}; give {unit}s (--{unit}s) "
                f"above {done}."
            )


def put_back(trainer: Trainer, state: Mapping) -> None:
    """Have a trainer go on from a checkpoint's state, whose parameters its pair has already."""
    trainer.step, trainer.epoch, trainer.iteration = state["step"], state["epoch"], state["iteration"]
    for callback in trainer.callbacks:
        callback.restore(state["callbacks"].get(type(callback).__name__, {}))


def warn_of_other_bits(before: Mapping) -> None:
    """Log what the bits depend on that was otherwise when a checkpoint was saved."""
    now = json.loads(json.dumps(runtime.versions()))
    other = [f"{key} {before.get(key)} then, {now[key]} now" for key in BITS_DEPEND_ON if before.get(key) != now[key]]
    if other:
        logger.warning("The bits may differ from those of an undisturbed run: %s.", "; ".join(other))


class Rollback:
    """What a trainer does about a DivergedError: back to the last checkpoint, and on with smaller steps.

    Both learning rates are halved each time, and stay so, which the checkpoint is told too; the next line of the
    history tells of it under `rollbacks`. After MOST_ROLLBACKS of them the error is raised.
    """

    def __init__(self, trainer: Trainer, folder: RunFolder) -> None:
        self._trainer, self._folder = trainer, folder

    def __call__(self, error: DivergedError) -> None:
        pair = self._trainer.pair
        scale = pair.learning_rate_scale * SMALLER_STEP
        if scale < SMALLER_STEP**MOST_ROLLBACKS:
            remedy = f"It was rolled back {MOST_ROLLBACKS} times; try another seed, or other settings."
            raise DivergedError(error.step, error.network, error.layer, error.what, remedy) from error
        checkpoint = self._folder.latest_checkpoint()
        state: dict[str, Any] = load_checkpoint(checkpoint, pair)
        told = {
            "from_step": error.step,
            "to_step": state["step"],
            "cause": f"{error.what} not finite",
            "network": error.network,
            "layer": error.layer,
            "learning_rate_scale": scale,
        }
        notes = state["callbacks"][Logger.__name__]["notes"]
        notes["rollbacks"] = [*notes.get("rollbacks", []), told]
        state["learning_rate_scale"] = pair.learning_rate_scale = scale
        rewrite_state(checkpoint, state)
        put_back(self._trainer, state)
        logger.warning(
            "%s Back to step %d, and on with %g times the learning rates that the run began with.",
            str(error).partition(" not finite.")[0] + " not finite.",
            state["step"],
            scale,
        )
