"""Tangents of normalisations within one sample: LayerNorm, InstanceNorm, L2Normalization, softmax.

All work on rows (R, K); each row is normalised by itself. Sums and broadcasts are written as products with a row of
ones: on a CPU, MXNet's reductions and the gradients of its broadcasts are ten times slower.
"""

from __future__ import annotations

import math

from mxgan.errors import ArgumentError
from mxgan.objectives.tangent.point import MIXES_SAMPLES, Point, check_parameters
from mxgan.runtime import mx

__all__ = ["NORMALISATIONS"]


class Rows:
    """Sums over each row of (R, K), and the broadcast of a column (R, 1) to (R, K).

    Parameters
    ----------
    like : symbol (R, K), used for its shape.
    length : K.
    """

    def __init__(self, like, length: int) -> None:
        self.length = length
        self._ones = mx.sym.ones_like(mx.sym.slice_axis(like, axis=0, begin=0, end=1))  # (1, K)

    def sum(self, values):
        """(R, K) → (R, 1)."""
        return mx.sym.dot(values, self._ones, transpose_b=True)

    def centred(self, values):
        """(R, K) minus the mean of each row."""
        return values - self.spread(self.sum(values) / self.length)

    def spread(self, column):
        """(R, 1) → (R, K)."""
        return mx.sym.dot(column, self._ones)


def standardised(x, tangent, length: int, eps: float) -> tuple:
    """The tangent of x̂ = (x − μ) / √(var + ε) as two factors, (R, K) and (R, 1).

    The factors are t − x̂ · mean(t x̂) and 1 / √(var + ε). t is the tangent of x minus the mean of its row.
    """
    rows = Rows(x, length)
    x, tangent = rows.centred(x), rows.centred(tangent)
    scale = mx.sym.rsqrt(rows.sum(mx.sym.square(x)) / length + eps)
    x = x * rows.spread(scale)
    along = rows.sum(tangent * x) / length
    return tangent - x * rows.spread(along), scale


def layer_norm(point: Point):
    """LayerNorm along one axis, with one gamma for each position in a row."""
    check_parameters(point)
    length, axis = _length_and_axis(point)
    x, tangent = (rows_of(value, axis, length) for value in (point.inputs[0], point.tangents[0]))
    across, scale = standardised(x, tangent, length, point.get("eps", 1e-5))
    # (R, 1) by (1, K): a matrix product, so that its gradients are matrix products too
    factor = mx.sym.dot(scale, mx.sym.Reshape(point.inputs[1], shape=(1, -1)))
    return back(across * factor, point, axis)


def instance_norm(point: Point):
    """InstanceNorm: each channel of each sample is a row, with one gamma for each channel."""
    check_parameters(point)
    _, channels, *sides = point.shapes[0]
    length = math.prod(sides)
    x, tangent = (mx.sym.Reshape(value, shape=(-1, length)) for value in (point.inputs[0], point.tangents[0]))
    across, scale = standardised(x, tangent, length, point.get("eps", 1e-3))
    scale = mx.sym.Reshape(scale, shape=(-1, channels))  # (N, C)
    scale = mx.sym.broadcast_mul(scale, mx.sym.Reshape(point.inputs[1], shape=(1, -1)))
    rows = across * Rows(x, length).spread(mx.sym.Reshape(scale, shape=(-1, 1)))
    return mx.sym.Reshape(rows, shape=(-1, channels, *sides))


def l2_normalised(point: Point):
    """L2Normalization, y = x / √(Σ x² + ε). With the tangent t of x: (t − y · Σ(y t)) / √(Σ x² + ε)."""
    shape, mode = point.shapes[0], point.get("mode", "instance")
    axis = 1 if mode == "channel" else -1
    length = shape[1] if mode == "channel" else math.prod(shape[1 if mode == "instance" else 2 :])
    given = (point.inputs[0], point.outputs[0], point.tangents[0])
    x, y, tangent = (rows_of(value, axis, length) for value in given)
    rows = Rows(x, length)
    scale = mx.sym.rsqrt(rows.sum(mx.sym.square(x)) + point.get("eps", 1e-10))
    return back((tangent - y * rows.spread(rows.sum(y * tangent))) * rows.spread(scale), point, axis)


def softmax(point: Point):
    """y = exp(x) / Σ exp(x) along one axis, with temperature 1: y · (t − Σ(y t)) with the tangent t of x."""
    for setting in ("temperature", "use_length"):
        if point.get(setting, None) not in (None, False, 1):
            raise point.refusal(setting, point.get(setting, None), ("none",))
    length, axis = _length_and_axis(point)
    y, tangent = (rows_of(value, axis, length) for value in (point.outputs[0], point.tangents[0]))
    rows = Rows(y, length)
    return back(y * (tangent - rows.spread(rows.sum(y * tangent))), point, axis)


def _length_and_axis(point: Point) -> tuple:
    """(length, axis) of a normalisation along one axis, -1 for the last; ArgumentError if it is the batch."""
    shape, axis = point.shapes[0], point.get("axis", -1)
    if axis in (0, -len(shape)):
        raise ArgumentError(
            f"the layer {point.node.name!r} is {point.node.operator} along axis 0, the batch, which {MIXES_SAMPLES}. "
            "Take another axis, or use no penalty."
        )
    return shape[axis], -1 if axis in (-1, len(shape) - 1) else axis


def rows_of(value, axis: int, length: int):
    """`value` as rows (R, length) along `axis`."""
    return mx.sym.Reshape(mx.sym.swapaxes(value, dim1=axis, dim2=-1) if axis != -1 else value, shape=(-1, length))


def back(rows, point: Point, axis: int):
    """Rows (R, K) reshaped to the operator's input; the batch may have any size."""
    shape = list(point.shapes[0])
    if axis == -1:
        return mx.sym.Reshape(rows, shape=(-1, *shape[1:]))
    shape[axis], shape[-1] = shape[-1], shape[axis]
    return mx.sym.swapaxes(mx.sym.Reshape(rows, shape=(-1, *shape[1:])), dim1=axis, dim2=-1)


NORMALISATIONS = {
    "InstanceNorm": instance_norm,
    "L2Normalization": l2_normalised,
    "LayerNorm": layer_norm,
    "softmax": softmax,
}
