"""`forward_module`: a Module for forward passes alone, whose weights may change between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from mxgan.runtime import mx

__all__ = ["forward_module"]


def forward_module(symbol, inputs: Mapping, with_gradient: Optional[str], contexts: list):
    """A bound mx.mod.Module without parameters, to be given weights by `init_params` as often as wanted.

    It is bound for training: a graph bound for inference gets MXNet's oneDNN backend, which keeps the first value of a
    weight that the graph computes (blocks.single_channel_deconvolution, spectral norm) and does not update it. One
    gradient is enough for that; those of the other parameters would take as much memory as these.

    Parameters
    ----------
    inputs : {input: shape} in the order of the batches, batch included.
    with_gradient : the name of a weight, any one; None for a network without weights.
    """
    data, *labels = inputs.items()
    module = mx.mod.Module(symbol, (data[0],), [name for name, _ in labels] or None, context=contexts)
    requests = {name: "write" if name == with_gradient else "null" for name in symbol.list_arguments()}
    module.bind([data], labels or None, for_training=True, grad_req=requests)
    return module
