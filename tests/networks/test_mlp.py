import math
from dataclasses import replace

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import MLP
from mxgan.networks.recognition import from_parameters
from tests.networks.helpers import applied, assert_as_in_torch, count, drawn, layer_shapes, run

MLP_64 = MLP(
    nc=3,
    image_size=64,
    latent_size=100,
    generator_widths=(128, 256, 512, 1024),
    discriminator_widths=(512, 256),
    norm_first=False,
    eps=0.8,
    slope=0.2,
    output="tanh",
)


def test_the_grey_one_is_as_published():
    network = MLP()
    made = layer_shapes(network.generator(), rand=(5, 64))
    judged = layer_shapes(network.discriminator(), data=(5, 1, 28, 28))
    for i, width in enumerate((128, 256, 512, 784), start=1):
        for layer in ("g", "gbn", "gact"):
            assert made[f"{layer}{i}_output"] == (5, width)
    assert made["g5_output"] == made["gact5_output"] == (5, 784)
    for i, width in enumerate((512, 256, 128), start=1):
        assert judged[f"d{i}_output"] == judged[f"dact{i}_output"] == (5, width)
    assert judged["d4_output"] == (5, 1)
    linear = 64 * 128 + 128 + 128 * 256 + 256 + 256 * 512 + 512 + 512 * 784 + 784 + 784 * 784 + 784
    assert count(network.generator(), rand=(5, 64)) == linear + 2 * (128 + 256 + 512 + 784) == 1_193_920
    hidden = 784 * 512 + 512 + 512 * 256 + 256 + 256 * 128 + 128
    assert count(network.discriminator(), data=(5, 1, 28, 28)) == hidden + 128 + 1 == 566_273


def test_the_colour_one_is_as_published():
    made = layer_shapes(MLP_64.generator(), rand=(5, 100))
    judged = layer_shapes(MLP_64.discriminator(), data=(5, 3, 64, 64))
    assert "gbn1_output" not in made
    for i, width in enumerate((128, 256, 512, 1024), start=1):
        assert made[f"gact{i}_output"] == (5, width)
        assert i == 1 or made[f"gbn{i}_output"] == (5, width)
    assert made["g5_output"] == (5, 12288)
    assert [judged[f"d{i}_output"] for i in (1, 2, 3)] == [(5, 512), (5, 256), (5, 1)]
    linear = 100 * 128 + 128 + 128 * 256 + 256 + 256 * 512 + 512 + 512 * 1024 + 1024 + 1024 * 12288 + 12288
    assert count(MLP_64.generator(), rand=(5, 100)) == linear + 2 * (256 + 512 + 1024) == 13_301_632
    assert count(MLP_64.discriminator(), data=(5, 3, 64, 64)) == 12288 * 512 + 512 + 512 * 256 + 256 + 257 == 6_423_553


def torch_generator(network):
    from torch import nn

    layers, inputs = [], network.latent_size
    for i, width in enumerate(network.generator_widths):
        layers.append(nn.Linear(inputs, width))
        if i > 0 or network.norm_first:
            layers.append(nn.BatchNorm1d(width, eps=network.eps))
        layers.append(nn.LeakyReLU(network.slope))
        inputs = width
    layers += [nn.Linear(inputs, math.prod(network.image_shape)), nn.Unflatten(1, network.image_shape)]
    if network.output == "tanh":
        return nn.Sequential(*layers, nn.Tanh())
    return nn.Sequential(*layers, nn.Sigmoid(), applied(lambda image: 2 * image - 1))


def torch_discriminator(network):
    from torch import nn

    in_unit_range = applied(lambda image: (image + 1) / 2 if network.output == "sigmoid" else image)
    layers, inputs = [in_unit_range, nn.Flatten()], math.prod(network.image_shape)
    for width in network.discriminator_widths:
        layers += [nn.Linear(inputs, width), nn.LeakyReLU(0.2)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


@pytest.mark.parametrize("network", [MLP(), MLP_64], ids=["grey", "colour"])
def test_both_halves_compute_what_torch_computes(network):
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((16, network.latent_size)).astype("f")
    assert_as_in_torch(network.generator(), "rand", latents, torch_generator(network))
    images = np.tanh(rng.standard_normal((16, *network.image_shape))).astype("f")
    assert_as_in_torch(network.discriminator(), "data", images, torch_discriminator(network))


def test_images_leave_and_enter_between_minus_one_and_one():
    """Sigmoid inside, [-1, 1] outside: all latents 0 give 2σ(bias) − 1, and an image of −1 is 0 to D's first layer."""
    network = MLP(generator_widths=(4,), discriminator_widths=(6,), image_size=4)
    generator, discriminator = network.generator(), network.discriminator()
    zero = np.zeros((2, 64), np.float32)
    values = {name: np.zeros_like(value) for name, value in drawn(generator, {"rand": zero.shape}).items()}
    values["g2_bias"] = np.linspace(-9, 9, 16, dtype=np.float32)
    (images,), _, _ = run(generator, {"rand": zero, **values})
    np.testing.assert_allclose(images[0].ravel(), np.tanh(values["g2_bias"] / 2), atol=1e-6)
    given = drawn(discriminator, {"data": (2, 1, 4, 4)})
    (score,), _, _ = run(discriminator, {"data": np.full((2, 1, 4, 4), -1, np.float32), **given})
    hidden = np.where(given["d1_bias"] > 0, 1, 0.2) * given["d1_bias"]
    np.testing.assert_allclose(score[0], given["d2_weight"] @ hidden + given["d2_bias"], rtol=1e-5)


@pytest.mark.parametrize("network", [MLP(), MLP_64, MLP(nc=3, generator_widths=(9,), latent_size=7)])
def test_an_mlp_is_read_off_its_parameters(network):
    shapes, _ = parameter_shapes(network.generator(), network.generator_inputs(1))
    assert from_parameters(MLP, shapes) == replace(network, discriminator_widths=MLP.discriminator_widths)
    with pytest.raises(CheckpointError, match="these are not an MLP generator's parameters .*found g1_bias"):
        from_parameters(MLP, {**shapes, "g1_class_weight": (10, 5)})


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"generator_widths": ()}, "generator_widths is (); give a tuple of at least one whole number"),
        ({"generator_widths": [64, 128]}, "generator_widths is [64, 128]; give a tuple"),
        ({"discriminator_widths": (64, 0)}, "discriminator_widths[1] is 0; give a whole number from 1"),
        ({"output": "relu"}, "output is 'relu'; give sigmoid or tanh"),
        ({"slope": 1.0}, "slope is 1.0; give a number from 0 (ReLU) to below 1"),
        ({"eps": float("nan")}, "eps is nan; give a number above 0"),
        ({"nc": 2}, "nc is 2; give 1 (grey) or 3 (RGB)"),
        ({"norm_first": 1}, "norm_first is 1; give True or False"),
        ({"image_size": 0}, "image_size is 0"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ArgumentError) as caught:
        MLP(**arguments)
    assert words in str(caught.value)
