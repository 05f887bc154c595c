"""BatchNorm with the activation behind it as one operator of MXNet, for training on a CPU.

It has the parameters, states and habits of MXNet's own BatchNorm on a CPU: the moving statistics change in the backward
pass, by the variance without Bessel's correction, and where `fix_gamma` holds γ at 1, the forward pass writes 1 to it.
In inference the moving statistics are used.
"""

from __future__ import annotations

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.graphs.layers import FAST_BATCH_NORM, is_on
from mxgan.runtime import mx
from mxgan.training.fast import batch_norm_kernels as kernels
from mxgan.training.fast.crew import crew, parts
from mxgan.training.fast.writing import write
from mxgan.training.parallel.host_arrays import array_memory

__all__ = ["BatchNormOperator"]


@mx.operator.register(FAST_BATCH_NORM)
class BatchNormOperator(mx.operator.CustomOpProp):
    """Names and shapes of the operator; MXNet gives it the settings of the node, as text."""

    def __init__(self, eps="1e-3", momentum="0.9", fix_gamma="True", slope="1", **hidden) -> None:
        super().__init__(need_top_grad=True)
        self.eps, self.momentum, self.slope = float(eps), float(momentum), np.float32(slope)
        self.fix_gamma = is_on(fix_gamma)

    def list_arguments(self) -> list:
        return ["data", "gamma", "beta"]

    def list_auxiliary_states(self) -> list:
        return ["moving_mean", "moving_var"]

    def infer_shape(self, in_shape) -> tuple:
        data, channels = in_shape[0], [in_shape[0][1]]
        return [data, channels, channels], [data], [channels, channels]

    def infer_type(self, in_type) -> tuple:
        return [np.float32] * 3, [np.float32], [np.float32] * 2

    def declare_backward_dependency(self, out_grad, in_data, out_data) -> list:
        return [out_grad[0], *in_data[:2]]  # not the output, whose memory MXNet may use for another array

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return _Operator(self)


class _Operator(mx.operator.CustomOp):
    """One BatchNorm of one executor; a forward pass keeps the statistics for the backward pass."""

    def __init__(self, description: BatchNormOperator) -> None:
        super().__init__()
        self._about, self._kept = description, None

    def forward(self, is_train, req, in_data, out_data, aux) -> None:
        data, gamma, beta = map(array_memory, in_data)
        if self._about.fix_gamma:
            gamma[...] = 1
        if is_train:
            means, variances = np.empty(len(gamma)), np.empty(len(gamma))
            _each_channel(kernels.moments, _flat(data), means, variances)
        else:
            means, variances = (array_memory(each).astype(np.float64) for each in aux)
        inverses = 1 / np.sqrt(variances + self._about.eps)
        # MXNet 1.9.1 fails if all inputs are asked for in the backward pass, so β is kept.
        self._kept = (means, variances, inverses, beta.copy()) if is_train else None
        write(req[0], out_data[0], _normalised, data, means, inverses, gamma, beta, self._about.slope)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux) -> None:
        if self._kept is None:
            raise ArgumentError(
                f"{FAST_BATCH_NORM}: a forward pass in inference has no backward pass; train with is_train."
            )
        means, variances, inverses, beta = self._kept
        data, gamma = map(array_memory, in_data[:2])
        given, targets = array_memory(out_grad[0]), [array_memory(each) for each in in_grad]
        own = [each if wanted in ("write", "inplace") else np.empty_like(each) for wanted, each in zip(req, targets)]
        arrays = (_flat(data), _flat(given), means, inverses, gamma, beta, self._about.slope)
        _each_channel(kernels.gradients, *arrays, _flat(own[0]), own[1], own[2])
        if self._about.fix_gamma:
            own[1][...] = 0
        for wanted, target, made in zip(req, targets, own):
            if wanted == "add":
                target += made
        momentum = np.float32(self._about.momentum)
        for state, now in zip(map(array_memory, aux), (means, variances)):
            state *= momentum
            state += (1 - momentum) * now.astype(np.float32)


def _normalised(data, *arrays) -> None:
    """Write into the last of the arrays."""
    *vectors, results = arrays
    _each_channel(kernels.normalised, _flat(data), *vectors, _flat(results))


def _flat(data: np.ndarray) -> np.ndarray:
    """(N, C, …) as (N, C, places)."""
    return data.reshape(*data.shape[:2], -1)


def _each_channel(kernel, data: np.ndarray, *arrays) -> None:
    with crew().lock:
        crew().run([(kernel, data, *arrays, *part) for part in parts(data.shape[1])])
