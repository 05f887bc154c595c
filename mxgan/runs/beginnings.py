"""The beginning of a training: in a new run folder, in one that continues, or as a rank that writes nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import NamedTuple, Optional

from mxgan import runtime
from mxgan.errors import RunFinishedError, RunFolderError
from mxgan.runs.assembly import Parts, assemble_trainer, open_parts
from mxgan.runs.changes import check_settings, end_of, finished_at, warn_of_another_end, warn_of_other_bits
from mxgan.runs.config import BY_DEFAULT, RunConfig
from mxgan.runs.data import data_record
from mxgan.runs.ranks import check_data_of_ranks, check_settings_of_ranks
from mxgan.runtime.config import to_dict
from mxgan.runtime.files import FolderLock, write_whole
from mxgan.training.checkpoint import put_into, read_checkpoint
from mxgan.training.checkpoint_files import read_state
from mxgan.training.parallel.mpi_ranks import all_ranks
from mxgan.training.parallel.sharing import saved_on_all
from mxgan.training.run_folder import RunFolder
from mxgan.training.trainer import Trainer

__all__ = ["Begun", "Surroundings", "begin_again", "begin_new", "join"]

logger = logging.getLogger(__name__)


class Surroundings(NamedTuple):
    """What a training has beside its configuration; see `mxgan.start`."""

    display: str = "auto"
    progress: Optional[bool] = None
    callbacks: Sequence = ()


class Begun(NamedTuple):
    """A trainer that is ready, its run folder and configuration, and the folder's lock, which rank 0 alone has."""

    trainer: Trainer
    folder: RunFolder
    config: RunConfig
    lock: Optional[FolderLock]


def begin_new(config: RunConfig, place: RunFolder, stamp: str, around: Surroundings) -> Begun:
    """A new run, in its new folder; `stamp` is the time in the names of its files."""
    ranks = all_ranks()
    check_settings_of_ranks(ranks, config)
    parts = open_parts(config, place, around.display, around.progress, ranks=ranks)
    check_data_of_ranks(ranks, config, parts)
    folder = RunFolder.create(place.path)
    lock = FolderLock(folder.path)
    try:
        if folder.config_path.exists():
            raise RunFolderError(f"another process has started a run in {folder.path}; continue it with --resume.")
        folder.clear_leftovers()
        trainer = assemble_trainer(config, folder, stamp, parts, around.callbacks)
        record = {
            "run": to_dict(config),
            "stamp": stamp,
            **dict.fromkeys(BY_DEFAULT, True),
            "data": data_record(parts.sources.images),
            "versions": runtime.versions(),
        }
        _write_record(folder, record)
        _prepare_new(parts, folder)
        ranks.barrier()
        return Begun(trainer, folder, config, lock)
    except BaseException:
        lock.release()
        folder.discard_empty()
        raise


def _prepare_new(parts: Parts, folder: RunFolder) -> None:
    """Prepare the parts of a run that has its folder; if that fails, the run has not begun."""
    try:
        if parts.reference is not None:
            logger.info("run folder: %s; the classifier of the measurements is prepared before step 1.", folder.path)
        parts.prepare()
    except BaseException:
        folder.config_path.unlink()
        raise


def begin_again(
    folder: RunFolder, before: RunConfig, config: RunConfig, around: Surroundings, allow_changes: bool
) -> Begun:
    """A run that continues from its newest checkpoint; `before` is the configuration it had until now."""
    ranks = all_ranks()
    changed = check_settings(folder, before, config, allow_changes)
    lock = FolderLock(folder.path)
    try:
        folder.clear_leftovers()
        folder.refuse_link(folder.checkpoints)
        folder.make(folder.samples)  # the user may have deleted the pictures
        record = folder.read_config()
        newest, state = _saved(folder, config)
        check_settings_of_ranks(ranks, config)
        parts = open_parts(config, folder, around.display, around.progress, state, ranks)
        check_data_of_ranks(ranks, config, parts)
        if not allow_changes:
            folder.check_data(data_record(parts.sources.images))
        trainer = assemble_trainer(config, folder, record["stamp"], parts, around.callbacks)
        parts.prepare()
        if state:
            saved = saved_on_all(ranks, read_checkpoint(newest, state))
            trainer.restore(put_into(parts.pair, saved))
            warn_of_another_end(before, config)
            _warn_of_other_statistics(before, config)
            warn_of_other_bits(state["versions"], config.recipe.algorithm)
        else:
            folder.check_never_saved(config.checkpoint_every)
            logger.info("%s has no checkpoint; it starts again at step 0.", folder.path)
            folder.forget_results()
        record.update(_changes(record, before, config, changed, trainer.step))
        _write_record(folder, {**record, "run": to_dict(config), "data": data_record(parts.sources.images)})
        ranks.barrier()
        return Begun(trainer, folder, config, lock)
    except BaseException:
        lock.release()
        raise


def _warn_of_other_statistics(before: RunConfig, config: RunConfig) -> None:
    if all_ranks().size > 1 and before.sync_batch_norm != config.sync_batch_norm:
        whole = "whole batch" if config.sync_batch_norm else "part of each rank"
        logger.warning("From here on, BatchNorm takes the statistics of the %s (sync_batch_norm).", whole)


def _changes(record: dict, before: RunConfig, config: RunConfig, changed: dict, step: int) -> dict:
    """What config.json tells of changes: the settings changed at this step, and the end with which the run began."""
    told = {}
    if changed:
        change = {"step": step, "settings": {name: list(values) for name, values in changed.items()}}
        told["changes"] = [*record.get("changes", []), change]
    if end_of(config) != end_of(before):  # the command that began the run still knows it by its first end
        told["first_end"] = record.get("first_end", list(end_of(before)))
    return told


def _saved(folder: RunFolder, config: RunConfig) -> tuple:
    """(the newest checkpoint, its state), both None if there is none; RunFinishedError if the run is at its end."""
    ranks, newest, state, finished = all_ranks(), None, None, None
    if folder.checkpoint_steps():
        newest = folder.latest_checkpoint()
        state = read_state(newest)
        finished = finished_at(folder, config, state)
    ranks.from_first((finished, folder.read_config()["stamp"], newest is not None))
    if finished:
        raise RunFinishedError(finished)
    return newest, state


def join(config: RunConfig, folder: RunFolder, stamp: Optional[str] = None) -> Begun:
    """A rank beside the first: it computes, and writes nothing.

    `stamp` is that of a new run. Without it, rank 0 continues a run, and tells the others from where.
    """
    ranks, is_resumed = all_ranks(), False
    if stamp is None:
        finished, stamp, is_resumed = ranks.from_first(None)
        if finished:
            raise RunFinishedError(finished)
    check_settings_of_ranks(ranks, config)
    parts = open_parts(config, folder, "none", False, ranks=ranks)
    check_data_of_ranks(ranks, config, parts)
    trainer = assemble_trainer(config, folder, stamp, parts)
    if is_resumed:
        trainer.restore(put_into(parts.pair, saved_on_all(ranks, None)))
    ranks.barrier()
    return Begun(trainer, folder, config, None)


def _write_record(folder: RunFolder, record: dict) -> None:
    """Write config.json atomically."""
    write_whole(folder.config_path, json.dumps(record, indent=1) + "\n")
