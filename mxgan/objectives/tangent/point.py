"""`Point`, the argument of every rule: one operator of a network and the values at which it is differentiated."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Optional

from mxgan.errors import ArgumentError
from mxgan.runtime import mx

__all__ = ["MIXES_SAMPLES", "Point", "check_parameters"]

MIXES_SAMPLES = (  # why there is no tangent
    "mixes the samples of a batch, so that a gradient for each sample does not exist (Gulrajani et al. 2017, section 4)"
)


@dataclass(frozen=True)
class Point:
    """One operator y = f(x, …) and the values at which it is differentiated. All values are symbols.

    Attributes
    ----------
    node : the operator with its attributes.
    inputs, outputs : the value of each input and output.
    tangents : the tangent of each input; None means zero.
    shapes : the shape of each input, then the shape of the first output.
    masks : {name: symbol}, filled by `mask`. None means that masks stay in the graph.
    """

    node: Any
    inputs: list
    tangents: list
    outputs: list
    shapes: list
    masks: Optional[dict]

    def get(self, name: str, default: Any) -> Any:
        """An attribute of the operator as a Python value. MXNet stores only given attributes, as strings."""
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
        """`slope` without gradient: it is piecewise constant, so that its derivative is 0 or does not exist."""
        if self.masks is None:
            return mx.sym.BlockGrad(slope)
        name = f"mask{len(self.masks)}_{self.node.name}"
        self.masks[name] = mx.sym.BlockGrad(slope)
        return mx.sym.Variable(name)

    def refusal(self, attribute: str, given: Any, known: Iterable) -> ArgumentError:
        """The error for an attribute value of the operator that has no rule."""
        return ArgumentError(
            f"the layer {self.node.name!r} is {self.node.operator} with {attribute}={given}, which has no tangent; "
            f"known: {', '.join(known)}. Build the critic of these, or use no penalty."
        )


def check_parameters(point: Point) -> None:
    """Raise ArgumentError if a weight, bias, gamma or beta depends on the data."""
    if any(tangent is not None for tangent in point.tangents[1:]):
        raise ArgumentError(
            f"the layer {point.node.name!r} has a parameter that is computed from the data, which has no tangent. "
            "Multiply the layers' outputs instead, or use no penalty."
        )
