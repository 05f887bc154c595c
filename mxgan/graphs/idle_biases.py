"""Idle biases: a rewritten graph that avoids a fault of MXNet."""

from __future__ import annotations

from typing import NamedTuple

from mxgan.graphs.shapes import infer
from mxgan.runtime.rewriting import Rewriting

__all__ = ["WithIdleBiases", "with_idle_biases"]


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
