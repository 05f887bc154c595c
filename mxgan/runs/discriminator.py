"""The discriminator of a run's checkpoint as a network that looks at images."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from mxgan.errors import ArgumentError
from mxgan.export.reading import is_exported
from mxgan.graphs.params_files import load_params
from mxgan.pictures.latents.gradients import last_features
from mxgan.pictures.latents.projection import Features
from mxgan.runs.config import recorded_config
from mxgan.runs.pair import discriminator_symbols
from mxgan.training.checkpoint import parameter_file, read_state
from mxgan.training.checkpoint_choice import chosen_checkpoint
from mxgan.training.run_folder import RunFolder

__all__ = ["features_of_run"]


def features_of_run(run: Union[str, Path], checkpoint: Union[str, int] = "latest") -> Features:
    """D's features before its last layer, with the parameters of a checkpoint.

    Parameters
    ----------
    run : the run folder. checkpoint : "latest", "best" or a step.

    Raises
    ------
    ArgumentError : not a run folder, or a D whose features depend on the other images of a batch.
    """
    if not Path(run).is_dir() or is_exported(run):
        raise ArgumentError(f"{run} is no run folder, which has a D. Give the run folder, or --by pixels.")
    folder = RunFolder.open(run)
    config = recorded_config(folder)
    mixes = config.recipe.network.mixes_samples
    if mixes:
        raise ArgumentError(f"D's features depend on the whole batch, because of {mixes}. Give --by pixels.")
    chosen = chosen_checkpoint(folder, config.keep_best, checkpoint)
    read_state(chosen)  # checks the files
    arguments, auxiliary = load_params(parameter_file(chosen, "discriminator"))
    score = discriminator_symbols(config.recipe)[2]
    return Features(last_features(score), {**arguments, **auxiliary})
