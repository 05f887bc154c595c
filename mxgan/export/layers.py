"""The layers of a plain model in the order of computation, with their shapes; the batch stays open."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional

from mxgan.errors import ArgumentError
from mxgan.export.model import Model
from mxgan.graphs.layers import stated_numbers
from mxgan.graphs.shapes import infer
from mxgan.runtime.rewriting import output_places

__all__ = ["LOOKING_UP", "Graph", "Layer", "check_types", "graph_of", "node_names", "unique"]

_BATCHES = (2, 3)  # a side that differs between these is the batch
# Operators that give whole numbers on as they are, and those that take them for floats.
_MOVING = {
    "Concat", "Flatten", "Reshape", "SliceChannel", "SwapAxis", "expand_dims", "slice", "slice_axis", "squeeze",
    "stack", "transpose",
}  # fmt: skip
LOOKING_UP = {"Embedding", "one_hot"}


class Layer(NamedTuple):
    """One operator.

    Attributes
    ----------
    name, operator : as in the symbol.
    attributes : {attribute: text} as MXNet writes them; those that are not there have MXNet's default.
    inputs, outputs : names of values: of inputs of the network, parameters and outputs of layers.
    """

    name: str
    operator: str
    attributes: Mapping
    inputs: tuple
    outputs: tuple

    def numbers(self, attribute: str, default: Optional[tuple] = None) -> Optional[tuple]:
        """The whole numbers in an attribute; a number alone is a tuple of one."""
        text = self.attributes.get(attribute)
        return default if text is None else stated_numbers(text)

    def number(self, attribute: str, default: float) -> float:
        """A number."""
        return float(self.attributes.get(attribute, default))

    def switch(self, attribute: str, default: bool = False) -> bool:
        """A yes or no."""
        return self.attributes.get(attribute, str(default)) in ("True", "true", "1")

    def word(self, attribute: str, default: str = "") -> str:
        """A text."""
        return self.attributes.get(attribute, default)


class Graph(NamedTuple):
    """A model's layers.

    Attributes
    ----------
    layers : in the order of computation.
    outputs : the values that the model gives.
    shapes : {value: shape}, None in the place of the batch.
    """

    layers: tuple
    outputs: tuple
    shapes: Mapping


def graph_of(model: Model) -> Graph:
    """The layers of a model that `plain` has given.

    The first output of a layer has the layer's name, the others NAME_1, NAME_2, …, and more where these are taken.

    Raises ShapeError if the shapes do not fit, or hold only for one batch.
    """
    graph = json.loads(model.symbol.tojson())
    internals = model.symbol.get_internals()
    places = output_places(internals)
    names = node_names(graph["nodes"])
    values = _values(names, places)
    outputs = {}
    for place in places:
        outputs.setdefault(place[0], []).append(values[place])
    layers = tuple(
        Layer(
            name,
            node["op"],
            node.get("attrs", {}),
            tuple(values[tuple(place[:2])] for place in node["inputs"]),
            tuple(outputs[number]),
        )
        for number, (name, node) in enumerate(zip(names, graph["nodes"]))
        if node["op"] != "null"
    )
    found = [infer(internals, model.argument_shapes(batch))[1] for batch in _BATCHES]
    shapes = {
        values[place]: tuple(a if a == b else None for a, b in zip(*both)) for place, *both in zip(places, *found)
    }
    return Graph(layers, tuple(values[tuple(place[:2])] for place in graph["heads"]), shapes)


def unique(names: Iterable) -> list:
    """Names, each once."""
    found: dict = {}
    for name in names:
        other = name
        while other in found:
            other = f"{name}_again{len(found)}"
        found[other] = None
    return list(found)


def node_names(nodes: Sequence) -> list:
    """The names of a symbol's nodes, each once: Variables keep theirs, and layers that share one get others."""
    order = sorted(range(len(nodes)), key=lambda number: nodes[number]["op"] != "null")
    found = dict(zip(order, unique(nodes[number]["name"] for number in order)))
    return [found[number] for number in range(len(nodes))]


def _values(names: Sequence, places: Sequence) -> dict:
    """{(node, output): name of its value}, each name once."""
    found, taken = {}, set(names)
    for number, output in places:
        name = f"{names[number]}_{output}" if output else names[number]
        while output and name in taken:
            name += "_"
        found[number, output] = name
        taken.add(name)
    return found


def check_types(graph: Graph) -> None:
    """Raise ArgumentError for a layer that computes with whole numbers, which other programs do not as MXNet does."""
    whole: set = set()
    for layer in graph.layers:
        if layer.operator == "Cast":
            moved = not layer.word("dtype").startswith("float")
        else:
            moved = not whole.isdisjoint(layer.inputs)
            if moved and layer.operator not in _MOVING | LOOKING_UP:
                raise ArgumentError(
                    f"the layer {layer.name!r} ({layer.operator}) takes whole numbers, from a Cast: other programs "
                    "compute with these in another way. Change the network so that a Cast to float32 comes first, or "
                    "export in the format mxnet, npz or safetensors."
                )
        if moved and layer.operator not in LOOKING_UP:
            whole.update(layer.outputs)
