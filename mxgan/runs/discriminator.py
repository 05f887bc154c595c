"""The discriminator of a run's checkpoint as a network that looks at images."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from mxgan.errors import ArgumentError
from mxgan.export.reading import is_exported
from mxgan.pictures.latents.gradients import last_features
from mxgan.pictures.latents.projection import Features
from mxgan.runs.sources import source_of

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
    source = source_of(Path(run), "discriminator", checkpoint)
    mixes = source.run.config.recipe.network.mixes_samples
    if mixes:
        raise ArgumentError(f"D's features depend on the whole batch, because of {mixes}. Give --by pixels.")
    arguments, auxiliary = source.parameters
    return Features(last_features(source.symbol[0]), {**arguments, **auxiliary})
