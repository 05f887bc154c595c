"""Shapes compared in Python before MXNet sees them: its own errors name no parameter, or come too late."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mxgan.errors import CheckpointError, ShapeError
from mxgan.runtime import mx

__all__ = ["check_pair", "check_parameters", "infer", "parameter_shapes"]


def infer(symbol, **inputs: tuple) -> tuple:
    """`symbol.infer_shape(**inputs)` with a ShapeError that names the inputs where nothing fits.

    Returns (argument shapes by name, output shapes, auxiliary shapes by name).
    """
    unknown = [name for name in inputs if name not in symbol.list_arguments()]
    if unknown:
        raise ShapeError(
            f"the symbol {symbol.name!r} has no input {unknown[0]!r}; its arguments are "
            f"{', '.join(symbol.list_arguments())}."
        )
    try:
        arguments, outputs, auxiliary = symbol.infer_shape(**inputs)
    except mx.MXNetError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ShapeError(f"the symbol {symbol.name!r} does not take {_listed(inputs)}: {reason}") from error
    if arguments is None:
        raise ShapeError(f"the shapes {_listed(inputs)} do not settle those of {symbol.name!r}; give every input's.")
    return (
        dict(zip(symbol.list_arguments(), arguments)),
        outputs,
        dict(zip(symbol.list_auxiliary_states(), auxiliary)),
    )


def _listed(shapes: Mapping[str, tuple]) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())


def check_pair(generator, discriminator, latents: tuple, images: tuple, labels: tuple) -> None:
    """Raise ShapeError unless latents lead to images of the given shape, and those to one prediction each.

    Each of `latents`, `images` and `labels` is (input name, shape with the batch).
    """
    for shape in (latents, images, labels):
        if any(not isinstance(extent, int) or extent < 1 for extent in shape[1]):
            raise ShapeError(f"the shape of {shape[0]!r} is {shape[1]}; every extent must be a whole number above 0.")
    _, (made, *_), _ = infer(generator, **dict([latents]))
    if made != images[1]:
        raise ShapeError(
            f"the generator makes {made} of latents {latents[1]}, and the discriminator is to be fed {images[1]}; "
            "make batch, channels and size of the two agree."
        )
    _, (prediction, *_), _ = infer(discriminator, **dict([images, labels]))
    if prediction[0] != labels[1][0]:
        raise ShapeError(f"the discriminator gives {prediction}, not one row for each of {labels[1][0]} images.")


def parameter_shapes(symbol, **inputs: tuple) -> tuple:
    """({parameter: shape}, {auxiliary state: shape}) of `symbol` bound to `inputs`."""
    arguments, _, auxiliary = infer(symbol, **inputs)
    return {name: shape for name, shape in arguments.items() if name not in inputs}, auxiliary


def check_parameters(owner: str, wanted: Mapping[str, tuple], given: Mapping) -> None:
    """Raise CheckpointError unless `given` (name → NDArray) has exactly the `wanted` names and shapes, as float32."""
    missing, extra = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    if missing or extra:
        parts = [
            f"{word} {', '.join(names[:4])}" for word, names in (("lacks", missing), ("has unknown", extra)) if names
        ]
        raise CheckpointError(
            f"the parameters given do not fit the {owner}: the file {' and '.join(parts)}. "
            "Is it of this network and this half of it (_G_ generator, _D_ discriminator)?"
        )
    for name, shape in wanted.items():
        if tuple(given[name].shape) != tuple(shape):
            raise CheckpointError(
                f"the parameter {name!r} of the {owner} is {tuple(given[name].shape)} in the file and {tuple(shape)} "
                "in the network; set the widths, channels and size that it was trained with."
            )
        if given[name].dtype != np.float32:
            dtype = np.dtype(given[name].dtype).name
            raise CheckpointError(f"the parameter {name!r} of the {owner} is {dtype} in the file; float32 is wanted.")
