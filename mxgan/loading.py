"""A generator out of a run folder or a .params file, ready to draw images."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from mxgan.checkpoint import best_step, parameter_file, read_state
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.params_files import load_params
from mxgan.resuming import recorded_config
from mxgan.run_config import RunConfig
from mxgan.run_folder import RunFolder
from mxgan.sampling import Sampler, network_of_params

__all__ = ["load_sampler"]


def load_sampler(source: Union[str, Path], batch_size: int = 64, checkpoint: Union[str, int] = "latest") -> Sampler:
    """A `Sampler` of a run folder's checkpoint, or of a generator's .params file alone.

    Parameters
    ----------
    checkpoint : of a run: "latest", "best" (of a run with `keep_best`), or a step that has one.

    Raises
    ------
    CheckpointError, CorruptFileError, RunFolderError : what cannot be read, and why.
    """
    source = Path(source)
    if source.is_dir():
        folder = RunFolder.open(source)
        config = recorded_config(folder)
        network = config.recipe.network
        chosen = _chosen_checkpoint(folder, config, checkpoint)
        read_state(chosen)
        parameters = load_params(parameter_file(chosen, "generator"))
    elif source.exists():
        parameters = load_params(source)
        network = network_of_params(parameters[0])
    else:
        raise CheckpointError(f"{source} does not exist; give a run folder or a .params file of a generator.")
    return Sampler.of_params(
        network.generator(), network.latent_shape, parameters, batch_size, classes=network.generator_classes
    )


def _chosen_checkpoint(folder: RunFolder, config: RunConfig, checkpoint: Union[str, int]) -> Path:
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
        raise CheckpointError(f"{folder.path} has no checkpoint with the metric of {config.keep_best!r}.")
    return folder.checkpoint(step)
