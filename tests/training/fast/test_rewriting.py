"""Symbols with our operators against the same symbols with MXNet's: outputs, gradients, states, requests."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba is not installed")

from mxgan.networks import DCGAN
from mxgan.networks.residual import Residual
from mxgan.runtime import mx
from mxgan.training.fast import rewriting
from mxgan.training.fast.rewriting import with_fast_operators


@pytest.fixture(autouse=True)
def small_layers_too(monkeypatch):
    monkeypatch.setattr(rewriting, "LEAST_PRODUCTS", 0)
    monkeypatch.setattr(rewriting, "LEAST_RESAMPLED", 0)
    monkeypatch.setattr(rewriting, "LEAST_PAIRS", 0)


TOLERANCE = 1e-3  # of the norm
OF_A_NETWORK = 0.05  # by rounding, a value near 0 takes the other branch of a ReLU; the layers are tested more strictly


def operators(symbol) -> list:
    return [
        node["attrs"].get("op_type", "") if node["op"] == "Custom" else node["op"]
        for node in json.loads(symbol.tojson())["nodes"]
        if node["op"] != "null"
    ]


def bound(symbol, shapes: dict, requests="write"):
    executor = symbol.simple_bind(mx.cpu(), grad_req=requests, **shapes)
    random = np.random.default_rng(1)
    for name in sorted(executor.arg_dict):
        array = executor.arg_dict[name]
        array[:] = random.standard_normal(array.shape) * (1 if name in shapes else 0.3)
    for name, state in executor.aux_dict.items():
        state[:] = 1 if name.endswith("var") else 0
    return executor


def passes(executor, train: bool = True) -> tuple:
    """(outputs, {argument: gradient}, {state: value}) after one pass in both directions."""
    outputs = [each.asnumpy() for each in executor.forward(is_train=train)]
    if not train:
        return outputs, {}, {}
    random = np.random.default_rng(2)
    executor.backward([mx.nd.array(random.standard_normal(each.shape)) for each in executor.outputs])
    mx.nd.waitall()
    gradients = {name: array.asnumpy() for name, array in executor.grad_dict.items() if array is not None}
    return outputs, gradients, {name: state.asnumpy() for name, state in executor.aux_dict.items()}


def check_equal(found, wanted, tolerance=TOLERANCE) -> None:
    """All values alike; where a gradient is 0 but for rounding, as of a bias before a BatchNorm, by the largest one."""
    for each, other in zip(found[0], wanted[0]):
        assert np.linalg.norm(each - other) < tolerance * np.linalg.norm(other)
    for part in (1, 2):
        assert found[part].keys() == wanted[part].keys()
        largest = max(map(np.linalg.norm, wanted[part].values()), default=0)
        for name, other in wanted[part].items():
            least = max(np.linalg.norm(other), 1e-3 * largest)
            assert np.linalg.norm(found[part][name] - other) < tolerance * least, name


NETWORKS = {
    "DCGAN's generator": (DCGAN(ngf=16, ndf=16).generator(), {"rand": (5, 100, 1, 1)}),
    "DCGAN's discriminator": (DCGAN(ngf=16, ndf=16).discriminator(), {"data": (5, 3, 64, 64)}),
    "with biases and gammas": (
        DCGAN(ngf=16, ndf=16, no_bias=False, fix_gamma=False).generator(),
        {"rand": (4, 100, 1, 1)},
    ),
    "residual generator": (Residual(ngf=16, ndf=16).generator(), {"rand": (3, 128)}),
    "residual generator whose sides are not whole tiles": (
        Residual(ngf=8, ndf=8, image_size=48).generator(),
        {"rand": (2, 128)},
    ),
    "residual discriminator": (Residual(ngf=16, ndf=16).discriminator(), {"data": (3, 3, 32, 32)}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_computes_the_same(name):
    symbol, shapes = NETWORKS[name]
    fast = with_fast_operators(symbol, shapes)
    assert fast.list_arguments() == symbol.list_arguments()
    assert fast.list_auxiliary_states() == symbol.list_auxiliary_states()
    assert "mxgan_convolution" in operators(fast)
    assert len([each for each in operators(symbol) if each == "BatchNorm"]) == operators(fast).count("mxgan_batch_norm")
    own, wanted = bound(fast, shapes), bound(symbol, shapes)
    check_equal(passes(own), passes(wanted), OF_A_NETWORK)
    check_equal(passes(own, train=False), passes(wanted, train=False))  # by the moving statistics


def test_the_layers_of_dcgan_that_are_replaced():
    symbol = DCGAN().discriminator()
    found = operators(with_fast_operators(symbol, {"data": (2, 3, 64, 64)}))
    # The first layer has 3 channels, the last one no whole tile of outputs
    assert found.count("mxgan_convolution") == 3
    assert found.count("Convolution") + found.count("FullyConnected") == 2
    assert "LeakyReLU" not in found  # computed by the BatchNorm before it or the convolution behind it


def test_a_layer_with_little_to_compute_stays(monkeypatch):
    monkeypatch.undo()
    symbol = convolution(kernel=(3, 3), stride=(1, 1))
    for count, name in ((64, "mxgan_convolution"), (1, "Convolution")):
        assert operators(with_fast_operators(symbol, {"data": (count, 16, 128, 128)})) == [name]


def test_a_4x4_convolution_between_few_channels_stays(monkeypatch):
    monkeypatch.undo()
    for count, name in ((64, "mxgan_convolution"), (32, "Convolution")):
        symbol = convolution(num_filter=count)
        assert operators(with_fast_operators(symbol, {"data": (64, 32, 64, 64)})) == [name]


def convolution(**settings):
    settings = {"kernel": (4, 4), "stride": (2, 2), "pad": (1, 1), "num_filter": 16, **settings}
    return mx.sym.Convolution(mx.sym.Variable("data"), name="layer", **settings)


@pytest.mark.parametrize("settings", [
    {"num_group": 2}, {"dilate": (2, 2)}, {"kernel": (4, 3)}, {"pad": (0, 1)}, {"stride": (1, 1)},
], ids=str)  # fmt: skip
def test_another_kind_of_convolution_stays(settings):
    symbol = convolution(**settings)
    assert operators(with_fast_operators(symbol, {"data": (2, 16, 16, 16)})) == ["Convolution"]


def test_gradients_are_added_or_left_out_as_asked():
    """As the Modules ask: "add" of the adjoint pass of a penalty, "null" of the parameters of G's head."""
    shapes, symbol = {"data": (3, 16, 16, 16)}, mx.sym.BatchNorm(convolution(), name="norm", fix_gamma=False)
    fast = with_fast_operators(symbol, shapes)
    for requests in ("add", {"data": "write", **dict.fromkeys(symbol.list_arguments()[1:], "null")}):
        own, wanted = bound(fast, shapes, requests), bound(symbol, shapes, requests)
        for executor in (own, wanted):
            for array in executor.grad_dict.values():
                if array is not None:
                    array[:] = 7
        check_equal(passes(own), passes(wanted))


