import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks.recognition import from_parameters
from tests.networks.helpers import assert_as_in_torch, drawn, layer_shapes, run


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("nc", [1, 3])
@pytest.mark.parametrize("width, batch", [(4, 1), (6, 5), (64, 2)])
def test_every_layer_has_the_shape_of_the_paper(size, nc, width, batch):
    network = mxgan.DCGAN(ngf=width, ndf=width + 2, nc=nc, image_size=size)
    depth = {16: 3, 32: 4, 64: 5, 128: 6}[size]
    made = layer_shapes(network.generator(), rand=(batch, 100, 1, 1))
    judged = layer_shapes(network.discriminator(), data=(batch, nc, size, size))
    for i in range(1, depth):  # each layer doubles the side and halves the channels; the discriminator back again
        wide, side = width * 2 ** (depth - 1 - i), 4 * 2 ** (i - 1)
        for name in (f"g{i}_output", f"gbn{i}_output", f"gact{i}_output"):
            assert made[name] == (batch, wide, side, side)
        names = [f"d{i}_output", f"dact{i}_output"] + ([f"dbn{i}_output"] if i > 1 else [])
        for name in names:
            assert judged[name] == (batch, (width + 2) * 2 ** (i - 1), size // 2**i, size // 2**i)
    assert f"dbn{1}_output" not in judged
    assert made[f"g{depth}_output"] == made[f"gact{depth}_output"] == (batch, nc, size, size)
    assert judged[f"d{depth}_output"] == (batch, 1)
    assert network.discriminator().infer_shape(data=(batch, nc, size, size))[1] == [(batch, 1)]


def test_parameter_names_and_shapes_do_not_depend_on_how_grey_is_made():
    for no_bias in (True, False):
        shapes = []
        for nc in (1, 3):
            generator, _ = mxgan.make_dcgan_sym(8, 8, nc, no_bias=no_bias)
            arguments, _, _ = generator.infer_shape(rand=(2, 100, 1, 1))
            shapes.append(dict(zip(generator.list_arguments(), arguments)))
        grey, colour = shapes
        assert list(grey) == list(colour)
        assert grey.pop("g5_weight") == (8, 1, 4, 4)
        assert colour.pop("g5_weight") == (8, 3, 4, 4)
        if not no_bias:
            assert grey.pop("g5_bias") == (1,)
            assert colour.pop("g5_bias") == (3,)
        assert grey == colour


def test_a_critic_without_norm_has_the_same_convolutions_and_nothing_else():
    with_norm, without = (
        mxgan.DCGAN(ndf=6, image_size=32, discriminator_norm=norm).discriminator() for norm in ("batch", "none")
    )
    shapes, _ = parameter_shapes(with_norm, {"data": (2, 3, 32, 32)})
    expected = {name: shape for name, shape in shapes.items() if not name.startswith("dbn")}
    assert parameter_shapes(without, {"data": (2, 3, 32, 32)}) == (expected, {})


def test_a_critic_with_layer_norm_against_torch():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    network = mxgan.DCGAN(ndf=16, image_size=16, nc=1, discriminator_norm="layer")
    layers = [nn.Conv2d(1, 16, 4, 2, 1, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1, bias=False)]
    layers += [nn.Flatten(), nn.LayerNorm(32 * 4 * 4, eps=network.eps), nn.Unflatten(1, (32, 4, 4)), nn.LeakyReLU(0.2)]
    model = nn.Sequential(*layers, nn.Conv2d(32, 1, 4, bias=False), nn.Flatten())
    images = np.tanh(np.random.default_rng(0).standard_normal((8, 1, 16, 16))).astype("f")
    assert_as_in_torch(network.discriminator(), "data", images, model)


@pytest.mark.parametrize("norm, alone", [("batch", False), ("layer", True), ("none", True)])
def test_what_a_critic_says_of_an_image_depends_on_that_image_alone_but_with_batch_norm(norm, alone):
    """Which is what a gradient penalty for each image asks for (Gulrajani et al. 2017, section 4)."""
    symbol = mxgan.DCGAN(ndf=4, image_size=16, discriminator_norm=norm).discriminator()
    images = np.random.default_rng(0).standard_normal((4, 3, 16, 16)).astype("f")
    values = drawn(symbol, {"data": images.shape})
    _, gradients, _ = run(symbol, {"data": images, **values}, [np.array([[1.0], [0.0], [0.0], [0.0]])])
    assert np.abs(gradients["data"][0]).max() > 0
    assert (np.abs(gradients["data"][1:]).max() == 0) == alone


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"ngf": 0}, "ngf is 0; give a whole number from 1 to"),
        ({"ndf": -3}, "ndf is -3"),
        ({"ngf": 2.5}, "ngf is 2.5"),
        ({"nc": 2}, "nc is 2; give 1 (grey) or 3 (RGB)"),
        ({"image_size": 48}, "image_size 48 is not a power of two of at least 16"),
        ({"image_size": 8}, "image_size 8 is not a power of two"),
        ({"latent_size": 0}, "latent_size is 0"),
        ({"eps": 0.0}, "eps is 0.0"),
        ({"no_bias": "yes"}, "no_bias is 'yes'; give True or False"),
        ({"discriminator_norm": "bach"}, "unknown discriminator_norm 'bach'; did you mean 'batch'?"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_built(arguments, words):
    with pytest.raises(ArgumentError) as caught:
        mxgan.DCGAN(**arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize("size", [16, 64, 128])
@pytest.mark.parametrize("no_bias", [True, False])
def test_a_network_is_read_off_its_parameters(size, no_bias):
    network = mxgan.DCGAN(ngf=6, nc=1, image_size=size, latent_size=20, no_bias=no_bias)
    symbol = network.generator()
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(rand=(1, 20, 1, 1))[0]))
    del shapes["rand"]
    found = from_parameters(mxgan.DCGAN, shapes)
    assert (found.ngf, found.nc, found.image_size, found.latent_size) == (6, 1, size, 20)
    assert found.no_bias is no_bias


def test_parameters_of_something_else_are_refused():
    with pytest.raises(CheckpointError, match="not a DCGAN generator's parameters.*d1_weight"):
        from_parameters(mxgan.DCGAN, {"d1_weight": (8, 3, 4, 4), "d2_weight": (16, 8, 4, 4)})


def test_an_unknown_network_gets_a_suggestion():
    from mxgan.networks import get_network

    assert get_network("dcgan") is mxgan.DCGAN
    with pytest.raises(ArgumentError, match="unknown network 'dcgam'; did you mean 'dcgan'"):
        get_network("dcgam")
