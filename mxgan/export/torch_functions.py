"""Rules for operators without parameters of their own: each becomes an expression in forward."""

from __future__ import annotations

from mxgan.export.torch_pieces import Piece, Place, short, sides
from mxgan.graphs.layers import stated_numbers

__all__ = ["FUNCTIONS"]


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


def _open_sides(place: Place) -> str:
    """The sides of the output with -1 for the batch."""
    shape = place.outputs[0]
    if sum(side is None for side in shape) > 1:
        raise place.refused("with the batch in two sides")
    return ", ".join("-1" if side is None else str(side) for side in shape)


def _reshape(place: Place) -> Piece:
    return Piece((f"{{0}}.reshape({_open_sides(place)})",))


def _expand(place: Place) -> Piece:
    return Piece((f"{{0}}.expand({_open_sides(place)})",))


def _transpose(place: Place) -> Piece:
    axes = place.layer.numbers("axes", ()) or tuple(reversed(range(len(place.inputs[0]))))
    return Piece((f"{{0}}.permute({', '.join(map(str, axes))})",))


def _swap(place: Place) -> Piece:
    first, second = (int(place.layer.number(name, 0)) for name in ("dim1", "dim2"))
    return Piece((f"{{0}}.transpose({first}, {second})",))


def _expand_dims(place: Place) -> Piece:
    return Piece((f"{{0}}.unsqueeze({int(place.layer.number('axis', 0))})",))


def _concat(place: Place) -> Piece:
    values = ", ".join(f"{{{i}}}" for i in range(len(place.inputs)))
    return Piece((f"torch.cat([{values}], {int(place.layer.number('dim', 1))})",))


def _stack(place: Place) -> Piece:
    values = ", ".join(f"{{{i}}}" for i in range(len(place.inputs)))
    return Piece((f"torch.stack([{values}], {int(place.layer.number('axis', 0))})",))


def _add_n(place: Place) -> Piece:
    return Piece((f"({' + '.join(f'{{{i}}}' for i in range(len(place.inputs)))})",))


def _bounds(text: str, axes: int) -> list:
    """The numbers and None in "(None, None, 0, 0)", one for each axis."""
    given = [part.strip() for part in text.strip("()[] ").split(",") if part.strip()]
    return [*("" if each == "None" else str(int(each)) for each in given), *[""] * axes][:axes]


def _slice(place: Place) -> Piece:
    axes = len(place.inputs[0])
    steps = _bounds(place.layer.word("step"), axes)
    if set(steps) - {"", "1"}:
        raise place.refused(f"with the steps {place.layer.word('step')}")
    ranges = [
        f"{'' if first == '0' else first}:{last}"
        for first, last in zip(*(_bounds(place.layer.word(name), axes) for name in ("begin", "end")))
    ]
    while len(ranges) > 1 and ranges[-1] == ":":
        ranges.pop()
    return Piece((f"{{0}}[{', '.join(ranges)}]",))


def _slice_axis(place: Place) -> Piece:
    axis = int(place.layer.number("axis", 0)) % len(place.inputs[0])
    (first,), (last,) = (_bounds(place.layer.word(name), 1) for name in ("begin", "end"))
    return Piece((f"{{0}}[{', '.join([':'] * axis + [f'{first}:{last}'])}]",))


def _slice_channel(place: Place) -> Piece:
    layer, count = place.layer, len(place.outputs)
    axis = int(layer.number("axis", 1))
    squeezed = f".squeeze({axis})" if layer.switch("squeeze_axis") else ""
    return Piece(tuple(f"{{0}}.chunk({count}, {axis})[{i}]{squeezed}" for i in range(count)))


_PADDING = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}


def _pad(place: Place) -> Piece:
    widths, layer = place.layer.numbers("pad_width"), place.layer
    mode = _PADDING[layer.word("mode", "constant")]
    pairs = [widths[i : i + 2] for i in range(0, len(widths), 2)]
    while len(pairs) > 2 and not any(pairs[0]):
        pairs.pop(0)
    turned = tuple(side for pair in reversed(pairs) for side in pair)
    value = layer.number("constant_value", 0)
    more = [repr(mode)] if mode != "constant" else [f"value={short(value)}"] if value else []
    return Piece((f"F.pad({', '.join(['{0}', str(turned), *more])})",))


