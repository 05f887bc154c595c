"""A convolution or transposed convolution by minimal filtering as an operator of MXNet."""

from __future__ import annotations

from typing import Callable

import numpy as np

from mxgan.runtime import mx
from mxgan.training.fast.algorithms import CONVOLUTION, KERNELS
from mxgan.training.fast.convolution import FastLayer
from mxgan.training.fast.writing import write
from mxgan.training.parallel.host_arrays import array_memory

__all__ = ["ConvolutionOperator"]


@mx.operator.register(CONVOLUTION)
class ConvolutionOperator(mx.operator.CustomOpProp):
    """Names and shapes of the operator; MXNet gives it the settings of the node, as text."""

    def __init__(self, filters, side, transposed, has_bias, slope="1.0", **hidden) -> None:
        super().__init__(need_top_grad=True)
        self.filters, self.side, self.slope = int(filters), int(side), float(slope)
        self.transposed, self.has_bias = transposed == "True", has_bias == "True"

    def list_arguments(self) -> list:
        return ["data", "weight", "bias"][: 2 + self.has_bias]

    def infer_shape(self, in_shape) -> tuple:
        count, channels, *sizes = in_shape[0]
        stride = KERNELS[self.side]
        made = [count, self.filters, *(size * stride if self.transposed else size // stride for size in sizes)]
        pair = (channels, self.filters) if self.transposed else (self.filters, channels)
        return [in_shape[0], [*pair, self.side, self.side], [self.filters]][: 2 + self.has_bias], [made], []

    def infer_type(self, in_type) -> tuple:
        return [np.float32] * (2 + self.has_bias), [np.float32], []

    def declare_backward_dependency(self, out_grad, in_data, out_data) -> list:
        return [out_grad[0], in_data[0], in_data[1]]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        count, channels, *sizes = in_shapes[0]
        if not self.transposed:
            layer = FastLayer.checked((count, channels, *sizes), self.filters, self.side, self.slope)
            return _Operator(layer.outputs, layer.data_gradients, layer.weight_gradients)
        images = (count, self.filters, *(size * KERNELS[self.side] for size in sizes))
        layer = FastLayer.checked(images, channels, self.side)

        # It is the gradient of a convolution, and its own gradient is the convolution.
        def data_gradients(gradients, data, weights, results) -> None:
            layer.outputs(gradients, weights, None, results)

        def weight_gradients(data, gradients, results) -> None:
            layer.weight_gradients(gradients, data, results)

        return _Operator(layer.transposed, data_gradients, weight_gradients)


class _Operator(mx.operator.CustomOp):
    """One layer of one executor, by functions whose last argument is the array of results."""

    def __init__(self, outputs: Callable, data_gradients: Callable, weight_gradients: Callable) -> None:
        super().__init__()
        self._outputs, self._data_gradients, self._weight_gradients = outputs, data_gradients, weight_gradients

    def forward(self, is_train, req, in_data, out_data, aux) -> None:
        data, weights, *bias = map(array_memory, in_data)
        write(req[0], out_data[0], self._outputs, data, weights, bias[0] if bias else None)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux) -> None:
        gradients, data, weights = array_memory(out_grad[0]), *map(array_memory, in_data[:2])
        write(req[0], in_grad[0], self._data_gradients, gradients, data, weights)
        write(req[1], in_grad[1], self._weight_gradients, data, gradients)
        if len(req) > 2:
            write(req[2], in_grad[2], FastLayer.bias_gradients, gradients)
