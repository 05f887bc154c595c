"""What a model computes, by MXNet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mxgan.errors import CheckpointError
from mxgan.export.model import Model
from mxgan.graphs.mxnet_messages import mxnets_reason
from mxgan.runtime import mx

__all__ = ["computed"]


def computed(model: Model, values: Mapping) -> list:
    """The model's outputs, float32 arrays (N, …), for {input of its symbol: (N, …)}.

    Raises CheckpointError if MXNet cannot compute the network.
    """
    given = {name: mx.nd.array(value, dtype=np.float32) for name, value in {**model.parameters, **values}.items()}
    arguments = {name: given[name] for name in model.symbol.list_arguments()}
    states = {name: given[name] for name in model.symbol.list_auxiliary_states()}
    try:
        executor = model.symbol.bind(mx.cpu(), arguments, grad_req="null", aux_states=states)
        return [output.asnumpy() for output in executor.forward(is_train=False)]
    except (mx.MXNetError, RuntimeError) as error:
        raise CheckpointError(f"MXNet cannot compute this {model.half}: {mxnets_reason(error)}.") from error
