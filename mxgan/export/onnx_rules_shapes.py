"""Rules of ONNX for what changes shapes, and moves, cuts, joins or repeats values."""

from __future__ import annotations

import math
import re

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.export.layers import Layer
from mxgan.export.onnx_building import Building

__all__ = ["SHAPES"]

_FIRST, _LAST = -(2**63), 2**63 - 1  # of an axis, for ONNX's Slice


def _reshape(at: Building, layer: Layer, x: str, *_) -> str:
    """Reshape in all its forms (0, -1 … -4, reverse), reshape_like: by the shapes that MXNet works out."""
    return at.reshape(x, at.shape(layer.inputs[0]), at.shape(layer.outputs[0]))


def _transpose(at: Building, layer: Layer, x: str) -> str:
    dimensions = len(at.shape(layer.inputs[0]))
    return at.add("Transpose", x, perm=layer.numbers("axes") or tuple(range(dimensions))[::-1])


def _swap_axis(at: Building, layer: Layer, x: str) -> str:
    order = list(range(len(at.shape(layer.inputs[0]))))
    first, second = (int(layer.number(name, 0)) for name in ("dim1", "dim2"))
    order[first], order[second] = order[second], order[first]
    return at.add("Transpose", x, perm=order)


def _expand_dims(at: Building, layer: Layer, x: str) -> str:
    return at.add("Unsqueeze", x, at.integers(layer.numbers("axis")))


def _squeeze(at: Building, layer: Layer, x: str) -> str:
    shape = at.shape(layer.inputs[0])
    axes = layer.numbers("axis") or tuple(axis for axis, side in enumerate(shape) if side == 1)
    return at.add("Squeeze", x, at.integers(axes))


def _concat(at: Building, layer: Layer, *values: str) -> str:
    return at.add("Concat", *values, axis=int(layer.number("dim", 1)))


def _stack(at: Building, layer: Layer, *values: str) -> str:
    axis = int(layer.number("axis", 0))
    return at.add("Concat", *(at.add("Unsqueeze", value, at.integers((axis,))) for value in values), axis=axis)


def _slice_channel(at: Building, layer: Layer, x: str) -> list:
    axis, count = int(layer.number("axis", 1)), int(layer.number("num_outputs", 1))
    parts = at.add("Split", x, outputs=count, axis=axis, num_outputs=count)
    parts = [parts] if count == 1 else parts
    return [at.add("Squeeze", part, at.integers((axis,))) for part in parts] if layer.switch("squeeze_axis") else parts


def _bounds(layer: Layer, name: str) -> list:
    """Whole numbers and None in an attribute."""
    return [None if each == "None" else int(each) for each in re.findall(r"None|-?\d+", layer.word(name))]


def _cut(at: Building, x: str, rows: list) -> str:
    """A part of an array; rows are (axis, begin, end, step), where None is the end of the axis that the step needs."""
    rows = [(axis, begin, end, step or 1) for axis, begin, end, step in rows]
    starts = [(_LAST if step < 0 else 0) if begin is None else begin for _, begin, _, step in rows]
    ends = [(_FIRST if step < 0 else _LAST) if end is None else end for _, _, end, step in rows]
    lists = (starts, ends, [row[0] for row in rows], [row[3] for row in rows])
    return at.add("Slice", x, *map(at.integers, lists))


def _slice(at: Building, layer: Layer, x: str) -> str:
    begins, ends = _bounds(layer, "begin"), _bounds(layer, "end")
    steps = _bounds(layer, "step") or [None] * len(begins)
    return _cut(at, x, list(zip(range(len(begins)), begins, ends, steps)))


def _slice_axis(at: Building, layer: Layer, x: str) -> str:
    (begin,), (end,) = _bounds(layer, "begin"), _bounds(layer, "end")
    return _cut(at, x, [(int(layer.number("axis", 0)), begin, end, 1)])


def _slice_like(at: Building, layer: Layer, x: str, like: str) -> str:
    axes = layer.numbers("axes") or tuple(range(len(at.shape(layer.inputs[1]))))
    ends = at.add("Gather", at.add("Shape", like), at.integers(axes))
    return at.add("Slice", x, at.integers([0] * len(axes)), ends, at.integers(axes))


