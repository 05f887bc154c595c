"""The passes of a layer over its memory, compiled by Numba for this processor when they are first used.

A layer has K filters over C channels and r taps for each of its P = stride² phases: a kernel of stride · r numbers in
each dimension. A tile is 4×4 outputs of an image; it has (r + 3)² planes, the places of its transformed numbers. With J
= P · C, the phases of all channels, these are the transformed arrays, all float32. Where channels or filters stand in
blocks of 16, their number is rounded up; what the last block has too many is computed and not used::

    weights     (planes, K/16, J, 16)       for the outputs;   (planes, J/16, K, 16) for the gradient of the input
    inputs      (tiles, planes, J, 16)      16 images;         (planes, J/16, tiles, 16) for the weights, 16 channels
    outputs     (tiles, planes, K, 16)      16 images;         (planes, K/16, tiles, 16) for the weights, 16 channels

So each pass is a product for each plane, in blocks of 16 rows and 16 columns. Each plane has GAP more numbers than it
needs: planes that are a multiple of 4,096 bytes apart would share a few lines of the processor's first cache.

A strip is a row of tiles of 16 images. Every function works on a part of its layer, for one thread, without the lock of
the interpreter. weight_filtering.py has the gradient of the weights.
"""

from __future__ import annotations

import numpy as np

from mxgan.training.fast.algorithms import OUTPUTS
from mxgan.training.fast.instructions import LANES
from mxgan.training.fast.options import compiled
from mxgan.training.fast.tiles import (
    SIZE,
    VECTOR,
    put,
    take,
    to_inputs,
    to_outputs,
    to_taps,
    transposed_inputs,
    transposed_outputs,
    weaken,
    write_block,
)

__all__ = ["data_gradients", "outputs", "packed_weights"]


