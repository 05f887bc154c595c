"""Heads and other parts of a network that only its training needs, left out of its symbol."""

from __future__ import annotations

from mxgan.runtime.rewriting import Rewriting

__all__ = ["LABELLED", "WithoutHeads"]

# Operators that give their first input in inference; the label of a loss does not change it.
_PASSING = {
    "BlockGrad", "Dropout", "LinearRegressionOutput", "MAERegressionOutput", "MakeLoss", "_copy", "identity",
    "make_loss", "stop_gradient",
}  # fmt: skip
# Heads whose label decides nothing but the loss, of a generator.
LABELLED = {"LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput"}


class WithoutHeads(Rewriting):
    """The network in inference: without dropout and gradient stops, and predictions instead of losses.

    A subclass may override `prediction`, which decides about heads that change their input.
    """

    def __init__(self, symbol) -> None:
        super().__init__(symbol)
        self._passed: dict = {}  # new number of a node that passes a further output of another on → that output

    def node(self, number: int, node: dict, inputs: list) -> int:
        inputs = [self._passed.get(source, (source, output)) for source, output in inputs]
        made = self.prediction(number, node, inputs)
        if made is not None:
            return made
        return self.passed(node, inputs) if node["op"] in _PASSING else super().node(number, node, inputs)

    def head(self, source: int, output: int) -> tuple:
        return self._passed.get(source, (source, output))

    def prediction(self, number: int, node: dict, inputs: list):
        """The new number of a head that is more than its input; None for all other nodes."""
        if node["op"] == "LogisticRegressionOutput":
            return self.added("Activation", node["name"], inputs[0], act_type="sigmoid")
        return None

    def passed(self, node: dict, inputs: list) -> int:
        """The number that stands for a node which only gives its first input on."""
        source, output = inputs[0]
        if output == 0:
            return source
        made = self.add({**node, "op": "identity", "attrs": {}, "inputs": [[source, output, 0]]})
        self._passed[made] = inputs[0]
        return made

    def added(self, operator: str, name: str, source: tuple, **attributes) -> int:
        """Add an operator of one input."""
        written = {key: str(value) for key, value in attributes.items()}
        return self.add({"op": operator, "name": name, "attrs": written, "inputs": [[*source, 0]]})
