import hashlib

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks.recognition import from_parameters
from mxgan.runtime import mx
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
        ({"image_size": 50}, "image_size is 50; give a multiple of 4 from 16 to 256 (16, 28, 32, 48, 64, …)"),
        ({"image_size": 8}, "image_size is 8; give a multiple of 4"),
        ({"image_size": (48, 90)}, "image_size is 48x90; give a multiple of 4"),
        ({"image_size": (48, 96, 3)}, "image_size is (48, 96, 3); give a whole number, or (height, width)"),
        ({"image_size": (48, 9.5)}, "image_size is 9.5; give a whole number"),
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


@pytest.mark.parametrize("size", [16, 28, 64, 68, 96, 128, (48, 96), (128, 64)])
@pytest.mark.parametrize("no_bias", [True, False])
def test_a_network_is_read_off_its_parameters(size, no_bias):
    network = mxgan.DCGAN(ngf=6, nc=1, image_size=size, latent_size=20, no_bias=no_bias)
    symbol = network.generator()
    shapes = dict(zip(symbol.list_arguments(), symbol.infer_shape(rand=(1, 20, 1, 1))[0]))
    del shapes["rand"]
    found = from_parameters(mxgan.DCGAN, shapes)
    assert (found.ngf, found.nc, found.image_size, found.latent_size) == (6, 1, size, 20)
    assert found.no_bias is no_bias


def test_a_square_of_two_numbers_is_the_square_of_one():
    assert mxgan.DCGAN(image_size=(32, 32)) == mxgan.DCGAN(image_size=32)
    assert mxgan.DCGAN(image_size=[48, 96]).image_size == (48, 96)


@pytest.mark.parametrize("row", ["mlp", "encoder-decoder"])
def test_networks_of_square_images_say_so(row):
    network = mxgan.NETWORKS[row]
    assert network(image_size=(32, 32)) == network(image_size=32)
    with pytest.raises(ArgumentError, match="image_size is 48x96, and an .* makes square images; give one whole num"):
        network(image_size=(48, 96))


# The sha256 of the two symbols' JSON at powers of two, taken before other sizes were possible.
GREY = (("nc", 1), ("no_bias", False), ("discriminator_norm", "layer"))
BEFORE = {
    ("dcgan", 16, ()): "142babdb7d9e365a",
    ("dcgan", 16, GREY): "1fd296e5bb928003",
    ("dcgan", 32, ()): "6ee619b00337649e",
    ("dcgan", 32, GREY): "916fce19c1fe3b8b",
    ("dcgan", 64, ()): "14bd6b222db41d88",
    ("dcgan", 64, GREY): "918c6a5b52608ec2",
    ("dcgan", 128, ()): "4d5ca1bdab986dc4",
    ("dcgan", 128, GREY): "1d45ed298decd8b2",
    ("conditional-dcgan", 16, ()): "e780419c8089132b",
    ("conditional-dcgan", 16, GREY): "a264cc196a17a94e",
    ("conditional-dcgan", 32, ()): "ca9b7576c24789e6",
    ("conditional-dcgan", 32, GREY): "ae4374639819430b",
    ("conditional-dcgan", 64, ()): "c523a77fc47aed73",
    ("conditional-dcgan", 64, GREY): "f204265f3b9bb7c5",
    ("conditional-dcgan", 128, ()): "f546a3fcb8ff55d4",
    ("conditional-dcgan", 128, GREY): "2a3b22e373c83afb",
    ("auxiliary-dcgan", 16, ()): "348fb7e036d6d5dd",
    ("auxiliary-dcgan", 16, GREY): "8488e5d14c4194df",
    ("auxiliary-dcgan", 32, ()): "f6911f9c2aad4e90",
    ("auxiliary-dcgan", 32, GREY): "739853f77474c533",
    ("auxiliary-dcgan", 64, ()): "f801c8e9d3a72ce7",
    ("auxiliary-dcgan", 64, GREY): "892fd403268ed4c5",
    ("auxiliary-dcgan", 128, ()): "fefec80c974e4ee9",
    ("auxiliary-dcgan", 128, GREY): "fe11712ebdc6bdad",
    ("semi-supervised-dcgan", 16, ()): "91470e42ffe4f7a4",
    ("semi-supervised-dcgan", 16, GREY): "b2f0410e673dda85",
    ("semi-supervised-dcgan", 32, ()): "a170d3ec3c23deb5",
    ("semi-supervised-dcgan", 32, GREY): "83ae1a35838fbf21",
    ("semi-supervised-dcgan", 64, ()): "b6eb6f9f0058e0ef",
    ("semi-supervised-dcgan", 64, GREY): "23ad239065de0f99",
    ("semi-supervised-dcgan", 128, ()): "30136f40bd686e65",
    ("semi-supervised-dcgan", 128, GREY): "d9e904d227bbf707",
}


@pytest.mark.parametrize("key", BEFORE)
def test_powers_of_two_have_the_symbols_that_they_had(key):
    row, size, settings = key
    with mx.name.NameManager():
        network = mxgan.NETWORKS[row](image_size=size, **dict(settings))
        text = network.generator().tojson() + network.discriminator().tojson()
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == BEFORE[key]


def test_parameters_of_something_else_are_refused():
    with pytest.raises(CheckpointError, match="not a DCGAN generator's parameters.*d1_weight"):
        from_parameters(mxgan.DCGAN, {"d1_weight": (8, 3, 4, 4), "d2_weight": (16, 8, 4, 4)})


def test_an_unknown_network_gets_a_suggestion():
    from mxgan.networks import get_network

    assert get_network("dcgan") is mxgan.DCGAN
    with pytest.raises(ArgumentError, match="unknown network 'dcgam'; did you mean 'dcgan'"):
        get_network("dcgam")
