"""Compilation of all functions of the fast operators, on the smallest layers, before a training begins."""

from __future__ import annotations

import numpy as np

from mxgan.training.fast import batch_norm_kernels, image_kernels
from mxgan.training.fast.algorithms import KERNELS
from mxgan.training.fast.convolution import FastLayer

__all__ = ["compile_all"]


def compile_all() -> None:
    """Call each compiled function once; Numba takes what an earlier process has compiled from its cache."""
    layer = FastLayer((1, 8, 8, 8), 8, min(KERNELS))
    images, weights, bias = _zeros(1, 8, 8, 8), _zeros(8, 8, layer.side, layer.side), _zeros(8)
    results = _zeros(1, 8, 8 // layer.stride, 8 // layer.stride)
    layer.outputs(images, weights, bias, results)
    layer.data_gradients(results, images, weights, images)
    layer.weight_gradients(images, results, weights)
    layer.bias_gradients(results, bias)
    large, small = images[0], np.ascontiguousarray(images[0, :, ::2, ::2])
    image_kernels.doubled(small, np.float32(1), large, 0, 8)
    image_kernels.summed_squares(large, np.float32(1), small, 0, 8)
    places = np.zeros(1, np.int64)
    image_kernels.changed(images, _zeros(1, 3), places, places, False, images.copy(), 0, 1)
    data, vector, slope = _zeros(1, 8, 64), np.ones(8), np.float32(0)
    batch_norm_kernels.moments(data, vector, vector, 0, 8)
    batch_norm_kernels.normalised(data, vector, vector, bias, bias, slope, data, 0, 8)
    batch_norm_kernels.gradients(data, data, vector, vector, bias, bias, slope, data, bias, bias, 0, 8)


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)
