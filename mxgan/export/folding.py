"""BatchNorm folded into the layer before it: the same function with fewer layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Optional

import numpy as np

from mxgan.export.layers import Graph, Layer

__all__ = ["folded", "scale_and_shift"]

_PRODUCTS = {"Convolution", "Deconvolution", "FullyConnected"}


def scale_and_shift(layer: Layer, parameters: Mapping) -> Optional[tuple]:
    """A BatchNorm in inference as (a, b) of a·x + b, float64 arrays (C,); None if a part of it is computed.

    With fix_gamma, MXNet's default, gamma counts as 1, whatever is stored.
    """
    if not all(name in parameters for name in layer.inputs[1:5]):
        return None
    gamma, beta, mean, variance = (np.asarray(parameters[name], np.float64) for name in layer.inputs[1:5])
    gamma = np.ones_like(gamma) if layer.switch("fix_gamma", True) else gamma
    scale = gamma / np.sqrt(variance + layer.number("eps", 1e-3))
    return scale, beta - mean * scale


def folded(graph: Graph, parameters: Mapping) -> tuple:
    """(graph, parameters) with each BatchNorm in the weights of the product before it, worked out in float64.

    A BatchNorm stays if it does not follow a Convolution, Deconvolution or FullyConnected directly, if something else
    takes that layer's output, or if weights are computed.
    """
    uses = Counter([name for layer in graph.layers for name in layer.inputs] + list(graph.outputs))
    layers, parameters = {layer.outputs[0]: layer for layer in graph.layers}, dict(parameters)
    for norm in graph.layers:
        product = layers.get(norm.inputs[0]) if norm.operator == "BatchNorm" else None
        if product is None or not _fits(product, norm, graph, uses, parameters):
            continue
        weight, bias = _weights(product, scale_and_shift(norm, parameters), parameters)
        names = [_name(product, 1, uses, parameters), _name(product, 2, uses, parameters)]
        parameters.update(zip(names, (weight, bias)))
        attributes = {**product.attributes, "no_bias": "False"}
        layers[product.outputs[0]] = product._replace(
            inputs=(product.inputs[0], *names), outputs=norm.outputs, attributes=attributes
        )
        del layers[norm.outputs[0]]
    return graph._replace(layers=tuple(layers.values())), parameters


def _fits(product: Layer, norm: Layer, graph: Graph, uses: Counter, parameters: Mapping) -> bool:
    dimensions = len(graph.shapes[norm.inputs[0]])
    return (
        product.operator in _PRODUCTS
        and uses[norm.inputs[0]] == 1
        and len(norm.outputs) == 1
        and norm.numbers("axis", (1,))[0] in (1, 1 - dimensions)
        and (product.operator != "FullyConnected" or dimensions == 2)
        and all(name in parameters for name in product.inputs[1:])
        and scale_and_shift(norm, parameters) is not None
    )


def _weights(product: Layer, affine: tuple, parameters: Mapping) -> tuple:
    """(weight, bias) of a product followed by a·x + b."""
    scale, shift = affine
    weight = np.asarray(parameters[product.inputs[1]], np.float64)
    bias = np.asarray(parameters[product.inputs[2]], np.float64) if len(product.inputs) > 2 else 0
    if product.operator == "Deconvolution":  # (groups · inside, filters / groups, …)
        groups = int(product.number("num_group", 1))
        grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
        weight = (grouped * scale.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))).reshape(weight.shape)
    else:  # (filters, …)
        weight = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    return weight.astype(np.float32), (bias * scale + shift).astype(np.float32)


def _name(product: Layer, place: int, uses: Counter, parameters: Mapping) -> str:
    """The name of a folded weight or bias: its own, or a new one if it has none or other layers share it."""
    if place < len(product.inputs) and uses[product.inputs[place]] == 1:
        return product.inputs[place]
    name = f"{product.name}_{('weight', 'bias')[place - 1]}"
    while name in parameters:
        name += "_folded"
    return name
