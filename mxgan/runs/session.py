"""`start` and `resume`: a configuration or a run folder to a `Session`, a run that is ready to train."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from mxgan import runtime
from mxgan.errors import ArgumentError, RunFolderError, lookup
from mxgan.runs.assembly import assemble_trainer, open_parts, warn_of_lost_states
from mxgan.runs.changes import check_end, check_settings, find_run, warn_of_another_end, warn_of_other_bits
from mxgan.runs.config import RunConfig, recorded_config
from mxgan.runs.data import last_step
from mxgan.runtime.config import to_dict
from mxgan.runtime.files import FolderLock, write_whole
from mxgan.training.callback import Callback
from mxgan.training.checkpoint import load_checkpoint, read_state
from mxgan.training.run_folder import RunFolder
from mxgan.training.trainer import Trainer

__all__ = ["Session", "resume", "start", "start_or_resume"]

logger = logging.getLogger(__name__)


class Session(NamedTuple):
    """A run that is ready to train: `run()` does. It holds its folder until then, so that no other process can."""

    trainer: Trainer
    folder: RunFolder
    config: RunConfig
    lock: FolderLock

    @property
    def last_step(self) -> int:
        """The step at which the run ends."""
        return last_step(self.config, self.trainer.data)

    def run(self) -> None:
        """Train to the end that the configuration sets."""
        try:
            self.trainer.fit(steps=self.config.steps, epochs=self.config.epochs)
        finally:
            self.lock.release()


def start(
    config: RunConfig,
    run_dir: Union[str, Path, None] = None,
    display: str = "auto",
    progress: Optional[bool] = None,
    callbacks: Sequence[Callback] = (),
) -> Session:
    """Make a run folder, and in it a session that is ready to train.

    Parameters
    ----------
    run_dir : a folder that is empty or does not exist; None: runs/NAME-STAMP, NAME being the data set's, or what the
        recipe's `run_name` makes of its settings.
    display : "auto", "window" or "none"; see `mxgan.pictures.windows.Display`.
    progress : whether to draw progress bars; None: where standard error is a terminal.
    callbacks : your own, called after those of the run and before a checkpoint is saved. See `mxgan.Callback`.

    Raises
    ------
    MXGANError : whatever does not fit, before anything is trained; the folder is made last.
    """
    stamp = datetime.now().strftime("%Y_%m_%d-%H_%M")
    name = (config.recipe.run_name or "{dataset}").format(recipe=config.recipe, dataset=config.dataset)
    path = Path(run_dir or Path("runs") / f"{name}-{stamp}-{datetime.now():%S}")
    RunFolder.refuse_used(path)
    parts = open_parts(config, RunFolder(path), display, progress)
    folder = RunFolder.create(path)
    lock = FolderLock(folder.path)
    try:
        if folder.config_path.exists():
            raise RunFolderError(f"another process has begun a run in {folder.path}; go on with it by --resume.")
        folder.clear_leftovers()
        trainer = assemble_trainer(config, folder, stamp, parts, callbacks)
        record = {
            "run": to_dict(config),
            "stamp": stamp,
            "data": parts.sources.images.fingerprint,
            "versions": runtime.versions(),
        }
        _write_record(folder, record)
        return Session(trainer, folder, config, lock)
    except BaseException:
        lock.release()
        folder.discard_empty()
        raise


def resume(
    run: Union[str, Path],
    config: Optional[RunConfig] = None,
    *,
    display: str = "auto",
    progress: Optional[bool] = None,
    callbacks: Sequence[Callback] = (),
    allow_changes: bool = False,
    **changes: Any,
) -> Session:
    """Go on with a run from its newest checkpoint, or from its beginning where it has none, as if never stopped.

    Parameters
    ----------
    config : the whole configuration that the run should have; None: the one that it has.
    callbacks : your own, with the names that they had in the run: each gets its state of the checkpoint back.
    changes : single settings of `RunConfig`, kept from now on. Those among MAY_CHANGE may differ from the run's:
        `steps` or `epochs` for a new end, counted from the run's beginning, `data_dir` for data that have moved, and
        what is written how often.
    allow_changes : let others differ too; config.json then lists them.

    Raises
    ------
    ArgumentError : a setting that may not change, or other data. RunFinishedError : its end is reached already.
    CheckpointError, CorruptFileError, RunFolderError : what cannot be read, and why.
    """
    folder = RunFolder.open(run)
    before = recorded_config(folder)
    config = _with_changes(config or before, changes)
    changed = check_settings(folder, before, config, allow_changes)
    lock = FolderLock(folder.path)
    try:
        folder.clear_leftovers()
        folder.refuse_link(folder.checkpoints)
        folder.make(folder.samples)  # somebody may have deleted the pictures
        record = folder.read_config()
        newest = folder.latest_checkpoint() if folder.checkpoint_steps() else None
        state = read_state(newest) if newest else None
        if state:
            check_end(folder, config, state)
        parts = open_parts(config, folder, display, progress)
        if not allow_changes:
            folder.check_data(parts.sources.images.fingerprint)
        trainer = assemble_trainer(config, folder, record["stamp"], parts, callbacks)
        if state:
            trainer.restore(load_checkpoint(newest, parts.pair, state))
            warn_of_lost_states(state, trainer)
            warn_of_another_end(before, config)
            warn_of_other_bits(state["versions"])
        else:
            folder.check_never_saved(config.checkpoint_every)
            logger.info("%s has no checkpoint; it begins again, at step 0.", folder.path)
            folder.forget_results()
        if changed:
            told = {"step": trainer.step, "settings": {name: list(values) for name, values in changed.items()}}
            record = {**record, "changes": [*record.get("changes", []), told]}
        _write_record(folder, {**record, "run": to_dict(config), "data": parts.sources.images.fingerprint})
        return Session(trainer, folder, config, lock)
    except BaseException:
        lock.release()
        raise


def _with_changes(config: RunConfig, changes: dict) -> RunConfig:
    known = [field.name for field in fields(RunConfig)]
    for name in changes:
        lookup("setting of a run", name, known)
    if "steps" in changes or "epochs" in changes:
        changes = {"steps": None, "epochs": None, **changes}
    return replace(config, **changes)


def start_or_resume(
    config: RunConfig,
    run_dir: Union[str, Path, None] = None,
    display: str = "auto",
    progress: Optional[bool] = None,
    allow_changes: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Session:
    """The run that `config` asks for: gone on with where it was begun already, else a new one; safe to call again.

    Without `run_dir` the newest run in runs/ with these settings is gone on with. Raises what `start` and `resume` do;
    RunFinishedError where there is nothing left to train.
    """
    if allow_changes and run_dir is None:
        raise ArgumentError(
            "allow_changes (--allow-changes) wants to know which run to change: give its folder as run_dir (--run-dir)."
        )
    run = find_run(config, run_dir)
    surroundings = {"display": display, "progress": progress, "callbacks": callbacks}
    if run is None:
        logger.info("No such run yet; a new one begins.")
        return start(config, run_dir, **surroundings)
    logger.info("Going on with %s.", run)
    return resume(run, config, allow_changes=allow_changes, **surroundings)


def _write_record(folder: RunFolder, record: dict) -> None:
    """Write config.json, whole or not at all."""
    write_whole(folder.config_path, json.dumps(record, indent=1) + "\n")
