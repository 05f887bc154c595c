"""Changes of images as symbols, each linear in the images: colour, translation, cutout.

A change takes `data` (N, C, H, W), the values of its random numbers (N, k) and the `shape` (C, H, W) of an image, and
returns a symbol (N, C, H, W). A mask takes the values and the shape, and returns a symbol (N, H, W) of 0 and 1;
`masked` sets to 0 what several masks leave out, in one pass. The values get no gradient. The forms are chosen for speed
on a CPU: MXNet's gradient of a broadcast operator is several times slower than a matrix product or a copy of rows.
`neutral` values leave every number as it is, to the bit.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

from mxgan.runtime import mx

__all__ = ["colour", "cutout_mask", "inside_mask", "masked", "shifted"]


def colour(data, values, shape: tuple):
    """Brightness b, saturation s and contrast c of `values` (N, 3); of grey images the saturation changes nothing.

    b is added to each number; the difference of each colour to its pixel's mean is multiplied by s; then the difference
    of each number to the image's mean by c. With the pixel's mean m and the image's mean M, all in one:
    c s x + c (1 − s) m + (1 − c) M + b.
    """
    channels, height, width = shape
    size = channels * height * width
    brightness, saturation, contrast = (_number(values, place, (-1, 1, 1)) for place in range(3))
    flat = mx.sym.Reshape(data, shape=(-1, size))  # (N, C · H · W)
    mean = mx.sym.Reshape(mx.sym.dot(flat, mx.sym.ones((size, 1))), shape=(-1, 1, 1)) / size
    own = mx.sym.Reshape(mx.sym.eye(channels), shape=(1, channels, channels))
    mixing = mx.sym.broadcast_mul(contrast * saturation, own)
    mixing = mx.sym.broadcast_add(mixing, contrast * (1 - saturation) / channels)  # (N, C, C)
    mixed = mx.sym.batch_dot(mixing, mx.sym.Reshape(data, shape=(-1, channels, height * width)))
    offset = mx.sym.Reshape((1 - contrast) * mean + brightness, shape=(-1, 1))
    changed = mx.sym.Reshape(mixed, shape=(-1, size)) + mx.sym.dot(offset, mx.sym.ones((1, size)))
    return mx.sym.Reshape(changed, shape=(-1, *shape))


def shifted(data, values, shape: tuple):
    """Each image moved: pixel (i, j) is that of (i + dy, j + dx), with (dy, dx) of `values` (N, 2).

    Beyond the image it is the nearest pixel, which `inside_mask` leaves out. Rows are copied, then columns, which are
    the rows of the transposed images.
    """
    moved = _rows_moved(data, _number(values, 0, (-1, 1)), shape)
    moved = _rows_moved(mx.sym.transpose(moved, axes=(0, 1, 3, 2)), _number(values, 1, (-1, 1)), _turned(shape))
    return mx.sym.transpose(moved, axes=(0, 1, 3, 2))


def inside_mask(values, shape: tuple):
    """1 where `shifted` takes its pixel from inside the image."""
    inside = [
        _between(mx.sym.broadcast_add(_places(length), _number(values, place, (-1, 1))), 0, length)
        for place, length in enumerate(shape[1:])
    ]
    return _product(*inside)


def cutout_mask(values, shape: tuple):
    """0 in a rectangle of half the height and half the width; `values` (N, 2) is its first row and column."""
    covered = [
        _between(mx.sym.broadcast_sub(_places(length), _number(values, place, (-1, 1))), 0, (length + 1) // 2)
        for place, length in enumerate(shape[1:])
    ]
    return 1 - _product(*covered)


def masked(data, masks: Sequence, shape: tuple):
    """`data` where all masks are 1, else 0. They are multiplied before they are copied to each channel."""
    return data * _planes(functools.reduce(operator.mul, masks), shape) if masks else data


def _turned(shape: tuple) -> tuple:
    channels, height, width = shape
    return channels, width, height


def _number(values, place: int, shape: tuple):
    """One of each sample's numbers, reshaped."""
    return mx.sym.Reshape(mx.sym.slice_axis(values, axis=1, begin=place, end=place + 1), shape=shape)


def _places(length: int):
    """0, 1, … length − 1, as (1, length)."""
    return mx.sym.Reshape(mx.sym.arange(length), shape=(1, length))


def _between(places, first: int, end: int):
    """1 where first ≤ place < end, else 0."""
    return (places >= first) * (places < end)


def _product(rows, columns):
    """(N, H) and (N, W) as (N, H, W)."""
    return mx.sym.batch_dot(mx.sym.expand_dims(rows, axis=2), mx.sym.expand_dims(columns, axis=1))


def _planes(mask, shape: tuple):
    """A mask (N, H, W) for each channel, (N, C, H, W)."""
    return mx.sym.broadcast_axis(mx.sym.expand_dims(mask, axis=1), axis=1, size=shape[0])


def _rows_moved(data, shift, shape: tuple):
    """Row i is row i + shift, (N, 1); beyond the image it is the nearest row."""
    channels, height, width = shape
    rows = mx.sym.clip(mx.sym.broadcast_add(_places(height), shift), 0, height - 1)  # (N, H)
    planes = mx.sym.contrib.arange_like(shift, axis=0) * (channels * height)  # (N,): the first row of each image
    first = mx.sym.broadcast_add(
        mx.sym.Reshape(planes, shape=(-1, 1, 1)), mx.sym.Reshape(mx.sym.arange(channels) * height, shape=(1, -1, 1))
    )  # (N, C, 1)
    index = mx.sym.broadcast_add(first, mx.sym.expand_dims(rows, axis=1))  # (N, C, H)
    flat = mx.sym.Reshape(data, shape=(-1, width))  # (N · C · H, W)
    return mx.sym.Reshape(mx.sym.take(flat, mx.sym.Reshape(index, shape=(-1,))), shape=(-1, *shape))
