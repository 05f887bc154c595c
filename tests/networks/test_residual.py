"""SNGAN's residual networks: their numbers of parameters, and the numbers of an independent PyTorch program."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import NETWORKS
from mxgan.networks.attention import self_attention
from mxgan.networks.residual_blocks import pooled_convolution, upsampled_convolution
from mxgan.objectives.spectral import spectral_normalize, state_names
from mxgan.runtime import mx
from mxgan.training.parallel.shared_batch_norm import with_shared_batch_norm
from tests.networks.helpers import count, drawn, run

Residual, ResidualProjection = NETWORKS["residual"], NETWORKS["residual-projection"]
SIZES = (32, 48, 64, 128)


def conv(before: int, after: int, kernel: int = 3) -> int:
    return before * after * kernel**2 + after


def generator_count(channels: tuple, start: int, latent: int = 128, classes: int = 1) -> int:
    blocks = zip(channels, channels[1:])
    inside = sum(
        conv(a, b) + conv(b, b) + conv(a, b, 1) + 2 * classes * (a + b) for a, b in blocks
    )  # two convolutions, the shortcut, two norms
    last = 2 * channels[-1] + conv(channels[-1], 3)
    return (latent + 1) * channels[0] * start**2 + inside + last


def discriminator_count(channels: tuple, halvings: int, bias: bool, classes: int = 0) -> int:
    total, before = conv(3, channels[0]) + conv(channels[0], channels[0]) + conv(3, channels[0], 1), channels[0]
    for i, after in enumerate(channels[1:], 1):
        shortcut = conv(before, after, 1) if i < halvings or before != after else 0
        total, before = total + conv(before, before) + conv(before, after) + shortcut, after
    return total + (1 + classes) * before + bias


# The rows of the tables, and the numbers that they add up to.
PUBLISHED = {
    32: ((256,) * 4, 4, (128,) * 4, 2, 4_276_739, 1_053_824),
    48: ((512, 256, 128, 64), 6, (64, 128, 256, 512, 1024), 4, 4_878_083, 10_141_441),
    64: ((1024, 512, 256, 128, 64), 4, (64, 128, 256, 512, 1024), 5, 12_220_675, 10_141_441),
    128: ((1024, 1024, 512, 256, 128, 64), 4, (64, 128, 256, 512, 1024, 1024), 5, 32_150_787, 29_017_857),
}


@pytest.mark.parametrize("size", SIZES)
def test_as_many_parameters_as_published(size):
    generator, start, discriminator, halvings, of_generator, of_discriminator = PUBLISHED[size]
    network = Residual(image_size=size)
    assert network.generator_channels == generator
    assert network.discriminator_channels == discriminator
    found = count(network.generator(), rand=(1, 128)), count(network.discriminator(), data=(1, *network.image_shape))
    assert found == (of_generator, of_discriminator)
    assert found == (generator_count(generator, start), discriminator_count(discriminator, halvings, size != 32))


@pytest.mark.parametrize("size", SIZES)
def test_as_many_parameters_with_classes(size):
    generator, start, discriminator, halvings, *_ = PUBLISHED[size]
    network = ResidualProjection(image_size=size)
    # all norms but the last have a row for each class
    assert count(network.generator(), **network.generator_inputs(1)) == generator_count(generator, start, classes=10)
    assert count(network.discriminator(), **network.images(1)) == discriminator_count(
        discriminator, halvings, size != 32, classes=10
    )


def test_the_shapes_are_the_published_ones_whatever_is_merged():
    shapes = parameter_shapes(Residual().generator(), {"rand": (1, 128)})[0]
    assert shapes["g2_conv1_weight"] == (256, 256, 3, 3)
    assert shapes["g5_weight"] == (3, 256, 3, 3)
    shapes = parameter_shapes(Residual().discriminator(), {"data": (1, 3, 32, 32)})[0]
    assert shapes["d1_conv2_weight"] == shapes["d4_conv2_weight"] == (128, 128, 3, 3)
    assert shapes["d1_short_weight"] == (128, 3, 1, 1)
    assert "d3_short_weight" not in shapes


# ---- against PyTorch ----


WIDTH = 1 / 16
ORACLES = {
    **{str(size): (Residual, {"image_size": size}) for size in SIZES},
    "grey": (Residual, {"image_size": 32, "nc": 1}),
    "attention": (Residual, {"image_size": 64, "attention": 32}),
    "attention in the last block": (Residual, {"image_size": 32, "attention": 8}),
    "projection": (ResidualProjection, {"image_size": 32, "classes": 3}),
    "projection, attention": (ResidualProjection, {"image_size": 48, "classes": 3, "attention": 12}),
}

SEED, SEEDS = 4, {("128", "g"): 6}  # of the draws; another one for the network with the most ReLUs


def widths(size: int) -> dict:
    published = Residual(image_size=size).size
    return {"ngf": round(published.ngf * WIDTH), "ndf": round(published.ndf * WIDTH)}


@pytest.mark.parametrize("half", ["g", "d"])
@pytest.mark.parametrize("name", ORACLES)
def test_outputs_and_gradients_are_those_of_pytorch(name, half):
    """In float32 a ReLU whose input is nearly 0 may fall on the other side of its kink.

    So the draws are fixed to some in which, as PyTorch computes it in float64, no such input is below 3e-6 times the
    root mean square of its layer.
    """
    pytest.importorskip("torch", reason="PyTorch is not installed")
    row, settings = ORACLES[name]
    network = row(**settings, **widths(settings["image_size"]))
    further = {key: settings[key] for key in ("nc", "classes", "attention") if key in settings}
    found = errors(network, half, further, SEEDS.get((name, half), SEED))
    assert max(found.values()) <= 1e-4, found


def errors(network, half: str, further: dict, seed: int) -> dict:
    """{output, input or parameter: relative error of its value or gradient, in the mean square}."""
    import torch

    from tests.oracle import residual_networks as oracle

    make = oracle.Generator if half == "g" else oracle.Discriminator
    model = make(network.image_size, WIDTH, **further).double()
    symbol = network.generator() if half == "g" else network.discriminator()
    inputs = network.generator_inputs(3) if half == "g" else network.images(3)
    rng, data = np.random.default_rng(seed), next(iter(inputs))
    values = {**drawn(symbol, inputs, seed), data: np.tanh(rng.standard_normal(inputs[data])).astype("f")}
    labels = {"class_label": np.array([2, 0, 2], "f")} if "class_label" in inputs else {}
    names = {
        oracle.name_of(key, half, len(model.blocks), _block_of(network, half)): parameter
        for key, parameter in model.named_parameters()
    }
    assert names.keys() == values.keys() - {data}
    with torch.no_grad():
        for key, parameter in names.items():
            parameter.copy_(torch.tensor(values[key]))
    given = torch.tensor(values[data], dtype=torch.float64, requires_grad=True)
    expected = model(given, torch.tensor([2, 0, 2]) if labels else None)
    head = rng.standard_normal(tuple(expected.shape))
    expected.backward(torch.tensor(head))
    (made,), gradients, _ = run(symbol, {**values, **labels}, [head])
    wanted = {data: given.grad, **{key: parameter.grad for key, parameter in names.items()}}
    found = {key: relative(gradients[key], wanted[key], _scale(key, wanted)) for key in wanted}
    return {**found, "output": relative(made, expected.detach(), 0.0)}


def _scale(key: str, gradients: dict) -> float:
    """A bias before a BatchNorm is taken out again: its gradient is the rounding of its weight's."""
    gradient = gradients[key.replace("_bias", "_weight")] if key.endswith("_bias") else gradients[key]
    return float(gradient.norm() / math.sqrt(gradient.numel()))


