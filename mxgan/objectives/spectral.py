"""Spectral normalisation: each weight of a discriminator divided by its largest singular value, inside the symbol.

Miyato et al. 2018, algorithm 1: σ(W) is estimated by one step of power iteration for each forward pass, from a
vector u that is kept from pass to pass. u is a Variable `NAME_u` here, without a gradient, and what the step makes of
it is the internal output `NAME_u_next_output`. Whoever trains copies that back into `NAME_u` after a pass in training
mode; the passes of a gradient penalty leave u as it is, for both of them must see the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping

from mxgan.graphs.layers import nodes_of
from mxgan.graphs.shapes import infer
from mxgan.runtime import mx

__all__ = ["spectral_normalize", "state_names", "with_states"]

_NORMALISED = ("Convolution", "FullyConnected")
_EPSILON = 1e-24  # under the root: ‖x‖ of at least 1e-12, as torch.nn.functional.normalize has it
_STATE, _NEXT = "_u", "_u_next"


def spectral_normalize(score, inputs: Mapping[str, tuple]):
    """`score` with each Convolution's and FullyConnected's weight W replaced by W / σ(W).

    Parameters
    ----------
    score : any discriminator symbol, of one or several outputs, with or without its head.
    inputs : {input: shape}, batch included; labels may be left out.

    Returns
    -------
    A symbol of the same outputs, layers and parameters, with one more Variable for each normalised weight:
    `NAME_weight` (O, …) has `NAME_u` (1, O), drawn from Normal(0, 1) by any initializer. Hold them fixed
    (`fixed_param_names`): `state_names` lists them. Normalised once however often it is called, and for a weight
    that layers share. A weight that is no Variable of its own, and that of a Deconvolution (MXNet 1.9.1 crashes on
    one that is computed), stay as they are.

    Raises
    ------
    ShapeError : the shapes do not fit the network or do not decide those of its weights.

    Source: Miyato et al. 2018, "Spectral Normalization for GANs", eq. 8 and algorithm 1; the numbers of
    torch.nn.utils.spectral_norm in training. In inference this symbol makes its step from the last u, too, and keeps
    nothing of it.

    Example
    -------
    >>> critic = spectral_normalize(DCGAN().discriminator(), {"data": (64, 3, 64, 64)})
    """
    shapes, attributes = infer(score, inputs)[0], score.attr_dict()
    replaced = {
        name: _normalised(name, shapes[name], attributes.get(name, {})) for name in _weights(nodes_of(score, None))
    }
    return score(**replaced) if replaced else score


def _weights(nodes: list) -> list:
    """The Variables that are weights of layers to normalise, each once, in the order of the layers."""
    found = [_unflattened(nodes, n.inputs[1][0]) for n in nodes if n.operator in _NORMALISED]
    held = {nodes[n.inputs[1][0]].name for n in nodes if n.operator == "Deconvolution"}
    return list(dict.fromkeys(w.name for w in found if w.operator == "null" and w.name not in held))


def _unflattened(nodes: list, number: int):
    """The node itself, or what it is the rows of (`blocks.to_vector`), which have the same singular values."""
    node = nodes[number]
    return nodes[node.inputs[0][0]] if node.operator == "Flatten" else node


def _normalised(name: str, shape: tuple, attributes: Mapping):
    """W / σ(W), with the gradient that goes through σ, and not through the vectors of the power iteration."""
    base = name[: -len("_weight")] if name.endswith("_weight") else name
    kept = {key: value for key, value in attributes.items() if key.startswith("__") and key != "__shape__"}
    weight = mx.sym.Variable(name, shape=shape, attr=kept)
    state = mx.sym.Variable(base + _STATE, shape=(1, shape[0]), init=mx.init.Normal(1))
    rows = mx.sym.Reshape(weight, shape=(shape[0], -1), name=f"{base}_sn_rows")  # (O, K)
    right = mx.sym.BlockGrad(_unit(mx.sym.dot(state, rows)), name=f"{base}_sn_v")  # (1, K)
    left = mx.sym.BlockGrad(_unit(mx.sym.dot(right, rows, transpose_b=True)), name=base + _NEXT)  # (1, O)
    norm = mx.sym.dot(mx.sym.dot(left, rows), right, transpose_b=True, name=f"{base}_sn_sigma")  # (1, 1)
    # A product of matrices, (O · K, 1) by (1, 1): broadcasting would sum its gradient far more slowly.
    column = mx.sym.dot(mx.sym.Reshape(rows, shape=(-1, 1)), mx.sym.reciprocal(norm))
    return mx.sym.Reshape(column, shape=shape, name=f"{base}_sn")


def _unit(row):
    return mx.sym.L2Normalization(row, eps=_EPSILON)


def state_names(symbol) -> dict:
    """{argument "NAME_u": internal output "NAME_u_next_output"} of every normalised weight; empty without any."""
    arguments = set(symbol.list_arguments())
    suffix = f"{_NEXT}_output"
    pairs = {
        output[: -len(suffix)] + _STATE: output
        for output in symbol.get_internals().list_outputs()
        if output.endswith(suffix)
    }
    return {state: output for state, output in pairs.items() if state in arguments}


def with_states(symbol):
    """`symbol` with the next u as further outputs, in the order of `state_names`; unchanged where there are none."""
    internals = symbol.get_internals()
    following = [internals[output] for output in state_names(symbol).values()]
    return mx.sym.Group([*symbol, *following]) if following else symbol
