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
the interpreter. Compiled code is kept beside this file, or in the user's folder of Numba.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mxgan.training.fast.algorithms import FILTERS, OUTPUTS
from mxgan.training.fast.instructions import BLOCKS, LANES, product, transform
from mxgan.training.fast.options import COMPILED

__all__ = ["GAP", "LANES", "OUTPUTS", "bias_gradients", "data_gradients", "outputs", "packed_weights", "products",
           "spread", "weight_gradients"]  # fmt: skip

GAP = 48  # numbers
_SIZE = 4  # bytes of a number
_VECTOR = LANES * _SIZE


def _transforms(taps: int, which: str, transposed: bool = False, adds: bool = False):
    matrix = getattr(FILTERS[taps], which)
    rows = tuple(zip(*matrix)) if transposed else matrix
    return transform(f"{which}{taps}{'_transposed' * transposed}", rows, adds)


_inputs2, _inputs3 = _transforms(2, "inputs"), _transforms(3, "inputs")
_taps2, _taps3 = _transforms(2, "taps"), _transforms(3, "taps")
_outputs2, _outputs3 = _transforms(2, "outputs"), _transforms(3, "outputs")
_to_inputs2, _to_inputs3 = _transforms(2, "inputs", True, True), _transforms(3, "inputs", True, True)
_to_taps2, _to_taps3 = _transforms(2, "taps", True), _transforms(3, "taps", True)
_to_outputs2, _to_outputs3 = _transforms(2, "outputs", True), _transforms(3, "outputs", True)
_product16, _product6, _product4 = product(16), product(6), product(4)


@njit(**COMPILED)
def _inputs(taps, source, down, right, target, target_down, target_right):
    if taps == 2:
        _inputs2(source, down, right, target, target_down, target_right)
    else:
        _inputs3(source, down, right, target, target_down, target_right)


@njit(**COMPILED)
def _taps(taps, source, down, right, target, target_down, target_right):
    if taps == 2:
        _taps2(source, down, right, target, target_down, target_right)
    else:
        _taps3(source, down, right, target, target_down, target_right)


@njit(**COMPILED)
def _outputs(taps, source, down, right, target, target_down, target_right):
    if taps == 2:
        _outputs2(source, down, right, target, target_down, target_right)
    else:
        _outputs3(source, down, right, target, target_down, target_right)


@njit(**COMPILED)
def _to_inputs(taps, source, down, right, target, target_down, target_right):
    if taps == 2:
        _to_inputs2(source, down, right, target, target_down, target_right)
    else:
        _to_inputs3(source, down, right, target, target_down, target_right)


@njit(**COMPILED)
def _to_taps(taps, source, down, right, target, target_down, target_right):
    if taps == 2:
        _to_taps2(source, down, right, target, target_down, target_right)
    else:
        _to_taps3(source, down, right, target, target_down, target_right)


@njit(**COMPILED)
def _to_outputs(taps, source, down, right, target, target_down, target_right):
    if taps == 2:
        _to_outputs2(source, down, right, target, target_down, target_right)
    else:
        _to_outputs3(source, down, right, target, target_down, target_right)


if BLOCKS == (16,):

    @njit(**COMPILED)
    def _block(first, second, target, count, distance):
        """16 rows and 16 columns of a product, all in registers."""
        _product16(first, second, target, count, distance)

else:

    @njit(**COMPILED)
    def _block(first, second, target, count, distance):
        """16 rows and 16 columns of a product, as many rows at a time as registers hold."""
        _product6(first, second, target, count, distance)
        _product6(first + 6 * _SIZE, second, target + 6 * _SIZE * distance, count, distance)
        _product4(first + 12 * _SIZE, second, target + 12 * _SIZE * distance, count, distance)


