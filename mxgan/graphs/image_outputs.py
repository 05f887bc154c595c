"""The output of a generator of any origin as images (N, 1 or 3, H, W) in [-1, 1]."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

from mxgan.errors import ShapeError
from mxgan.graphs.layers import KEEP_VALUES, nodes_of, times
from mxgan.runtime import mx

__all__ = ["ImageOutput", "image_of", "value_range"]

SMALLEST_FLAT = 8  # pixels a side; fewer numbers are scores rather than an image
# Layers → the lowest and the highest value that they can give.
_RANGES = {"sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0)}
# Operators with one number → what they make of a value.
_ARITHMETIC = {
    **dict.fromkeys(("_mul_scalar", "_MulScalar"), lambda value, scalar: value * scalar),
    **dict.fromkeys(("_div_scalar", "_DivScalar"), lambda value, scalar: value / scalar if scalar else math.nan),
    **dict.fromkeys(("_plus_scalar", "_PlusScalar"), lambda value, scalar: value + scalar),
    **dict.fromkeys(("_minus_scalar", "_MinusScalar"), lambda value, scalar: value - scalar),
    **dict.fromkeys(("_rminus_scalar", "_RMinusScalar"), lambda value, scalar: scalar - value),
}
_PASSED = {*KEEP_VALUES, "UpSampling", *_ARITHMETIC}


class ImageOutput(NamedTuple):
    """A generator whose output is images; `ranged`: whether its last layers tell the range of the values."""

    symbol: object
    ranged: bool
    notes: list


def image_of(symbol, shape: tuple, batch_size: int) -> ImageOutput:
    """The symbol with images as output; values that can only be from 0 to 1 become -1 to 1.

    Parameters
    ----------
    symbol : with one output.
    shape : that of its output. Flat ones, (N, C·H·W), of a square of one or three channels become images.
    batch_size : the number of images that are wanted.

    Raises
    ------
    ShapeError : no images, or another number of them.
    """
    notes, found, name = [], value_range(symbol), symbol.list_outputs()[0]
    square = _square(shape[1]) if len(shape) == 2 else ()
    if square:
        notes.append(f"{shape[1]} numbers a sample, drawn as {times(square)}")
        symbol, shape = mx.sym.Reshape(symbol, shape=(-1, *square), name="image"), (shape[0], *square)
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise ShapeError(
            f"the output {name!r} is {shape}, and images are (N, 1 or 3, height, width). Give the symbol of the "
            "generator alone: symbol.get_internals()['NAME_output'].save(FILE) in MXNet, NAME the layer that makes "
            "the image."
        )
    if shape[0] != batch_size:
        raise ShapeError(
            f"the output {name!r} is {shape} for {batch_size} latents, not one image for each: a layer has the batch "
            "of its program in it. Give that, in Python, as batch_size."
        )
    if found == (0.0, 1.0):
        notes.append("its values from 0 to 1 become -1 to 1")
        symbol = 2 * symbol - 1
    return ImageOutput(symbol, found is not None, notes)


def value_range(symbol) -> Optional[tuple]:
    """(lowest, highest) value that the output of a symbol can have, as its last layers tell; None: unknown."""
    nodes = nodes_of(symbol, None)
    last, arithmetic = nodes[-1], []
    while last.operator in _PASSED:
        if last.operator in _ARITHMETIC:
            arithmetic.append(last)
        last = nodes[last.inputs[0][0]]
    if last.operator == "clip":
        found = (float(last.attributes["a_min"]), float(last.attributes["a_max"]))
    else:
        found = _RANGES.get(last.attributes.get("act_type", last.operator))
    for node in reversed(arithmetic if found else ()):
        apply, scalar = _ARITHMETIC[node.operator], float(node.attributes["scalar"])
        found = tuple(sorted(apply(value, scalar) for value in found))
    return found if found and all(map(math.isfinite, found)) else None


def _square(numbers: int) -> tuple:
    """(1 or 3, side, side) of a flat image; () if the number of its pixels is no square."""
    for channels in (1, 3):
        side = math.isqrt(numbers // channels)
        if channels * side * side == numbers and side >= SMALLEST_FLAT:
            return (channels, side, side)
    return ()