@compiled
def packed_weights(weights, taps, by_input, packed, first, last):
    """Transform the blocks of 16 from `first` to `last`: of filters, or with `by_input` of channels.

    weights : (K, C, side, side). packed : (planes, K · J + GAP), as for the outputs or for the gradient of the input.
    """
    filters, channels, side = weights.shape[0], weights.shape[1], weights.shape[2]
    stride, edge, plane = side // taps, taps + 3, packed.shape[1]
    kernel = np.zeros((side, side, LANES), np.float32)
    source, target, wide = kernel.ctypes.data, packed.ctypes.data, -(-channels // LANES)
    for block in range(first, last):
        lanes = min(LANES, (channels if by_input else filters) - block * LANES)
        for row in range(filters if by_input else channels):
            for lane in range(lanes):
                here = block * LANES + lane
                for y in range(side):
                    for x in range(side):
                        kernel[y, x, lane] = weights[row, here, y, x] if by_input else weights[here, row, y, x]
            for phase in range(stride * stride):
                if by_input:
                    place = (phase * wide + block) * filters + row
                else:
                    place = (block * stride * stride + phase) * channels + row
                corner = source + VECTOR * (phase // stride * side + phase % stride)
                to_taps(
                    taps, corner, stride * side * LANES, stride * LANES, target + VECTOR * place, edge * plane, plane
                )


@compiled
def outputs(images, slope, taps, packed, bias, results, inputs, products_, strips, filters):
    """The outputs (N, K, H/stride, W/stride) of images (N, C, H, W) in a range of strips and of blocks of filters.

    slope : of the activation of the images, below 0. bias : (K,).
    inputs : (tiles of some strips, planes, J · 16 + GAP), products_ : (the same, planes, K · 16 + GAP),
    working memory of this thread. strips, filters : (first, last).
    """
    channels, height, width = images.shape[1], images.shape[2], images.shape[3]
    stride = height // results.shape[2]
    edge, phases = taps + 3, stride * stride
    planes, across, down = edge * edge, width // (OUTPUTS * stride), height // (OUTPUTS * stride)
    rows = np.zeros((stride * edge, width + 2, LANES), np.float32)
    made = np.empty((OUTPUTS, OUTPUTS * across, LANES), np.float32)
    a, b, c, d, e = (rows.ctypes.data, inputs.ctypes.data, packed.ctypes.data, products_.ctypes.data, made.ctypes.data)
    input_plane, weight_plane, product_plane = inputs.shape[2], packed.shape[1], products_.shape[2]
    at_once = inputs.shape[0] // across
    begin = strips[0]
    while begin < strips[1]:
        count = min(at_once, strips[1] - begin)
        for strip in range(count):
            image, top = (begin + strip) // down * LANES, (begin + strip) % down * OUTPUTS * stride
            for channel in range(channels):
                take(images, slope, image, 1, channel, 0, top - 1, 1, rows)
                for phase in range(phases):
                    for tile in range(across):
                        corner = phase // stride * (width + 2) + OUTPUTS * stride * tile + phase % stride
                        place = (strip * across + tile) * planes * input_plane + (phase * channels + channel) * LANES
                        to_inputs(taps, a + VECTOR * corner, stride * (width + 2) * LANES, stride * LANES,
                                b + SIZE * place, edge * input_plane, input_plane)  # fmt: skip
        for plane in range(planes):
            for block in range(filters[0], filters[1]):
                for tile in range(count * across):
                    write_block(c + SIZE * (plane * weight_plane + block * phases * channels * LANES),
                           b + SIZE * (tile * planes + plane) * input_plane,
                           d + SIZE * ((tile * planes + plane) * product_plane + block * LANES * LANES),
                           phases * channels, LANES)  # fmt: skip
        for strip in range(count):
            image, top = (begin + strip) // down * LANES, (begin + strip) % down * OUTPUTS
            for filter_ in range(filters[0] * LANES, min(filters[1] * LANES, results.shape[1])):
                for tile in range(across):
                    place = (strip * across + tile) * planes * product_plane + filter_ * LANES
                    to_outputs(taps, d + SIZE * place, edge * product_plane, product_plane,
                             e + VECTOR * OUTPUTS * tile, OUTPUTS * across * LANES, LANES)  # fmt: skip
                put(made, 0, OUTPUTS, 0, bias[filter_], results, image, filter_, top)
        begin += count


@compiled
def _begin_rows(above, goes_on, rows):
    """Two rows that the strip above has begun, where an image goes on, and 0 elsewhere."""
    for row in range(rows.shape[0]):
        for x in range(rows.shape[1]):
            for each in range(LANES):
                rows[row, x, each] = above[row, x, each] if row < 2 and goes_on else np.float32(0)


@compiled
def data_gradients(gradients, images, slope, taps, packed, bias, results, sums, products_, groups, blocks):
    """The gradient (N, C, H, W) of the input for gradients (N, K, H/stride, W/stride) of the output, plus a bias (C,).

    images : (N, C, H, W), the input before its activation, whose slope below 0 is `slope`; with 1 it is not read.

    sums : (tiles of some strips, planes, P · 256 + GAP), products_ : (the same, planes, K · 16 + GAP), working
    memory of this thread. groups, blocks : (first, last) of 16 images and of 16 channels.
    """
    filters, channels, height, width = gradients.shape[1], results.shape[1], results.shape[2], results.shape[3]
    stride = height // gradients.shape[2]
    edge, phases = taps + 3, stride * stride
    planes, across, down = edge * edge, width // (OUTPUTS * stride), height // (OUTPUTS * stride)
    taken = np.zeros((OUTPUTS, OUTPUTS * across, LANES), np.float32)
    kept = np.zeros(((blocks[1] - blocks[0]) * LANES, 2, width + 2, LANES), np.float32)  # two rows of the next strip
    rows = np.empty((stride * edge, width + 2, LANES), np.float32)
    a, b, c, d, e = (taken.ctypes.data, products_.ctypes.data, packed.ctypes.data, sums.ctypes.data, rows.ctypes.data)
    product_plane, weight_plane, sum_plane = products_.shape[2], packed.shape[1], sums.shape[2]
    at_once, begin, end, wide = products_.shape[0] // across, groups[0] * down, groups[1] * down, -(-channels // LANES)
    while begin < end:
        count = min(at_once, end - begin)
        for strip in range(count):
            image, top = (begin + strip) // down * LANES, (begin + strip) % down * OUTPUTS
            for filter_ in range(filters):
                take(gradients, np.float32(1), image, 1, filter_, 0, top, 0, taken)
                for tile in range(across):
                    place = (strip * across + tile) * planes * product_plane + filter_ * LANES
                    transposed_outputs(taps, a + VECTOR * OUTPUTS * tile, OUTPUTS * across * LANES, LANES,
                                b + SIZE * place, edge * product_plane, product_plane)  # fmt: skip
        for block in range(blocks[0], blocks[1]):
            for plane in range(planes):
                for phase in range(phases):
                    place = (phase * wide + block) * filters * LANES
                    for tile in range(count * across):
                        write_block(c + SIZE * (plane * weight_plane + place),
                               b + SIZE * (tile * planes + plane) * product_plane,
                               d + SIZE * ((tile * planes + plane) * sum_plane + phase * LANES * LANES),
                               filters, LANES)  # fmt: skip
            for strip in range(count):
                image, place = (begin + strip) // down * LANES, (begin + strip) % down
                for lane in range(min(LANES, channels - block * LANES)):
                    channel = block * LANES + lane
                    above = kept[channel - blocks[0] * LANES]
                    _begin_rows(above, place > 0, rows)
                    for phase in range(phases):
                        for tile in range(across):
                            corner = phase // stride * (width + 2) + OUTPUTS * stride * tile + phase % stride
                            source = (strip * across + tile) * planes * sum_plane + (phase * LANES + lane) * LANES
                            transposed_inputs(taps, d + SIZE * source, edge * sum_plane, sum_plane, e + VECTOR * corner,
                                       stride * (width + 2) * LANES, stride * LANES)  # fmt: skip
                    padding = 1 if place == 0 else 0  # the first row is above the image; the last strip has one more
                    high = OUTPUTS * stride - padding + (1 if place == down - 1 else 0)
                    top = OUTPUTS * stride * place - 1 + padding
                    if slope != 1:
                        weaken(images, slope, padding, high, 1, image, channel, top, rows)
                    put(rows, padding, high, 1, bias[channel], results, image, channel, top)
                    for row in range(2):
                        for x in range(width + 2):
                            for each in range(LANES):
                                above[row, x, each] = rows[OUTPUTS * stride + row, x, each]
        begin += count
