from __future__ import annotations

import json

import numpy as np
import pytest

from mxgan.export import write_model
from mxgan.export.checking import agreement
from mxgan.export.computing import computed
from mxgan.export.layers import graph_of
from mxgan.export.model import Model
from mxgan.export.plain import plain
from mxgan.graphs.shapes import parameter_shapes
from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from tests.export.models import FORMS, HALVES, VARIANTS, inputs_of, model_of, mxnet_outputs


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_plain_model_is_the_same_function(variant, half):
    model = model_of(variant, half)
    found = plain(model)
    values = inputs_of(model, 3)
    for result, expected in zip(mxnet_outputs(found, values), mxnet_outputs(model, values)):
        np.testing.assert_allclose(result, expected, atol=2e-5, rtol=2e-5)


def operators(model) -> set:
    return {node["op"] for node in json.loads(model.symbol.tojson())["nodes"]}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_are_parameters_and_products_are_layers(variant, half):
    model = model_of(variant, half)
    found = plain(model)
    # a bias is not a constant of another shape; a BatchNorm by class has no scale and shift of its own
    own = {
        name for name in found.parameters if not name.endswith(("_bn1_ones", "_bn1_zeros", "_bn2_ones", "_bn2_zeros"))
    }
    assert own <= model.parameters.keys()
    assert own == found.parameters.keys() or "projection" in variant
    assert not operators(found) & {"dot", "col2im", "L2Normalization", "BlockGrad"}
    assert not [name for name in found.parameters if name.endswith("_u")]
    graph = graph_of(found)
    assert all(set(layer.inputs) - {*found.parameters} for layer in graph.layers)  # none is a constant
    assert all(graph.shapes[output][0] is None for output in graph.outputs)


def test_the_layers_of_dcgan_are_those_of_its_publication():
    layers = {half: graph_of(plain(model_of("grey", half))).layers for half in HALVES}
    assert [layer.operator for layer in layers["generator"]] == [
        *["Deconvolution", "BatchNorm", "Activation"] * 2, "Deconvolution", "Activation",
    ]  # fmt: skip
    assert [layer.name for layer in layers["discriminator"] if layer.operator == "Convolution"] == ["d1", "d2", "d3"]
    assert layers["discriminator"][-1].operator == "Flatten"


def test_a_bias_is_part_of_its_layer():
    layers = graph_of(plain(model_of("grey, biases", "generator"))).layers
    assert {layer.operator for layer in layers} == {"Deconvolution", "BatchNorm", "Activation"}
    assert [len(layer.inputs) for layer in layers if layer.operator == "Deconvolution"] == [3, 3, 3]


def test_a_col2im_of_another_network_stays():
    """Its input need not be a Reshape of a Convolution by a computed weight."""
    data, weight = mx.sym.Variable("data"), mx.sym.Variable("weight")
    columns = mx.sym.Convolution(data, weight, kernel=(1, 1), num_filter=4, no_bias=True)
    columns = mx.sym.Reshape(columns, shape=(0, 4, -1))
    for symbol, shape in ((data, (4, 9)), (columns, (2, 3, 3))):
        symbol = mx.sym.col2im(symbol, output_size=(4, 4), kernel=(2, 2))
        values = {"weight": np.ones((4, 2, 1, 1), np.float32)} if shape != (4, 9) else {}
        assert "col2im" in operators(plain(Model(symbol, values, {"data": shape})))


def test_a_grey_layer_stays_for_mxnet_itself():
    model = model_of("grey", "generator")
    found = plain(model, grey_as_deconvolution=False)
    assert found.parameters.keys() == model.parameters.keys()
    assert "col2im" in operators(found)
    values = inputs_of(model, 3)
    np.testing.assert_allclose(mxnet_outputs(found, values)[0], mxnet_outputs(model, values)[0], atol=2e-5)


def rows_of(build, **more) -> Model:
    """A generator of 6 values of a layer of 6 ("first") over 5 latents, with random parameters."""
    first = mx.sym.FullyConnected(mx.sym.Variable("rand"), num_hidden=6, name="first")
    symbol = build(first)
    shapes = parameter_shapes(symbol, {"rand": (1, 5)})
    rng = rng_for("rows", 0, 0)
    values = {name: (rng.random(shape) + 0.5).astype(np.float32) for group in shapes for name, shape in group.items()}
    return Model(symbol, values, {"rand": (5,)}, **more)


def two_of_one_name(first):
    """A layer whose name is that of the second output of another."""
    parts = mx.sym.SliceChannel(first, num_outputs=2, name="h")
    return mx.sym.Concat(mx.sym.FullyConnected(parts[0], num_hidden=3, name="h_1"), parts[1])


def of_constants(first):
    """Both outputs of a constant layer, and a BatchNorm of a constant."""
    parts = mx.sym.SliceChannel(mx.sym.Variable("table", shape=(2, 6)), num_outputs=2, axis=0, name="parts")
    norm = mx.sym.BatchNorm(mx.sym.Variable("fixed", shape=(1, 6)), fix_gamma=False, name="norm")
    return mx.sym.broadcast_add(mx.sym.broadcast_add(mx.sym.broadcast_mul(first, parts[1]), parts[0]), norm)


def named_as_a_variable(first):
    layer = mx.sym.relu(first, name="taken")
    return mx.sym.FullyConnected(layer, weight=mx.sym.Variable("taken"), num_hidden=6, no_bias=True, name="last")


def passing_a_further_output(first):
    parts = mx.sym.SliceChannel(first, num_outputs=2)
    return mx.sym.Group([mx.sym.BlockGrad(mx.sym.BlockGrad(parts[1])) * 2, mx.sym.identity(parts[1])])


def two_activations(first):
    return mx.sym.relu(first) + mx.sym.Activation(first, act_type="relu") + mx.sym.Activation(first, act_type="tanh")


NETWORKS = [two_of_one_name, of_constants, named_as_a_variable, passing_a_further_output, two_activations]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("build", NETWORKS)
def test_networks_of_others_keep_their_outputs(build, form, tmp_path):
    model = rows_of(build, half="discriminator") if form != "mxnet" else rows_of(build)
    latents = rng_for("latents", 0, 0).standard_normal((16, 5)).astype(np.float32)
    expected = mxnet_outputs(model, {"rand": latents})
    for found in (computed(model, {"rand": latents}), computed(plain(model), {"rand": latents})):
        for each, wanted in zip(found, expected):
            np.testing.assert_allclose(each, wanted, atol=1e-5)
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    write_model(model, tmp_path, form)
    assert agreement(model, tmp_path, form, {}).difference < 1e-5
    assert not {node["op"] for node in json.loads(plain(model).symbol.tojson())["nodes"]} & {"BlockGrad", "_copy"}


@pytest.mark.parametrize("attributes, axes", [({}, (1, 2)), ({"multi_output": True}, 1), ({"preserve_shape": True}, 2)])
def test_softmax_is_over_the_axes_of_its_head(attributes, axes):
    symbol = mx.sym.SoftmaxOutput(mx.sym.Variable("data"), name="softmax", **attributes)
    model = Model(symbol, {}, {"data": (3, 4), "softmax_label": (4,) if axes == 1 else (3,)}, "discriminator")
    data = rng_for("data", 0, 0).standard_normal((2, 3, 4)).astype(np.float32)
    powers = np.exp(data)
    found = computed(plain(model), {"data": data})[0]
    np.testing.assert_allclose(found, powers / powers.sum(axes, keepdims=True), atol=1e-6)
