"""The folder of a run that is imported: one checkpoint of step 0, and a config.json that tells its origin."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from mxgan import runtime
from mxgan.callbacks.history import Logger
from mxgan.errors import MXGANError, RunFolderError
from mxgan.objectives.heads import get_objective
from mxgan.runs.config import RunConfig
from mxgan.runtime.config import to_dict
from mxgan.runtime.files import new_folder, write_whole
from mxgan.training.checkpoint import Names, save_checkpoint
from mxgan.training.metrics import AdversarialMetrics
from mxgan.training.run_folder import RunFolder

__all__ = ["GeneratorAlone", "ImportedRun", "write_run"]

logger = logging.getLogger(__name__)


class ImportedRun(NamedTuple):
    """A run that can be written.

    Attributes
    ----------
    config : its settings.
    pair : the `AdversarialPair` with its parameters, or a `GeneratorAlone`.
    data : the entry of config.json on its data; {} if they are unknown.
    """

    config: RunConfig
    pair: object
    data: dict


class GeneratorAlone(NamedTuple):
    """What `save_checkpoint` takes instead of a pair if there is no discriminator."""

    symbol: object
    parameters: tuple  # (arg_params, aux_params)
    averages: Mapping = MappingProxyType({})
    learning_rate_scale: float = 1.0

    def halves(self) -> tuple:
        """Both, since a checkpoint lists both optimisers."""
        return ("generator", "discriminator")

    def get_params(self) -> tuple:
        """(those of the generator, None)."""
        return self.parameters, None

    def symbol_json(self, half: str) -> str:
        """The generator's symbol as MXNet's JSON."""
        return self.symbol.tojson()

    def optimizer_state(self, half: str) -> tuple:
        """The state before the first update, as `export_state` gives it."""
        return {}, {"num_update": 0, "index_update_count": {}, "arrays": 0}


def write_run(target: Path, run: ImportedRun, origin: Mapping) -> None:
    """Write the run's folder, whole or not at all.

    Parameters
    ----------
    target : an empty folder, or one that does not exist.
    origin : the entry "imported" of config.json: what each half was imported from; None for a missing half.

    Raises RunFolderError if it cannot be written.
    """
    config, stamp = run.config, datetime.now().strftime("%Y_%m_%d-%H_%M")
    record = {
        "run": to_dict(config),
        "stamp": stamp,
        "data": run.data,
        "versions": runtime.versions(),
        "imported": dict(origin),
    }
    try:
        with new_folder(target, replace=target.exists()) as beside:
            folder = RunFolder.create(beside)
            save_checkpoint(folder, run.pair, Names(config.dataset, stamp), _first_state(config, folder))
            write_whole(folder.config_path, json.dumps(record, indent=1) + "\n")
    except (OSError, MXGANError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = getattr(cause, "strerror", None) or str(error).rstrip(".")
        raise RunFolderError(
            f"{target} cannot be written: {reason}. Nothing is left of it; make room, or give another --run-dir."
        ) from error
    network = config.recipe.network
    logger.info(
        "imported: %s (%s), latents %s, images %s; %s",
        network.title,
        network.name,
        network.latent_shape,
        network.image_shape,
        "the optimisers start afresh, since the files do not have their state"
        if origin["discriminator"]
        else "without a discriminator, so that it cannot be trained",
    )


def _first_state(config: RunConfig, folder: RunFolder) -> dict:
    """The state of a checkpoint of step 0, with that of the log, which a resumed run needs."""
    log = Logger(folder.history_path, config.log_every, AdversarialMetrics(get_objective(config.recipe.objective)))
    return {
        "step": 0,
        "epoch": 0,
        "iteration": 0,
        "seed": config.seed,
        "versions": runtime.versions(),
        "metrics": {},
        "callbacks": {log.name: log.state()},
    }
