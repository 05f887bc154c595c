"""Outputs of a symbol that are losses: each makes its own gradient in a backward pass."""

from __future__ import annotations

import json

from mxgan.errors import ArgumentError

__all__ = ["check_losses"]

# Operators that a backward pass asks for no gradient from outside. A Custom operator decides that for itself.
_HEADS = {
    "BlockGrad",  # no gradient: a value to look at
    "Custom",
    "LinearRegressionOutput",
    "LogisticRegressionOutput",
    "MAERegressionOutput",
    "MakeLoss",
    "SVMOutput",
    "SoftmaxOutput",
    "make_loss",
}


def check_losses(owner: str, symbol, first: int = 0) -> None:
    """Raise ArgumentError unless each output, from number `first` on, is a loss (or BlockGrad, which has no gradient).

    MXNet itself finds this out only in the first backward pass.
    """
    graph = json.loads(symbol.tojson())
    for (source, *_), name in list(zip(graph["heads"], symbol.list_outputs()))[first:]:
        node = graph["nodes"][source]
        attributes = node.get("attrs", {})
        from_outside = attributes.get("out_grad") in ("True", "true", "1")  # of SoftmaxOutput
        if node["op"] not in _HEADS or from_outside:
            what = "an input" if node["op"] == "null" else f"a {node['op']}{' with out_grad' if from_outside else ''}"
            raise ArgumentError(
                f"the output {name!r} of the {owner} is {what}, which is no loss; give a loss "
                "(mx.sym.MakeLoss(…), an …Output operator), or mx.sym.BlockGrad(…) for a value without gradient."
            )
