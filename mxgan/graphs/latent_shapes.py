"""The shape of a generator's latents, found in its symbol and the shapes of its parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from mxgan.graphs.layers import Node, nodes_of

__all__ = ["latent_candidates"]

# Layers that keep the numbers of a weight, in another shape.
_RESHAPING = {"Flatten", "flatten", "Reshape", "reshape", "expand_dims", "squeeze", "transpose", "_copy", "identity"}
_WEIGHTED = {"Deconvolution", "Convolution", "FullyConnected", "dot"}


def latent_candidates(symbol, name: str, shapes: Mapping[str, tuple]) -> list:
    """Shapes that one latent may have, the likeliest first; shape inference decides which of them fits.

    From the input on, layers without a weight are passed, up to the first ones with a weight, whose shape tells C: a
    Deconvolution's (C, F, kh, kw) and a Convolution's (F, C, kh, kw) want (C, 1, 1), a FullyConnected's (h, C) wants
    (C,). A Reshape before them says that the latents had another shape.

    Parameters
    ----------
    symbol : the generator.
    name : its input for latents.
    shapes : {parameter: shape}.
    """
    nodes = nodes_of(symbol, None)
    start = next(index for index, node in enumerate(nodes) if node.operator == "null" and node.name == name)
    found = [_numbers(nodes[start].attributes.get("__shape__", ""))[1:]]
    reached, flat = {start}, []
    for index, node in enumerate(nodes):  # a node comes after its inputs
        if index == start or not any(source in reached for source, _ in node.inputs):
            continue
        if node.operator in _WEIGHTED:
            found += _of_weight(node, _weight_shape(nodes, node, reached, shapes), bool(flat))
            continue
        reached.add(index)
        if node.operator in ("Reshape", "reshape"):
            flat = _numbers(node.attributes.get("shape", ""))[1:]
            found.append((math.prod(flat),) if flat else ())
    return [shape for shape in dict.fromkeys(map(tuple, found)) if shape and min(shape) > 0]


def _numbers(text: str) -> tuple:
    return tuple(map(int, re.findall(r"-?\d+", text)))


def _weight_shape(nodes: list, node: Node, reached: set, shapes: Mapping[str, tuple]) -> tuple:
    """The shape of the parameter that a layer multiplies its data by, before it was reshaped; () if there is none."""
    for source, _ in node.inputs[:2]:
        while nodes[source].operator in _RESHAPING and source not in reached:
            source = nodes[source].inputs[0][0]
        if nodes[source].name in shapes:
            return tuple(shapes[nodes[source].name])
    return ()


def _of_weight(node: Node, weight: tuple, reshaped: bool) -> list:
    if len(weight) < 2:
        return []
    second = node.operator in ("Convolution", "FullyConnected") or node.attributes.get("transpose_b") == "True"
    groups = int(node.attributes.get("num_group", 1)) if node.operator == "Convolution" else 1
    channels = weight[1] * groups if second else weight[0]
    pixel, vector = (channels, 1, 1), (channels,)
    return [vector, pixel] if reshaped or len(weight) == 2 else [pixel, vector]
