"""The memory that networks will need, estimated before MXNet allocates it.

A batch that is too large then raises an error and does not end the process. The estimate is the sum of all outputs in
the graph, which MXNet keeps from the forward to the backward pass, and of several copies of each parameter. It ignores
that MXNet computes some outputs in place and needs extra memory for gradients; the two roughly cancel.
tests/graphs/test_memory.py compares the estimate with real bindings and training steps of the recipes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from mxgan.errors import ArgumentError
from mxgan.graphs.shapes import infer
from mxgan.runtime.memory import check_room

__all__ = ["Graph", "check_memory", "needed_bytes"]

# Copies of a parameter: on the device and the Module's copy; in training also its gradient and two optimiser states.
COPIES_TRAINING, COPIES_BOUND = 5, 2
FLOAT = 4  # bytes; everything here is float32
MOST_NUMBERS = 2**31 - 1  # in one array: the most that MXNet's wheels can index


class Graph(NamedTuple):
    """A symbol to be bound, its {input: shape} with the batch, and the number of executors."""

    symbol: object
    inputs: Mapping
    executors: float = 1.0


def needed_bytes(graphs: Mapping[str, Graph], training: bool) -> int:
    """The approximate memory in bytes to bind and run graphs once; parameters of the same name are shared.

    Parameters
    ----------
    graphs : {name for the user: Graph}.
    training : whether an optimiser will be used.

    Raises
    ------
    ArgumentError : a single array has more numbers than MXNet can index.
    ShapeError : the shapes do not fit.
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
    """Raise ArgumentError if the graphs need more memory (`needed_bytes`) than this process may still allocate."""
    needed = needed_bytes(graphs, training)
    check_room(f"the {' and the '.join(graphs)}", needed, "Give a smaller batch_size or narrower networks.")
