"""Tangents of the normalisations that stay within a sample."""

from __future__ import annotations

from mxgan.runtime import mx
from mxgan.tangent.point import Point, check_parameters

__all__ = ["NORMALISATIONS"]


def centred(value, axes: tuple):
    """`value` minus its mean over `axes`."""
    return mx.sym.broadcast_sub(value, mx.sym.mean(value, axis=axes, keepdims=True))


def standardised(x, tangent, axes: tuple, eps: float):
    """The tangent of x̂ = (x − μ) / √(var + ε): (t − x̂ · mean(t x̂)) / √(var + ε), t the centred tangent of x."""
    x, tangent = centred(x, axes), centred(tangent, axes)
    scale = mx.sym.rsqrt(mx.sym.mean(mx.sym.square(x), axis=axes, keepdims=True) + eps)
    x = mx.sym.broadcast_mul(x, scale)
    along = mx.sym.mean(tangent * x, axis=axes, keepdims=True)
    return mx.sym.broadcast_mul(tangent - mx.sym.broadcast_mul(x, along), scale)


def scaled(point: Point, axes: tuple, channel: int, eps: float):
    """`standardised`, times gamma along the axis `channel`; beta does not move."""
    check_parameters(point)
    rank = len(point.shapes[0])
    gamma = mx.sym.Reshape(point.inputs[1], shape=tuple(-1 if i == channel else 1 for i in range(rank)))
    return mx.sym.broadcast_mul(standardised(point.inputs[0], point.tangents[0], axes, eps), gamma)


def layer_norm(point: Point):
    """LayerNorm along one axis."""
    axis = point.get("axis", -1) % len(point.shapes[0])
    return scaled(point, (axis,), axis, point.get("eps", 1e-5))


def instance_norm(point: Point):
    """InstanceNorm: each channel of each sample."""
    return scaled(point, tuple(range(2, len(point.shapes[0]))), 1, point.get("eps", 1e-3))


# mode → the axes that are summed over, of so many
_L2_AXES = {
    "instance": lambda rank: tuple(range(1, rank)),
    "channel": lambda rank: (1,),
    "spatial": lambda rank: tuple(range(2, rank)),
}


def l2_normalised(point: Point):
    """y = x / √(Σ x² + ε), with the tangent t of x: (t − y · Σ(y t)) / √(Σ x² + ε)."""
    x, y, tangent = point.inputs[0], point.outputs[0], point.tangents[0]
    axes = _L2_AXES[point.get("mode", "instance")](len(point.shapes[0]))
    scale = mx.sym.rsqrt(mx.sym.sum(mx.sym.square(x), axis=axes, keepdims=True) + point.get("eps", 1e-10))
    along = mx.sym.sum(y * tangent, axis=axes, keepdims=True)
    return mx.sym.broadcast_mul(tangent - mx.sym.broadcast_mul(y, along), scale)


NORMALISATIONS = {"InstanceNorm": instance_norm, "L2Normalization": l2_normalised, "LayerNorm": layer_norm}