@pytest.mark.parametrize("activation", ["LeakyReLU", "relu", "tanh", None])
@pytest.mark.parametrize("fix_gamma", [False, True])
def test_a_batch_norm_with_its_activation(activation, fix_gamma):
    layer = mx.sym.BatchNorm(convolution(num_filter=5), name="norm", fix_gamma=fix_gamma, eps=1e-3, momentum=0.8)
    if activation == "LeakyReLU":
        layer = mx.sym.LeakyReLU(layer, slope=0.3)
    elif activation:
        layer = mx.sym.Activation(layer, act_type=activation)
    symbol, shapes = mx.sym.identity(layer), {"data": (6, 8, 8, 16)}
    fast = with_fast_operators(symbol, shapes)
    left = ["Activation"] if activation == "tanh" else []
    assert operators(fast) == ["mxgan_convolution", "mxgan_batch_norm", *left, "_copy"]
    check_equal(passes(bound(fast, shapes)), passes(bound(symbol, shapes)))


def test_an_activation_stays_where_another_layer_or_the_reader_takes_the_batch_norm():
    norm = mx.sym.BatchNorm(convolution(), name="norm")
    active = mx.sym.LeakyReLU(norm, slope=0.2)
    for symbol in (mx.sym.identity(norm + active), mx.sym.Group([norm, active]), active):
        assert "LeakyReLU" in operators(with_fast_operators(symbol, {"data": (2, 8, 8, 8)}))


