"""Rules of ONNX for functions of single values, comparisons, reductions and products of arrays.

MXNet's comparisons give 0 and 1 as floats; those of ONNX give booleans.
"""

from __future__ import annotations

import math
from typing import Callable

from mxgan.errors import ArgumentError
from mxgan.export.layers import Layer
from mxgan.export.onnx_building import Building

__all__ = ["ELEMENTWISE"]

_INSTEAD = "Export in the format mxnet or npz."

# ---- functions of one value ----


def _named(operator: str, **attributes) -> Callable:
    """The rule for an operator that ONNX has under another name."""
    return lambda at, layer, *values: at.add(operator, *values, **attributes)


def _scaled(operator: str, factor: float) -> Callable:
    return lambda at, layer, x: at.add("Mul", at.add(operator, x), at.number(factor))


_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "softrelu": "Softplus", "softsign": "Softsign", "tanh": "Tanh"}


def _activation(at: Building, layer: Layer, x: str) -> str:
    return at.add(_ACTIVATIONS[layer.word("act_type")], x)


def _leaky_relu(at: Building, layer: Layer, x: str, *gamma: str) -> str:
    kind, slope = layer.word("act_type", "leaky"), layer.number("slope", 0.25)
    if kind == "rrelu":  # in inference the mean of its slopes
        slope = (layer.number("lower_bound", 0.125) + layer.number("upper_bound", 0.334)) / 2
    if kind == "prelu":
        return at.add("PRelu", x, at.over_channels(*gamma, 0, len(at.shape(layer.inputs[0])) - 1))
    if kind == "gelu":
        part = at.add("Erf", at.add("Mul", x, at.number(math.sqrt(0.5))))
        return at.add("Mul", at.add("Mul", x, at.number(0.5)), at.add("Add", part, at.number(1)))
    if kind == "selu":
        return at.add("Selu", x)
    return at.add("Elu" if kind == "elu" else "LeakyRelu", x, alpha=slope)


def _softmax(at: Building, layer: Layer, x: str, *length: str) -> str:
    if length:
        raise ArgumentError(
            f"layer {layer.name!r} is a softmax with lengths (use_length), which ONNX does not have. {_INSTEAD}"
        )
    temperature = layer.word("temperature", "None")
    x = at.add("Neg", x) if layer.operator == "softmin" else x
    x = x if temperature == "None" else at.add("Div", x, at.number(float(temperature)))
    operator = "LogSoftmax" if layer.operator == "log_softmax" else "Softmax"
    return at.add(operator, x, axis=layer.numbers("axis", (-1,))[0])


def _softmax_activation(at: Building, layer: Layer, x: str) -> str:
    """Over channels, or over the last axis: MXNet's mode instance takes all axes before it as one."""
    return at.add("Softmax", x, axis=1 if layer.word("mode", "instance") == "channel" else -1)


def _clip(at: Building, layer: Layer, x: str) -> str:
    return at.add("Clip", x, at.number(layer.number("a_min", 0)), at.number(layer.number("a_max", 0)))


def _cast(at: Building, layer: Layer, x: str) -> str:
    """A value through another type: what that type cannot hold is lost, and the float type stays."""
    dtype = layer.word("dtype")
    return x if dtype in ("float32", "float64", at.dtype) else at.cast(at.cast(x, dtype))


def _expm1(at: Building, layer: Layer, x: str) -> str:
    return at.add("Sub", at.add("Exp", x), at.number(1))


def _log1p(at: Building, layer: Layer, x: str) -> str:
    return at.add("Log", at.add("Add", x, at.number(1)))


def _round(at: Building, layer: Layer, x: str) -> str:
    """Halves away from 0; ONNX's Round gives the even neighbour."""
    nearest = at.add("Floor", at.add("Add", at.add("Abs", x), at.number(0.5)))
    return at.add("Mul", at.add("Sign", x), nearest)


def _rint(at: Building, layer: Layer, x: str) -> str:
    """Halves down, as MXNet's rint does."""
    return at.add("Ceil", at.add("Sub", x, at.number(0.5)))


def _hard_sigmoid(at: Building, layer: Layer, x: str) -> str:
    return at.add("HardSigmoid", x, alpha=layer.number("alpha", 0.2), beta=layer.number("beta", 0.5))


def _smooth_l1(at: Building, layer: Layer, x: str) -> str:
    square = layer.number("scalar", 1) ** 2
    size = at.add("Abs", x)
    inside = at.add("Mul", at.add("Mul", x, x), at.number(square / 2))
    outside = at.add("Sub", size, at.number(0.5 / square))
    return at.add("Where", at.add("Less", size, at.number(1 / square)), inside, outside)


def _logical_not(at: Building, layer: Layer, x: str) -> str:
    return at.cast(at.add("Equal", x, at.number(0)))


# ---- of two values, or a value and a number ----

