"""The gradients of a layer's weights and bias; filtering.py explains the arrays."""

from __future__ import annotations

import numpy as np

from mxgan.training.fast.algorithms import OUTPUTS
from mxgan.training.fast.instructions import LANES
from mxgan.training.fast.options import compiled
from mxgan.training.fast.tiles import (
    SIZE,
    VECTOR,
    add_block,
    take,
    to_inputs,
    transposed_outputs,
    transposed_taps,
    write_block,
)

__all__ = ["bias_gradients", "products", "spread", "weight_gradients"]


@compiled
def spread(images, slope, gradients, taps, inputs, products_, first, last):
    """Transform the images and the gradients of the output from `first` to `last`, for the gradient of the weights.

    slope : of the activation of the images, below 0.
    inputs : (planes, J · tiles + GAP), products_ : (planes, K · tiles + GAP), with the tiles of all images.
    """
    channels, height, width = images.shape[1], images.shape[2], images.shape[3]
    stride = height // gradients.shape[2]
    edge, phases = taps + 3, stride * stride
    across, down = width // (OUTPUTS * stride), height // (OUTPUTS * stride)
    tiles, wide = images.shape[0] * across * down, -(-channels // LANES)
    rows = np.zeros((stride * edge, width + 2, LANES), np.float32)
    taken = np.zeros((OUTPUTS, OUTPUTS * across, LANES), np.float32)
    a, b, c, d = rows.ctypes.data, inputs.ctypes.data, taken.ctypes.data, products_.ctypes.data
    input_plane, product_plane = inputs.shape[1], products_.shape[1]
    for image in range(first, last):
        for strip in range(down):
            begin = (image * down + strip) * across
            for block in range(wide):
                take(images, slope, image, 0, block * LANES, 1, OUTPUTS * stride * strip - 1, 1, rows)
                for phase in range(phases):
                    for tile in range(across):
                        corner = phase // stride * (width + 2) + OUTPUTS * stride * tile + phase % stride
                        place = (phase * wide + block) * tiles + begin + tile
                        to_inputs(taps, a + VECTOR * corner, stride * (width + 2) * LANES, stride * LANES,
                                b + VECTOR * place, edge * input_plane, input_plane)  # fmt: skip
            for block in range(-(-gradients.shape[1] // LANES)):
                take(gradients, np.float32(1), image, 0, block * LANES, 1, OUTPUTS * strip, 0, taken)
                for tile in range(across):
                    transposed_outputs(taps, c + VECTOR * OUTPUTS * tile, OUTPUTS * across * LANES, LANES,
                                d + VECTOR * (block * tiles + begin + tile),
                                edge * product_plane, product_plane)  # fmt: skip


@compiled
def products(inputs, products_, sums, filters, columns, tiles, adds, first, last):
    """Write, or with `adds` add, sums (planes, K · J + GAP) of the arrays of `spread`, in a range of planes."""
    a, b, c = products_.ctypes.data, inputs.ctypes.data, sums.ctypes.data
    product_plane, input_plane, sum_plane = products_.shape[1], inputs.shape[1], sums.shape[1]
    for plane in range(first, last):
        for column in range(columns // LANES):
            for row in range(filters // LANES):
                left = a + SIZE * (plane * product_plane + row * tiles * LANES)
                right = b + SIZE * (plane * input_plane + column * tiles * LANES)
                target = c + SIZE * (plane * sum_plane + row * LANES * columns + column * LANES)
                if adds:
                    add_block(left, right, target, tiles, columns)
                else:
                    write_block(left, right, target, tiles, columns)


@compiled
def weight_gradients(sums, taps, results, first, last):
    """The gradient (K, C, side, side) of the weights from the sums of `products`, of the filters in a range."""
    channels, side = results.shape[1], results.shape[2]
    stride, edge, plane, wide = side // taps, taps + 3, sums.shape[1], -(-channels // LANES)
    kernel = np.empty((side, side, LANES), np.float32)
    source, target = sums.ctypes.data, kernel.ctypes.data
    for filter_ in range(first, last):
        for block in range(wide):
            for phase in range(stride * stride):
                place = (filter_ * stride * stride + phase) * wide * LANES + block * LANES
                corner = target + VECTOR * (phase // stride * side + phase % stride)
                transposed_taps(taps, source + SIZE * place, edge * plane, plane, corner, stride * side * LANES,
                         stride * LANES)  # fmt: skip
            for lane in range(min(LANES, channels - block * LANES)):
                for y in range(side):
                    for x in range(side):
                        results[filter_, block * LANES + lane, y, x] = kernel[y, x, lane]


@compiled
def bias_gradients(gradients, results, first, last):
    """The sums (K,) of the gradients (N, K, H, W) of the output, of the channels in a range."""
    for channel in range(first, last):
        total = 0.0
        for image in range(gradients.shape[0]):
            for y in range(gradients.shape[2]):
                row = np.float32(0)
                for x in range(gradients.shape[3]):
                    row += gradients[image, channel, y, x]
                total += row
        results[channel] = total
