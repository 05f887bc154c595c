"""Rules for operators that compute with each value, and for sums over axes: each becomes an expression in forward."""

from __future__ import annotations

from mxgan.export.torch_pieces import Piece, Place, short
from mxgan.graphs.layers import stated_numbers

__all__ = ["ELEMENTWISE"]


def _written(expression: str):
    """The rule of an operator that is always the same expression."""
    return lambda place: Piece((expression,))


def _with_scalar(expression: str):
    """The rule of an operator with a number, in the place of {number}."""

    def rule(place: Place) -> Piece:
        number = short(place.layer.number("scalar", 0))
        return Piece((expression.replace("{number}", number),))

    return rule


_ACTIVATIONS = {
    "relu": "F.relu({0})",
    "sigmoid": "torch.sigmoid({0})",
    "softrelu": "F.softplus({0})",
    "softsign": "F.softsign({0})",
    "tanh": "torch.tanh({0})",
    "log_sigmoid": "F.logsigmoid({0})",
    "mish": "F.mish({0})",
}


def _activation(place: Place) -> Piece:
    kind = place.layer.word("act_type")
    if kind not in _ACTIVATIONS:
        raise place.refused(f"of the type {kind}")
    return Piece((_ACTIVATIONS[kind],))


def _add_n(place: Place) -> Piece:
    return Piece((f"({' + '.join(f'{{{i}}}' for i in range(len(place.inputs)))})",))


def _one_hot(place: Place) -> Piece:
    layer = place.layer
    if (layer.number("on_value", 1), layer.number("off_value", 0)) != (1, 0):
        raise place.refused("with other values than 0 and 1")
    return Piece((f"F.one_hot({{0}}.long(), {int(layer.number('depth', 1))}).float()",))


def _reduced(method: str):
    """The rule of a reduction over some axes, or all."""

    def rule(place: Place) -> Piece:
        layer, axes = place.layer, range(len(place.inputs[0]))
        given = {axis % len(axes) for axis in stated_numbers(layer.word("axis"))} or set(axes)
        over = tuple(sorted(set(axes) - given if layer.switch("exclude") else given))
        kept = ", keepdim=True" if layer.switch("keepdims") else ""
        return Piece((f"{{0}}.{method}({over[0] if len(over) == 1 else over}{kept})",))

    return rule


def _softmax(function: str):
    """The rule of a softmax over one axis."""

    def rule(place: Place) -> Piece:
        if len(place.inputs) > 1:
            raise place.refused("with lengths (use_length)")
        if place.layer.word("temperature", "None") not in ("None", "1", "1.0"):
            raise place.refused("with a temperature")
        return Piece((f"F.{function}({{0}}, {int(place.layer.number('axis', -1))})",))

    return rule


def _softmax_activation(place: Place) -> Piece:
    if place.layer.word("mode", "instance") == "channel" or len(place.inputs[0]) == 2:
        return Piece(("F.softmax({0}, 1)",))
    raise place.refused("over all values of a sample")


def _l2_normalization(place: Place) -> Piece:
    layer, axes = place.layer, len(place.inputs[0])
    over = {"channel": (1,), "instance": tuple(range(1, axes)), "spatial": tuple(range(2, axes))}
    eps, axis = short(layer.number("eps", 1e-10)), over[layer.word("mode", "instance")]
    return Piece((f"({{0}} * torch.rsqrt({{0}}.square().sum({axis}, keepdim=True) + {eps}))",))


def _clip(place: Place) -> Piece:
    low, high = (short(place.layer.number(name, 0)) for name in ("a_min", "a_max"))
    return Piece((f"{{0}}.clamp({low}, {high})",))


def _cast(place: Place) -> Piece:
    methods = {"float32": "float", "float64": "double", "int32": "int", "int64": "long"}
    kind = place.layer.word("dtype")
    if kind not in methods:
        raise place.refused(f"to {kind}")
    return Piece((f"{{0}}.{methods[kind]}()",))