def relative(found, expected, least: float) -> float:
    size = max(float(expected.norm() / math.sqrt(expected.numel())), least)
    assert size > 0
    return float(np.sqrt(np.mean((found - expected.numpy()) ** 2))) / size


def _block_of(network, half: str) -> int:
    """The number of the block that the attention follows."""
    if network.attention is None:
        return 0
    sides = network.size.generator_sides() if half == "g" else network.size.discriminator_sides()
    return sides.index(network.attention) + (2 if half == "g" else 1)


# ---- the merged convolutions against the plain ones ----


def plain_pooled(data):
    layer = mx.sym.Convolution(data, name="d", kernel=(3, 3), pad=(1, 1), num_filter=5)
    return mx.sym.Pooling(layer, kernel=(2, 2), stride=(2, 2), pool_type="avg")


def plain_upsampled(data):
    larger = mx.sym.UpSampling(data, scale=2, sample_type="nearest")
    return mx.sym.Convolution(larger, name="d", kernel=(3, 3), pad=(1, 1), num_filter=5)


MERGED = {
    "pooled": (pooled_convolution(mx.sym.var("data"), "d", 4, 5), plain_pooled(mx.sym.var("data"))),
    "upsampled": (upsampled_convolution(mx.sym.var("data"), "d", 4, 5, 6), plain_upsampled(mx.sym.var("data"))),
}


