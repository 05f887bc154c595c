"""Rules for operators with parameters: each becomes one module of torch.nn."""

from __future__ import annotations

from mxgan.export.torch_pieces import Piece, Place, called, short, sides
from mxgan.runtime.deconvolution import Geometry

__all__ = ["MODULES"]


def _weights(place: Place) -> dict:
    """The state of a layer with a weight, and a bias if it has a third input."""
    return {"weight": 1, **({"bias": 2} if len(place.inputs) > 2 else {})}


def _geometry(place: Place, axes: int) -> dict:
    layer, ones, zeros = place.layer, (1,) * axes, (0,) * axes
    if layer.word("layout", "None") not in ("None", "NCW", "NCHW", "NCDHW"):
        raise place.refused(f"with the layout {layer.word('layout')}")
    stride, dilation = layer.numbers("stride", ones) or ones, layer.numbers("dilate", ones) or ones
    padding, groups = layer.numbers("pad", zeros) or zeros, int(layer.number("num_group", 1))
    return {
        "stride": "" if stride == ones else sides(stride),
        "padding": "" if padding == zeros else sides(padding),
        "output_padding": "",
        "dilation": "" if dilation == ones else sides(dilation),
        "groups": "" if groups == 1 else str(groups),
        "bias": "" if len(place.inputs) > 2 else "False",
    }


def _convolution(place: Place) -> Piece:
    kernel = place.layer.numbers("kernel")
    settings = _geometry(place, len(kernel))
    channels = [str(place.inputs[0][1]), str(place.outputs[0][1])]
    return Piece(("{self}({0})",), called(f"Conv{len(kernel)}d", *channels, sides(kernel), **settings), _weights(place))


def _deconvolution(place: Place) -> Piece:
    kernel = place.layer.numbers("kernel")
    settings = _geometry(place, len(kernel))
    geometry = Geometry.of(place.layer.attributes).padded_for(place.inputs[0][2:])
    settings["padding"] = sides(geometry.pad) if any(geometry.pad) else ""
    settings["output_padding"] = sides(geometry.adj) if any(geometry.adj) else ""
    channels = [str(place.inputs[0][1]), str(place.outputs[0][1])]
    module = called(f"ConvTranspose{len(kernel)}d", *channels, sides(kernel), **settings)
    return Piece(("{self}({0})",), module, _weights(place))


def _fully_connected(place: Place) -> Piece:
    data, whole = place.inputs[0], place.layer.switch("flatten", True)
    flat = whole and len(data) > 2
    inside = str(place.inputs[1][1])
    bias = "" if len(place.inputs) > 2 else "False"
    expression = "{self}({0}.flatten(1))" if flat else "{self}({0})"
    return Piece((expression,), called("Linear", inside, str(place.outputs[0][-1]), bias=bias), _weights(place))


def _batch_norm(place: Place) -> Piece:
    layer, axes = place.layer, len(place.inputs[0])
    if layer.number("axis", 1) not in (1, 1 - axes):
        raise place.refused(f"over the axis {layer.word('axis')}")
    eps, momentum = short(layer.number("eps", 1e-3)), short(1 - layer.number("momentum", 0.9))
    settings = {"eps": "" if eps == "1e-05" else eps, "momentum": "" if momentum == "0.1" else momentum}
    module = called(f"BatchNorm{max(1, axes - 2)}d", str(place.inputs[0][1]), **settings)
    state = {"weight": 1, "bias": 2, "running_mean": 3, "running_var": 4}
    return Piece(("{self}({0})",), module, state, ("weight",) if layer.switch("fix_gamma", True) else ())


def _layer_norm(place: Place) -> Piece:
    last = len(place.inputs[0]) - 1
    if place.layer.number("axis", -1) not in (-1, last):
        raise place.refused(f"over the axis {place.layer.word('axis')}")
    eps = short(place.layer.number("eps", 1e-5))
    module = called("LayerNorm", str(place.inputs[0][-1]), eps="" if eps == "1e-05" else eps)
    return Piece(("{self}({0})",), module, {"weight": 1, "bias": 2})


def _instance_norm(place: Place) -> Piece:
    eps, axes = short(place.layer.number("eps", 1e-3)), len(place.inputs[0])
    settings = {"eps": "" if eps == "1e-05" else eps, "affine": "True"}
    module = called(f"InstanceNorm{axes - 2}d", str(place.inputs[0][1]), **settings)
    return Piece(("{self}({0})",), module, {"weight": 1, "bias": 2})


def _embedding(place: Place) -> Piece:
    numbers, width = map(str, place.inputs[1])
    return Piece(("{self}({0}.long())",), called("Embedding", numbers, width), {"weight": 1})


def _leaky_relu(place: Place) -> Piece:
    layer = place.layer
    if layer.word("act_type", "leaky") == "prelu":
        return Piece(("{self}({0})",), called("PReLU", str(place.inputs[1][0])), {"weight": 1})
    slope = short(layer.number("slope", 0.25))
    between = short((layer.number("lower_bound", 0.125) + layer.number("upper_bound", 0.334)) / 2)
    kinds = {
        "leaky": f"F.leaky_relu({{0}}, {slope})",
        "elu": f"F.elu({{0}}, {slope})",
        "selu": "F.selu({0})",
        "gelu": "F.gelu({0})",
        "rrelu": f"F.leaky_relu({{0}}, {between})",
    }
    return Piece((kinds[layer.word("act_type", "leaky")],))


# Operator → its rule, Place → Piece.
MODULES = {
    "BatchNorm": _batch_norm,
    "Convolution": _convolution,
    "Deconvolution": _deconvolution,
    "Embedding": _embedding,
    "FullyConnected": _fully_connected,
    "InstanceNorm": _instance_norm,
    "LayerNorm": _layer_norm,
    "LeakyReLU": _leaky_relu,
}
