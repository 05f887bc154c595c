"""Outputs of a symbol: predictions and losses. A loss makes its own gradient in a backward pass."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mxgan.errors import ArgumentError
from mxgan.graphs.shapes import infer

__all__ = ["check_losses", "check_predictions"]

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


def check_predictions(discriminator, head, of_discriminator: Mapping, of_head: Mapping) -> None:
    """Raise ArgumentError unless the first outputs of D and of the generator's head are D's prediction.

    The head may have a loss of its own over D's score. So what counts is that its first output has D's shape and
    depends on parameters, if D's does, and that no later output has the name of D's prediction.

    Parameters
    ----------
    of_discriminator, of_head : {input: shape} of the two, batch included.
    """
    (name, *others), of_head_names = discriminator.list_outputs(), head.list_outputs()
    if "closs_output" in (name, *others[1:]):
        raise ArgumentError(
            f"the discriminator has the outputs {', '.join((name, *others))}; give the prediction first, then 'closs', "
            "the class probabilities, then losses."
        )
    wanted, found = infer(discriminator, of_discriminator)[1][0], infer(head, of_head)[1][0]
    trained, in_head = (
        {*each[0].list_arguments()} - set(taken)
        for each, taken in zip((discriminator, head), (of_discriminator, of_head))
    )
    if name in of_head_names[1:] or found != wanted or (trained and not in_head):
        raise ArgumentError(
            f"generator_head has the outputs {', '.join(of_head_names)}, and the first one, {found}, is not D's "
            f"prediction ({name}, {wanted}); give that first, then other losses."
        )
