import math

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import DCGAN, Residual
from mxgan.runtime import mx
from mxgan.training.initializers import INITIALIZERS, get_initializer


def network():
    """One of each layer: dense, convolution, transposed convolution, each with a bias, and BatchNorm."""
    net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=480, name="d1")
    net = mx.sym.BatchNorm(mx.sym.Reshape(net, shape=(-1, 30, 4, 4)), name="dbn1", fix_gamma=False)
    net = mx.sym.Deconvolution(net, kernel=(5, 5), num_filter=20, name="d2", no_bias=False)
    return mx.sym.Convolution(net, kernel=(3, 3), num_filter=40, name="d3")


def first_parameters(name: str, seed: int = 0, sigma: float = 0.02, symbol=None, size: int = 50) -> dict:
    symbol = symbol or network()
    module = mx.mod.Module(symbol, ("data",), None)
    module.bind([("data", (2, size))])
    mx.random.seed(seed)
    module.init_params(get_initializer(name, sigma, parameter_shapes(symbol, {"data": (2, size)})[0]))
    return {key: value.asnumpy() for key, value in module.get_params()[0].items()}


def assert_uniform(values, bound: float) -> None:
    """Within ±bound, reaching near it, and of its standard deviation bound/√3, within six standard errors."""
    assert np.abs(values).max() <= bound
    assert np.abs(values).max() > bound * (1 - 30 / values.size)
    error = 6 / math.sqrt(values.size)
    np.testing.assert_allclose(values.std(), bound / math.sqrt(3), rtol=error)
    assert abs(values.mean()) < error * bound / math.sqrt(3)


FAN_IN = {"d1": 50, "d2": 20 * 25, "d3": 20 * 9}
FAN_OUT = {"d1": 480, "d2": 30 * 25, "d3": 40 * 9}


@pytest.mark.parametrize("layer", FAN_IN)
def test_torch_draws_weights_and_biases_by_fan_in(layer):
    found = first_parameters("torch")
    for kind in ("weight", "bias"):
        assert_uniform(found[f"{layer}_{kind}"], 1 / math.sqrt(FAN_IN[layer]))


def test_torch_agrees_with_torch():
    """Bounds by PyTorch itself: the largest of many draws of each of its layers."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = {
        "d1": torch.nn.Linear(50, 480),
        "d2": torch.nn.ConvTranspose2d(30, 20, 5),
        "d3": torch.nn.Conv2d(20, 40, 3),
    }
    found = first_parameters("torch")
    for name, layer in layers.items():
        assert found[f"{name}_weight"].shape == tuple(layer.weight.shape)
        largest = np.abs(found[f"{name}_weight"]).max()
        np.testing.assert_allclose(largest, layer.weight.abs().max().item(), rtol=2e-3)
        biases = np.abs([first_parameters("torch", seed)[f"{name}_bias"] for seed in range(8)])
        assert abs(biases.max() - layer.bias.abs().max().item()) < 0.2 * biases.max()


def test_residual_draws_the_convolutions_of_blocks_wider_than_glorot_by_the_root_of_two():
    network = Residual(ngf=16, ndf=16, latent_size=10)
    for symbol, data, wide, plain in (
        (network.generator(), ("rand", (2, 10)), ("g2_conv1", "g2_conv2"), ("g1", "g2_short", "g5")),
        (network.discriminator(), ("data", (2, 3, 32, 32)), ("d2_conv1", "d2_conv2"), ("d2_short",)),
    ):
        module = mx.mod.Module(symbol, (data[0],), None)
        module.bind([data])
        mx.random.seed(0)
        module.init_params(get_initializer("residual", 0.02, {}))
        found = {key: value.asnumpy() for key, value in module.get_params()[0].items()}
        for name in (*wide, *plain):
            weight = found[f"{name}_weight"]
            outputs, inputs, *kernel = weight.shape
            bound = math.sqrt(6 / ((outputs + inputs) * math.prod(kernel)))
            assert_uniform(weight, bound * math.sqrt(2) if name in wide else bound)


@pytest.mark.parametrize("layer", FAN_IN)
def test_glorot_draws_weights_by_both_fans_and_no_biases(layer):
    found = first_parameters("glorot")
    assert_uniform(found[f"{layer}_weight"], math.sqrt(6 / (FAN_IN[layer] + FAN_OUT[layer])))
    assert not found[f"{layer}_bias"].any()


def test_normal_is_mxnets_own_to_the_bit():
    symbol, latents = DCGAN(ngf=4, image_size=16).generator(), {"rand": (2, 100, 1, 1)}
    found = []
    for initializer in (get_initializer("normal", 0.02, {}), mx.init.Normal(0.02)):
        module = mx.mod.Module(symbol, ("rand",), None)
        module.bind(list(latents.items()))
        mx.random.seed(7)
        module.init_params(initializer)
        found.append({name: value.asnumpy() for name, value in module.get_params()[0].items()})
    ours, theirs = found
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value)
    np.testing.assert_allclose(ours["g1_weight"].std(), 0.02, rtol=0.05)
    assert first_parameters("normal", sigma=0.5)["d1_weight"].std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_all_start_batch_norm_alike_and_draw_by_the_seed(name):
    found, again, other = first_parameters(name, 3), first_parameters(name, 3), first_parameters(name, 4)
    np.testing.assert_array_equal(found["dbn1_gamma"], 1)
    np.testing.assert_array_equal(found["dbn1_beta"], 0)
    for key, value in found.items():
        np.testing.assert_array_equal(again[key], value)
    assert not np.array_equal(found["d2_weight"], other["d2_weight"])


def test_what_is_not_known_is_named():
    with pytest.raises(ArgumentError, match="unknown initializer 'glorott'; did you mean 'glorot'"):
        get_initializer("glorott", 0.02, {})
    with pytest.raises(ArgumentError, match="draws d1_bias by the shape of d1_weight, which it was not given"):
        get_initializer("torch", 0.02, {})(mx.init.InitDesc("d1_bias"), mx.nd.zeros(3))