_ARITHMETIC = {
    "add": "Add", "div": "Div", "maximum": "Max", "minimum": "Min", "minus": "Sub", "mul": "Mul", "plus": "Add",
    "power": "Pow", "sub": "Sub",
}  # fmt: skip
_COMPARISONS = {
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "lesser": "Less",
    "lesser_equal": "LessOrEqual", "not_equal": "Equal",
}  # fmt: skip
_SPELLINGS = {
    "broadcast_{}": ("add", "div", "maximum", "minimum", "mul", "power", "sub", *_COMPARISONS),
    "elemwise_{}": ("add", "div", "mul", "sub"),
    "_{}": ("maximum", "minimum", "power", *_COMPARISONS),
    "_{}_scalar": ("div", "maximum", "minimum", "minus", "mul", "plus", "power", *_COMPARISONS),
    "_r{}_scalar": ("div", "minus", "power"),
}


def _pair(kind: str) -> Callable:
    """The rule for a function of two values; with one, the layer's number is the second, or the first for _r…."""

    def rule(at: Building, layer: Layer, *values: str) -> str:
        if len(values) == 1:
            values = (*values, at.number(layer.number("scalar", 1)))
            values = values[::-1] if layer.operator.startswith("_r") else values
        if kind in _ARITHMETIC:
            return at.add(_ARITHMETIC[kind], *values)
        made = at.add(_COMPARISONS[kind], *values)
        return at.cast(at.add("Not", made) if kind == "not_equal" else made)

    return rule


def _where(at: Building, layer: Layer, condition: str, x: str, y: str) -> str:
    shape, wanted = (at.shape(name) for name in layer.inputs[:2])
    if len(shape) == 1 < len(wanted):  # one for each row
        condition = at.over_channels(condition, 0, len(wanted))
    return at.add("Where", at.add("Not", at.add("Equal", condition, at.number(0))), x, y)


# ---- reductions and products ----


def _reduction(operator: str) -> Callable:
    """The rule for a reduction over `axis`, all axes if it is not given."""

    def rule(at: Building, layer: Layer, x: str) -> str:
        dimensions = len(at.shape(layer.inputs[0]))
        given = layer.numbers("axis") or ()
        axes = {axis % dimensions for axis in given} or set(range(dimensions))
        if layer.switch("exclude") and given:
            axes = set(range(dimensions)) - axes
        first = layer.operator == "norm" and layer.word("ord", "2") == "1"
        keep = layer.switch("keepdims")
        name = "ReduceL1" if first else operator
        made = at.add(name, x, at.integers(sorted(axes)), keepdims=int(keep))
        return at.add("Reshape", made, at.integers((1,))) if len(axes) == dimensions and not keep else made

    return rule


def _dot(at: Building, layer: Layer, a: str, b: str) -> str:
    shapes = [at.shape(name) for name in layer.inputs]
    flags = [layer.switch("transpose_a"), layer.switch("transpose_b")]
    if any(flag and len(shape) != 2 for flag, shape in zip(flags, shapes)) or len(shapes[1]) != 2:
        raise ArgumentError(
            f"layer {layer.name!r} is a dot of {shapes[0]} and {shapes[1]}; ONNX takes matrices. {_INSTEAD}"
        )
    a, b = (at.add("Transpose", value, perm=(1, 0)) if flag else value for flag, value in zip(flags, (a, b)))
    return at.add("MatMul", a, b)


def _batch_dot(at: Building, layer: Layer, a: str, b: str) -> str:
    flags = [layer.switch("transpose_a"), layer.switch("transpose_b")]
    a, b = (at.add("Transpose", value, perm=(0, 2, 1)) if flag else value for flag, value in zip(flags, (a, b)))
    return at.add("MatMul", a, b)


ELEMENTWISE = {
    **{form.format(kind): _pair(kind) for form, kinds in _SPELLINGS.items() for kind in kinds},
    **{name: _named(name.capitalize())
       for name in ("abs", "ceil", "cos", "erf", "exp", "floor", "log", "reciprocal", "relu", "sigmoid", "sign", "sin",
                    "softsign", "sqrt", "tanh")},
    **{name: _reduction(f"Reduce{name.capitalize()}") for name in ("max", "mean", "min", "prod", "sum")},
    **dict.fromkeys(("log_softmax", "softmax", "softmin"), _softmax),
    "Activation": _activation,
    "Cast": _cast,
    "LeakyReLU": _leaky_relu,
    "SoftmaxActivation": _softmax_activation,
    "add_n": _named("Sum"),
    "batch_dot": _batch_dot,
    "clip": _clip,
    "dot": _dot,
    "expm1": _expm1,
    "hard_sigmoid": _hard_sigmoid,
    "log10": _scaled("Log", 1 / math.log(10)),
    "log1p": _log1p,
    "log2": _scaled("Log", 1 / math.log(2)),
    "logical_not": _logical_not,
    "negative": _named("Neg"),
    "norm": _reduction("ReduceL2"),
    "rint": _rint,
    "round": _round,
    "rsqrt": lambda at, layer, x: at.add("Reciprocal", at.add("Sqrt", x)),
    "smooth_l1": _smooth_l1,
    "square": lambda at, layer, x: at.add("Mul", x, x),
    "where": _where,
}  # fmt: skip
