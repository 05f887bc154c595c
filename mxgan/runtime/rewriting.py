"""Graphs rewritten node by node in MXNet's JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import ModuleType

__all__ = ["Rewriting", "loaded_mxnet", "output_places"]


def loaded_mxnet() -> ModuleType:
    """MXNet, which is loaded wherever there is a symbol; `mxgan.runtime`, which loads it, imports this module."""
    return sys.modules["mxnet"]


class Rewriting:
    """One walk over a symbol's nodes in their order; each node comes after its inputs.

    A subclass overrides `node`, which adds the new form of one node and returns its number among the new nodes.
    """

    def __init__(self, symbol) -> None:
        self._graph = json.loads(symbol.tojson())
        self.old, self.nodes, self.moved = self._graph["nodes"], [], {}

    def add(self, node: dict) -> int:
        """Add a new node; return its number."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def node(self, number: int, node: dict, inputs: list) -> int:
        """Add the new form of old node `number`, return its number; `inputs` are (new node, output)."""
        return self.add({**node, "inputs": [[*each, 0] for each in inputs]})

    def splice(self, part, places: Mapping) -> int:
        """Add the nodes of a symbol with one output; return the number of its last node.

        Parameters
        ----------
        part : a symbol whose Variables stand for inputs that are already there.
        places : {Variable of `part`: (new node, output)}.
        """
        moved: dict = {}
        for number, node in enumerate(json.loads(part.tojson())["nodes"]):
            if node["op"] == "null":
                moved[number] = places[node["name"]]
            else:
                inputs = [[moved[source][0], output or moved[source][1], 0] for source, output, *_ in node["inputs"]]
                moved[number] = (self.add({**node, "inputs": inputs}), 0)
        return len(self.nodes) - 1

    def head(self, source: int, output: int) -> tuple:
        """The new form of an output of the graph, (new node, output)."""
        return source, output

    def symbol(self):
        """The symbol made of the new nodes."""
        for number, node in enumerate(self.old):
            inputs = [(self.moved[source], output) for source, output, *_ in node["inputs"]]
            self.moved[number] = self.node(number, node, inputs)
        heads = [self.head(self.moved[source], output) for source, output, *_ in self._graph["heads"]]
        variables = [number for number, node in enumerate(self.nodes) if node["op"] == "null"]
        graph = {**self._graph, "nodes": self.nodes, "arg_nodes": variables, "heads": [[*head, 0] for head in heads]}
        return loaded_mxnet().sym.load_json(json.dumps({**graph, "node_row_ptr": list(range(len(self.nodes) + 1))}))


def output_places(internals) -> list:
    """(node, output) of each entry of `symbol.get_internals()`; nodes are numbered as in the symbol's own JSON."""
    return [tuple(place[:2]) for place in json.loads(internals.tojson())["heads"]]
