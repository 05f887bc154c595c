"""The layers of a network with their shapes and numbers of parameters, as rows and as a table.

This module works on symbols only; nothing is bound and no parameter is allocated. pictures/network_graph.py draws
these layers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Optional

from mxgan.graphs.shapes import infer
from mxgan.runtime import mx
from mxgan.runtime.rewriting import output_places

__all__ = [
    "FAST_BATCH_NORM",
    "KEEP_VALUES",
    "KINDS",
    "SHARED_BATCH_NORM",
    "BatchNormParameters",
    "LayerRow",
    "Node",
    "batch_norms",
    "is_on",
    "layers",
    "nodes_of",
    "numbers",
    "stated_numbers",
    "summary",
    "times",
]

Shape = tuple  # of int

# Head operators whose second input is a label, not a parameter.
_LABELLED = {
    "LinearRegressionOutput",
    "LogisticRegressionOutput",
    "MAERegressionOutput",
    "SVMOutput",
    "SoftmaxOutput",
    "softmax_cross_entropy",
}
# op_types of Custom operators in the graphs of a training: BatchNorm over all ranks, and with its activation on a CPU.
SHARED_BATCH_NORM, FAST_BATCH_NORM = "mxgan_shared_batch_norm", "mxgan_batch_norm"
_BATCH_NORMS = {"BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm"}
# Operators that give the values of their input, in the same or in another shape or order.
KEEP_VALUES = {
    "BlockGrad", "Flatten", "MakeLoss", "Reshape", "SwapAxis", "_copy", "expand_dims", "flatten", "identity",
    "make_loss", "reshape", "squeeze", "stop_gradient", "swapaxes", "transpose",
}  # fmt: skip
KINDS = ("trained", "fixed", "auxiliary")
# Operators whose further inputs, after the first one, are weights.
_WEIGHTED = {"Convolution", "Deconvolution", "Embedding", "FullyConnected", *_BATCH_NORMS}


@dataclass(frozen=True)
class LayerRow:
    """One operator of a network, or one of its inputs.

    `trained`, `fixed` and `auxiliary` are numbers of scalar values: parameters that the optimiser changes, gammas
    that `fix_gamma` holds at 1, and states (BatchNorm's moving mean and variance). A parameter that several layers
    share counts only in the first of these layers. One from which operators compute a layer's weight counts in that
    layer, with its own size; these operators have no rows.
    """

    name: str
    operator: str
    output_shapes: tuple
    trained: int = 0
    fixed: int = 0
    auxiliary: int = 0

    @property
    def output_shape(self) -> Shape:
        """The shape of the first output."""
        return self.output_shapes[0]


def layers(symbol: mx.sym.Symbol, shapes: Mapping) -> list:
    """The layers of a network in the order of computation.

    Parameters
    ----------
    symbol : the network.
    shapes : the shape of each input by name, batch included, as `{"rand": (64, 100, 1, 1)}`. Labels may be
        left out. Every other variable counts as a parameter.

    Returns
    -------
    list of LayerRow; inputs and labels are rows with the operator "input".

    Raises
    ------
    ShapeError : the shapes do not fit the network, or leave other shapes unknown.
    """
    return [node.row for node in nodes_of(symbol, shapes) if node.row is not None]


def summary(symbol: mx.sym.Symbol, shapes: Mapping) -> str:
    """A text table of the layers with output shapes, numbers of parameters, and totals; see `layers`."""
    rows = layers(symbol, shapes)
    table = [("layer", "operator", "output shape", *KINDS)]
    table += [(row.name, row.operator, times(row.output_shape), *map(_count, numbers(row))) for row in rows]
    totals = [sum(column) for column in zip(*map(numbers, rows))]
    table.append(("total", "", "", *(f"{total:,}" for total in totals)))
    widths = [max(map(len, column)) for column in zip(*table)]
    sides = [str.ljust] * 3 + [str.rjust] * 3
    lines = ["  ".join(pad(cell, width) for pad, cell, width in zip(sides, line, widths)) for line in table]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def numbers(row: LayerRow) -> tuple:
    """(trained, fixed, auxiliary) of a row."""
    return tuple(getattr(row, kind) for kind in KINDS)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def times(shape: Shape) -> str:
    """A shape as text: 64×3×64×64."""
    return "×".join(map(str, shape))


@dataclass
class Node:
    """A node of the graph in MXNet's JSON, with its output shapes; `row` is None for a parameter or computed weight."""

    name: str
    operator: str
    attributes: dict
    inputs: list  # of (node index, output index)
    output_shapes: tuple = ()
    row: Optional[LayerRow] = None


def is_on(text: str) -> bool:
    """Whether an attribute is true, in any of MXNet's spellings."""
    return text in ("True", "true", "1")


def stated_numbers(text: str) -> tuple:
    """The whole numbers in an attribute, such as "(64, 3, -1)"; () for ""."""
    return tuple(map(int, re.findall(r"-?\d+", text)))


def nodes_of(symbol: mx.sym.Symbol, shapes: Optional[Mapping]) -> list:
    """All nodes of the graph in the order of computation; if `shapes` is None, `output_shapes` stay empty."""
    graph = json.loads(symbol.tojson())
    nodes = [
        Node(
            entry["name"],
            entry["op"],
            entry.get("attrs", {}),
            [tuple(source[:2]) for source in entry["inputs"]],
        )
        for entry in graph["nodes"]
    ]
    if shapes is not None:
        _add_shapes(nodes, symbol, shapes)
    inputs = _first_inputs(nodes) if shapes is None else set(shapes)
    _add_rows(nodes, inputs, set(symbol.list_auxiliary_states()), {number for number, *_ in graph["heads"]})
    return nodes


def _first_inputs(nodes: list) -> set:
    """The inputs, if no shapes name them: every variable that is the first input of a layer, like the data."""
    return {nodes[node.inputs[0][0]].name for node in nodes if node.inputs}


def _add_shapes(nodes: list, symbol: mx.sym.Symbol, shapes: Mapping) -> None:
    internals = symbol.get_internals()
    for (number, _), shape in zip(output_places(internals), infer(internals, shapes)[1]):
        nodes[number].output_shapes += (shape,)


def _add_rows(nodes: list, inputs: set, auxiliary: set, outputs: set) -> None:
    labelled = [node for node in nodes if node.operator in _LABELLED and len(node.inputs) > 1]
    labels = {node.inputs[1][0] for node in labelled}
    given = {i for i, node in enumerate(nodes) if node.operator == "null" and (node.name in inputs or i in labels)}
    counted = set(given)
    computed = dict.fromkeys(_computed_weights(nodes, given, outputs), 0)  # {place: size of its parameters}
    for index, node in enumerate(nodes):
        if node.operator == "null":
            if index in given:
                node.row = LayerRow(node.name, "input", node.output_shapes)
            continue
        counts = dict.fromkeys(KINDS, 0)
        for position, (source, _) in enumerate(node.inputs):
            if source in computed:
                counts["trained"] += computed[source]
                computed[source] = 0
            elif nodes[source].operator == "null" and source not in counted:
                counted.add(source)
                kind = "auxiliary" if nodes[source].name in auxiliary else _trained_or_fixed(node, position)
                counts[kind] += _size(nodes[source])
        if index in computed:
            computed[index] = sum(counts.values())
        else:
            node.row = LayerRow(node.name, node.operator, node.output_shapes, **counts)


def _computed_weights(nodes: list, inputs: set, outputs: set) -> set:
    """The operators that compute the weights of layers from parameters, and nothing else; all as places in `nodes`."""
    fixed, users = set(), [[] for _ in nodes]  # of each node: (its user, the place among the user's inputs)
    for index, node in enumerate(nodes):
        if index not in inputs and all(source in fixed for source, _ in node.inputs):
            fixed.add(index)
        for position, (source, _) in enumerate(node.inputs):
            users[source].append((index, position))
    found: set = set()
    for index in reversed(range(len(nodes))):
        if nodes[index].operator == "null" or index not in fixed - outputs or not users[index]:
            continue
        if all(user in found or (place and nodes[user].operator in _WEIGHTED) for user, place in users[index]):
            found.add(index)
    return found


def _size(parameter: Node) -> int:
    return math.prod(parameter.output_shapes[0]) if parameter.output_shapes else 0


def _trained_or_fixed(node: Node, position: int) -> str:
    return "fixed" if node.operator in _BATCH_NORMS and position == 1 and _holds_gamma(node) else "trained"


class BatchNormParameters(NamedTuple):
    """The names of one BatchNorm's parameters; `held` is True if fix_gamma holds gamma at 1."""

    gamma: str
    beta: str
    held: bool


def batch_norms(symbol: mx.sym.Symbol) -> list:
    """The `BatchNormParameters` of each BatchNorm in a network."""
    nodes = nodes_of(symbol, None)
    return [
        BatchNormParameters(*(nodes[source].name for source, _ in node.inputs[1:3]), held=_holds_gamma(node))
        for node in nodes
        if node.operator == "BatchNorm" or node.attributes.get("op_type") in (SHARED_BATCH_NORM, FAST_BATCH_NORM)
    ]


def _holds_gamma(node: Node) -> bool:
    """Whether fix_gamma is true; it is also true if the attribute is missing, MXNet's default."""
    return is_on(node.attributes.get("fix_gamma", "True"))
