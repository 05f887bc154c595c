"""Graphs rewritten node by node in MXNet's JSON, and idle biases that avoid a fault of MXNet."""

from __future__ import annotations

import json
from typing import NamedTuple

from mxgan.graphs.shapes import infer
from mxgan.runtime import mx

__all__ = ["Rewriting", "WithIdleBiases", "with_idle_biases"]


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
        return mx.sym.load_json(json.dumps({**graph, "node_row_ptr": list(range(len(self.nodes) + 1))}))


class WithIdleBiases(NamedTuple):
    """A symbol, and {input: shape} of its additional inputs, which must be zeros."""

    symbol: object
    idle: dict


def with_idle_biases(symbol, inputs: dict) -> WithIdleBiases:
    """The same network with a bias of 0 at each Convolution, for passes that need only the gradient at the data.

    For a Convolution without bias, MXNet 1.9.1 reads the request for the bias's gradient beyond the end of its list of
    requests. If the value there is not 0, it also computes the weight's gradient, which is then discarded. By chance
    this happens for none, some or all of the layers, and costs up to 13 ms of DCGAN's step of 400 ms.

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
