"""The walk over a network's nodes, from data to score, that builds the tangent (Wengert 1964)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

from mxgan.errors import ArgumentError
from mxgan.graphs.layers import nodes_of
from mxgan.objectives.tangent.point import MIXES_SAMPLES, Point
from mxgan.objectives.tangent.rules import RULES
from mxgan.runtime import mx

__all__ = ["Linearization", "linearize"]

_NORM = f"{MIXES_SAMPLES}. Take a network with discriminator_norm=none or layer"
_DRAWS_AGAIN = "draws other numbers in each pass, so that the penalty would be of another network. Leave it out"
# Operators without tangent, and the reason: it tells the user more than the list of known operators.
_REFUSED = {
    **dict.fromkeys(("BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm"), _NORM),
    "Deconvolution": (
        "would share its weight with its tangent, which crashes MXNet 1.9.1. Use UpSampling and Convolution instead"
    ),
    "Dropout": _DRAWS_AGAIN,
}


class Linearization(NamedTuple):
    """The result of `linearize`: symbols that share their nodes.

    Attributes
    ----------
    score : a copy of the given score.
    tangent : the derivative of the score along the direction.
    masks : {input of `tangent`: symbol that computes its value}.
    """

    score: Any
    tangent: Any
    masks: dict


def linearize(
    score, inputs: Mapping[str, tuple], data: str = "data", direction: str = "tangent", masks_as_inputs: bool = False
) -> Linearization:
    """⟨∇ score, direction⟩ for each sample, as a symbol over the same Variables and the new input `direction`.

    Parameters
    ----------
    score : symbol with one output, the raw score (N, 1), without BatchNorm. Its weights may be computed from other
        Variables (spectral normalisation), but not from the data. If a score depends on several samples of the batch
        (minibatch discrimination), the derivative is along the directions of all samples at once.
    inputs : {input: shape}, batch included, for `data` and every other input, such as `class_label`. The result works
        for any batch size.
    data : the input with respect to which the score is differentiated.
    direction : name of the new input, which has the shape of `data`.
    masks_as_inputs : whether the slopes of piecewise linear activations (the masks) are inputs of the tangent. The
        tangent of a piecewise linear critic depends on the data only through its masks, and the pass that computes
        the gradient can output them. Then the tangent does not compute the score again, and MXNet does not
        differentiate it in vain. This saves a third of the penalty's time.

    Returns
    -------
    Linearization. Its `tangent` has the shape of the score. Arguments that the tangent does not depend on, such as the
    last bias, are not among its arguments.

    Raises
    ------
    ArgumentError : the score has BatchNorm or another operator without rule, or does not depend on `data`.

    Example
    -------
    >>> critic = mxgan.DCGAN(discriminator_norm="none").discriminator()
    >>> tangent = linearize(critic, {"data": (64, 3, 64, 64)}).tangent
    """
    _check_names(score, inputs, data, direction)
    # A copy, because its Variables get shapes below. identity: the last node must have one output; the score may be
    # one of several outputs of its node.
    score = mx.sym.identity(copy.deepcopy(score))
    nodes = nodes_of(score, inputs)
    internals, masks = iter(score.get_internals()), {} if masks_as_inputs else None
    values, tangents = [], []
    for node in nodes:
        values.append([next(internals) for _ in node.output_shapes])
        if node.operator == "null":
            tangents.append([mx.sym.Variable(direction) if node.name == data else None])
            if node.name not in inputs:  # the tangent of LayerNorm does not determine gamma's shape
                values[-1][0]._set_attr(__shape__=str(tuple(node.output_shapes[0])))
        else:
            tangents.append(_tangents_of(_point(node, nodes, values, tangents, masks)))
    if tangents[-1][0] is None:
        raise ArgumentError(f"the score does not depend on {data!r}: its gradient is 0 everywhere.")
    return Linearization(score, tangents[-1][0], masks or {})


def _check_names(score, inputs: Mapping, data: str, direction: str) -> None:
    outputs = score.list_outputs()
    if len(outputs) != 1:
        raise ArgumentError(f"the score has {len(outputs)} outputs ({', '.join(outputs)}); give the one to penalise.")
    if data not in inputs:
        raise ArgumentError(f"the shape of {data!r} is missing; given: {', '.join(inputs) or 'nothing'}. Add it.")
    if direction in score.list_inputs():
        raise ArgumentError(f"the network has an input {direction!r} already; give `direction` another name.")


def _point(node, nodes: list, values: list, tangents: list, masks) -> Point:
    """The `Point` of `node`, the last one in `values`."""
    return Point(
        node,
        [values[source][output] for source, output in node.inputs],
        [tangents[source][output] for source, output in node.inputs],
        values[-1],
        [nodes[source].output_shapes[output] for source, output in node.inputs] + [node.output_shapes[0]],
        masks,
    )


def _tangents_of(point: Point) -> list:
    """The tangent of each output."""
    operator, layer = point.node.operator, point.node.name
    if operator.startswith(("_random_", "_sample_")):
        raise ArgumentError(f"the layer {layer!r} is {operator}, which {_DRAWS_AGAIN}, or use no penalty.")
    if all(tangent is None for tangent in point.tangents):
        return [None] * len(point.outputs)
    if operator in _REFUSED:
        raise ArgumentError(f"the layer {layer!r} is {operator}, which {_REFUSED[operator]}, or use no penalty.")
    if operator not in RULES:
        raise ArgumentError(
            f"the layer {layer!r} is {operator}, which has no rule for its tangent; known: {', '.join(sorted(RULES))}. "
            "Build the critic of these, or use no penalty."
        )
    found = RULES[operator](point)
    return list(found) if len(point.outputs) > 1 and found is not None else [found] * len(point.outputs)