@pytest.mark.parametrize("name", MERGED)
def test_a_merged_convolution_is_the_two_that_it_stands_for(name):
    merged, plain = MERGED[name]
    assert merged.list_arguments() == plain.list_arguments()
    shape = {"data": (3, 4, 6, 6)}
    assert parameter_shapes(merged, shape) == parameter_shapes(plain, shape)
    values = {**drawn(plain, shape), "data": np.random.default_rng(0).standard_normal(shape["data"])}
    (found, mine, _), (expected, theirs, _) = (run(symbol, values) for symbol in (merged, plain))
    np.testing.assert_allclose(found[0], expected[0], atol=3e-6)
    for key, gradient in theirs.items():
        np.testing.assert_allclose(mine[key], gradient, atol=3e-6 * np.abs(gradient).max(), err_msg=key)


# ---- spectral normalisation, attention, settings ----


@pytest.mark.parametrize("network", [Residual(ndf=4, attention=16), ResidualProjection(ndf=4, classes=3)])
def test_every_weight_of_the_discriminator_is_normalised(network):
    symbol = spectral_normalize(network.discriminator(), network.images(2), every_weight=True)
    weights = {name for name in symbol.list_arguments() if name.endswith("_weight")}
    assert {name.replace("_weight", "_u") for name in weights} == set(state_names(symbol))
    assert len(weights) == (15 if network.attention else 12)
    assert spectral_normalize(symbol, network.images(2), every_weight=True).tojson() == symbol.tojson()


def test_scaling_every_weight_changes_no_score():
    network = ResidualProjection(ndf=4, classes=3)
    symbol = spectral_normalize(network.discriminator(), network.images(2), every_weight=True)
    values = drawn(symbol, network.images(2))
    values.update(data=np.tanh(np.random.default_rng(0).standard_normal((2, 3, 32, 32))), class_label=np.ones(2))
    (before,), _, _ = run(symbol, values)
    (after,), _, _ = run(symbol, {k: v * 3 if k.endswith("_weight") else v for k, v in values.items()})
    np.testing.assert_allclose(after, before, rtol=1e-4)
    assert np.ptp(before) > 1e-3


def test_attention_begins_as_nothing():
    layer = self_attention(mx.sym.var("data"), "d1_attention", 16, 4)
    module = mx.mod.Module(layer, label_names=None)
    module.bind([("data", (2, 16, 4, 4))])
    module.init_params(mx.init.Normal(1))
    data = mx.nd.random.normal(shape=(2, 16, 4, 4))
    module.forward(mx.io.DataBatch([data]))
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), data.asnumpy())
    assert module.get_params()[0]["d1_attention_key_weight"].shape == (2, 16, 1, 1)


def test_norms_begin_as_the_plain_one_for_every_class():
    network = ResidualProjection(ngf=4, classes=3)
    module = mx.mod.Module(network.generator(), ("rand",), ("class_label",))
    module.bind([("rand", (2, 128))], [("class_label", (2,))])
    module.init_params(mx.init.Normal(0.02))
    values = module.get_params()[0]
    assert values["g2_bn1_gamma"].shape == (3, 4)
    assert (values["g2_bn1_gamma"].asnumpy() == 1).all()
    assert (values["g2_bn1_beta"].asnumpy() == 0).all()


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"image_size": 40}, "image_size is 40, and an SNGAN network has 32, 48, 64, 128; give one"),
        ({"image_size": (32, 48)}, "and an SNGAN makes square images"),
        (
            {"attention": 32},
            "attention is 32; give the side of a feature map that both networks have at image_size 32",
        ),
        ({"image_size": 64, "attention": 64}, "at image_size 64: 8, 16, 32, or null for none"),
        ({"image_size": 128, "attention": 4}, "at image_size 128: 8, 16, 32, 64, or null"),
        ({"ngf": 0}, "ngf is 0"),
        ({"attention": 8.0}, "attention is 8.0; give a whole number"),
        ({"nc": 2}, "nc is 2"),
        ({"eps": 0.0}, "eps is 0.0"),
    ],
)
def test_settings_that_no_network_has(settings, words):
    with pytest.raises(ArgumentError) as caught:
        Residual(**settings)
    assert words in str(caught.value)


def test_a_norm_by_class_is_the_same_over_the_ranks_of_one():
    """Data-parallel runs replace each BatchNorm, also one whose scale and shift are no parameters."""
    network = ResidualProjection(ngf=4, classes=3)
    symbol, inputs = network.generator(), network.generator_inputs(4)
    latents = np.random.default_rng(0).standard_normal((4, 128)).astype("f")
    values = {**drawn(symbol, inputs), "rand": latents, "class_label": np.array([0, 1, 2, 1], "f")}
    shared = with_shared_batch_norm(symbol, lambda layer: lambda sums: None)
    (found, mine, _), (expected, theirs, _) = (run(each, values) for each in (shared, symbol))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)
    for key in ("g2_bn1_gamma", "g4_bn2_beta", "g1_weight"):
        np.testing.assert_allclose(mine[key], theirs[key], atol=1e-4 * np.abs(theirs[key]).max(), err_msg=key)
