import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import CBR
from mxgan.networks.recognition import from_parameters
from tests.networks.helpers import applied, assert_as_in_torch, count, drawn, layer_shapes, run

# The published table: channels, kernels, strides, and the sides that they lead to.
G_CHANNELS = (768, 384, 192, 96, 48, 24, 12, 6, 3)
G_KERNELS = (3, 3, 3, 2, 3, 3, 3, 3, 3)
G_STRIDES = (1, 1, 2, 2, 1, 1, 1, 1, 1)
G_SIDES = (3, 5, 11, 22, 24, 26, 28, 30, 32)
D_CHANNELS = (6, 12, 24, 48, 96, 192, 384, 768, 1)
D_KERNELS = (3, 4, 3, 4, 3, 4, 3, 4, 5)
D_STRIDES = (1, 1, 1, 1, 1, 1, 2, 1, 1)
D_SIDES = (30, 27, 25, 22, 20, 17, 8, 5, 1)


def test_layers_and_counts_are_as_published():
    network = CBR()
    made = layer_shapes(network.generator(), rand=(2, 100, 1, 1))
    judged = layer_shapes(network.discriminator(), data=(2, 3, 32, 32))
    wanted = {"g": 0, "d": 0}
    before = 100
    for i, (channels, kernel, side) in enumerate(zip(G_CHANNELS, G_KERNELS, G_SIDES), start=1):
        for layer in ("g", "gbn", "gact"):
            assert made[f"{layer}{i}_output"] == (2, channels, side, side)
        wanted["g"] += before * channels * kernel**2 + 2 * channels
        before = channels
    before = 3
    for i, (channels, kernel, side) in enumerate(zip(D_CHANNELS, D_KERNELS, D_SIDES), start=1):
        for layer in ("d", "dbn", "dact") if i < 9 else ("d",):
            assert judged[f"{layer}{i}_output"] == (2, channels, side, side)
        wanted["d"] += before * channels * kernel**2 + (channels if i >= 5 else 0) + (2 * channels if i < 9 else 0)
        before = channels
    assert "dbn9_output" not in judged
    assert count(network.generator(), rand=(2, 100, 1, 1)) == wanted["g"] == 4_140_996
    assert count(network.discriminator(), data=(2, 3, 32, 32)) == wanted["d"] == 5_764_567


def torch_generator(width: int, nc: int):
    from torch import nn

    layers, inputs = [], 100
    for i, (channels, kernel, stride) in enumerate(zip(G_CHANNELS, G_KERNELS, G_STRIDES)):
        channels = nc if i == 8 else channels * width // 3
        layers += [nn.ConvTranspose2d(inputs, channels, kernel, stride, bias=False), nn.BatchNorm2d(channels)]
        layers.append(nn.Sigmoid() if i == 8 else nn.ReLU())
        inputs = channels
    return nn.Sequential(*layers, applied(lambda image: 2 * image - 1))


def torch_discriminator(width: int, nc: int):
    from torch import nn

    layers, inputs = [applied(lambda image: (image + 1) / 2)], nc
    for i, (channels, kernel, stride) in enumerate(zip(D_CHANNELS, D_KERNELS, D_STRIDES)):
        channels = 1 if i == 8 else channels * width // 3
        layers.append(nn.Conv2d(inputs, channels, kernel, stride, bias=i >= 4))
        if i < 8:
            layers += [nn.BatchNorm2d(channels), nn.LeakyReLU(0.2)]
        inputs = channels
    return nn.Sequential(*layers, nn.Flatten())


@pytest.mark.parametrize("width, nc", [(1, 1), (1, 3)])
def test_both_halves_compute_what_torch_computes(width, nc):
    pytest.importorskip("torch")
    network, rng = CBR(width=width, nc=nc), np.random.default_rng(0)
    latents = rng.standard_normal((4, 100, 1, 1)).astype("f")
    assert_as_in_torch(network.generator(), "rand", latents, torch_generator(width, nc))
    images = np.tanh(rng.standard_normal((4, nc, 32, 32))).astype("f")
    assert_as_in_torch(network.discriminator(), "data", images, torch_discriminator(width, nc))


def test_moving_statistics_follow_as_in_torch():
    """BatchNorm's momentum: MXNet keeps 0.9 of the old, PyTorch takes 0.1 of the new, which is the same."""
    network, latents = CBR(width=1), np.random.default_rng(0).standard_normal((8, 100, 1, 1)).astype("f")
    generator = network.generator()
    values = {"rand": latents, **drawn(generator, {"rand": latents.shape})}
    _, _, statistics = run(generator, values)
    first = np.einsum("ncij,cohw->nohw", latents, values["g1_weight"])
    np.testing.assert_allclose(statistics["gbn1_moving_mean"], 0.1 * first.mean((0, 2, 3)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(statistics["gbn1_moving_var"], 0.9 + 0.1 * first.var((0, 2, 3)), rtol=1e-3)


@pytest.mark.parametrize("network", [CBR(), CBR(width=2, nc=1, latent_size=7)])
def test_a_cbr_is_read_off_its_parameters(network):
    shapes, _ = parameter_shapes(network.generator(), network.generator_inputs(1))
    assert from_parameters(CBR, shapes) == network
    with pytest.raises(CheckpointError, match="these are not a CBR generator's parameters"):
        from_parameters(CBR, {**shapes, "g3_weight": (1, 2, 3, 3)})


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"width": 0}, "width is 0; give a whole number from 1"),
        ({"nc": 4}, "nc is 4; give 1 (grey) or 3 (RGB)"),
        ({"latent_size": 1.5}, "latent_size is 1.5"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ArgumentError) as caught:
        CBR(**arguments)
    assert words in str(caught.value)