def active_convolution(data, **settings):
    settings = {"kernel": (3, 3), "pad": (1, 1), "num_filter": 16, **settings}
    return mx.sym.Convolution(mx.sym.LeakyReLU(data, name="active", slope=0.3), name="layer", **settings)


def test_an_activation_before_a_convolution():
    symbol, shapes = active_convolution(2 * mx.sym.Variable("data")), {"data": (3, 16, 8, 8)}
    fast = with_fast_operators(symbol, shapes)
    assert operators(fast) == ["_mul_scalar", "mxgan_convolution"]
    check_equal(passes(bound(fast, shapes)), passes(bound(symbol, shapes)))


def test_an_activation_stays_where_a_convolution_is_not_all_that_takes_it():
    data = mx.sym.Variable("data")
    layer = active_convolution(data)
    active = layer.get_internals()["active_output"]
    weight = mx.sym.LeakyReLU(mx.sym.Variable("weight", shape=(16, 16, 3, 3)))
    twice = mx.sym.Convolution(active, weight, kernel=(3, 3), pad=(1, 1), num_filter=16, name="other", no_bias=True)
    halves = mx.sym.SliceChannel(data, num_outputs=2)
    for symbol, shape in (
        (layer + active, (2, 16, 8, 8)),
        (mx.sym.Group([layer, active]), (2, 16, 8, 8)),
        (layer + twice, (2, 16, 8, 8)),
        (active_convolution(halves[1]), (2, 32, 8, 8)),
    ):
        fast = with_fast_operators(symbol, {"data": shape})
        assert "LeakyReLU" in operators(fast)
        check_equal(passes(bound(fast, {"data": shape})), passes(bound(symbol, {"data": shape})))


@pytest.mark.parametrize("kind, fast", [
    ("larger", True), ("smaller", True), ("bilinear", False), ("trebled", False), ("greatest", False),
    ("overlapping", False), ("odd", False), ("global", False),
])  # fmt: skip
def test_images_at_twice_and_half_of_their_size(kind, fast):
    layer = mx.sym.Convolution(mx.sym.Variable("data"), kernel=(3, 3), pad=(1, 1), num_filter=16, name="layer")
    means = {"kernel": (2, 2), "stride": (2, 2), "pool_type": "avg"}
    made = {
        "larger": lambda: mx.sym.UpSampling(layer, scale=2, sample_type="nearest"),
        "smaller": lambda: mx.sym.Pooling(layer, **means),
        "bilinear": lambda: mx.sym.UpSampling(layer, scale=2, sample_type="bilinear", num_filter=16, num_args=2),
        "trebled": lambda: mx.sym.UpSampling(layer, scale=3, sample_type="nearest"),
        "greatest": lambda: mx.sym.Pooling(layer, **{**means, "pool_type": "max"}),
        "overlapping": lambda: mx.sym.Pooling(layer, **{**means, "stride": (1, 1)}),
        "odd": lambda: mx.sym.Pooling(mx.sym.slice(layer, begin=(0, 0, 0, 0), end=(3, 16, 7, 8)), **means),
        "global": lambda: mx.sym.Pooling(layer, global_pool=True, **means),
    }
    symbol, shapes = mx.sym.tanh(made[kind]()), {"data": (3, 16, 8, 8)}
    own = with_fast_operators(symbol, shapes)
    assert ("mxgan_resampling" in operators(own)) is fast
    check_equal(passes(bound(own, shapes)), passes(bound(symbol, shapes)))


def test_without_a_fast_convolution_a_batch_norm_stays():
    symbol = mx.sym.BatchNorm(convolution(pad=(0, 0)), name="norm")
    assert operators(with_fast_operators(symbol, {"data": (2, 8, 10, 10)})) == ["Convolution", "BatchNorm"]


def test_a_backward_pass_after_one_in_inference_is_refused(capfd):
    shapes = {"data": (2, 8, 8, 8)}
    executor = bound(with_fast_operators(mx.sym.BatchNorm(convolution(), name="norm"), shapes), shapes)
    executor.forward(is_train=True)
    executor.forward(is_train=False)
    executor.backward([mx.nd.ones(executor.outputs[0].shape)])
    with pytest.raises(mx.base.MXNetError):
        mx.nd.waitall()
    assert "a forward pass in inference has no backward pass" in capfd.readouterr().out
