"""`Point`: one operator of a network and the values at which it is differentiated. What every rule is given."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Optional

from mxgan.errors import ArgumentError
from mxgan.runtime import mx

__all__ = ["Point", "check_parameters"]


@dataclass(frozen=True)
class Point:
    """One operator y = f(x, …) where it is differentiated. Everything is a symbol.

    Attributes
    ----------
    node : the operator with its attributes.
    inputs, outputs : the values of each.
    tangents : of each input; None for zero.
    shapes : of each input, and of the first output last.
    masks : what `mask` collects; None where masks stay in the graph.
    """

    node: Any
    inputs: list
    tangents: list
    outputs: list
    shapes: list
    masks: Optional[dict]

    def get(self, name: str, default: Any) -> Any:
        """An attribute of the operator as a value; MXNet keeps strings, of those that were given."""
        text = self.node.attributes.get(name)
        if text is None:
            return default
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):  # a word, such as leaky
            return text

    def again(self, *inputs, **changes):
        """The same operator on other inputs."""
        given = {k: v for k, v in self.node.attributes.items() if not k.startswith("__") and k != "num_args"}
        make = getattr(mx.sym, self.node.operator, None) or getattr(mx.sym._internal, self.node.operator)
        return make(*inputs, name=f"{self.node.name}_tangent", **{**given, **changes})

    def mask(self, slope):
        """`slope`, which is constant wherever it has a derivative, so never to be differentiated itself."""
        if self.masks is None:
            return mx.sym.BlockGrad(slope)
        name = f"mask{len(self.masks)}_{self.node.name}"
        self.masks[name] = mx.sym.BlockGrad(slope)
        return mx.sym.Variable(name)

    def refusal(self, attribute: str, given: Any, known: Iterable) -> ArgumentError:
        """The error for a setting of the operator that has no rule."""
        return ArgumentError(
            f"the layer {self.node.name!r} is {self.node.operator} with {attribute}={given}, which has no tangent; "
            f"known: {', '.join(known)}. Build the critic of these, or use no penalty."
        )


def check_parameters(point: Point) -> None:
    """Raise ArgumentError where a weight, bias, gamma or beta moves with the data."""
    if any(tangent is not None for tangent in point.tangents[1:]):
        raise ArgumentError(
            f"the layer {point.node.name!r} has a parameter that is computed from the data, which has no tangent. "
            "Multiply the layers' outputs instead, or use no penalty."
        )