def _crop(at: Building, layer: Layer, x: str, *_) -> str:
    sides, wanted = at.shape(layer.inputs[0])[2:], at.shape(layer.outputs[0])[2:]
    offset = layer.numbers("offset", (0, 0))
    if layer.switch("center_crop"):
        offset = tuple((side - part) // 2 for side, part in zip(sides, wanted))
    return _cut(at, x, [(2 + i, begin, begin + part, 1) for i, (begin, part) in enumerate(zip(offset, wanted))])


def _reverse(at: Building, layer: Layer, x: str) -> str:
    return _cut(at, x, [(axis, None, None, -1) for axis in layer.numbers("axis")])


def _pad(at: Building, layer: Layer, x: str) -> str:
    widths, mode = layer.numbers("pad_width"), layer.word("mode")
    value = [at.number(layer.number("constant_value", 0))] if mode == "constant" else []
    return at.add("Pad", x, at.integers((*widths[::2], *widths[1::2])), *value, mode=mode)


def _broadcast(at: Building, layer: Layer, x: str, *like: str) -> str:
    old, new = at.shape(layer.inputs[0]), at.shape(layer.outputs[0])
    if all(side is not None or (axis < len(old) and old[axis] is None) for axis, side in enumerate(new)):
        return at.add("Expand", x, at.integers([side or 1 for side in new]))  # 1 keeps what is there
    if not like or layer.numbers("lhs_axes"):
        raise ArgumentError(f"layer {layer.name!r} repeats {old} to {new}, and the batch decides how often.")
    return at.add("Expand", x, at.add("Shape", *like))


def _filled(at: Building, layer: Layer, x: str) -> str:
    number = at.number(float(layer.operator == "ones_like"))
    return at.add("Expand", number, at.add("Shape", x))


def _one_hot(at: Building, layer: Layer, x: str) -> str:
    numbers = at.add("Unsqueeze", at.whole_numbers(layer.inputs[0], x), at.integers((-1,)))
    hot = at.add("Equal", numbers, at.integers(np.arange(int(layer.number("depth", 0)))))
    on, off = layer.number("on_value", 1), layer.number("off_value", 0)
    return at.cast(hot) if (on, off) == (1, 0) else at.add("Where", hot, at.number(on), at.number(off))


def _blocks(at: Building, layer: Layer, x: str) -> str:
    operator = {"depth_to_space": "DepthToSpace", "space_to_depth": "SpaceToDepth"}[layer.operator]
    return at.add(operator, x, blocksize=int(layer.number("block_size", 1)))


def _windows(layer: Layer) -> dict:
    pad = layer.numbers("pad") or (0, 0)
    return {
        "strides": layer.numbers("stride") or (1, 1),
        "dilations": layer.numbers("dilate") or (1, 1),
        "pads": (*pad, *pad),
    }


def _im2col(at: Building, layer: Layer, x: str) -> str:
    """Each value under the kernel as a channel of its own, by a convolution with kernels of one 1."""
    channels, kernel = at.shape(layer.inputs[0])[1], layer.numbers("kernel")
    size = math.prod(kernel)
    ones = np.tile(np.eye(size).reshape(size, 1, *kernel), (channels, *[1] * (1 + len(kernel))))
    columns = at.add("Conv", x, at.array(ones), kernel_shape=kernel, group=channels, **_windows(layer))
    return at.add("Reshape", columns, at.integers((0, channels * size, -1)))


def _col2im(at: Building, layer: Layer, x: str) -> str:
    sizes = (at.integers(layer.numbers(name)) for name in ("output_size", "kernel"))
    return at.add("Col2Im", x, *sizes, **_windows(layer))


SHAPES = {
    **dict.fromkeys(("broadcast_axis", "broadcast_like", "broadcast_to"), _broadcast),
    **dict.fromkeys(("depth_to_space", "space_to_depth"), _blocks),
    **dict.fromkeys(("ones_like", "zeros_like"), _filled),
    **dict.fromkeys(("Flatten", "Reshape", "reshape_like"), _reshape),
    "Concat": _concat,
    "Crop": _crop,
    "Pad": _pad,
    "SliceChannel": _slice_channel,
    "SwapAxis": _swap_axis,
    "col2im": _col2im,
    "expand_dims": _expand_dims,
    "im2col": _im2col,
    "one_hot": _one_hot,
    "reverse": _reverse,
    "slice": _slice,
    "slice_axis": _slice_axis,
    "slice_like": _slice_like,
    "squeeze": _squeeze,
    "stack": _stack,
    "transpose": _transpose,
}
