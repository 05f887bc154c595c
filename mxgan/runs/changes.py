"""Comparison of an existing run with the wanted settings: search, differences, checks and warnings."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Optional, Union

from mxgan import runtime
from mxgan.data import UNKNOWN
from mxgan.errors import ArgumentError, CheckpointError, MXGANError
from mxgan.recipes import RECIPES
from mxgan.runs.config import (
    DATA_SETTINGS,
    HAS_ALGORITHM,
    HAS_AVERAGE,
    HAS_AVERAGE_OF_D,
    MAY_CHANGE,
    RunConfig,
    recorded_config,
    with_labels_of,
)
from mxgan.runs.published import published_name
from mxgan.runtime.config import setting_paths, to_dict
from mxgan.training.checkpoint_files import NO_DISCRIMINATOR
from mxgan.training.idle_settings import is_idle
from mxgan.training.run_folder import RunFolder, is_run

__all__ = [
    "AVERAGE_SETTINGS",
    "as_begun",
    "check_imported",
    "check_same_end",
    "check_settings",
    "differences",
    "end_of",
    "ends_of",
    "find_run",
    "finished_at",
    "is_same",
    "warn_of_another_end",
    "warn_of_other_bits",
]

logger = logging.getLogger(__name__)

BITS_DEPEND_ON = ("mxnet", "wheel", "threads", "cpu_features", "kernel_variables", "numba", "ranks")


# {setting of an average: the entry of config.json without which a run is from before it was a default}
AVERAGE_SETTINGS = {"ema": HAS_AVERAGE, "discriminator_ema": HAS_AVERAGE_OF_D}


def as_begun(folder: RunFolder, before: RunConfig, wanted: RunConfig, given: Collection[str] = ()) -> RunConfig:
    """The settings wanted; an older run goes on without the averages or fast operators that are a default of today.

    `given`: the settings in AVERAGE_SETTINGS that were asked for, also if the recipe has the same value.
    """
    record, recipe = folder.read_config(), wanted.recipe
    if recipe.algorithm == "auto" and not record.get(HAS_ALGORITHM):
        recipe = replace(recipe, algorithm=before.recipe.algorithm)
    published = RECIPES.get(published_name(to_dict(wanted.recipe)) or "")
    for setting, entry in AVERAGE_SETTINGS.items():
        decay = getattr(wanted.recipe, setting)
        is_default = setting not in given and published is not None and decay == getattr(published, setting)
        if getattr(before.recipe, setting) is None and is_default and not record.get(entry):
            recipe = replace(recipe, **{setting: None})
    return wanted if recipe is wanted.recipe else replace(wanted, recipe=recipe)


def differences(before: RunConfig, wanted: RunConfig) -> dict:
    """{setting: (value before, value wanted)} of the settings that make it another run; None for a missing setting."""
    then, now = (
        {name: to_dict(value) for name, value in setting_paths(config, row_names=True).items()}
        for config in (before, wanted)
    )
    free = (*MAY_CHANGE, *(DATA_SETTINGS if before.dataset == UNKNOWN else ()))
    return {
        name: (then.get(name), now.get(name))
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name) and name not in free and not is_idle(name)
    }


def check_settings(folder: RunFolder, before: RunConfig, wanted: RunConfig, allow_changes: bool) -> dict:
    """The differences between a run's settings and the wanted settings.

    Raises ArgumentError, with one line for each difference, unless there is none or `allow_changes` is set.
    """
    changed = differences(before, wanted)
    lines = "\n".join(
        f"  {name}: {json.dumps(then)} in the run, {json.dumps(now)} asked for" for name, (then, now) in changed.items()
    )
    if changed and not allow_changes:
        raise ArgumentError(
            f"the run {folder.path} has other settings than those asked for:\n{lines}\n"
            "A run keeps its settings. Leave these out, start a new run in another --run-dir, or give --allow-changes "
            "(allow_changes=True) to continue with them from its last checkpoint."
        )
    if changed:
        logger.warning("The run continues with changed settings; from here on it is another run:\n%s", lines)
    return changed


def find_run(wanted: RunConfig, run_dir: Union[str, Path, None], given: Collection[str] = ()) -> Optional[Path]:
    """The existing run that the same command continues; None if there is none yet. `given`: see `as_begun`.

    With a `run_dir`, the run in it, whatever its settings are; else the newest run in runs/ with the wanted settings,
    the same `data_dir` and `labels`, and the same end. The log names the newest one that has only another end.
    """
    if run_dir is not None:
        return Path(run_dir) if is_run(RunFolder(run_dir).path) else None
    parent, found = Path("runs"), {True: [], False: []}  # with this end, with another
    for path in sorted(parent.iterdir()) if parent.is_dir() else ():
        if not is_run(path):
            continue
        folder = RunFolder(path)
        try:
            before = recorded_config(folder)
            same = is_same(before, as_begun(folder, before, wanted, given))
        except MXGANError as error:
            logger.warning("%s cannot be read and is skipped: %s", path, error)
            continue
        if same:
            found[end_of(wanted) in ends_of(folder)].append((folder.read_config()["stamp"], path))
    if found[False] and not found[True]:
        other = max(found[False])[1]
        logger.info("%s has these settings, but another end; --resume %s continues it.", other, shlex.quote(str(other)))
    return max(found[True])[1] if found[True] else None


def is_same(before: RunConfig, wanted: RunConfig) -> bool:
    """Whether both are the same run but for its end: the same settings, `data_dir` and `labels`."""
    data = [(config.data_dir, config.labels) for config in (before, with_labels_of(before, wanted))]
    return data[0] == data[1] and not differences(before, wanted)


def check_imported(folder: RunFolder) -> None:
    """Raise CheckpointError for an imported run that has no discriminator, or has lost its checkpoints."""
    imported = folder.read_config().get("imported")
    if not isinstance(imported, dict):
        return
    if imported.get("discriminator") is None:
        raise CheckpointError(NO_DISCRIMINATOR)
    if not folder.checkpoint_steps():
        raise CheckpointError(
            f"{folder.path} was imported, and its checkpoints are missing. Restore {folder.checkpoints}, or import the "
            "files again into another --run-dir."
        )


def check_same_end(run: Path, wanted: RunConfig) -> None:
    """Raise ArgumentError if a run has the wanted settings but another end: it is not the run of this command."""
    folder = RunFolder.open(run)
    before = recorded_config(folder)
    if end_of(wanted) not in ends_of(folder) and not differences(before, wanted):
        later = f"--resume {shlex.quote(str(run))} --steps N"
        raise ArgumentError(
            f"the run {run} ends after {_in_words(before)}, but this command (--resume auto, "
            f"start_or_resume) asks for {_in_words(wanted)}; only the command that began a run continues it. For "
            f"a later end, give {later} (resume with steps=N); for a new run, another --run-dir."
        )


def end_of(config: RunConfig) -> tuple:
    """The end of a run, as (number, "steps" or "epochs")."""
    return (config.epochs, "epochs") if config.steps is None else (config.steps, "steps")


def ends_of(folder: RunFolder) -> list:
    """The end of a run, and the one with which it began, if it was given a later one."""
    began = folder.read_config().get("first_end")
    return [end_of(recorded_config(folder)), *([tuple(began)] if isinstance(began, list) else [])]


def _in_words(config: RunConfig) -> str:
    number, unit = end_of(config)
    return f"{number} {unit if number != 1 else unit[:-1]}"


def finished_at(folder: RunFolder, config: RunConfig, state: Mapping) -> Optional[str]:
    """The text of a RunFinishedError if a checkpoint's state is already at the run's end; None if it is not."""
    for unit, end, done in (("step", config.steps, state["step"]), ("epoch", config.epochs, state["epoch"])):
        if end is not None and done >= end:
            return (
                f"the run {folder.path} is at {unit} {done} already, and its end is {end}. For a later end, give "
                f"--resume {shlex.quote(str(folder.path))} --{unit}s N (resume with {unit}s=N), N above {done}."
            )
    return None


def warn_of_other_bits(before: Mapping, algorithm: str) -> None:
    """Log the versions and machine features that have changed since the checkpoint, if the bits depend on them.

    Those of the algorithm "direct" do not depend on Numba.
    """
    now = {"ranks": 1, **json.loads(json.dumps(runtime.versions()))}
    before = {"ranks": 1, "kernel_variables": now["kernel_variables"], **before}  # an earlier version noted none
    if algorithm == "direct":
        before, now = _without_numba(before), _without_numba(now)
    names = [key for key in BITS_DEPEND_ON if key != "numba" or algorithm != "direct"]
    pairs = {key: (before.get(key), now[key]) for key in names}
    other = [
        f"{key} {_in_brief(then)} then, {_in_brief(here)} now"
        for key, (then, here) in pairs.items()
        if _deciding(then) != _deciding(here)
    ]
    if other:
        logger.warning("The bits may differ from those of an uninterrupted run: %s.", "; ".join(other))


def _without_numba(versions: Mapping) -> dict:
    kept = [each for each in versions["kernel_variables"] if not each.startswith("NUMBA_")]
    return {**versions, "kernel_variables": kept}


def _deciding(value):
    """What of a value decides the bits: of the threads their number, and not the reason for it."""
    return value.get("count") if isinstance(value, Mapping) else value


def _in_brief(value):
    return f"{value.get('count')} ({value.get('reason')})" if isinstance(value, Mapping) else value


def warn_of_another_end(before: RunConfig, config: RunConfig) -> None:
    """Log that the learning rates change, if the run's end has moved and a learning-rate schedule depends on it."""
    optimizers = (config.recipe.generator_optimizer, config.recipe.discriminator_optimizer)
    moved = (before.steps, before.epochs) != (config.steps, config.epochs)
    if moved and any(optimizer.schedule.needs_end for optimizer in optimizers):
        logger.warning(
            "The run has another end, and a learning-rate schedule depends on it: from here on the rates follow the "
            "new end. To avoid this, set the schedule's own steps (schedule.steps) when you start a run."
        )
