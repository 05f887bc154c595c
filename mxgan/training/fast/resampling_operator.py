"""Doubled pixels, or the mean of each 2×2 pixels, as an operator of MXNet: each is the gradient of the other."""

from __future__ import annotations

from typing import Callable

import numpy as np

from mxgan.graphs.layers import is_on
from mxgan.runtime import mx
from mxgan.training.fast.algorithms import RESAMPLING
from mxgan.training.fast.crew import crew, parts
from mxgan.training.fast.image_kernels import doubled, summed_squares
from mxgan.training.fast.writing import write
from mxgan.training.parallel.host_arrays import array_memory

__all__ = ["ResamplingOperator"]


@mx.operator.register(RESAMPLING)
class ResamplingOperator(mx.operator.CustomOpProp):
    """Names and shapes of the operator; MXNet gives it the settings of the node, as text."""

    def __init__(self, enlarges, **hidden) -> None:
        super().__init__(need_top_grad=True)
        self.enlarges = is_on(enlarges)

    def infer_shape(self, in_shape) -> tuple:
        *front, height, width = in_shape[0]
        sides = (2 * height, 2 * width) if self.enlarges else (height // 2, width // 2)
        return [in_shape[0]], [[*front, *sides]], []

    def infer_type(self, in_type) -> tuple:
        return [np.float32], [np.float32], []

    def declare_backward_dependency(self, out_grad, in_data, out_data) -> list:
        # Its gradient needs the first alone. MXNet 1.9.1 has one set of places for all operators of this kind, that of
        # the last one made, and looks into an array at such a place even if it was given back (mxnet/operator.py).
        return [out_grad[0], in_data[0], out_data[0]]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        passes = (doubled, summed_squares)
        return _Operator(*passes, 1.0) if self.enlarges else _Operator(*reversed(passes), 0.25)


class _Operator(mx.operator.CustomOp):
    """The two passes, whose results have the same factor."""

    def __init__(self, forward: Callable, backward: Callable, factor: float) -> None:
        super().__init__()
        self._forward, self._backward, self._factor = forward, backward, np.float32(factor)

    def forward(self, is_train, req, in_data, out_data, aux) -> None:
        write(req[0], out_data[0], self._run, self._forward, array_memory(in_data[0]))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux) -> None:
        write(req[0], in_grad[0], self._run, self._backward, array_memory(out_grad[0]))

    def _run(self, compute: Callable, images: np.ndarray, results: np.ndarray) -> None:
        given, made = (each.reshape(-1, *each.shape[2:]) for each in (images, results))
        with crew().lock:
            crew().run([(compute, given, self._factor, made, *part) for part in parts(len(given))])
