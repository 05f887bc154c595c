"""Shape inference and shape checks, in Python, before MXNet binds anything.

The errors name the input, layer or parameter; MXNet's own errors name no parameter, or come too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from mxgan.errors import CheckpointError, ShapeError, listed, lookup
from mxgan.graphs.mxnet_messages import fault_of
from mxgan.runtime import mx

__all__ = ["check_pair", "check_parameters", "infer", "is_shape", "parameter_shapes"]


class _Undecided(ShapeError):
    """The shapes given leave others unknown."""


def infer(symbol, inputs: Mapping[str, tuple]) -> tuple:
    """Infer every shape in a symbol from the shapes of its inputs.

    Parameters
    ----------
    inputs : {input: shape}, batch included; labels may be left out if the head operator decides their shapes.

    Returns
    -------
    ({argument: shape}, [output shapes], {auxiliary state: shape}).

    Raises
    ------
    ArgumentError : an unknown input; the message suggests the nearest name.
    ShapeError : the shapes do not fit (with the layer, if MXNet names it), or leave other shapes unknown.
    """
    names = symbol.list_arguments()
    for name, shape in inputs.items():
        lookup("input", name, names)
        if not is_shape(shape):
            raise ShapeError(f"shape {shape!r} of input {name!r}: expected a tuple of whole numbers above 0.")
    sizes = {name: tuple(map(int, shape)) for name, shape in inputs.items()}
    given = ", ".join(f"{name} {shape}" for name, shape in sizes.items()) or "none"
    try:
        arguments, outputs, auxiliary = symbol.infer_shape_partial(**sizes)
    except mx.MXNetError as error:
        raise ShapeError(f"{_where(error)}. Input shapes given: {given}.") from error
    unknown = [name for name, shape in zip(names, arguments) if not _known(shape)]
    if unknown or not all(map(_known, outputs)):
        raise _Undecided(
            f"the input shapes given ({given}) do not decide all others (unknown: {listed(unknown, 3)}). "
            "Give the shape of every input, batch included."
        )
    return dict(zip(names, arguments)), outputs, dict(zip(symbol.list_auxiliary_states(), auxiliary))


def is_shape(shape) -> bool:
    """Whether this is a tuple or list of at least one whole number, all above 0; True is no number."""
    sizes = shape if isinstance(shape, (tuple, list)) else ()
    return len(sizes) > 0 and all(
        isinstance(size, Integral) and not isinstance(size, bool) and size > 0 for size in sizes
    )


def _known(shape: tuple) -> bool:
    return len(shape) > 0 and all(size > 0 for size in shape)


def _where(error: Exception) -> str:
    """MXNet's message, shortened to the layer and its fault."""
    layer, fault = fault_of(error)
    return f"layer {layer!r} does not fit its input: {fault}" if layer else f"the shapes do not fit together: {fault}"


def check_pair(generator, discriminator, latents: Mapping[str, tuple], images: Mapping[str, tuple]) -> None:
    """Raise ShapeError unless latents give images of the given shape, and each image gives one prediction.

    `latents` and `images` are {input: shape, batch included} of the two networks; the data is the first input.
    """
    (first, taken), wanted = next(iter(latents.items())), next(iter(images.values()))
    first = "latents" if first == "rand" else first
    _, (made, *_), _ = _inferred("generator", generator, latents)
    if made != wanted:
        raise ShapeError(
            f"the generator makes {made} from {first} {taken}, but the discriminator expects {wanted}; "
            "make batch, channels and size of the two agree."
        )
    _, (prediction, *_), _ = _inferred("discriminator", discriminator, images)
    if prediction[0] != wanted[0]:
        raise ShapeError(f"the discriminator gives {prediction}, not one row for each of {wanted[0]} images.")


def _inferred(half: str, symbol, inputs: Mapping[str, tuple]) -> tuple:
    try:
        return infer(symbol, inputs)
    except _Undecided as error:
        raise ShapeError(
            f"the {half}: {error} A pair gives it {', '.join(inputs)}; another name of an input becomes one of "
            "these by mxgan.renamed, and a further input is one of conditions={…}."
        ) from error


def parameter_shapes(symbol, inputs: Mapping[str, tuple]) -> tuple:
    """({parameter: shape}, {auxiliary state: shape}) of `symbol` bound to `inputs`."""
    arguments, _, auxiliary = infer(symbol, inputs)
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
            "Is it a file of this network and of this half (_G_ generator, _D_ discriminator)?"
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
