"""Spectral normalisation: each weight of a discriminator divided by its largest singular value, inside the symbol.

Miyato et al. 2018, algorithm 1: each forward pass estimates σ(W) by one step of power iteration, from a vector u that
is kept between passes. Here u is a Variable `NAME_u` without gradient; the result of the step is the internal output
`NAME_u_next_output`. The training code copies this output into `NAME_u` after each pass in training mode. The two
passes of a gradient penalty do not change u, because both must see the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping

from mxgan.graphs.layers import nodes_of
from mxgan.graphs.shapes import infer
from mxgan.runtime import mx

__all__ = ["spectral_normalize", "state_names", "with_states"]

# Layers whose weights are normalised, and what may make such a weight of a Variable: Flatten, which keeps the singular
# values, in `blocks.to_vector`. Earlier versions had these alone, and their runs are resumed with the same states.
_LAYERS, _VIEWS = ("Convolution", "FullyConnected"), ("Flatten",)
# Beside them with `every_weight`: Embedding; and Pooling in `residual_blocks.pooled_convolution`: there the published
# layer has the 3×3 weight, which is normalised.
_ALL_LAYERS, _ALL_VIEWS = (*_LAYERS, "Embedding"), (*_VIEWS, "Pooling")
_EPSILON = 1e-24  # under the root, so that ‖x‖ is at least 1e-12 as in torch.nn.functional.normalize
_STATE, _NEXT = "_u", "_u_next"


def spectral_normalize(score, inputs: Mapping[str, tuple], every_weight: bool = False):
    """`score` with the weight W of each Convolution and FullyConnected layer replaced by W / σ(W).

    Parameters
    ----------
    score : any discriminator symbol, with one or several outputs, with or without its head.
    inputs : {input: shape}, batch included; labels may be omitted.
    every_weight : whether the weights of Embedding layers and of `residual_blocks.pooled_convolution` are normalised
        too, as the residual networks need it.

    Returns
    -------
    A symbol with the same outputs, layers and parameters, and one more Variable for each normalised weight:
    `NAME_weight` (O, …) has `NAME_u` (1, O), which every initializer draws from Normal(0, 1). Hold these Variables
    fixed (`fixed_param_names`); `state_names` lists them. A second call changes nothing, and a weight that layers
    share is normalised once. A weight in the form of `blocks.to_vector`, and with `every_weight` of
    `pooled_convolution`, is normalised as the Variable that it is made of. Two kinds of weights are not normalised:
    other weights that are not Variables themselves, and weights of a Deconvolution (MXNet 1.9.1 crashes if its weight
    is computed).

    Raises
    ------
    ShapeError : the shapes do not fit the network, or do not determine the shapes of its weights.

    Source: Miyato et al. 2018, "Spectral Normalization for GANs", eq. 8 and algorithm 1. In training the numbers are
    those of torch.nn.utils.spectral_norm. In inference this symbol also makes one step from the last u, but does not
    keep the result.

    Example
    -------
    >>> critic = spectral_normalize(DCGAN().discriminator(), {"data": (64, 3, 64, 64)})
    """
    shapes, attributes = infer(score, inputs)[0], score.attr_dict()
    names = _weights(nodes_of(score, None), every_weight)
    replaced = {name: _normalised(name, shapes[name], attributes.get(name, {})) for name in names}
    return score(**replaced) if replaced else score


def _weights(nodes: list, every_weight: bool) -> list:
    """The names of the weights to normalise, each once, in the order of the layers."""
    layers, views = (_ALL_LAYERS, _ALL_VIEWS) if every_weight else (_LAYERS, _VIEWS)
    found = [_variable(nodes, n.inputs[1][0], views) for n in nodes if n.operator in layers]
    held = {nodes[n.inputs[1][0]].name for n in nodes if n.operator == "Deconvolution"}
    return list(dict.fromkeys(w.name for w in found if w.operator == "null" and w.name not in held))


def _variable(nodes: list, number: int, views: tuple):
    """The node, or the input of a node whose operator is among `views`."""
    node = nodes[number]
    return nodes[node.inputs[0][0]] if node.operator in views else node


def _normalised(name: str, shape: tuple, attributes: Mapping):
    """W / σ(W). The gradient passes through σ, but not through the vectors of the power iteration."""
    base = name[: -len("_weight")] if name.endswith("_weight") else name
    kept = {key: value for key, value in attributes.items() if key.startswith("__") and key != "__shape__"}
    weight = mx.sym.Variable(name, shape=shape, attr=kept)
    state = mx.sym.Variable(base + _STATE, shape=(1, shape[0]), init=mx.init.Normal(1))
    rows = mx.sym.Reshape(weight, shape=(shape[0], -1), name=f"{base}_sn_rows")  # (O, K)
    right = mx.sym.BlockGrad(_unit(mx.sym.dot(state, rows)), name=f"{base}_sn_v")  # (1, K)
    left = mx.sym.BlockGrad(_unit(mx.sym.dot(right, rows, transpose_b=True)), name=base + _NEXT)  # (1, O)
    norm = mx.sym.dot(mx.sym.dot(left, rows), right, transpose_b=True, name=f"{base}_sn_sigma")  # (1, 1)
    # A matrix product, (O · K, 1) by (1, 1), because the gradient of a broadcast is far slower.
    column = mx.sym.dot(mx.sym.Reshape(rows, shape=(-1, 1)), mx.sym.reciprocal(norm))
    return mx.sym.Reshape(column, shape=shape, name=f"{base}_sn")


def _unit(row):
    return mx.sym.L2Normalization(row, eps=_EPSILON)


def state_names(symbol) -> dict:
    """{argument "NAME_u": internal output "NAME_u_next_output"} of every normalised weight; empty if there are none."""
    arguments = set(symbol.list_arguments())
    suffix = f"{_NEXT}_output"
    pairs = {
        output[: -len(suffix)] + _STATE: output
        for output in symbol.get_internals().list_outputs()
        if output.endswith(suffix)
    }
    return {state: output for state, output in pairs.items() if state in arguments}


def with_states(symbol):
    """`symbol` with each next u as one more output, in the order of `state_names`; unchanged if there are none."""
    internals = symbol.get_internals()
    following = [internals[output] for output in state_names(symbol).values()]
    return mx.sym.Group([*symbol, *following]) if following else symbol
