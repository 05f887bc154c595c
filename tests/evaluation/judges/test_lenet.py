"""LeNet against a forward pass written out in NumPy, its shapes, and the gradient that trains it."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.evaluation.judges.lenet import LeNet
from mxgan.graphs.shapes import infer, parameter_shapes
from mxgan.runtime import mx
from tests.networks.helpers import count, layer_shapes


def inputs(network, batch=3) -> dict:
    return {"data": (batch, *network.image_shape), "softmax_label": (batch,)}


def drawn(network, seed=0) -> dict:
    shapes, _ = parameter_shapes(network.symbol(), inputs(network))
    draws = np.random.default_rng(seed)
    return {name: 0.1 * draws.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def images(network, batch=3) -> np.ndarray:
    return np.random.default_rng(9).uniform(-1, 1, (batch, *network.image_shape)).astype(np.float32)


def bound(symbol, network, parameters, **settings):
    module = mx.mod.Module(symbol, ("data",), ("softmax_label",))
    module.bind([("data", (3, *network.image_shape))], [("softmax_label", (3,))], **settings)
    module.init_params(arg_params={name: mx.nd.array(value) for name, value in parameters.items()}, aux_params={})
    return module


def batch_of(pixels, labels=(0, 1, 2)):
    return mx.io.DataBatch([mx.nd.array(pixels)], [mx.nd.array(labels)])


def convolved(data, weight, bias, pad):
    data = np.pad(data, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(data, weight.shape[2:], axis=(2, 3))  # (N, C, h, w, k, k)
    return np.einsum("nchwij,fcij->nfhw", windows, weight) + bias[:, None, None]


def pooled(data):
    n, c, h, w = data.shape
    return data.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def by_hand(network, parameters, data) -> tuple:
    value = {name: array.astype(np.float64) for name, array in parameters.items()}
    layer = data.astype(np.float64)
    for i, pad in ((1, 2 if network.image_size == 28 else 0), (2, 0)):
        layer = pooled(np.maximum(convolved(layer, value[f"conv{i}_weight"], value[f"conv{i}_bias"], pad), 0))
    layer = layer.reshape(len(data), -1)
    for i in (1, 2):
        layer = np.maximum(layer @ value[f"fc{i}_weight"].T + value[f"fc{i}_bias"], 0)
    logits = layer @ value["fc3_weight"].T + value["fc3_bias"]
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return layer, raised / raised.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [28, 32])
def test_features_and_probabilities_are_those_written_out_by_hand(size):
    network = LeNet(classes=7, image_size=size, filters=(3, 5), hidden=11, features=6)
    parameters, pixels = drawn(network), images(network)
    module = bound(network.symbol(), network, parameters, for_training=False)
    module.forward(batch_of(pixels), is_train=False)
    for found, expected in zip(module.get_outputs(), by_hand(network, parameters, pixels)):
        np.testing.assert_allclose(found.asnumpy(), expected, atol=2e-6)
    assert module.get_outputs()[0].asnumpy().max() > 0.01  # not dead


def test_both_sizes_have_the_same_parameters():
    assert parameter_shapes(LeNet(image_size=28).symbol(), inputs(LeNet(image_size=28))) == parameter_shapes(
        LeNet().symbol(), inputs(LeNet())
    )


def test_the_layers_and_how_many_numbers_they_have():
    found = layer_shapes(LeNet().symbol(), **inputs(LeNet()))
    wanted = {"conv1": (3, 16, 28, 28), "pool1": (3, 16, 14, 14), "conv2": (3, 32, 10, 10), "pool2": (3, 32, 5, 5),
              "fc1": (3, 120), "features": (3, 84), "fc3": (3, 10)}  # fmt: skip
    assert {name: found[f"{name}_output"] for name in wanted} == wanted
    expected = 16 * 26 + 32 * (16 * 25 + 1) + 120 * (800 + 1) + 84 * 121 + 10 * 85
    assert count(LeNet().symbol(), **inputs(LeNet())) == expected
    assert infer(LeNet().symbol(), inputs(LeNet()))[1] == [(3, 84), (3, 10)]


def test_the_features_that_are_told_add_nothing_to_the_gradient():
    network = LeNet(filters=(2, 3), hidden=8, features=5)
    parameters, pixels = drawn(network), images(network)
    gradients = []
    for symbol in (network.symbol(), network.symbol()[1]):
        module = bound(symbol, network, parameters)
        module.forward_backward(batch_of(pixels))
        group = module._exec_group
        gradients.append({name: g.asnumpy() for name, (g,) in zip(group.param_names, group.grad_arrays)})
    assert gradients[0].keys() == parameters.keys()
    for name, found in gradients[0].items():
        np.testing.assert_allclose(found, gradients[1][name], rtol=1e-6, err_msg=name)
    features, probabilities = by_hand(network, parameters, pixels)
    np.testing.assert_allclose(gradients[0]["fc3_weight"], (probabilities - np.eye(3, 10)).T @ features, atol=1e-5)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"image_size": 64}, "image_size is 64; give 28 or 32"),
        ({"classes": 1}, "classes is 1; give a whole number from 2 to 10000"),
        ({"filters": (6,)}, r"filters is \(6,\); give a tuple of two whole numbers"),
        ({"filters": (6, "x")}, r"filters\[1\] is 'x'; give a whole number from 1"),
        ({"features": 0}, "features is 0; give a whole number from 1"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings, message):
    with pytest.raises(ArgumentError, match=message):
        LeNet(**settings)
