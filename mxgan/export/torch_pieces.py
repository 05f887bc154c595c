"""`Place` and `Piece`: a layer with its shapes, which a rule of PyTorch takes, and its lines of model.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from mxgan.errors import ArgumentError
from mxgan.export.layers import Layer

__all__ = ["Piece", "Place", "called", "short", "sides"]


class Place(NamedTuple):
    """A layer with the shapes of its inputs and outputs; None is the batch.

    Attributes
    ----------
    file : where its rule stands, for the message of `refused`.
    """

    layer: Layer
    inputs: tuple
    outputs: tuple
    file: str

    def refused(self, why: str) -> ArgumentError:
        """The error for a layer that PyTorch does not have, or that this rule does not know."""
        return ArgumentError(
            f"the layer {self.layer.name!r} is a {self.layer.operator} {why}, which is not written for PyTorch. "
            f"Export in another format, such as onnx or npz. A rule for it belongs into {self.file}."
        )


class Piece(NamedTuple):
    """A layer in model.py.

    Attributes
    ----------
    outputs : one expression for each output; {0}, {1}, … are the inputs, and {self} the layer's own attribute.
    module : its constructor; "" for a layer without one.
    state : {name in the module's state_dict: position of the parameter among the inputs}.
    ones : names in the state_dict whose values are 1, whatever the parameter holds.
    """

    outputs: tuple
    module: str = ""
    state: Mapping = MappingProxyType({})
    ones: tuple = ()


def called(module: str, *arguments: str, **settings: str) -> str:
    """A constructor: nn.Conv2d(3, 64, 4, stride=2); settings that are "" are left out."""
    named = [f"{name}={value}" for name, value in settings.items() if value]
    return f"nn.{module}({', '.join([*arguments, *named])})"


def short(number: float) -> str:
    """A number in Python: 2 for 2.0; a short one for a neighbour that float32 cannot tell from it.

    >>> short(2.0), short(1.0000001e-05), short(0.2), short(float("-inf"))
    ('2', '1e-05', '0.2', 'float("-inf")')
    """
    if not math.isfinite(number):
        return f'float("{number}")'
    near = float(f"{number:.6g}")
    value = near if abs(near - number) < 1e-6 * abs(number) else number
    return repr(int(value)) if value == int(value) and abs(value) < 1e9 else repr(value)


def sides(numbers: tuple) -> str:
    """The sides of a kernel: 4 for (4, 4), and a tuple otherwise."""
    return str(numbers[0]) if len(set(numbers)) == 1 else str(tuple(numbers))
