"""Rules of ONNX for layers with weights, normalisations and pooling.

A rule is `rule(at, layer, *values)`: it adds nodes to the Building `at` and returns the name of the layer's value.
"""

from __future__ import annotations

import math

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.export.folding import scale_and_shift
from mxgan.export.layers import Layer
from mxgan.export.onnx_building import Building
from mxgan.runtime.deconvolution import Geometry

__all__ = ["LAYERS"]


def _windows(at: Building, layer: Layer) -> dict:
    """kernel, strides, pads and dilations of a convolution or pooling, one number for each axis of the image."""
    axes = len(at.shape(layer.inputs[0])) - 2
    layout = layer.word("layout", "None")
    if layout not in ("None", "NCW", "NCHW", "NCDHW"):
        raise ArgumentError(f"layer {layer.name!r} has the layout {layout}; ONNX takes channels as axis 1 (NCHW).")
    given = (layer.numbers(name) for name in ("kernel", "stride", "pad", "dilate"))
    kernel, stride, pad, dilate = (found or (default,) * axes for found, default in zip(given, (1, 1, 0, 1)))
    return {"kernel_shape": kernel, "strides": stride, "pads": (*pad, *pad), "dilations": dilate}


def _convolution(at: Building, layer: Layer, *values: str) -> str:
    return at.add("Conv", *values, group=int(layer.number("num_group", 1)), **_windows(at, layer))


def _deconvolution(at: Building, layer: Layer, *values: str) -> str:
    geometry = Geometry.of(layer.attributes).padded_for(at.shape(layer.inputs[0])[2:])
    windows = {**_windows(at, layer), "pads": geometry.pad * 2}
    if any(geometry.adj):
        windows["output_padding"] = geometry.adj
    return at.add("ConvTranspose", *values, group=int(layer.number("num_group", 1)), **windows)


def _fully_connected(at: Building, layer: Layer, data: str, weight: str, *bias: str) -> str:
    shape = at.shape(layer.inputs[0])
    if layer.switch("flatten", True) or len(shape) == 2:
        return at.add("Gemm", data if len(shape) == 2 else at.add("Flatten", data), weight, *bias, transB=1)
    product = at.add("MatMul", data, at.add("Transpose", weight, perm=(1, 0)))
    return at.add("Add", product, *bias) if bias else product


def _batch_norm(at: Building, layer: Layer, data: str, gamma: str, beta: str, mean: str, variance: str):
    dimensions = len(at.shape(layer.inputs[0]))
    axis = layer.numbers("axis", (1,))[0] % dimensions
    if layer.switch("fix_gamma", True):
        gamma = at.array(np.ones(at.shape(layer.inputs[1])), f"{layer.name}_ones")
    eps = layer.number("eps", 1e-3)
    affine = scale_and_shift(layer, at.parameters)
    if axis == 1:
        result = at.add("BatchNormalization", data, gamma, beta, mean, variance, epsilon=eps)
    elif affine is not None:
        scale, shift = (at.over_channels(at.array(each), axis, dimensions) for each in affine)
        result = at.add("Add", at.add("Mul", data, scale), shift)
    else:
        raise ArgumentError(f"layer {layer.name!r} is a BatchNorm over axis {axis} with computed parameters.")
    if len(layer.outputs) == 1:
        return result
    deviation = at.add("Sqrt", at.add("Add", variance, at.number(eps)))
    return [result, mean, at.add("Reciprocal", deviation)]


def _instance_norm(at: Building, layer: Layer, data: str, gamma: str, beta: str) -> str:
    return at.add("InstanceNormalization", data, gamma, beta, epsilon=layer.number("eps", 1e-3))


def _group_norm(at: Building, layer: Layer, data: str, gamma: str, beta: str) -> str:
    """As an InstanceNorm of groups: MXNet has one gamma and beta for each of them."""
    shape, groups = at.shape(layer.inputs[0]), int(layer.number("num_groups", 1))
    apart = at.add("Reshape", data, at.integers((0, groups, -1)))
    whole = at.add("InstanceNormalization", apart, gamma, beta, epsilon=layer.number("eps", 1e-5))
    return at.add("Reshape", whole, at.integers((-1, *shape[1:])))


def _layer_norm(at: Building, layer: Layer, data: str, gamma: str, beta: str) -> str:
    dimensions, eps = len(at.shape(layer.inputs[0])), layer.number("eps", 1e-5)
    axis = layer.numbers("axis", (-1,))[0] % dimensions
    if axis == dimensions - 1 and at.dtype == "float32":  # onnxruntime 1.15 fails on one in float16
        return at.add("LayerNormalization", data, gamma, beta, axis=-1, epsilon=eps)
    axes = at.integers((axis,))
    centred = at.add("Sub", data, at.add("ReduceMean", data, axes, keepdims=1))
    variance = at.add("ReduceMean", at.add("Mul", centred, centred), axes, keepdims=1)
    whole = at.add("Div", centred, at.add("Sqrt", at.add("Add", variance, at.number(eps))))
    scale, shift = (at.over_channels(value, axis, dimensions) for value in (gamma, beta))
    return at.add("Add", at.add("Mul", whole, scale), shift)


def _l2_normalization(at: Building, layer: Layer, data: str) -> str:
    dimensions = len(at.shape(layer.inputs[0]))
    axes = {"instance": range(1, dimensions), "channel": (1,), "spatial": range(2, dimensions)}
    over = at.integers(tuple(axes[layer.word("mode", "instance")]))
    squares = at.add("ReduceSumSquare", data, over, keepdims=1)
    return at.add("Div", data, at.add("Sqrt", at.add("Add", squares, at.number(layer.number("eps", 1e-10)))))


