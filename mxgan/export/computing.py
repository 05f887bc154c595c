"""A model's outputs, computed by MXNet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mxgan.errors import CheckpointError
from mxgan.export.model import Model
from mxgan.graphs.mxnet_messages import mxnets_reason
from mxgan.runtime import mx

__all__ = ["bound", "computed"]


def computed(model: Model, values: Mapping) -> list:
    """The model's outputs, float32 arrays (N, …), for {input of its symbol: (N, …)}.

    Raises CheckpointError if MXNet cannot compute the network.
    """
    given = {name: mx.nd.array(value, dtype=np.float32) for name, value in {**model.parameters, **values}.items()}
    arguments = {name: given[name] for name in model.symbol.list_arguments()}
    states = {name: given[name] for name in model.symbol.list_auxiliary_states()}
    try:
        executor = bound(model.symbol, arguments, states)
        return [output.asnumpy() for output in executor.forward(is_train=False)]
    except (mx.MXNetError, RuntimeError) as error:
        raise CheckpointError(f"MXNet cannot compute this {model.half}: {mxnets_reason(error)}.") from error


def bound(symbol, arguments: Mapping, states: Mapping):
    """A symbol's executor on the CPU, for inference.

    It is bound with the gradient of an argument, which is never computed, as the `Sampler` is: bound without any, MXNet
    1.9.1 fuses layers for inference, and does it wrongly where two layers take a fused one. Two activations of one
    FullyConnected both give the first of them.
    """
    gradients = {name: mx.nd.zeros_like(arguments[name]) for name in symbol.list_arguments()[:1]}
    return symbol.bind(mx.cpu(), dict(arguments), gradients, aux_states=dict(states))
