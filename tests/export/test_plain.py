from __future__ import annotations

import json

import numpy as np
import pytest

from mxgan.export.layers import graph_of
from mxgan.export.model import Model
from mxgan.export.plain import plain
from mxgan.runtime import mx
from tests.export.models import HALVES, VARIANTS, inputs_of, model_of, mxnet_outputs


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
    assert found.parameters.keys() <= model.parameters.keys()  # a bias is not a constant of another shape
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
