"""Rules for operators that move, cut or gather values: each becomes an expression in forward."""

from __future__ import annotations

from mxgan.export.torch_pieces import Piece, Place, short, sides

__all__ = ["SHAPES"]


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
    kernel = layer.numbers("kernel")
    if any(2 * border > side for border, side in zip(padding, kernel)):
        raise place.refused(f"with the padding {padding}, more than half of its kernel {kernel}")
    if full == "full" and _ceiled(place.inputs[0][2:], kernel, stride, padding) != place.outputs[0][2:]:
        raise place.refused("with the convention full and a window that begins behind the image")
    settings = [sides(kernel), sides(stride), sides(padding)]
    settings += ["ceil_mode=True"] if full == "full" else []
    settings += ["count_include_pad=False"] if kind == "avg" and not layer.switch("count_include_pad", True) else []
    return Piece((f"F.{kind}_pool{axes}d({{0}}, {', '.join(settings)})",))


def _ceiled(data: tuple, kernel: tuple, stride: tuple, padding: tuple) -> tuple:
    """The sides that ceil_mode gives in PyTorch, where every window begins in the image or the padding before it."""
    rows = zip(data, kernel, stride, padding)
    counts = [(-((side + 2 * pad - size) // -step), side + pad, step) for side, size, step, pad in rows]
    return tuple(last + (last * step < end) for last, end, step in counts)


def _upsampling(place: Place) -> Piece:
    if place.layer.word("sample_type") != "nearest" or len(place.inputs) > 1:
        raise place.refused(f"of the type {place.layer.word('sample_type')}")
    return Piece((f"F.interpolate({{0}}, scale_factor={int(place.layer.number('scale', 1))})",))


# Operator → its rule, Place → Piece.
SHAPES = {
    "Concat": _concat,
    "Flatten": lambda place: Piece(("{0}.flatten(1)",)),
    "Pad": _pad,
    "Pooling": _pooling,
    "Reshape": _reshape,
    "SliceChannel": _slice_channel,
    "SwapAxis": _swap,
    "UpSampling": _upsampling,
    "broadcast_axis": _expand,
    "broadcast_to": _expand,
    "expand_dims": _expand_dims,
    "slice": _slice,
    "slice_axis": _slice_axis,
    "squeeze": _reshape,
    "stack": _stack,
    "transpose": _transpose,
}
