"""How each operator carries a tangent: RULES, by MXNet's name of the operator.

A rule takes a `Point` with at least one input that moves and returns the tangent of the output (a symbol of several
outputs where the operator has several), or None for zero. What it returns must itself have a gradient in MXNet, to
the operator's parameters and to its inputs.
"""

from __future__ import annotations

from mxgan.objectives.tangent.functions import FUNCTIONS
from mxgan.objectives.tangent.normalisation import NORMALISATIONS
from mxgan.objectives.tangent.point import Point, check_parameters
from mxgan.runtime import mx

__all__ = ["RULES"]

# ---- linear in the first input ----


def linear(point: Point):
    """The operator itself on the tangent; its other inputs (indices, a shape to take) do not move."""
    tangent = point.tangents[0]
    return None if tangent is None else point.again(tangent, *point.inputs[1:])


def flat(point: Point) -> None:
    """What is constant, or is not to be differentiated."""


def unchanged(point: Point):
    """x + c."""
    return point.tangents[0]


def weighted(point: Point):
    """Convolution, FullyConnected: the same without bias. The weight may be computed, though not from the data."""
    check_parameters(point)
    return point.again(point.tangents[0], point.inputs[1], no_bias=True)


def pooling(point: Point):
    """Average or sum over windows; the largest of a window has no rule."""
    kind = point.get("pool_type", "max")
    if kind not in ("avg", "sum"):
        raise point.refusal("pool_type", kind, ("avg", "sum"))
    return point.again(point.tangents[0])


def upsampling(point: Point):
    """Nearest neighbour of one input; the bilinear one is a Deconvolution."""
    kind = point.get("sample_type", None)
    if kind != "nearest" or len(point.inputs) > 1:
        raise point.refusal("sample_type", f"{kind} of {len(point.inputs)} inputs", ("nearest of one",))
    return point.again(point.tangents[0])


_REDUCTION = {"axis": None, "keepdims": False, "exclude": False}


def extreme(point: Point):
    """max, min over axes: the tangent where the extreme is; the sum of them where several tie, as MXNet has it."""
    x, given = point.inputs[0], {name: point.get(name, default) for name, default in _REDUCTION.items()}
    make = {"max": mx.sym.max, "min": mx.sym.min}[point.node.operator]
    there = mx.sym.broadcast_equal(x, make(x, **{**given, "keepdims": True}))
    return mx.sym.sum(point.tangents[0] * point.mask(there), **given)


# ---- several inputs ----


def joined(point: Point):
    """Concat, stack: zeros for a part that does not move, such as planes that say the class."""
    parts = zip(point.tangents, point.inputs)
    return point.again(*(mx.sym.zeros_like(value) if tangent is None else tangent for tangent, value in parts))


def total(parts):
    """The sum of those tangents that are not zero."""
    parts = [part for part in parts if part is not None]
    return mx.sym.add_n(*parts) if len(parts) > 1 else parts[0]


def spread(point: Point, i: int):
    """The tangent of input `i` in the shape of the output, where the operator broadcasts it."""
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
    """a · b, elementwise, broadcast, and of matrices: the tangent of a times b, plus a times that of b."""
    (a, b), (da, db) = point.inputs, point.tangents
    return total([None if da is None else point.again(da, b), None if db is None else point.again(a, db)])


def quotient(point: Point):
    """y = a / b: (the tangent of a minus y times that of b) / b."""
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