def _dot(axes: int):
    """The rule of a product of arrays of this many axes."""

    def rule(place: Place) -> Piece:
        if any(len(shape) != axes for shape in place.inputs):
            raise place.refused("of arrays that are no matrices")
        turned = [".mT" if place.layer.switch(name) else "" for name in ("transpose_a", "transpose_b")]
        return Piece((f"({{0}}{turned[0]} @ {{1}}{turned[1]})",))

    return rule


def _where(place: Place) -> Piece:
    """A condition with one value for each row counts for the whole row."""
    condition, values = (len(shape) for shape in place.inputs[:2])
    rows = f".reshape(-1{', 1' * (values - 1)})" if condition == 1 < values else ""
    return Piece((f"torch.where({{0}}{rows} != 0, {{1}}, {{2}})",))


_UNARY = "abs ceil cos erf exp expm1 floor log log10 log1p log2 reciprocal rsqrt sigmoid sign sin sqrt square tanh"
_OTHER_UNARY = {"negative": "neg", "ones_like": "ones_like", "zeros_like": "zeros_like"}
_OPERATIONS = {
    "add": "({0} + {1})",
    "div": "({0} / {1})",
    "maximum": "torch.maximum({0}, {1})",
    "minimum": "torch.minimum({0}, {1})",
    "mul": "({0} * {1})",
    "power": "({0} ** {1})",
    "sub": "({0} - {1})",
}
_SCALARS = {
    "_div_scalar": "({0} / {number})",
    "_maximum_scalar": "{0}.clamp(min={number})",
    "_minimum_scalar": "{0}.clamp(max={number})",
    "_minus_scalar": "({0} - {number})",
    "_mul_scalar": "({0} * {number})",
    "_plus_scalar": "({0} + {number})",
    "_power_scalar": "{0}.pow({number})",
    "_rdiv_scalar": "({number} / {0})",
    "_rminus_scalar": "({number} - {0})",
}
_SIGNS = {"equal": "==", "greater": ">", "greater_equal": ">=", "lesser": "<", "lesser_equal": "<=", "not_equal": "!="}
_REDUCTIONS = {"max": "amax", "mean": "mean", "min": "amin", "sum": "sum"}

# Operator → its rule, Place → Piece.
ELEMENTWISE = {
    **{name: _written(f"torch.{name}({{0}})") for name in _UNARY.split()},
    **{name: _written(f"torch.{function}({{0}})") for name, function in _OTHER_UNARY.items()},
    **{f"broadcast_{name}": _written(expression) for name, expression in _OPERATIONS.items()},
    **{f"elemwise_{name}": _written(_OPERATIONS[name]) for name in ("add", "div", "mul", "sub")},
    **{f"_{name}": _written(_OPERATIONS[name]) for name in ("maximum", "minimum", "power")},
    **{name: _with_scalar(expression) for name, expression in _SCALARS.items()},
    **{f"broadcast_{name}": _written(f"({{0}} {sign} {{1}}).float()") for name, sign in _SIGNS.items()},
    **{f"_{name}": _written(f"({{0}} {sign} {{1}}).float()") for name, sign in _SIGNS.items()},
    **{f"_{name}_scalar": _with_scalar(f"({{0}} {sign} {{number}}).float()") for name, sign in _SIGNS.items()},
    **{name: _reduced(method) for name, method in _REDUCTIONS.items()},
    **dict.fromkeys(("BlockGrad", "Dropout", "_copy"), _written("{0}")),
    "Activation": _activation,
    "Cast": _cast,
    "L2Normalization": _l2_normalization,
    "SoftmaxActivation": _softmax_activation,
    "add_n": _add_n,
    "batch_dot": _dot(3),
    "clip": _clip,
    "dot": _dot(2),
    "log_softmax": _softmax("log_softmax"),
    "one_hot": _one_hot,
    "relu": _written("F.relu({0})"),
    "softmax": _softmax("softmax"),
    "softsign": _written("F.softsign({0})"),
    "where": _where,
}
