"""A network bound in inference for the gradient of its input: BatchNorm with its moving statistics, no dropout."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mxgan.errors import CheckpointError, ShapeError
from mxgan.graphs.latent_shapes import WEIGHTED
from mxgan.graphs.layers import nodes_of
from mxgan.graphs.mxnet_messages import mxnets_reason
from mxgan.runtime import mx
from mxgan.runtime.rewriting import Rewriting, output_places

__all__ = ["Differentiable", "last_features"]


class _InInference(Rewriting):
    """The network whose pass for training, which a gradient needs, computes what a pass for inference does."""

    def node(self, number: int, node: dict, inputs: list) -> int:
        if node["op"] == "Dropout" and inputs[0][1] == 0:
            return inputs[0][0]
        if node["op"] == "BatchNorm":
            node = {**node, "attrs": {**node.get("attrs", {}), "use_global_stats": "True"}}
        return super().node(number, node, inputs)


class Differentiable:
    """A network with fixed parameters, and the gradient of a function of its first output by one input.

    Parameters
    ----------
    symbol : the network; only its first output is used.
    parameters : {name: NDArray}, arguments and auxiliary states; those that the symbol does not have are left out.
    inputs : {input: shape}, batch included.
    wanted : the input whose gradient is wanted.

    Raises
    ------
    CheckpointError : a parameter is missing, or MXNet cannot bind the network.
    """

    def __init__(self, symbol, parameters: Mapping, inputs: Mapping[str, tuple], wanted: str) -> None:
        symbol = _InInference(symbol[0]).symbol()
        names, states = symbol.list_arguments(), symbol.list_auxiliary_states()
        missing = [name for name in (*names, *states) if name not in parameters and name not in inputs]
        if missing:
            raise CheckpointError(f"the parameter {missing[0]!r} of the network is missing; give the file that has it.")
        self.inputs = {name: mx.nd.zeros(shape) for name, shape in inputs.items() if name in names}
        self._wanted = wanted
        arguments = {name: self.inputs[name] if name in self.inputs else parameters[name].copy() for name in names}
        try:
            self._executor = symbol.bind(
                mx.cpu(),
                arguments,
                args_grad={wanted: mx.nd.zeros(inputs[wanted])},
                grad_req={name: "write" if name == wanted else "null" for name in names},
                aux_states={name: parameters[name].copy() for name in states},
            )
        except mx.MXNetError as error:
            raise CheckpointError(f"MXNet cannot bind this network: {mxnets_reason(error)}.") from error

    def forward(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The output (N, …) for these inputs (N, …); inputs that the network does not have are left out."""
        for name, array in self.inputs.items():
            array[:] = values[name]
        return self._executor.forward(is_train=True)[0].asnumpy()

    def gradient(self, of_output: np.ndarray) -> np.ndarray:
        """The gradient by the wanted input, after `forward`, from the gradient by the output."""
        self._executor.backward([mx.nd.array(of_output, dtype=np.float32)])
        return self._executor.grad_dict[self._wanted].asnumpy()


def last_features(score):
    """The symbol of the features that a discriminator's last layer with a weight turns into its score.

    Raises ShapeError if the score comes from no such layer.
    """
    nodes = nodes_of(score, None)
    place = output_places(score)[0]
    while nodes[place[0]].operator not in WEIGHTED:
        if not nodes[place[0]].inputs:
            raise ShapeError("the discriminator's score comes from no layer with a weight; choose pixels.")
        place = nodes[place[0]].inputs[0]
    internals = score.get_internals()
    return internals[output_places(internals).index(nodes[place[0]].inputs[0])]
