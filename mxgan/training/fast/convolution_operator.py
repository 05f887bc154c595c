"""A convolution or transposed convolution by minimal filtering as an operator of MXNet."""

from __future__ import annotations

import numpy as np

from mxgan.runtime import mx
from mxgan.training.fast.convolution import KERNELS, FastLayer
from mxgan.training.fast.writing import write
from mxgan.training.parallel.host_arrays import host_view

__all__ = ["CONVOLUTION"]

CONVOLUTION = "mxgan_convolution"  # op_type of the Custom operator


@mx.operator.register(CONVOLUTION)
class _Description(mx.operator.CustomOpProp):
    """Names and shapes of the operator; MXNet gives it the settings of the node, as text."""

    def __init__(self, filters, side, transposed, has_bias, **hidden) -> None:
        super().__init__(need_top_grad=True)
        self.filters, self.side = int(filters), int(side)
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
        data = tuple(in_shapes[0])
        if self.transposed:
            stride = KERNELS[self.side]
            images = (data[0], self.filters, *(size * stride for size in data[2:]))
            return _Transposed(FastLayer(images, data[1], self.side))
        return _Convolution(FastLayer(data, self.filters, self.side))


class _Convolution(mx.operator.CustomOp):
    """One convolution of one executor."""

    def __init__(self, layer: FastLayer) -> None:
        super().__init__()
        self._layer = layer

    def forward(self, is_train, req, in_data, out_data, aux) -> None:
        data, weights, *bias = map(host_view, in_data)
        write(req[0], out_data[0], self._outputs, data, weights, bias[0] if bias else None)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux) -> None:
        gradients, data, weights = host_view(out_grad[0]), *map(host_view, in_data[:2])
        write(req[0], in_grad[0], self._data_gradients, gradients, weights, None)
        write(req[1], in_grad[1], self._weight_gradients, data, gradients)
        if len(req) > 2:
            write(req[2], in_grad[2], FastLayer.bias_gradients, gradients)

    def _outputs(self, *arrays) -> None:
        self._layer.outputs(*arrays)

    def _data_gradients(self, *arrays) -> None:
        self._layer.data_gradients(*arrays)

    def _weight_gradients(self, data, gradients, results) -> None:
        self._layer.weight_gradients(data, gradients, results)


class _Transposed(_Convolution):
    """One transposed convolution: the gradient of a convolution, and the convolution its gradient."""

    def _outputs(self, *arrays) -> None:
        self._layer.data_gradients(*arrays)

    def _data_gradients(self, *arrays) -> None:
        self._layer.outputs(*arrays)

    def _weight_gradients(self, data, gradients, results) -> None:
        self._layer.weight_gradients(gradients, data, results)
