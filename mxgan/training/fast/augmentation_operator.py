"""All augmentations of a batch as one operator of MXNet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.training.fast.algorithms import AUGMENTATION
from mxgan.training.fast.crew import crew, parts
from mxgan.training.fast.image_kernels import CODES, SIZES, changed
from mxgan.training.fast.writing import write
from mxgan.training.parallel.host_arrays import array_memory

__all__ = ["AugmentationOperator"]


@mx.operator.register(AUGMENTATION)
class AugmentationOperator(mx.operator.CustomOpProp):
    """Names and shapes of the operator; MXNet gives it the settings of the node, as text."""

    def __init__(self, names, first="data", **hidden) -> None:
        super().__init__(need_top_grad=True)
        self.names, self.places = names.split(","), (0, 1) if first == "data" else (1, 0)  # of images and values

    def list_arguments(self) -> list:
        return [("data", "values")[place] for place in self.places]

    def infer_shape(self, in_shape) -> tuple:
        images = in_shape[self.places[0]]
        shapes = images, [images[0], sum(SIZES[CODES[name]] for name in self.names)]
        return [shapes[place] for place in self.places], [images], []

    def infer_type(self, in_type) -> tuple:
        return [np.float32] * 2, [np.float32], []

    def declare_backward_dependency(self, out_grad, in_data, out_data) -> list:
        return [out_grad[0], *in_data]  # the same places as of the other operators: see resampling_operator.py

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return _Operator(self.names, self.places)


class _Operator(mx.operator.CustomOp):
    """The changes of one executor, in their order."""

    def __init__(self, names: Sequence[str], places: tuple) -> None:
        super().__init__()
        self._images, self._values = places
        codes = [CODES[name] for name in names]
        self._codes = np.array(codes)
        self._places = np.cumsum([0, *(SIZES[code] for code in codes[:-1])])

    def forward(self, is_train, req, in_data, out_data, aux) -> None:
        images, values = array_memory(in_data[self._images]), array_memory(in_data[self._values])
        write(req[0], out_data[0], self._run, False, images, values)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux) -> None:
        gradients, values = array_memory(out_grad[0]), array_memory(in_data[self._values])
        write(req[self._images], in_grad[self._images], self._run, True, gradients, values)
        if req[self._values] != "null":
            raise ArgumentError(f"{AUGMENTATION}: its random numbers have no gradient here; bind them with 'null'.")

    def _run(self, adjoint: bool, images: np.ndarray, values: np.ndarray, results: np.ndarray) -> None:
        given = images, values, self._codes, self._places, adjoint, results
        with crew().lock:
            crew().run([(changed, *given, *part) for part in parts(len(images))])