@njit(**COMPILED)
def _take(images, image, next_image, channel, next_channel, top, left, rows):
    """rows[r, left + x, i] = images[image + i · next_image, channel + i · next_channel, top + r, x], zero outside."""
    height, width = images.shape[2], images.shape[3]
    lanes = min(LANES, images.shape[0] - image if next_image else images.shape[1] - channel)
    for row in range(rows.shape[0]):
        y = top + row
        if y < 0 or y >= height:
            for x in range(rows.shape[1]):
                for lane in range(LANES):
                    rows[row, x, lane] = 0
        else:
            for lane in range(lanes):
                for x in range(width):
                    rows[row, left + x, lane] = images[image + lane * next_image, channel + lane * next_channel, y, x]


@njit(**COMPILED)
def _put(rows, first, count, left, bias, images, image, channel, top):
    """images[image + i, channel, top + r, x] = rows[first + r, left + x, i] + bias, for r < count."""
    for row in range(count):
        for lane in range(min(LANES, images.shape[0] - image)):
            for x in range(images.shape[3]):
                images[image + lane, channel, top + row, x] = rows[first + row, left + x, lane] + bias


@njit(**COMPILED)
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
                corner = source + _VECTOR * (phase // stride * side + phase % stride)
                _taps(
                    taps, corner, stride * side * LANES, stride * LANES, target + _VECTOR * place, edge * plane, plane
                )


@njit(**COMPILED)
def outputs(images, taps, packed, bias, results, inputs, products_, strips, filters):
    """The outputs (N, K, H/stride, W/stride) of images (N, C, H, W) in a range of strips and of blocks of filters.

    bias : (K,). inputs : (tiles of some strips, planes, J · 16 + GAP), products_ : (the same, planes, K · 16 + GAP),
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
                _take(images, image, 1, channel, 0, top - 1, 1, rows)
                for phase in range(phases):
                    for tile in range(across):
                        corner = phase // stride * (width + 2) + OUTPUTS * stride * tile + phase % stride
                        place = (strip * across + tile) * planes * input_plane + (phase * channels + channel) * LANES
                        _inputs(taps, a + _VECTOR * corner, stride * (width + 2) * LANES, stride * LANES,
                                b + _SIZE * place, edge * input_plane, input_plane)  # fmt: skip
        for plane in range(planes):
            for block in range(filters[0], filters[1]):
                for tile in range(count * across):
                    _block(c + _SIZE * (plane * weight_plane + block * phases * channels * LANES),
                           b + _SIZE * (tile * planes + plane) * input_plane,
                           d + _SIZE * ((tile * planes + plane) * product_plane + block * LANES * LANES),
                           phases * channels, LANES)  # fmt: skip
        for strip in range(count):
            image, top = (begin + strip) // down * LANES, (begin + strip) % down * OUTPUTS
            for filter_ in range(filters[0] * LANES, min(filters[1] * LANES, results.shape[1])):
                for tile in range(across):
                    place = (strip * across + tile) * planes * product_plane + filter_ * LANES
                    _outputs(taps, d + _SIZE * place, edge * product_plane, product_plane,
                             e + _VECTOR * OUTPUTS * tile, OUTPUTS * across * LANES, LANES)  # fmt: skip
                _put(made, 0, OUTPUTS, 0, bias[filter_], results, image, filter_, top)
        begin += count


@njit(**COMPILED)
def data_gradients(gradients, taps, packed, bias, results, sums, products_, groups, blocks):
    """The gradient (N, C, H, W) of the input for gradients (N, K, H/stride, W/stride) of the output, plus a bias (C,).

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
                _take(gradients, image, 1, filter_, 0, top, 0, taken)
                for tile in range(across):
                    place = (strip * across + tile) * planes * product_plane + filter_ * LANES
                    _to_outputs(taps, a + _VECTOR * OUTPUTS * tile, OUTPUTS * across * LANES, LANES,
                                b + _SIZE * place, edge * product_plane, product_plane)  # fmt: skip
        for block in range(blocks[0], blocks[1]):
            for plane in range(planes):
                for phase in range(phases):
                    place = (phase * wide + block) * filters * LANES
                    for tile in range(count * across):
                        _block(c + _SIZE * (plane * weight_plane + place),
                               b + _SIZE * (tile * planes + plane) * product_plane,
                               d + _SIZE * ((tile * planes + plane) * sum_plane + phase * LANES * LANES),
                               filters, LANES)  # fmt: skip
            for strip in range(count):
                image, place = (begin + strip) // down * LANES, (begin + strip) % down
                for lane in range(min(LANES, channels - block * LANES)):
                    channel = block * LANES + lane
                    above = kept[channel - blocks[0] * LANES]
                    for row in range(stride * edge):
                        for x in range(width + 2):
                            for each in range(LANES):
                                rows[row, x, each] = above[row, x, each] if row < 2 and place > 0 else np.float32(0)
                    for phase in range(phases):
                        for tile in range(across):
                            corner = phase // stride * (width + 2) + OUTPUTS * stride * tile + phase % stride
                            source = (strip * across + tile) * planes * sum_plane + (phase * LANES + lane) * LANES
                            _to_inputs(taps, d + _SIZE * source, edge * sum_plane, sum_plane, e + _VECTOR * corner,
                                       stride * (width + 2) * LANES, stride * LANES)  # fmt: skip
                    padding = 1 if place == 0 else 0  # the first row is above the image; the last strip has one more
                    high = OUTPUTS * stride - padding + (1 if place == down - 1 else 0)
                    top = OUTPUTS * stride * place - 1 + padding
                    _put(rows, padding, high, 1, bias[channel], results, image, channel, top)
                    for row in range(2):
                        for x in range(width + 2):
                            for each in range(LANES):
                                above[row, x, each] = rows[OUTPUTS * stride + row, x, each]
        begin += count


@njit(**COMPILED)
def spread(images, gradients, taps, inputs, products_, first, last):
    """Transform the images and the gradients of the output from `first` to `last`, for the gradient of the weights.

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
                _take(images, image, 0, block * LANES, 1, OUTPUTS * stride * strip - 1, 1, rows)
                for phase in range(phases):
                    for tile in range(across):
                        corner = phase // stride * (width + 2) + OUTPUTS * stride * tile + phase % stride
                        place = (phase * wide + block) * tiles + begin + tile
                        _inputs(taps, a + _VECTOR * corner, stride * (width + 2) * LANES, stride * LANES,
                                b + _VECTOR * place, edge * input_plane, input_plane)  # fmt: skip
            for block in range(-(-gradients.shape[1] // LANES)):
                _take(gradients, image, 0, block * LANES, 1, OUTPUTS * strip, 0, taken)
                for tile in range(across):
                    _to_outputs(taps, c + _VECTOR * OUTPUTS * tile, OUTPUTS * across * LANES, LANES,
                                d + _VECTOR * (block * tiles + begin + tile),
                                edge * product_plane, product_plane)  # fmt: skip


@njit(**COMPILED)
def products(inputs, products_, sums, filters, columns, tiles, first, last):
    """sums (planes, K · J + GAP) from the arrays of `spread`, in the planes from `first` to `last`."""
    a, b, c = products_.ctypes.data, inputs.ctypes.data, sums.ctypes.data
    product_plane, input_plane, sum_plane = products_.shape[1], inputs.shape[1], sums.shape[1]
    for plane in range(first, last):
        for column in range(columns // LANES):
            for row in range(filters // LANES):
                _block(a + _SIZE * (plane * product_plane + row * tiles * LANES),
                       b + _SIZE * (plane * input_plane + column * tiles * LANES),
                       c + _SIZE * (plane * sum_plane + row * LANES * columns + column * LANES),
                       tiles, columns)  # fmt: skip


@njit(**COMPILED)
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
                corner = target + _VECTOR * (phase // stride * side + phase % stride)
                _to_taps(taps, source + _SIZE * place, edge * plane, plane, corner, stride * side * LANES,
                         stride * LANES)  # fmt: skip
            for lane in range(min(LANES, channels - block * LANES)):
                for y in range(side):
                    for x in range(side):
                        results[filter_, block * LANES + lane, y, x] = kernel[y, x, lane]


@njit(**COMPILED)
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
