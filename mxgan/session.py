"""From a configuration to a trainer that is ready to `fit`: new, resumed, or out of a run folder for sampling."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from mxgan import runtime
from mxgan.callbacks import Checkpointer, Logger, MonitorOutputs, Pictures, ProgressBar
from mxgan.checkpoint import load_checkpoint, load_params, parameter_file, read_state
from mxgan.config import from_dict, to_dict
from mxgan.data import open_dataset
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError
from mxgan.files import FolderLock, write_whole
from mxgan.modules import AdversarialPair
from mxgan.objectives import get_objective
from mxgan.recipes import RECIPES, Recipe
from mxgan.run_folder import RunFolder
from mxgan.runtime import mx
from mxgan.sampling import Sampler, network_of_params
from mxgan.trainer import Trainer
from mxgan.windows import Display

__all__ = ["MAY_CHANGE", "RunConfig", "Session", "load_sampler", "resume", "resumed_config", "start"]

logger = logging.getLogger(__name__)

SAMPLER_BATCH = 16  # a grid is drawn in parts: a larger executor would only cost memory

# What a resumed run may change without becoming another run.
MAY_CHANGE = (
    "steps", "epochs", "data_dir", "gpu", "log_every", "sample_every", "checkpoint_every", "keep", "monitor",
)  # fmt: skip
BITS_DEPEND_ON = ("mxnet", "wheel", "threads", "cpu_features")


@dataclass(frozen=True)
class RunConfig:
    """One run: a recipe, the data, how long, what to write.

    Parameters
    ----------
    recipe : all hyper-parameters.
    dataset, data_dir : see `mxgan.data.open_dataset`.
    steps, epochs : when to end; exactly one of them.
    seed : every draw is a function of it and of the step.
    gpu : "0", "0,1", or None for the CPU.
    log_every, sample_every : steps between lines of history, and between pictures.
    checkpoint_every : steps between checkpoints, or "epoch".
    keep : checkpoints that stay; None: all.
    monitor : steps between printouts of mx.mon.Monitor; 0: none.
    """

    recipe: Recipe = field(default_factory=lambda: RECIPES["dcgan"])
    dataset: str = "digits"
    data_dir: Optional[str] = None
    steps: Optional[int] = None
    epochs: Optional[int] = None
    seed: int = 0
    gpu: Optional[str] = None
    log_every: int = 10
    sample_every: int = 100
    checkpoint_every: Union[int, str] = 1000
    keep: Optional[int] = 5
    monitor: int = 0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ArgumentError(f"give either steps or epochs; got steps={self.steps} and epochs={self.epochs}.")
        for name in ("steps", "epochs", "log_every", "sample_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(f"{name} is {value}; give at least 1.")
        if self.keep is not None and self.keep < 1:
            raise ArgumentError(f"keep is {self.keep}; give at least 1, or null for all.")
        if self.checkpoint_every != "epoch" and not (
            isinstance(self.checkpoint_every, int) and self.checkpoint_every > 0
        ):
            raise ArgumentError(
                f"checkpoint_every is {self.checkpoint_every!r}; give a number of steps above 0, or 'epoch'."
            )
        if self.monitor < 0:
            raise ArgumentError(f"monitor is {self.monitor}; give a number of steps, or 0 for none.")


class Session(NamedTuple):
    """A run that is ready to train: `run()` does. It holds its folder until then, so that no other process can."""

    trainer: Trainer
    folder: RunFolder
    config: RunConfig
    lock: FolderLock

    @property
    def last_step(self) -> int:
        """The step at which the run ends."""
        return _last_step(self.config, self.trainer.data)

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
    run_dir : a folder that is empty or does not exist; None: runs/DATASET-STAMP.
    display : "auto", "window" or "none"; see `mxgan.windows.Display`.
    progress : whether to draw progress bars; None: where standard error is a terminal.

    Raises
    ------
    MXGANError : whatever does not fit, before anything is trained; the folder is made last.
    """
    stamp = datetime.now().strftime("%Y_%m_%d-%H_%M")
    path = Path(run_dir or Path("runs") / f"{config.dataset}-{stamp}-{datetime.now():%S}")
    RunFolder.refuse_used(path)
    data, pair = _objects(config, progress)
    windows = Display(display, RunFolder(path).samples)
    folder = RunFolder.create(path)
    lock = FolderLock(folder.path)
    record = {
        "run": to_dict(config),
        "stamp": stamp,
        "data": data.fingerprint,
        "versions": runtime.versions(),
    }
    _write_record(folder, record)
    return Session(_trainer(config, folder, stamp, data, pair, windows, progress), folder, config, lock)


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
        data, pair = _objects(config, progress)
        if record["data"] != data.fingerprint:
            raise ArgumentError(
                f"the data set is not the one that {folder.path} was trained on: {record['data']} then, "
                f"{data.fingerprint} now. Put the same files back, or give the data_dir where they are."
            )
        state = load_checkpoint(folder.latest_checkpoint(), pair)
        _check_end(folder, config, state)
        trainer = _trainer(config, folder, record["stamp"], data, pair, Display(display, folder.samples), progress)
        trainer.step, trainer.epoch, trainer.iteration = state["step"], state["epoch"], state["iteration"]
        for callback in trainer.callbacks:
            callback.restore(state["callbacks"].get(type(callback).__name__, {}))
        folder.cut_history(trainer.step, config.log_every)
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


def _objects(config: RunConfig, progress: Optional[bool]) -> tuple:
    """(data iterator, pair with parameters and optimisers) for a configuration."""
    recipe, network = config.recipe, config.recipe.network
    channels, image_size, _ = network.image_shape
    data = open_dataset(
        config.dataset,
        batch_size=recipe.batch_size,
        image_size=image_size,
        channels=channels,
        seed=config.seed,
        data_dir=config.data_dir,
        progress=progress,
    )
    objective, score, label = get_objective(recipe.objective), network.discriminator(), mx.sym.Variable("label")
    pair = AdversarialPair(
        network.generator(),
        objective.discriminator_head(score, label),
        generator_head=objective.generator_head(score, label),
        latent_shape=network.latent_shape,
        image_shape=network.image_shape,
        batch_size=recipe.batch_size,
        contexts=runtime.contexts(config.gpu),
        real_label=recipe.real_label,
    )
    pair.init_params(mx.init.Normal(recipe.initial_sigma), config.seed)
    pair.init_optimizers(recipe.generator_optimizer, recipe.discriminator_optimizer)
    logger.info("%s", data.describe())
    return data, pair


def _last_step(config: RunConfig, data) -> int:
    return config.steps or config.epochs * data.batches_per_epoch


def _trainer(config, folder: RunFolder, stamp: str, data, pair, windows: Display, progress) -> Trainer:
    network = config.recipe.network
    sampler = Sampler(network.generator(), network.latent_shape, SAMPLER_BATCH, pair.contexts[0])
    log = Logger(folder.history_path, config.log_every)
    callbacks = [
        log,
        ProgressBar(log, _last_step(config, data), progress),
        Pictures(folder, sampler, windows, config.sample_every, config.seed),
        Checkpointer(folder, config.dataset, stamp, config.checkpoint_every, config.keep),
    ]
    if config.monitor:
        callbacks.insert(0, MonitorOutputs(config.monitor))
    return Trainer(pair, data, noise=config.recipe.instance_noise, callbacks=callbacks, seed=config.seed)


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
    sampler = Sampler(network.generator(), network.latent_shape, batch_size)
    sampler.set_params(*parameters)
    return sampler
