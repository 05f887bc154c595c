"""A generator out of a run folder or a .params file, ready to draw images."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Union

from mxgan.checkpoint import average_file, best_step, parameter_file, read_state
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.params_files import load_params
from mxgan.resuming import recorded_config
from mxgan.run_config import RunConfig
from mxgan.run_folder import RunFolder
from mxgan.sampling import Sampler, network_of_params

__all__ = ["checkpoint_folder", "generator_file", "load_sampler", "sampler_of"]


def load_sampler(
    source: Union[str, Path],
    batch_size: int = 64,
    checkpoint: Union[str, int] = "latest",
    averaged: Optional[bool] = None,
) -> Sampler:
    """A `Sampler` of a run folder's checkpoint, or of a generator's .params file alone.

    Parameters
    ----------
    checkpoint : of a run: "latest", "best" (of a run with `keep_best`), or a step that has one.
    averaged : of a run with `ema`: True: the average of the generator's weights; False: the weights themselves;
        None: the average where the checkpoint has one.

    Raises
    ------
    ArgumentError : no such checkpoint, or the average of what has none.
    CheckpointError, CorruptFileError, RunFolderError : what cannot be read, and why.
    """
    source = Path(source)
    if source.is_dir():
        folder = RunFolder.open(source)
        config = recorded_config(folder)
        chosen = checkpoint_folder(folder, config, checkpoint)
        return sampler_of(generator_file(chosen, averaged), config.recipe.network, batch_size)
    if not source.exists():
        raise CheckpointError(f"{source} does not exist; give a run folder or a .params file of a generator.")
    if averaged:
        raise ArgumentError(f"{source} is one file of parameters; give the run folder for the average (--ema).")
    return sampler_of(source, None, batch_size)


def sampler_of(file: Path, network=None, batch_size: int = 64) -> Sampler:
    """The `Sampler` of a generator's .params file; network None: the one that its parameters are of."""
    parameters = load_params(file)
    network = network or network_of_params(parameters[0])
    return Sampler.of_params(
        network.generator(), network.latent_shape, parameters, batch_size, classes=network.generator_classes
    )


def generator_file(chosen: Path, averaged: Optional[bool] = None) -> Path:
    """The file of the generator or of its average in a checkpoint, all of whose files are whole."""
    average = average_file(chosen, read_state(chosen))
    if averaged and average is None:
        raise ArgumentError(
            f"{chosen} has no average of the generator: the run was trained without ema. Leave --ema out, or train "
            "with --ema 0.999."
        )
    return parameter_file(chosen, "generator") if average is None or averaged is False else average


def checkpoint_folder(folder: RunFolder, config: RunConfig, checkpoint: Union[str, int]) -> Path:
    """The folder of a run's checkpoint: "latest", "best", or a step; an error in words where there is none."""
    if checkpoint == "latest":
        return folder.latest_checkpoint()
    if checkpoint != "best":
        if not str(checkpoint).isdecimal():
            raise ArgumentError(f"checkpoint is {checkpoint!r}; give latest, best, or the number of a step.")
        return folder.checkpoint_of(int(checkpoint))
    if not config.keep_best:
        raise ArgumentError(f"the run {folder.path} has no best checkpoint, for it has no keep_best (--keep-best).")
    step = best_step(folder, config.keep_best)
    if step is None:
        raise CheckpointError(
            f"{folder.path} has no checkpoint with the metric of {config.keep_best!r}: the run does not measure it, or "
            "did not at a checkpoint's step. Give latest, or the number of a step."
        )
    return folder.checkpoint(step)
