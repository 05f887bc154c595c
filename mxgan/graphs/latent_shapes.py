"""The shape of a generator's latents, and its batch, found in its symbol and the shapes of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mxgan.graphs.layers import KEEP_VALUES, Node, nodes_of, stated_numbers

__all__ = ["WEIGHTED", "batch_candidates", "first_weighted", "latent_candidates"]

_RESHAPES = ("Reshape", "reshape")
WEIGHTED = {"Deconvolution", "Convolution", "FullyConnected", "dot"}  # operators that multiply by a weight
MOST_BATCHES = 4  # that are tried


def batch_candidates(symbol, name: str) -> list:
    """Batches that a symbol may have in it, of a Reshape or of the stated shape of the input `name`; at most four."""
    found = []
    for node in nodes_of(symbol, None):
        if node.operator in _RESHAPES:
            found += stated_numbers(node.attributes.get("shape", ""))[:1]
        elif node.operator == "null" and node.name == name:
            found += stated_numbers(node.attributes.get("__shape__", ""))[:1]
    return [batch for batch in dict.fromkeys(found) if batch > 0][:MOST_BATCHES]


def first_weighted(symbol, name: str) -> list:
    """The numbers of the nodes with a weight that the input `name` reaches through none before them, in their order."""
    reached, found = set(), []
    for number, node in enumerate(nodes_of(symbol, None)):  # a node comes after its inputs
        if (node.operator == "null" and node.name == name) or any(source in reached for source, _ in node.inputs):
            (found.append if node.operator in WEIGHTED else reached.add)(number)
    return found


def latent_candidates(symbol, name: str, shapes: Mapping[str, tuple]) -> list:
    """Shapes that one latent may have, the likeliest first; shape inference decides which of them fits.

    From the input on, layers without a weight are passed, up to the first ones with a weight, whose shape tells C: a
    Deconvolution's (C, F, kh, kw) and a Convolution's (F, C, kh, kw) want (C, 1, 1), a FullyConnected's (h, C) wants
    (C,). A Reshape before them says that the latents had another shape. What a Concat joins to them of a one_hot is
    taken off.

    Parameters
    ----------
    symbol : the generator.
    name : its input for latents.
    shapes : {parameter: shape}.
    """
    nodes = nodes_of(symbol, None)
    start = next(index for index, node in enumerate(nodes) if node.operator == "null" and node.name == name)
    found = [stated_numbers(nodes[start].attributes.get("__shape__", ""))[1:]]
    reached, flat, joined = {start}, [], 0
    for index, node in enumerate(nodes):  # a node comes after its inputs
        if index == start or not any(source in reached for source, _ in node.inputs):
            continue
        if node.operator in WEIGHTED:
            found += _of_weight(node, _weight_shape(nodes, node, reached, shapes), bool(flat), joined)
            continue
        reached.add(index)
        if node.operator in ("Concat", "concat"):
            joined += sum(_one_hot_depth(nodes, source) for source, _ in node.inputs if source not in reached)
        if node.operator in _RESHAPES:
            flat = stated_numbers(node.attributes.get("shape", ""))[1:]
            found.append((math.prod(flat),) if flat else ())
    return [shape for shape in dict.fromkeys(map(tuple, found)) if shape and min(shape) > 0]


def _one_hot_depth(nodes: list, source: int) -> int:
    """The depth of the one_hot that a node is, in whatever shape; 0 for any other."""
    source = _before_reshapes(nodes, source)
    return int(nodes[source].attributes["depth"]) if nodes[source].operator == "one_hot" else 0


def _before_reshapes(nodes: list, source: int, stop=()) -> int:
    """The node whose values a node has, in whatever shape; a node in `stop` is not passed."""
    while nodes[source].operator in KEEP_VALUES and source not in stop:
        source = nodes[source].inputs[0][0]
    return source


def _weight_shape(nodes: list, node: Node, reached: set, shapes: Mapping[str, tuple]) -> tuple:
    """The shape of the parameter that a layer multiplies its data by, before it was reshaped; () if there is none."""
    for source, _ in node.inputs[:2]:
        name = nodes[_before_reshapes(nodes, source, reached)].name
        if name in shapes:
            return tuple(shapes[name])
    return ()


def _of_weight(node: Node, weight: tuple, reshaped: bool, joined: int) -> list:
    if len(weight) < 2:
        return []
    second = node.operator in ("Convolution", "FullyConnected") or node.attributes.get("transpose_b") == "True"
    groups = int(node.attributes.get("num_group", 1)) if node.operator == "Convolution" else 1
    channels = (weight[1] * groups if second else weight[0]) - joined
    pixel, vector = (channels, 1, 1), (channels,)
    return [vector, pixel] if reshaped or len(weight) == 2 else [pixel, vector]
