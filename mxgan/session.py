"""From a configuration to a trainer that is ready to `fit`: new, resumed, or out of a run folder for sampling."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from mxgan import runtime
from mxgan.assembly import assemble_trainer, bound_pair, last_step, open_sources
from mxgan.checkpoint import load_checkpoint, load_params, parameter_file, read_state
from mxgan.config import from_dict, to_dict
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError
from mxgan.files import FolderLock, write_whole
from mxgan.run_config import MAY_CHANGE, RunConfig
from mxgan.run_folder import RunFolder
from mxgan.sampling import Sampler, network_of_params
from mxgan.trainer import Trainer
from mxgan.windows import Display

__all__ = ["Session", "load_sampler", "resume", "resumed_config", "start"]

logger = logging.getLogger(__name__)

BITS_DEPEND_ON = ("mxnet", "wheel", "threads", "cpu_features")


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
    config: RunConfig, run_dir: Union[str, Path, None] = None, display: str = "auto", progress: Optional[bool] = None
) -> Session:
    """Make a run folder, and in it a session that is ready to train.

    Parameters
    ----------
    run_dir : a folder that is empty or does not exist; None: runs/NAME-STAMP, NAME being the data set's, or what the
        recipe's `run_name` makes of its settings.
    display : "auto", "window" or "none"; see `mxgan.windows.Display`.
    progress : whether to draw progress bars; None: where standard error is a terminal.

    Raises
    ------
    MXGANError : whatever does not fit, before anything is trained; the folder is made last.
    """
    stamp = datetime.now().strftime("%Y_%m_%d-%H_%M")
    name = (config.recipe.run_name or "{dataset}").format(recipe=config.recipe, dataset=config.dataset)
    path = Path(run_dir or Path("runs") / f"{name}-{stamp}-{datetime.now():%S}")
    RunFolder.refuse_used(path)
    sources, pair = open_sources(config, progress), bound_pair(config)
    windows = Display(display, RunFolder(path).samples)
    folder = RunFolder.create(path)
    lock = FolderLock(folder.path)
    record = {
        "run": to_dict(config),
        "stamp": stamp,
        "data": sources.images.fingerprint,
        "versions": runtime.versions(),
    }
    _write_record(folder, record)
    return Session(assemble_trainer(config, folder, stamp, sources, pair, windows, progress), folder, config, lock)


def resume(run: Union[str, Path], *, display: str = "auto", progress: Optional[bool] = None, **changes: Any) -> Session:
    """Go on with a run from its newest checkpoint, as if it had never stopped.

    Parameters
    ----------
    changes : settings of `RunConfig` among MAY_CHANGE, kept from now on: `steps` or `epochs` for a new end, counted
        from the run's beginning, `data_dir` for data that have moved, and what is written how often.

    Raises
    ------
    ArgumentError : a setting that may not change, other data, or an end that is reached already.
    CheckpointError, CorruptFileError, RunFolderError : what cannot be read, and why.
    """
    folder, record, config = resumed_config(run, changes)
    lock = FolderLock(folder.path)
    try:
        sources, pair = open_sources(config, progress), bound_pair(config)
        found = sources.images.fingerprint
        if record["data"] != found:
            raise ArgumentError(
                f"the data set is not the one that {folder.path} was trained on: {record['data']} then, "
                f"{found} now. Put the same files back, or give the data_dir where they are."
            )
        state = load_checkpoint(folder.latest_checkpoint(), pair)
        _check_end(folder, config, state)
        windows = Display(display, folder.samples)
        trainer = assemble_trainer(config, folder, record["stamp"], sources, pair, windows, progress)
        trainer.step, trainer.epoch, trainer.iteration = state["step"], state["epoch"], state["iteration"]
        for callback in trainer.callbacks:
            callback.restore(state["callbacks"].get(type(callback).__name__, {}))
        folder.cut_history(trainer.step, config.log_every, config.sample_every)
        _warn_of_other_bits(record["versions"])
        _write_record(folder, {**record, "run": to_dict(config)})
    except BaseException:
        lock.release()
        raise
    return Session(trainer, folder, config, lock)


def resumed_config(run: Union[str, Path], changes: Mapping[str, Any]) -> tuple:
    """(folder, content of config.json, configuration with the changes) of a run that is to be gone on with."""
    folder = RunFolder.open(run)
    record = folder.read_config()
    config = _config_of(folder, record)
    for name in changes:
        if name not in MAY_CHANGE:
            raise ArgumentError(
                f"{name} cannot change when a run is resumed; only {', '.join(MAY_CHANGE)} can. Start a new run."
            )
    if "steps" in changes or "epochs" in changes:
        changes = {"steps": None, "epochs": None, **changes}
    return folder, record, replace(config, **changes)


def _check_end(folder: RunFolder, config: RunConfig, state: Mapping) -> None:
    for unit, end, done in (("step", config.steps, state["step"]), ("epoch", config.epochs, state["epoch"])):
        if end is not None and done >= end:
            raise ArgumentError(
                f"the run {folder.path} is at {unit} {done} already, and its end is {end}; give {unit}s (--{unit}s) "
                f"above {done}."
            )


def _warn_of_other_bits(before: Mapping) -> None:
    now = json.loads(json.dumps(runtime.versions()))
    other = [f"{key} {before.get(key)} then, {now[key]} now" for key in BITS_DEPEND_ON if before.get(key) != now[key]]
    if other:
        logger.warning("The bits may differ from those of an undisturbed run: %s.", "; ".join(other))


def _write_record(folder: RunFolder, record: Mapping) -> None:
    write_whole(folder.config_path, json.dumps(record, indent=1) + "\n")


def _config_of(folder: RunFolder, record: dict) -> RunConfig:
    try:
        return from_dict(RunConfig, record["run"], "run")
    except ArgumentError as error:
        raise CorruptFileError(folder.config_path, f"does not fit this version of mxgan: {error}") from error


def load_sampler(source: Union[str, Path], batch_size: int = 64) -> Sampler:
    """A `Sampler` of a run folder's newest checkpoint, or of a generator's .params file alone.

    Raises
    ------
    CheckpointError, CorruptFileError, RunFolderError : what cannot be read, and why.
    """
    source = Path(source)
    if source.is_dir():
        folder = RunFolder.open(source)
        network = _config_of(folder, folder.read_config()).recipe.network
        checkpoint = folder.latest_checkpoint()
        read_state(checkpoint)
        parameters = load_params(parameter_file(checkpoint, "generator"))
    elif source.exists():
        parameters = load_params(source)
        network = network_of_params(parameters[0])
    else:
        raise CheckpointError(f"{source} does not exist; give a run folder or a .params file of a generator.")
    classes = network.classes if network.conditional else 0
    sampler = Sampler(network.generator(), network.latent_shape, batch_size, classes=classes)
    sampler.set_params(*parameters)
    return sampler
