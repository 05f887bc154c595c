"""The files of plain MXNet, loaded by MXNet's own functions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mxgan.export import write_model
from mxgan.runtime import mx
from tests.export.models import HALVES, VARIANTS, inputs_of, model_of, mxnet_outputs
from tests.support import long_but


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", long_but(VARIANTS, "dcgan", "grey, biases", "spectral cgan", "acgan", "mlp-gan"))
def test_mxnets_own_module_computes_the_same(variant, half, tmp_path):
    model = model_of(variant, half)
    write_model(model, tmp_path, "mxnet")
    symbol, arguments, states = mx.model.load_checkpoint(str(tmp_path / "model"), 0)
    values = inputs_of(model, 3)
    data = [(name, value.shape) for name, value in values.items()]
    module = mx.mod.Module(symbol, [name for name, _ in data], None)
    module.bind(data, for_training=False)
    module.set_params(arguments, states)
    module.forward(mx.io.DataBatch([mx.nd.array(value) for value in values.values()]), is_train=False)
    for found, expected in zip(module.get_outputs(), mxnet_outputs(model, values)):
        np.testing.assert_allclose(found.asnumpy(), expected, atol=1e-5, rtol=1e-5)


def test_the_layers_are_those_of_the_publication(tmp_path):
    write_model(model_of("spectral cgan", "discriminator"), tmp_path, "mxnet")
    nodes = json.loads((tmp_path / "model-symbol.json").read_text())["nodes"]
    operators = [node["op"] for node in nodes if node["op"] != "null"]
    assert operators.count("Convolution") == 3
    assert not {"dot", "L2Normalization", "FullyConnected", "BlockGrad"} & set(operators)
    assert all(isinstance(text, str) for node in nodes for text in node.get("attrs", {}).values())
    saved = mx.nd.load(str(tmp_path / "model-0000.params"))
    assert "arg:d1_weight" in saved
    assert not [name for name in saved if name.endswith("_u")]


def test_a_dcgan_ends_as_deconvolution_and_convolution(tmp_path):
    for half, operator in (("generator", "Deconvolution"), ("discriminator", "Convolution")):
        folder = tmp_path / half
        folder.mkdir()
        write_model(model_of("dcgan", half), folder, "mxnet")
        nodes = json.loads((folder / "model-symbol.json").read_text())["nodes"]
        assert [node["op"] for node in nodes if node["op"] in ("Convolution", "Deconvolution", "dot")] == [operator] * 3
