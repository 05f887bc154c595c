"""Generators from a run folder or a .params file, ready to draw images."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.runs.config import recorded_config
from mxgan.training.checkpoint_choice import chosen_checkpoint, generator_file
from mxgan.training.run_folder import RunFolder
from mxgan.training.sampler import Sampler

__all__ = ["load_sampler"]


def load_sampler(
    source: Union[str, Path],
    batch_size: int = 64,
    checkpoint: Union[str, int] = "latest",
    averaged: Optional[bool] = None,
) -> Sampler:
    """A `Sampler` for a run folder's checkpoint, or for a single .params file of a generator.

    Parameters
    ----------
    checkpoint : for a run: "latest", "best" (if it has `keep_best`), or the step of a checkpoint.
    averaged : for a run with `ema`: True: the average of the generator's weights; False: the weights themselves;
        None: the average if the checkpoint has one.

    Raises
    ------
    ArgumentError : the checkpoint or the average does not exist.
    CheckpointError, CorruptFileError, RunFolderError : a file cannot be read; the message says why.
    """
    source = Path(source)
    if source.is_dir():
        folder = RunFolder.open(source)
        config = recorded_config(folder)
        chosen = chosen_checkpoint(folder, config.keep_best, checkpoint)
        file, recipe = generator_file(chosen, averaged), config.recipe
        return Sampler.of_file(file, recipe.network, batch_size, distribution=recipe.latent_distribution)
    if not source.exists():
        raise CheckpointError(f"{source} does not exist; give a run folder or a .params file of a generator.")
    if averaged:
        raise ArgumentError(f"{source} is one file of parameters; give the run folder for the average (--ema).")
    return Sampler.of_file(source, None, batch_size)
