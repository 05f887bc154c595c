"""`Building`: an ONNX graph made layer by layer; the rules of `onnx_rules.py` add nodes through it.

A value is named as in MXNet's symbol wherever a layer gives it; what a rule needs in between is LAYER/OPERATOR. Every
number of the network is of one float type; whole numbers (shapes, axes, classes) are int64.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.export.layers import Graph, Layer
from mxgan.runtime.extras import needed

__all__ = ["Building", "onnx_package"]


def onnx_package():
    """The package onnx with its parts, which onnx 1.13 does not import by itself; see `needed` for the error."""
    package = needed("onnx", "onnx", "A file of ONNX is")
    for part in ("checker", "defs", "helper", "numpy_helper", "shape_inference"):
        importlib.import_module(f"onnx.{part}")
    return package


class Building:
    """An ONNX graph that grows.

    Parameters
    ----------
    graph : the layers that rules will be called for.
    parameters : {name: float32 array}.
    dtype : "float32" or "float16", of every float in the graph.
    reserved : names that no value inside may have: those of inputs and outputs.

    Attributes
    ----------
    parameters : as given. nodes : NodeProtos, in order. initializers : {name: array}.
    known : {value of the symbol: value of ONNX}.
    whole : the same for inputs that are whole numbers; in float16, those above 2048 would be rounded.
    """

    def __init__(self, graph: Graph, parameters: Mapping, dtype: str, reserved: Sequence[str]) -> None:
        self._onnx = onnx_package()
        self.dtype, self.nodes, self.initializers, self.known = dtype, [], {}, {}
        self.whole: dict = {}
        self.parameters, self._graph, self._taken, self._scope = parameters, graph, set(reserved), "network"

    def shape(self, value: str) -> tuple:
        """The shape of a value of the symbol, with None in the place of the batch."""
        return self._graph.shapes[value]

    def value(self, name: str) -> str:
        """The ONNX value of a value of the symbol; a parameter becomes an initializer at its first use."""
        if name not in self.known:
            if name not in self.parameters:
                raise ArgumentError(f"the value {name!r}, a further output of its layer, has no counterpart in ONNX.")
            self.known[name] = self.array(self.parameters[name], name)
        return self.known[name]

    def layer(self, layer: Layer, rule) -> None:
        """Add a layer by its rule, `rule(building, layer, *values of its inputs)` → its value, or a list of them."""
        self._scope, first = layer.name, len(self.nodes)
        made = rule(self, layer, *map(self.value, layer.inputs))
        for value, wanted in zip([made] if isinstance(made, str) else made, layer.outputs):
            if any(value in node.output for node in self.nodes[first:]):
                value = self.rename(value, self._unique(wanted), first)
            self.known[wanted] = value

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes) -> Union[str, list]:
        """Add a node; return the name of its output, or the list of their names if there are several."""
        names = [self._unique(f"{self._scope}/{operator}") for _ in range(outputs)]
        self.nodes.append(self._onnx.helper.make_node(operator, inputs, names, names[0], **attributes))
        return names[0] if outputs == 1 else names

    def array(self, values, name: str = "constant") -> str:
        """An initializer of the graph's float type; ArgumentError if a value is too large for it."""
        given = np.asarray(values, np.float32)
        with np.errstate(over="ignore"):
            array = given.astype(self.dtype)
        if np.isinf(array).any() and not np.isinf(given).any():
            raise ArgumentError(
                f"{name} has the value {np.abs(given).max():.4g}, and the largest of {self.dtype} is "
                f"{np.finfo(self.dtype).max}. Write the file with the precision float32."
            )
        return self.initializer(array, name)

    def integers(self, values) -> str:
        """An initializer of int64: a whole number, or a tuple of them."""
        return self.initializer(np.asarray(values, np.int64), f"{self._scope}/integers")

    def number(self, value: float) -> str:
        """A float without axes."""
        return self.array(value, f"{self._scope}/number")

    def initializer(self, array: np.ndarray, name: str) -> str:
        """An initializer of the array's own type."""
        name = self._unique(name)
        self.initializers[name] = array
        return name

    def cast(self, value: str, dtype: str = "") -> str:
        """A value as another type; "": the graph's float type."""
        return self.add("Cast", value, to=self.type_of(dtype))

    def whole_numbers(self, name: str, value: str) -> str:
        """A value as int64; `name` is that of the symbol, `value` that of ONNX."""
        return self.whole.get(name) or self.cast(value, "int64")

    def type_of(self, dtype: str = "") -> int:
        """ONNX's number of a NumPy dtype; "": the graph's float type."""
        return self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype))

    def reshape(self, value: str, old: Sequence, new: Sequence) -> str:
        """A value of the shape `old` in the shape `new`, where None is a side that depends on the batch.

        Raises ArgumentError if two such sides appear where there were none.
        """
        open_ = [axis for axis, side in enumerate(new) if side is None]
        kept = [axis for axis in open_ if axis < len(old) and old[axis] is None]
        free = [axis for axis in open_ if axis not in kept] or kept[-1:]
        if len(free) > 1:
            raise ArgumentError(
                f"layer {self._scope!r} reshapes {tuple(old)} to {tuple(new)}: ONNX can leave one side open. Change "
                "the network so that the batch is one axis."
            )
        sides = [0 if axis in kept else side for axis, side in enumerate(new)]
        return self.add("Reshape", value, self.integers([-1 if axis in free else s for axis, s in enumerate(sides)]))

    def over_channels(self, value: str, axis: int, dimensions: int) -> str:
        """A vector as an array of `dimensions` axes, its values along `axis`."""
        sides = [1] * dimensions
        sides[axis] = -1
        return self.add("Reshape", value, self.integers(sides))

    def rename(self, old: str, new: str, first: int = 0) -> str:
        """Give the value `old` of the nodes from `first` on the name `new`; return it."""
        for node in self.nodes[first:]:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name == old:
                        names[place] = new
            if node.name == old:
                node.name = new
        return new

    def keep_used(self, outputs: Sequence[str]) -> None:
        """Leave out nodes and initializers that no output depends on."""
        used, kept = set(outputs), []
        for node in reversed(self.nodes):
            if used.intersection(node.output):
                used.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.initializers = {name: array for name, array in self.initializers.items() if name in used}

    def _unique(self, name: str) -> str:
        number, found = 1, name
        while found in self._taken:
            number, found = number + 1, f"{name}_{number}"
        self._taken.add(found)
        return found
