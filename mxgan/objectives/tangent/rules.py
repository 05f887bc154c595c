"""Tangent rules: RULES has one rule for each operator, under MXNet's name of the operator.

A rule takes a `Point` with at least one nonzero input tangent. It returns the tangent of the output, or None for zero.
If the operator has several outputs, the tangent is a symbol with as many outputs. MXNet must be able to differentiate
the tangent with respect to the operator's parameters and inputs.
"""

from __future__ import annotations

from mxgan.objectives.tangent.functions import FUNCTIONS
from mxgan.objectives.tangent.normalisation import NORMALISATIONS
from mxgan.objectives.tangent.point import Point, check_parameters
from mxgan.runtime import mx

__all__ = ["RULES"]

# ---- linear in the first input ----


def linear(point: Point):
    """The operator applied to the tangent. Its other inputs (indices, a reference shape) have no tangent."""
    tangent = point.tangents[0]
    return None if tangent is None else point.again(tangent, *point.inputs[1:])


def flat(point: Point) -> None:
    """Zero tangent: the output is piecewise constant, or its gradient is blocked."""


def unchanged(point: Point):
    """x + c."""
    return point.tangents[0]


def weighted(point: Point):
    """Convolution, FullyConnected: the layer without bias. The weight may be computed, but not from the data."""
    check_parameters(point)
    return point.again(point.tangents[0], point.inputs[1], no_bias=True)


def pooling(point: Point):
    """Average and sum pooling. Max pooling has no rule."""
    kind = point.get("pool_type", "max")
    if kind not in ("avg", "sum"):
        raise point.refusal("pool_type", kind, ("avg", "sum"))
    return point.again(point.tangents[0])


def upsampling(point: Point):
    """Nearest-neighbour upsampling of one input. Bilinear upsampling has no rule: it is a Deconvolution."""
    kind = point.get("sample_type", None)
    if kind != "nearest" or len(point.inputs) > 1:
        raise point.refusal("sample_type", f"{kind} of {len(point.inputs)} inputs", ("nearest of one",))
    return point.again(point.tangents[0])


_REDUCTION = {"axis": None, "keepdims": False, "exclude": False}


def extreme(point: Point):
    """max, min over axes: the tangent of the extreme value. Tied values add their tangents, as in MXNet's backward."""
    x, given = point.inputs[0], {name: point.get(name, default) for name, default in _REDUCTION.items()}
    make = {"max": mx.sym.max, "min": mx.sym.min}[point.node.operator]
    there = mx.sym.broadcast_equal(x, make(x, **{**given, "keepdims": True}))
    return mx.sym.sum(point.tangents[0] * point.mask(there), **given)


# ---- several inputs ----


def joined(point: Point):
    """Concat, stack: zeros for an input without tangent, such as the one-hot planes of a class."""
    parts = zip(point.tangents, point.inputs)
    return point.again(*(mx.sym.zeros_like(value) if tangent is None else tangent for tangent, value in parts))


def total(parts):
    """The sum of the tangents that are not None."""
    parts = [part for part in parts if part is not None]
    return mx.sym.add_n(*parts) if len(parts) > 1 else parts[0]


def spread(point: Point, i: int):
    """The tangent of input `i`, broadcast to the shape of the output if the operator broadcasts the input."""
    tangent = point.tangents[i]
    if tangent is None or point.shapes[i] == point.shapes[-1]:
        return tangent
    return mx.sym.broadcast_add(tangent, mx.sym.zeros_like(point.inputs[1 - i]))


def added(point: Point):
    """a + b + …"""
    return total(spread(point, i) for i in range(len(point.inputs)))


def subtracted(point: Point):
    """a − b."""
    moved = spread(point, 1)
    return total([spread(point, 0), None if moved is None else -moved])


def product(point: Point):
    """a · b, elementwise, broadcast or as a matrix product: (tangent of a) · b + a · (tangent of b)."""
    (a, b), (da, db) = point.inputs, point.tangents
    return total([None if da is None else point.again(da, b), None if db is None else point.again(a, db)])


def quotient(point: Point):
    """y = a / b: ((tangent of a) − y · (tangent of b)) / b."""
    moved = point.tangents[1]
    moved = None if moved is None else mx.sym.broadcast_mul(-point.outputs[0], moved)
    return mx.sym.broadcast_div(total([spread(point, 0), moved]), point.inputs[1])


_LINEAR = (
    *("Flatten", "Pad", "Reshape", "SliceChannel", "SwapAxis", "_div_scalar", "_mul_scalar", "broadcast_axis"),
    *("broadcast_like", "depth_to_space", "expand_dims", "mean", "negative", "pick", "repeat", "reverse", "slice"),
    *("slice_axis", "slice_like", "space_to_depth", "squeeze", "sum", "take", "tile", "transpose"),
)
_FLAT = (
    *("BlockGrad", "_equal_scalar", "_greater_equal_scalar", "_greater_scalar", "_lesser_equal_scalar"),
    *("_lesser_scalar", "argmax", "argmin", "ceil", "floor", "ones_like", "round", "sign", "zeros_like"),
)
RULES = {
    **dict.fromkeys(_LINEAR, linear),
    **dict.fromkeys(_FLAT, flat),
    **dict.fromkeys(("_copy", "_minus_scalar", "_plus_scalar"), unchanged),
    "_rminus_scalar": lambda point: -point.tangents[0],
    **dict.fromkeys(("Convolution", "FullyConnected"), weighted),
    **dict.fromkeys(("max", "min"), extreme),
    "Pooling": pooling,
    "UpSampling": upsampling,
    **dict.fromkeys(("Concat", "stack"), joined),
    **dict.fromkeys(("add_n", "broadcast_add", "elemwise_add"), added),
    **dict.fromkeys(("broadcast_sub", "elemwise_sub"), subtracted),
    **dict.fromkeys(("batch_dot", "broadcast_mul", "dot", "elemwise_mul"), product),
    **dict.fromkeys(("broadcast_div", "elemwise_div"), quotient),
    **FUNCTIONS,
    **NORMALISATIONS,
}
