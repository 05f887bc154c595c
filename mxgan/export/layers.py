"""The layers of a plain model in the order of computation, with their shapes; the batch stays open."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from mxgan.export.model import Model
from mxgan.graphs.layers import stated_numbers
from mxgan.graphs.shapes import infer
from mxgan.runtime.rewriting import output_places

__all__ = ["Graph", "Layer", "graph_of", "unique"]

_BATCHES = (2, 3)  # a side that differs between these is the batch


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

    The first output of a layer has the layer's name, the others NAME_1, NAME_2, …

    Raises ShapeError if the shapes do not fit, or hold only for one batch.
    """
    graph = json.loads(model.symbol.tojson())
    names = unique(node["name"] for node in graph["nodes"])
    layers = tuple(
        Layer(
            name,
            node["op"],
            node.get("attrs", {}),
            tuple(_value(names, *place[:2]) for place in node["inputs"]),
            (name,),
        )
        for name, node in zip(names, graph["nodes"])
        if node["op"] != "null"
    )
    internals = model.symbol.get_internals()
    places = output_places(internals)
    found = [infer(internals, model.argument_shapes(batch))[1] for batch in _BATCHES]
    shapes = {
        _value(names, *place): tuple(a if a == b else None for a, b in zip(*both))
        for place, *both in zip(places, *found)
    }
    outputs = {}
    for number, output in places:
        outputs.setdefault(names[number], []).append(_value(names, number, output))
    layers = tuple(layer._replace(outputs=tuple(outputs[layer.name])) for layer in layers)
    return Graph(layers, tuple(_value(names, *place[:2]) for place in graph["heads"]), shapes)


def unique(names: Iterable) -> list:
    """The names of nodes, each once: two layers of a symbol may share a name."""
    found: dict = {}
    for name in names:
        other = name
        while other in found:
            other = f"{name}_again{len(found)}"
        found[other] = None
    return list(found)


def _value(names: list, number: int, output: int) -> str:
    return f"{names[number]}_{output}" if output else names[number]
