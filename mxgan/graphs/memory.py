"""Memory worked out before MXNet takes it: a batch that cannot fit is a sentence, not the end of the process.

What a graph will take is the sum of all outputs in it, which MXNet keeps from the forward to the backward pass (what
it works out in place, and the gradients that it needs besides, about cancel out), and its parameters, each several
times. Against real bindings and steps of the recipes see tests/test_memory.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from mxgan.errors import ArgumentError
from mxgan.graphs.shapes import infer
from mxgan.runtime.memory import check_room

__all__ = ["Graph", "check_memory", "needed_bytes"]

# How often a parameter is in memory: the device's, its gradient and the Module's copy, and the optimiser's two states.
COPIES_TRAINING, COPIES_BOUND = 5, 3
FLOAT = 4  # bytes; everything here is float32
MOST_NUMBERS = 2**31 - 1  # in one array: what MXNet's wheels can index


class Graph(NamedTuple):
    """A symbol that is to be bound, {input: shape} of it with the batch, and how many executors there will be."""

    symbol: object
    inputs: Mapping
    executors: float = 1.0


def needed_bytes(graphs: Mapping[str, Graph], training: bool) -> int:
    """About what binding graphs that share their parameters by name, and running them once, will take.

    Parameters
    ----------
    graphs : {what a person calls it: Graph}.
    training : whether an optimiser is to follow.

    Raises
    ------
    ArgumentError : one array alone has more numbers than MXNet can index. ShapeError : shapes that do not fit.
    """
    parameters, outputs = {}, 0.0
    for title, graph in graphs.items():
        internals = graph.symbol.get_internals()
        arguments, shapes, auxiliary = infer(internals, graph.inputs)
        kept = {**arguments, **auxiliary}
        for name, shape in zip(internals.list_outputs(), shapes):
            _check_indexable(title, name, shape)
            if name not in kept or name in graph.inputs:
                outputs += graph.executors * math.prod(shape)
        parameters.update({name: math.prod(shape) for name, shape in kept.items() if name not in graph.inputs})
    copies = COPIES_TRAINING if training else COPIES_BOUND
    return int(FLOAT * (copies * sum(parameters.values()) + outputs))


def _check_indexable(title: str, name: str, shape: tuple) -> None:
    if math.prod(shape) > MOST_NUMBERS:
        raise ArgumentError(
            f"{name} of the {title} would be {'×'.join(map(str, shape))} numbers, more than the {MOST_NUMBERS:,} that "
            "MXNet can index. Give a smaller batch_size or narrower networks."
        )


def check_memory(graphs: Mapping[str, Graph], training: bool) -> None:
    """Raise ArgumentError where `needed_bytes` of the graphs are more than this process may still have."""
    needed = needed_bytes(graphs, training)
    check_room(f"the {' and the '.join(graphs)}", needed, "Give a smaller batch_size or narrower networks.")
