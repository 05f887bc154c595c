"""Each rule of PyTorch against MXNet's operator, on random values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.export import write_model
from mxgan.export.layers import graph_of
from mxgan.export.model import Model
from mxgan.export.reading import read_exported
from mxgan.export.torch_code import RULES, code_of
from mxgan.graphs.shapes import parameter_shapes
from mxgan.runtime import mx
from tests.export.models import WITHOUT_TORCH, torch_outputs

pytestmark = WITHOUT_TORCH

IMAGES, ROWS = (4, 6, 8), (5,)
S = mx.sym


UNARY = "abs ceil cos erf exp expm1 floor negative sigmoid sign sin square tanh relu softsign zeros_like ones_like"
OF_POSITIVE = "log log10 log1p log2 reciprocal rsqrt sqrt"
BINARY = "add div maximum minimum mul power sub equal greater greater_equal lesser lesser_equal not_equal"
SCALAR = ["_div", "_maximum", "_minimum", "_minus", "_mul", "_plus", "_power", "_rdiv", "_rminus"]
COMPARED = ["equal", "greater", "greater_equal", "lesser", "lesser_equal", "not_equal"]
ACTIVATIONS = ("relu", "sigmoid", "softrelu", "softsign", "tanh")


def pair(data):
    """Two positive arrays of one shape that agree in places."""
    other = S.slice_axis(data, axis=1, begin=0, end=2)
    return S.square(S.slice_axis(data, axis=1, begin=2, end=4)) + 0.5, S.square(other) + 0.5


def binary(name):
    function = getattr(S, name, None) or getattr(S._internal, name)
    return lambda x: function(*pair(x))


def scalar(name):
    return lambda x: getattr(S._internal, f"{name}_scalar")(x if name == "_mul" else S.square(x) + 0.5, scalar=1.5)


# Name of the case → (symbol of the data, shape of a sample).
CASES = {
    **{name: (lambda x, name=name: getattr(S, name)(x), IMAGES) for name in UNARY.split()},
    **{name: (lambda x, name=name: getattr(S, name)(S.square(x) + 0.1), IMAGES) for name in OF_POSITIVE.split()},
    **{f"broadcast_{name}": (binary(f"broadcast_{name}"), IMAGES) for name in BINARY.split()},
    **{f"elemwise_{name}": (binary(f"elemwise_{name}"), IMAGES) for name in ("add", "div", "mul", "sub")},
    **{f"_{name}": (binary(f"_{name}"), IMAGES) for name in (*COMPARED, "maximum", "minimum", "power")},
    **{f"{name}_scalar": (scalar(name), IMAGES) for name in SCALAR},
    **{
        f"_{name}_scalar": (lambda x, name=name: getattr(S._internal, f"_{name}_scalar")(S.sign(x), scalar=1), IMAGES)
        for name in COMPARED
    },
    **{f"Activation {kind}": (lambda x, kind=kind: S.Activation(x, act_type=kind), IMAGES) for kind in ACTIVATIONS},
    **{f"{kind} of an axis": (lambda x, kind=kind: getattr(S, kind)(x, axis=2), IMAGES) for kind in ("max", "min")},
    "sum of all but some": (lambda x: S.sum(x, axis=(0, 2), exclude=True, keepdims=True), IMAGES),
    "mean of axes": (lambda x: S.mean(x, axis=(-1, -2)), IMAGES),
    **{
        f"{kind} ReLU": (lambda x, kind=kind: S.LeakyReLU(x, act_type=kind, slope=0.3)[0], IMAGES)
        for kind in ("leaky", "elu", "selu", "gelu", "rrelu")
    },
    "PReLU": (lambda x: S.LeakyReLU(x, act_type="prelu", name="p"), IMAGES),
    "Convolution": (
        lambda x: S.Convolution(
            x, kernel=(3, 2), num_filter=6, num_group=2, stride=(2, 1), pad=(1, 0), dilate=(1, 2), name="c"
        ),
        IMAGES,
    ),
    "Convolution of rows": (lambda x: S.Convolution(x, kernel=(3,), num_filter=2, no_bias=True, name="c"), (4, 9)),
    "Deconvolution": (
        lambda x: S.Deconvolution(x, kernel=(3, 4), num_filter=4, num_group=2, stride=(2, 2), pad=(1, 1), name="c"),
        IMAGES,
    ),
    "Deconvolution with a bias": (
        lambda x: S.Deconvolution(x, kernel=(3, 3), num_filter=2, no_bias=False, name="c"),
        IMAGES,
    ),
    "FullyConnected": (lambda x: S.FullyConnected(x, num_hidden=3, name="c"), IMAGES),
    "FullyConnected of the last axis": (
        lambda x: S.FullyConnected(x, num_hidden=3, flatten=False, no_bias=True, name="c"),
        IMAGES,
    ),
    "BatchNorm": (lambda x: S.BatchNorm(x, fix_gamma=False, eps=1e-3, name="b"), IMAGES),
    "BatchNorm of rows": (lambda x: S.BatchNorm(x, axis=-1, momentum=0.8, name="b"), ROWS),
    "LayerNorm": (lambda x: S.LayerNorm(x, eps=1e-3, name="l"), IMAGES),
    "InstanceNorm": (lambda x: S.InstanceNorm(x, name="i"), IMAGES),
    "Embedding": (lambda x: S.Embedding(S.abs(S.ceil(x)), input_dim=4, output_dim=3, name="e"), ROWS),
    "one_hot": (lambda x: S.one_hot(S.abs(S.ceil(x)), depth=5), ROWS),
    "Pooling max": (lambda x: S.Pooling(x, kernel=(2, 3), stride=(2, 2), pad=(1, 1), pool_type="max"), IMAGES),
    "Pooling max, full": (
        lambda x: S.Pooling(x, kernel=(3, 3), stride=(2, 2), pooling_convention="full", pool_type="max"),
        IMAGES,
    ),
    "Pooling avg": (lambda x: S.Pooling(x, kernel=(2, 2), stride=(2, 2), pad=(1, 1), pool_type="avg"), IMAGES),
    "Pooling avg without the border": (
        lambda x: S.Pooling(x, kernel=(2, 2), pad=(1, 1), pool_type="avg", count_include_pad=False),
        IMAGES,
    ),
    "Pooling of all, max": (lambda x: S.Pooling(x, kernel=(1, 1), global_pool=True, pool_type="max"), IMAGES),
    "Pooling of all, avg": (lambda x: S.Pooling(x, kernel=(1, 1), global_pool=True, pool_type="avg"), IMAGES),
    "UpSampling": (lambda x: S.UpSampling(x, scale=2, sample_type="nearest"), IMAGES),
    "Pad": (lambda x: S.Pad(x, mode="constant", constant_value=0.5, pad_width=(0, 0, 0, 0, 1, 2, 3, 4)), IMAGES),
    "Pad by the edge": (lambda x: S.Pad(x, mode="edge", pad_width=(0, 0, 0, 0, 1, 2, 3, 4)), IMAGES),
    "Pad by reflection": (lambda x: S.Pad(x, mode="reflect", pad_width=(0, 0, 0, 0, 1, 2, 3, 4)), IMAGES),
    "Reshape": (lambda x: S.Reshape(x, shape=(0, -1, 8)), IMAGES),
    "Reshape of the batch": (lambda x: S.Reshape(x, shape=(-3, 0, 0)), IMAGES),
    "Flatten": (lambda x: S.Flatten(x), IMAGES),
    "transpose": (lambda x: S.transpose(x, axes=(0, 3, 1, 2)), IMAGES),
    "SwapAxis": (lambda x: S.SwapAxis(x, dim1=1, dim2=3), IMAGES),
    "expand_dims and squeeze": (
        lambda x: S.squeeze(S.expand_dims(S.expand_dims(x, axis=1), axis=4), axis=(1,)),
        IMAGES,
    ),
    "broadcast_axis": (lambda x: S.broadcast_axis(S.expand_dims(x, axis=2), axis=2, size=3), ROWS),
    "broadcast_to": (lambda x: S.broadcast_to(S.expand_dims(x, axis=2), shape=(0, 0, 3)), ROWS),
    "Concat and SliceChannel": (
        lambda x: S.Concat(*reversed(list(S.SliceChannel(x, num_outputs=2, axis=1))), dim=2),
        IMAGES,
    ),
    "SliceChannel without its axis": (lambda x: S.SliceChannel(x, num_outputs=4, axis=1, squeeze_axis=True)[2], IMAGES),
    "slice": (lambda x: S.slice(x, begin=(None, 1, 0, -5), end=(None, 3, 4, -1)), IMAGES),
    "slice_axis": (lambda x: S.slice_axis(x, axis=-1, begin=1, end=None), IMAGES),
    "stack and add_n": (lambda x: S.stack(x, S.add_n(x, x, x), axis=1), IMAGES),
    "softmax": (lambda x: S.softmax(x, axis=1), IMAGES),
    "log_softmax": (lambda x: S.log_softmax(x), IMAGES),
    "SoftmaxActivation": (lambda x: S.SoftmaxActivation(x, mode="channel"), IMAGES),
    **{
        f"L2Normalization, {mode}": (lambda x, mode=mode: S.L2Normalization(x, mode=mode), IMAGES)
        for mode in ("channel", "instance", "spatial")
    },
    "clip": (lambda x: S.clip(x, a_min=-0.5, a_max=0.25), IMAGES),
    "Cast": (lambda x: S.Cast(S.Cast(x * 3, dtype="int32"), dtype="float32"), IMAGES),
    "dot": (lambda x: S.dot(x, S.dot(x, x, transpose_a=True)), ROWS),
    "batch_dot": (lambda x: S.batch_dot(x, x, transpose_b=True), (3, 4)),
    "where": (lambda x: S.where(x > 0, x * 2, x - 1), IMAGES),
    "where, a row at once": (lambda x: S.where(S.sum(x, axis=(1, 2, 3)) > 0, x * 2, x - 1), IMAGES),
    "clip from below": (lambda x: S.clip(x, a_min=0.1, a_max=float("inf")), IMAGES),
    "passing": (lambda x: S.BlockGrad(S.Dropout(x * 2)), IMAGES),
    "passing a further output": (lambda x: S.identity(S.SliceChannel(x, num_outputs=2)[1]), IMAGES),
    "parameter of its own": (lambda x: S.broadcast_mul(x, S.var("scale_weight", shape=(1, 4, 1, 1))), IMAGES),
}


def model_for(build, shape: tuple) -> Model:
    symbol = build(S.var("data"))
    rng = np.random.default_rng(0)
    shapes = {
        name: size
        for group in parameter_shapes(symbol, {"data": (1, *shape)})
        for name, size in group.items()
        if name != "data"
    }
    values = {name: rng.uniform(0.2, 1, size).astype(np.float32) for name, size in shapes.items()}
    return Model(symbol, values, {"data": shape}, "discriminator")


def mxnet_output(model: Model, data: np.ndarray) -> np.ndarray:
    given = {**model.parameters, "data": data}
    given = {name: mx.nd.array(value) for name, value in given.items()}
    states = {name: given.pop(name) for name in model.auxiliary}
    executor = model.symbol.bind(mx.cpu(), given, grad_req="null", aux_states=states)
    return executor.forward(is_train=False)[0].asnumpy()


@pytest.mark.parametrize("name", CASES)
def test_a_rule_computes_what_mxnet_computes(name, tmp_path):
    model = model_for(*CASES[name])
    write_model(model, tmp_path, "torch")
    data = np.random.default_rng(1).standard_normal((3, *CASES[name][1])).astype(np.float32)
    np.testing.assert_allclose(
        torch_outputs(tmp_path, {"data": data})[0], mxnet_output(model, data), atol=1e-5, rtol=1e-5
    )
    if model.parameters:
        assert read_exported(tmp_path).parameters.keys() == model.parameters.keys()


def test_every_rule_has_a_case():
    used = {node["op"] for build, _ in CASES.values() for node in json.loads(build(S.var("data")).tojson())["nodes"]}
    assert sorted(set(RULES) - used) == []


def test_a_target_shape_is_padding():
    symbol = S.Deconvolution(S.var("data"), kernel=(4, 4), stride=(2, 2), target_shape=(11, 12), num_filter=3, name="g")
    model = model_for(lambda data: symbol, IMAGES)
    assert graph_of(model).shapes["g"] == (None, 3, 11, 12)
    assert code_of(model).modules == (
        "self.g = nn.ConvTranspose2d(4, 3, 4, stride=2, padding=(2, 3), output_padding=(1, 0), bias=False)",
    )


REFUSED = {
    "over the axis 2": lambda x: S.BatchNorm(x, axis=2, name="bad"),
    "of the type sum": lambda x: S.Pooling(x, kernel=(2, 2), pool_type="sum", name="bad"),
    "of the type bilinear": lambda x: S.UpSampling(
        x, scale=2, sample_type="bilinear", num_filter=4, num_args=1, name="bad"
    ),
    "of which more than 1 output is used": lambda x: S.add_n(
        *list(S.BatchNorm(x, output_mean_var=True, name="bad"))[1:]
    ),
    "with the padding": lambda x: S.Pooling(x, kernel=(3, 3), pad=(2, 2), pool_type="avg", name="bad"),
    "with the convention full": lambda x: S.Pooling(
        x, kernel=(3, 3), stride=(3, 3), pad=(1, 1), pool_type="max", pooling_convention="full", name="bad"
    ),
    "with the steps": lambda x: S.slice(x, begin=(0, 0), end=(None, None), step=(1, 2), name="bad"),
    "whose weight is computed": lambda x: S.Convolution(
        x, S.slice_axis(x, axis=0, begin=0, end=1), kernel=(6, 8), num_filter=1, no_bias=True, name="bad"
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_a_rule_does_not_know_is_refused_with_the_layer(why, tmp_path):
    with pytest.raises(ArgumentError, match=f"the layer 'bad' is a .* {why}.*PyTorch"):
        write_model(model_for(REFUSED[why], IMAGES), tmp_path, "torch")
    assert not any(tmp_path.iterdir())
