"""`start` and `resume`: from a configuration or a run folder to a `Session`, a run that is ready to train."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from mxgan.errors import ArgumentError, lookup
from mxgan.runs.beginnings import Surroundings, begin_again, begin_new, join
from mxgan.runs.changes import AVERAGE_SETTINGS, as_begun, check_imported, check_same_end, find_run
from mxgan.runs.config import RunConfig, recorded_config, with_labels_of
from mxgan.runs.data import last_step
from mxgan.runs.events import recorded_training
from mxgan.runs.final_report import final_report
from mxgan.runs.ranks import log_traffic, recorded_on_all
from mxgan.runtime.files import FolderLock
from mxgan.training.callback import Callback
from mxgan.training.parallel.mpi_ranks import all_ranks
from mxgan.training.run_folder import RunFolder
from mxgan.training.trainer import Trainer

__all__ = ["Session", "resume", "start", "start_or_resume"]

logger = logging.getLogger(__name__)


class Session(NamedTuple):
    """A run that is ready to train; `run()` trains it. Its lock keeps other processes out of the folder until then.

    Of several ranks, each has a session, and the first one alone has the lock and writes the folder.
    """

    trainer: Trainer
    folder: RunFolder
    config: RunConfig
    lock: Optional[FolderLock]

    @property
    def last_step(self) -> int:
        """The step at which the run ends."""
        return last_step(self.config, self.trainer.data)

    def run(self) -> Optional[Path]:
        """Train to the end of the configuration (`steps` or `epochs`), then write report.html.

        Returns the path of the report; None without one: it failed, which is a warning, or MXGAN_REPORT is 0, or this
        is not the first of several ranks.
        """
        ranks = self.trainer.pair.ranks
        with ranks.guarded():
            page = self._train_and_report() if ranks.is_first else self._fit()
            ranks.barrier()
        return page

    def _train_and_report(self) -> Optional[Path]:
        try:
            with self.trainer.pair.ranks.guarded():  # the time that other ranks wait for this report begins here
                self._train()
        except Exception:
            final_report(self.folder, quick=True)
            raise
        return final_report(self.folder, quick=self.trainer.stopping is not None)

    def _fit(self) -> None:
        began = time.perf_counter()
        self.trainer.fit(steps=self.config.steps, epochs=self.config.epochs)
        log_traffic(self.trainer.pair, time.perf_counter() - began)

    def _train(self) -> None:
        try:
            with recorded_training(self.folder, self.trainer, self.last_step):
                self._fit()
        finally:
            self.lock.release()


def start(
    config: RunConfig,
    run_dir: Union[str, Path, None] = None,
    display: str = "auto",
    progress: Optional[bool] = None,
    callbacks: Sequence[Callback] = (),
) -> Session:
    """Make a run folder and a session that is ready to train in it.

    Parameters
    ----------
    config : the recipe, the data and the length of the run.
    run_dir : a folder that is empty or does not exist; None: runs/NAME-STAMP, where NAME is the data set's name, or
        the recipe's `run_name` with its settings filled in.
    display : "auto", "window" or "none"; see `mxgan.pictures.windows.Display`.
    progress : whether to draw progress bars; None: if standard error is a terminal, and in a notebook. Where no bar can
        be drawn, the log has plain lines; see `mxgan.runtime.progress`.
    callbacks : your own, called after the callbacks of the run and before a checkpoint is saved; of several ranks, on
        rank 0 alone. See `mxgan.Callback`.

    Raises
    ------
    MXGANError : something does not fit; raised before the training, and no folder is left.
    """
    ranks = all_ranks()
    with ranks.guarded():
        path, stamp = ranks.from_first(_place(config, run_dir) if ranks.is_first else None)
        if ranks.is_first:
            around = Surroundings(display, progress, callbacks)
            return Session(*begin_new(config, RunFolder(path), stamp, around))
        return Session(*join(config, RunFolder(path), stamp))


def _place(config: RunConfig, run_dir: Union[str, Path, None]) -> tuple:
    """(path of a new run folder, time stamp of its files); RunFolderError if the path is in use."""
    now = datetime.now()
    stamp = now.strftime("%Y_%m_%d-%H_%M")
    name = (config.recipe.run_name or "{dataset}").format(recipe=config.recipe, dataset=config.dataset)
    path = Path(run_dir or Path("runs") / f"{name}-{stamp}-{now:%S}")
    RunFolder.refuse_used(path)
    return str(path), stamp


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
    """Continue a run from its newest checkpoint, or from its start if it has none, as if it had never stopped.

    Parameters
    ----------
    run : the run's folder.
    config : the whole configuration that the run should have; None: the run's own.
    display, progress : as for `start`.
    callbacks : your own, with the same names as before: the state of each is restored from the checkpoint.
    changes : single settings of `RunConfig`, kept from now on. Settings in MAY_CHANGE may differ from the run's:
        `steps` or `epochs` for a new end, counted from the run's start, `data_dir` for data that have moved, and the
        intervals of the output.
    allow_changes : allow changes of all other settings too; config.json then lists them.

    Raises
    ------
    ArgumentError : a setting that must not change, or other data.
    RunFinishedError : the run is at its end already.
    CheckpointError, CorruptFileError, RunFolderError : a file cannot be read; the message says why.
    """
    ranks = all_ranks()
    with ranks.guarded():
        folder = RunFolder.open(run) if ranks.is_first else RunFolder(run)
        if ranks.is_first:
            check_imported(folder)
        before = recorded_on_all(ranks, folder)
        config = _with_changes(with_labels_of(before, config or before), changes)
        if ranks.is_first:
            around = Surroundings(display, progress, callbacks)
            return Session(*begin_again(folder, before, config, around, allow_changes))
        return Session(*join(config, folder))


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
    *,
    given: Collection[str] = (),
) -> Session:
    """Continue the run of `config` if it exists, else start it; the same call can be repeated.

    Without `run_dir`, it continues the newest run in runs/ with these settings and this end. A run with another end is
    the run of another call: `resume(run, steps=N)` gives a run a later end.

    A run from before its recipe had an average of G's or D's weights goes on without one. It is another run if `given`
    has the average's setting, "ema" or "discriminator_ema": then that average was asked for, and is not just the
    recipe's default.

    Raises
    ------
    RunFinishedError : nothing is left to train.
    ArgumentError : the run in `run_dir` has other settings or another end, and `allow_changes` is not set.
    The errors of `start` and `resume`.
    """
    if allow_changes and run_dir is None:
        raise ArgumentError(
            "allow_changes (--allow-changes) needs the run to change: give its folder as run_dir (--run-dir)."
        )
    ranks = all_ranks()
    with ranks.guarded():
        run, older = ranks.from_first(_found(config, run_dir, given) if ranks.is_first else None)
    surroundings = {"display": display, "progress": progress, "callbacks": callbacks}
    if run is None:
        logger.info("There is no run with these settings and this end yet; a new run starts.")
        return start(config, run_dir, **surroundings)
    for setting in (name for name in AVERAGE_SETTINGS if name in older):
        logger.info(
            "The run is from before its recipe had the average %s; it goes on without it. For a run with that average, "
            "give another --run-dir (run_dir=…).",
            setting,
        )
    config = replace(config, recipe=replace(config.recipe, **older))
    if not allow_changes and ranks.is_first:
        with ranks.guarded():
            check_same_end(run, config)
    logger.info("Continuing %s.", run)
    return resume(run, config, allow_changes=allow_changes, **surroundings)


def _found(config: RunConfig, run_dir: Union[str, Path, None], given: Collection[str]) -> tuple:
    """(path of the run that continues, or None; the settings of the recipe that it keeps from an earlier version)."""
    run = find_run(config, run_dir, given)
    if run is None:
        return None, {}
    folder = RunFolder.open(run)
    kept, wanted = as_begun(folder, recorded_config(folder), config, given).recipe, config.recipe
    names = (*AVERAGE_SETTINGS, "algorithm")
    older = {name: getattr(kept, name) for name in names if getattr(kept, name) != getattr(wanted, name)}
    return str(run), older
