"""Graphs changed node by node, in the form in which MXNet writes them; and what one fault of MXNet asks for."""

from __future__ import annotations

import json
from typing import NamedTuple

from mxgan.graphs.shapes import infer
from mxgan.runtime import mx

__all__ = ["Rewriting", "WithIdleBiases", "with_idle_biases"]


class Rewriting:
    """One walk over a symbol's nodes in their order, in which each comes after its inputs.

    A subclass has `node`, which adds what becomes of one node and returns its number among the new ones.
    """

    def __init__(self, symbol) -> None:
        self._graph = json.loads(symbol.tojson())
        self.old, self.nodes, self.moved = self._graph["nodes"], [], {}

    def add(self, node: dict) -> int:
        """A new node; its number."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def node(self, number: int, node: dict, inputs: list) -> int:
        """What becomes of old node `number`; `inputs` are (new node, output)."""
        return self.add({**node, "inputs": [[*each, 0] for each in inputs]})

    def head(self, source: int, output: int) -> tuple:
        """What becomes of an output of the graph, (new node, output)."""
        return source, output

    def symbol(self):
        """The symbol that the new nodes make."""
        for number, node in enumerate(self.old):
            inputs = [(self.moved[source], output) for source, output, *_ in node["inputs"]]
            self.moved[number] = self.node(number, node, inputs)
        heads = [self.head(self.moved[source], output) for source, output, *_ in self._graph["heads"]]
        variables = [number for number, node in enumerate(self.nodes) if node["op"] == "null"]
        graph = {**self._graph, "nodes": self.nodes, "arg_nodes": variables, "heads": [[*head, 0] for head in heads]}
        return mx.sym.load_json(json.dumps({**graph, "node_row_ptr": list(range(len(self.nodes) + 1))}))


class WithIdleBiases(NamedTuple):
    """A symbol, and {further input: shape} of it, which want zeros."""

    symbol: object
    idle: dict


def with_idle_biases(symbol, inputs: dict) -> WithIdleBiases:
    """The same function for passes that want the gradient at the data alone, with a bias of 0 at each Convolution.

    MXNet 1.9.1, asked for the data's gradient of a Convolution without bias, reads the request for the bias's gradient
    behind the end of its list, and where it finds anything but 0 there works out the weight's gradient too, which is
    thrown away: by luck none, some or all of them, up to 13 ms of DCGAN's step of 400.

    Parameters
    ----------
    inputs : {input: shape} of the symbol, batch included.
    """
    rewriting = _IdleBiases(symbol)
    made = rewriting.symbol()
    shapes = infer(made, inputs)[0]
    return WithIdleBiases(made, {name: shapes[name] for name in rewriting.idle})


class _IdleBiases(Rewriting):
    def __init__(self, symbol) -> None:
        super().__init__(symbol)
        self.idle: list = []

    def node(self, number: int, node: dict, inputs: list) -> int:
        if node["op"] == "Convolution" and node.get("attrs", {}).get("no_bias") in ("True", "true", "1"):
            name = f"{node['name']}_idle_bias"
            node = {**node, "attrs": {**node["attrs"], "no_bias": "False"}}
            inputs = [*inputs, (self.add({"op": "null", "name": name, "inputs": []}), 0)]
            self.idle.append(name)
        return super().node(number, node, inputs)