def _pooling(place: Place) -> Piece:
    layer, axes = place.layer, len(place.inputs[0]) - 2
    kind, over = layer.word("pool_type", "max"), tuple(range(2, axes + 2))
    if kind not in ("avg", "max"):
        raise place.refused(f"of the type {kind}")
    if layer.switch("global_pool"):
        return Piece((f"{{0}}.{'mean' if kind == 'avg' else 'amax'}({over}, keepdim=True)",))
    full = layer.word("pooling_convention", "valid")
    if full not in ("valid", "full") or (full == "full" and kind == "avg"):
        raise place.refused(f"({kind}) with the convention {full}")
    ones, zeros = (1,) * axes, (0,) * axes
    stride, padding = layer.numbers("stride", ones) or ones, layer.numbers("pad", zeros) or zeros
    settings = [sides(layer.numbers("kernel")), sides(stride), sides(padding)]
    settings += ["ceil_mode=True"] if full == "full" else []
    settings += ["count_include_pad=False"] if kind == "avg" and not layer.switch("count_include_pad", True) else []
    return Piece((f"F.{kind}_pool{axes}d({{0}}, {', '.join(settings)})",))


def _upsampling(place: Place) -> Piece:
    if place.layer.word("sample_type") != "nearest" or len(place.inputs) > 1:
        raise place.refused(f"of the type {place.layer.word('sample_type')}")
    return Piece((f"F.interpolate({{0}}, scale_factor={int(place.layer.number('scale', 1))})",))


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


def _dot(product: str):
    """The rule of a product of matrices."""

    def rule(place: Place) -> Piece:
        if any(len(shape) != (2 if product == "dot" else 3) for shape in place.inputs):
            raise place.refused("of arrays that are no matrices")
        turned = [".mT" if place.layer.switch(name) else "" for name in ("transpose_a", "transpose_b")]
        return Piece((f"({{0}}{turned[0]} @ {{1}}{turned[1]})",))

    return rule


_UNARY = {
    **{
        name: name
        for name in [
            "abs",
            "ceil",
            "cos",
            "erf",
            "exp",
            "expm1",
            "floor",
            "log",
            "log10",
            "log1p",
            "log2",
            "reciprocal",
            "rsqrt",
        ]
    },
    **{name: name for name in ["sigmoid", "sign", "sin", "sqrt", "square", "tanh"]},
    "fix": "trunc",
    "negative": "neg",
    "ones_like": "ones_like",
    "zeros_like": "zeros_like",
}
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
_COMPARED = {
    "equal": "==",
    "greater": ">",
    "greater_equal": ">=",
    "lesser": "<",
    "lesser_equal": "<=",
    "not_equal": "!=",
}

# Operator → its rule, Place → Piece.
FUNCTIONS = {
    **{name: _written(f"torch.{function}({{0}})") for name, function in _UNARY.items()},
    **{f"broadcast_{name}": _written(expression) for name, expression in _OPERATIONS.items()},
    **{f"elemwise_{name}": _written(_OPERATIONS[name]) for name in ("add", "div", "mul", "sub")},
    **{f"_{name}": _written(_OPERATIONS[name]) for name in ("maximum", "minimum", "power")},
    **{name: _with_scalar(expression) for name, expression in _SCALARS.items()},
    **{f"broadcast_{name}": _written(f"({{0}} {sign} {{1}}).float()") for name, sign in _COMPARED.items()},
    **{f"_{name}_scalar": _with_scalar(f"({{0}} {sign} {{number}}).float()") for name, sign in _COMPARED.items()},
    **{name: _reduced(method) for name, method in {"max": "amax", "mean": "mean", "min": "amin", "sum": "sum"}.items()},
    "Activation": _activation,
    "BlockGrad": _written("{0}"),
    "Cast": _cast,
    "Concat": _concat,
    "Dropout": _written("{0}"),
    "Flatten": _written("{0}.flatten(1)"),
    "L2Normalization": _l2_normalization,
    "Pad": _pad,
    "Pooling": _pooling,
    "Reshape": _reshape,
    "SliceChannel": _slice_channel,
    "SoftmaxActivation": _softmax_activation,
    "SwapAxis": _swap,
    "UpSampling": _upsampling,
    "_copy": _written("{0}"),
    "add_n": _add_n,
    "batch_dot": _dot("batch_dot"),
    "broadcast_axis": _expand,
    "broadcast_to": _expand,
    "clip": _clip,
    "dot": _dot("dot"),
    "expand_dims": _expand_dims,
    "log_softmax": _softmax("log_softmax"),
    "one_hot": _one_hot,
    "relu": _written("F.relu({0})"),
    "slice": _slice,
    "slice_axis": _slice_axis,
    "softmax": _softmax("softmax"),
    "softsign": _written("F.softsign({0})"),
    "squeeze": _reshape,
    "stack": _stack,
    "transpose": _transpose,
    "where": _written("torch.where({0} != 0, {1}, {2})"),
}