def _lrn(at: Building, layer: Layer, data: str) -> str:
    numbers = {"alpha": layer.number("alpha", 1e-4), "beta": layer.number("beta", 0.75)}
    return at.add("LRN", data, size=int(layer.number("nsize", 5)), bias=layer.number("knorm", 2), **numbers)


def _pooling(at: Building, layer: Layer, data: str) -> str:
    kind = layer.word("pool_type", "max")
    if kind != "lp":
        return _pooled(at, layer, data, kind)
    power = int(layer.number("p_value", 2))
    total = _pooled(at, layer, at.add("Pow", data, at.number(power)), "sum")
    root = at.add("Pow", at.add("Abs", total), at.number(1 / power))
    return root if power == 2 else at.add("Mul", at.add("Sign", total), root)  # MXNet takes no absolute values


def _pooled(at: Building, layer: Layer, data: str, kind: str) -> str:
    if layer.switch("global_pool"):
        if kind == "sum":
            over = tuple(range(2, len(at.shape(layer.inputs[0]))))
            return at.add("ReduceSum", data, at.integers(over), keepdims=1)
        return at.add({"max": "GlobalMaxPool", "avg": "GlobalAveragePool"}[kind], data)
    windows, sides = _windows(at, layer), at.shape(layer.inputs[0])[2:]
    del windows["dilations"]
    more = _further_pads(at, layer, windows)
    pads = windows["pads"][: len(sides)]
    windows["pads"] = (*pads, *(pad + extra for pad, extra in zip(pads, more)))
    if kind == "max":
        return at.add("MaxPool", data, **windows)
    counted = kind == "sum" or layer.switch("count_include_pad", True)
    result = at.add("AveragePool", data, count_include_pad=int(counted), **windows)
    if kind == "sum":
        return at.add("Mul", result, at.number(math.prod(windows["kernel_shape"])))
    if counted and any(more):  # MXNet does not count what lies behind the padding
        result = at.add("Mul", result, at.array(_larger_share(sides, windows, pads, more)))
    return result


def _further_pads(at: Building, layer: Layer, windows: dict) -> tuple:
    """The padding at the end, beyond `pad`, that the layer's output needs (pooling_convention full or same)."""
    sides, made = at.shape(layer.inputs[0])[2:], at.shape(layer.outputs[0])[2:]
    rows = zip(sides, made, windows["kernel_shape"], windows["strides"], windows["pads"])
    more = tuple(max(0, (out - 1) * step + kernel - side - 2 * pad) for side, out, kernel, step, pad in rows)
    pads = windows["pads"]
    if any(pad + a >= kernel for pad, a, kernel in zip(pads, more, windows["kernel_shape"])):
        raise ArgumentError(
            f"layer {layer.name!r} is a Pooling with windows outside of its image; ONNX has no such pooling. Export in "
            "the format mxnet or npz."
        )
    return more


def _larger_share(sides: tuple, windows: dict, pads: tuple, more: tuple) -> np.ndarray:
    """Kernel over counted cells for each window, (H, W): 1 except at the end of an axis."""
    share = np.ones(())
    for side, kernel, step, pad, extra in zip(sides, windows["kernel_shape"], windows["strides"], pads, more):
        whole = side + 2 * pad
        starts = np.arange(0, whole + extra - kernel + 1, step)
        share = np.multiply.outer(share, kernel / (np.minimum(starts + kernel, whole) - starts))
    return share


def _embedding(at: Building, layer: Layer, data: str, weight: str) -> str:
    rows = at.shape(layer.inputs[1])[0]
    numbers = at.add("Clip", at.whole_numbers(layer.inputs[0], data), at.integers(0), at.integers(rows - 1))
    return at.add("Gather", weight, numbers, axis=0)


def _up_sampling(at: Building, layer: Layer, *values: str) -> str:
    scale = int(layer.number("scale", 1))
    if layer.word("sample_type", "nearest") == "bilinear":  # a transposed convolution of each channel
        data, weight = values
        kernel, pad = 2 * scale - scale % 2, math.ceil((scale - 1) / 2)
        windows = {"kernel_shape": (kernel,) * 2, "strides": (scale,) * 2, "pads": (pad,) * 4}
        return at.add("ConvTranspose", data, weight, group=at.shape(layer.inputs[0])[1], **windows)
    sides = at.shape(layer.outputs[0])[2:]
    parts = [_enlarged(at, value, sides, at.shape(name)) for value, name in zip(values, layer.inputs)]
    if len(parts) == 1:
        return parts[0]
    return at.add("Sum", *parts) if layer.word("multi_input_mode") == "sum" else at.add("Concat", *parts, axis=1)


def _enlarged(at: Building, value: str, sides: tuple, shape: tuple) -> str:
    scales = at.initializer(np.asarray([1, 1, *(a / b for a, b in zip(sides, shape[2:]))], np.float32), "scales")
    way = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return at.add("Resize", value, "", scales, mode="nearest", **way)


LAYERS = {
    "BatchNorm": _batch_norm,
    "Convolution": _convolution,
    "Deconvolution": _deconvolution,
    "Embedding": _embedding,
    "FullyConnected": _fully_connected,
    "GroupNorm": _group_norm,
    "InstanceNorm": _instance_norm,
    "L2Normalization": _l2_normalization,
    "LRN": _lrn,
    "LayerNorm": _layer_norm,
    "Pooling": _pooling,
    "UpSampling": _up_sampling,
}
