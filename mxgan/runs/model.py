"""A run or a .params file as a `Model`, which every format of export takes."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Union

import mxgan
from mxgan.errors import ArgumentError
from mxgan.export.model import NORMALISATION, Model
from mxgan.export.reading import is_exported
from mxgan.graphs.params_files import in_one
from mxgan.graphs.shapes import check_parameters, parameter_shapes
from mxgan.runs.facts import facts_of
from mxgan.runs.file_settings import FileSettings
from mxgan.runs.sources import Source, source_of
from mxgan.runtime.paths import readable

__all__ = ["model_of"]

BATCH = 64  # asked for; a symbol with a batch of its program in it answers with that


def model_of(
    path: Union[str, Path],
    half: str = "generator",
    checkpoint: Union[str, int] = "latest",
    averaged: Optional[bool] = None,
    given: FileSettings = FileSettings(),
) -> Model:
    """One half of the pair in a run's checkpoint or a .params file, with facts about its origin.

    The arguments are those of `mxgan.export_model`, which tells the errors.
    """
    path = Path(path)
    if is_exported(path):
        raise ArgumentError(
            f"{path} is an exported folder already. Export the run that it comes from, or make it a run by "
            "`mxgan import`."
        )
    return _model(source_of(path, half, checkpoint, averaged, given, BATCH), path)


def _model(source: Source, path: Path) -> Model:
    """The model of a source; ArgumentError if its symbol is for one batch alone, CheckpointError if parameters miss."""
    if source.batch_size != BATCH:
        raise ArgumentError(
            f"a layer of the symbol has the batch {source.batch_size} of its program in it, and an exported network "
            "takes any. Give a symbol whose layers leave the batch open (0 or -1 in a Reshape)."
        )
    wanted = parameter_shapes(source.symbol, {name: (1, *shape) for name, shape in source.inputs.items()})
    groups = [_known(group, names) for group, names in zip(source.parameters, wanted)]
    for names, group in zip(wanted, groups):
        check_parameters(source.half, names, group)
    return Model(
        source.symbol,
        in_one(groups),
        dict(source.inputs),
        source.half,
        source.classes,
        tuple(source.class_names),
        source.distribution,
        {
            **({"file": readable(path.name)} if source.run is None else facts_of(source.run, source.half)),
            "library": f"mxgan {mxgan.__version__}",
            "normalisation": NORMALISATION if source.ranged else "not known",
            "license": "unknown",
        },
    )


def _known(group: dict, wanted: dict) -> dict:
    """The parameters without those of heads and losses, which the symbol has not."""
    return {name: value for name, value in group.items() if name in wanted}
