"""Tangents of functions of one number, y = f(x): the tangent of x times f'(x).

At a kink the slope is the one of MXNet's backward pass. For example, the slope of a ReLU at 0 is the slope of its
negative side.
"""

from __future__ import annotations

from mxgan.objectives.tangent.point import Point
from mxgan.runtime import mx

__all__ = ["FUNCTIONS"]

_SLOPE_OF_ERF = 1.1283791670955126  # 2/√π, at 0


def smooth(slope):
    """The rule for a function with f' = slope(x, y)."""
    return lambda point: point.tangents[0] * slope(point.inputs[0], point.outputs[0])


def with_number(slope):
    """The rule for an operator with a constant c: f' = slope(x, y, c)."""
    return lambda point: point.tangents[0] * slope(point.inputs[0], point.outputs[0], point.get("scalar", 0.0))


def piecewise(slope):
    """The rule for a function whose f' = slope(x, point) is constant between kinks."""
    return lambda point: point.tangents[0] * point.mask(slope(point.inputs[0], point))


def let_through(x, point: Point):
    """1 for the values that `clip` leaves unchanged, else 0."""
    return (x >= point.get("a_min", 0.0)) * (x <= point.get("a_max", 0.0))


ELEMENTARY = {
    "abs": piecewise(lambda x, point: mx.sym.sign(x)),
    "clip": piecewise(let_through),
    "erf": smooth(lambda x, y: mx.sym.exp(-mx.sym.square(x)) * _SLOPE_OF_ERF),
    "exp": smooth(lambda x, y: y),
    "log": smooth(lambda x, y: 1 / x),
    "log1p": smooth(lambda x, y: 1 / (1 + x)),
    "reciprocal": smooth(lambda x, y: -mx.sym.square(y)),
    "relu": piecewise(lambda x, point: x > 0),
    "rsqrt": smooth(lambda x, y: -0.5 * y / x),
    "sigmoid": smooth(lambda x, y: y * (1 - y)),
    "softsign": smooth(lambda x, y: 1 / mx.sym.square(1 + mx.sym.abs(x))),
    "sqrt": smooth(lambda x, y: 0.5 / y),
    "square": smooth(lambda x, y: 2 * x),
    "tanh": smooth(lambda x, y: 1 - mx.sym.square(y)),
    "_maximum_scalar": piecewise(lambda x, point: x >= point.get("scalar", 0.0)),
    "_minimum_scalar": piecewise(lambda x, point: x <= point.get("scalar", 0.0)),
    "_power_scalar": with_number(lambda x, y, c: c * x ** (c - 1)),
    "_rdiv_scalar": with_number(lambda x, y, c: -y / x),
}
_ACTIVATIONS = {  # all activations of MXNet
    **{kind: ELEMENTARY[kind] for kind in ("relu", "sigmoid", "softsign", "tanh")},
    "softrelu": smooth(lambda x, y: mx.sym.sigmoid(x)),
}


def leaky(point: Point):
    """LeakyReLU with a fixed slope, and ELU, whose derivative for negative x is y + slope."""
    kind, slope = point.get("act_type", "leaky"), point.get("slope", 0.25)
    x, y = point.inputs[0], point.outputs[0]
    if kind == "leaky":
        return point.tangents[0] * point.mask((x <= 0) * (slope - 1) + 1)
    if kind == "elu":
        positive = point.mask(x > 0)
        return point.tangents[0] * (positive + (1 - positive) * (y + slope))
    raise point.refusal("act_type", kind, ("leaky", "elu"))


FUNCTIONS = {
    **ELEMENTARY,
    "Activation": lambda point: _ACTIVATIONS[point.get("act_type", None)](point),
    "LeakyReLU": leaky,
}
