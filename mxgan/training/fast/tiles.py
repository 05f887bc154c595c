"""Tiles of images: taken from their arrays, transformed, and put back; the blocks of a product.

A tile is 4×4 outputs. Everything here is for LANES images or LANES channels at a time, which stand innermost.
"""

from __future__ import annotations

import numpy as np

from mxgan.training.fast.algorithms import FILTERS
from mxgan.training.fast.instructions import LANES, block, transform
from mxgan.training.fast.options import compiled

__all__ = [
    "GAP",
    "SIZE",
    "VECTOR",
    "add_block",
    "put",
    "take",
    "to_inputs",
    "to_outputs",
    "to_taps",
    "transposed_inputs",
    "transposed_outputs",
    "transposed_taps",
    "weaken",
    "write_block",
]

GAP = 48  # numbers between planes
SIZE = 4  # bytes of a number
VECTOR = LANES * SIZE


def _transform(which: str, adds: bool = False):
    """The transform by a matrix of the filters; its first argument is the number of taps."""
    return transform(which, {taps: getattr(each, which) for taps, each in FILTERS.items()}, adds)


def _transposed(which: str, adds: bool = False):
    """The transform by the transposed matrix, for gradients."""
    matrices = {taps: tuple(zip(*getattr(each, which))) for taps, each in FILTERS.items()}
    return transform(f"transposed_{which}{'_added' * adds}", matrices, adds)


to_inputs, to_taps, to_outputs = map(_transform, ("inputs", "taps", "outputs"))
transposed_inputs, transposed_taps = _transposed("inputs", adds=True), _transposed("taps")  # tiles of inputs overlap
transposed_outputs = _transposed("outputs")
write_block, add_block = block(), block(adds=True)


@compiled
def take(images, slope, image, next_image, channel, next_channel, top, left, rows):
    """rows[r, left + x, i] = images[image + i · next_image, channel + i · next_channel, top + r, x], zero outside.

    Numbers below 0 are taken times `slope`.
    """
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
                    value = images[image + lane * next_image, channel + lane * next_channel, y, x]
                    rows[row, left + x, lane] = value if value > 0 else slope * value


@compiled
def put(rows, first, count, left, bias, images, image, channel, top):
    """images[image + i, channel, top + r, x] = rows[first + r, left + x, i] + bias, for r < count."""
    for row in range(count):
        for lane in range(min(LANES, images.shape[0] - image)):
            for x in range(images.shape[3]):
                images[image + lane, channel, top + row, x] = rows[first + row, left + x, lane] + bias


@compiled
def weaken(data, slope, first, count, left, image, channel, top, rows):
    """rows[first + r, left + x, i] times `slope` where data[image + i, channel, top + r, x] is not above 0."""
    for row in range(count):
        for lane in range(min(LANES, data.shape[0] - image)):
            for x in range(data.shape[3]):
                factor = np.float32(1) if data[image + lane, channel, top + row, x] > 0 else slope
                rows[first + row, left + x, lane] *= factor
