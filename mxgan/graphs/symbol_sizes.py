"""A size check of a network from a file, layer by layer, before MXNet infers the shapes of the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mxgan.errors import ShapeError
from mxgan.graphs.layers import Node, nodes_of, stated_numbers, times
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_rules import LARGEST
from mxgan.runtime import mx

__all__ = ["check_sizes"]

_MOST_PASSES = 8
_RESHAPES = ("Reshape", "reshape")


def check_sizes(symbol, shapes: Mapping[str, tuple]) -> None:
    """Raise ShapeError if a layer of `symbol` would take or give more numbers than MXNet can index, or none at all.

    MXNet multiplies sizes without a check for overflow and divides by the result: four axes of 65536 and a Reshape
    end the process, and so does a Reshape that changes the number of elements. So the shapes of each layer are
    inferred alone, from inputs whose sizes were checked. The passes over the layers end when a pass finds no new
    shape, or after _MOST_PASSES.

    Parameters
    ----------
    symbol : as `load_symbol` returns it.
    shapes : {input: shape}, batch included, as `mxgan.graphs.shapes.infer` takes them.
    """
    nodes = nodes_of(symbol, None)
    known = {}  # (node, output): shape
    for index, node in enumerate(nodes):
        stated = stated_numbers(node.attributes.get("__shape__", "")) if node.operator == "null" else ()
        _learn(known, node, (index, 0), tuple(shapes.get(node.name, stated)))
    alone = {index: _alone(node) for index, node in enumerate(nodes) if node.operator != "null"}
    for _ in range(_MOST_PASSES):
        before = len(known)
        for index, layer in alone.items():
            _ask(known, nodes[index], index, layer)
        if len(known) == before:
            return


def _alone(node: Node):
    """The layer alone, with a Variable for each input."""
    function = getattr(mx.sym, node.operator, None) or getattr(mx.sym._internal, node.operator)
    inputs = [mx.sym.Variable(f"input{i}") for i in range(len(node.inputs))]
    return function(*inputs, name=node.name, **node.attributes)


def _ask(known: dict, node: Node, index: int, layer) -> None:
    names = {f"input{i}": place for i, place in enumerate(node.inputs)}
    arguments = layer.list_arguments()
    given = {name: known[names[name]] for name in arguments if names[name] in known}
    try:
        found, outputs, _ = layer.infer_shape_partial(**given)
    except mx.MXNetError:
        infer(layer, given)  # raises the error in plain words
        raise
    for name, shape in zip(arguments, found):
        _learn(known, node, names[name], shape)
    for output, shape in enumerate(outputs):
        _learn(known, node, (index, output), shape)
    if all(place in known for place in node.inputs):
        _check_outputs(node, [known[place] for place in node.inputs], outputs)


def _check_outputs(node: Node, inputs: list, outputs: list) -> None:
    """Raise ShapeError for outputs without numbers, and for a Reshape that changes the number of elements."""
    for shape in outputs:
        same = node.operator not in _RESHAPES or math.prod(shape) == math.prod(inputs[0])
        if not shape or min(shape) < 1 or not same:
            raise ShapeError(
                f"the layer {node.name!r} ({node.operator}) cannot make {times(shape) or 'an output'} of "
                f"{' and '.join(map(times, inputs))}; it belongs to other sizes of the inputs."
            )


def _learn(known: dict, node: Node, place: tuple, shape: tuple) -> None:
    """Store a shape if all its sizes are known."""
    if not shape or min(shape) < 1:
        return
    if math.prod(shape) > LARGEST:
        raise ShapeError(f"the layer {node.name!r} takes or makes {times(shape)} numbers; MXNet can index {LARGEST:,}.")
    known.setdefault(place, shape)
