import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.networks.blocks import single_channel_deconvolution, upsample
from mxgan.runtime import mx


def layer_shapes(symbol, **inputs):
    internals = symbol.get_internals()
    _, shapes, _ = internals.infer_shape(**inputs)
    return dict(zip(internals.list_outputs(), shapes))


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
    assert judged[f"d{depth}_output"] == (batch, 1, 1, 1)
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


@pytest.mark.parametrize("no_bias", [True, False])
def test_the_grey_layer_equals_one_channel_of_a_deconvolution(no_bias):
    rng = np.random.default_rng(0)
    data, weight = rng.standard_normal((3, 5, 8, 8)), rng.standard_normal((5, 2, 4, 4))
    bias, head = rng.standard_normal(2), rng.standard_normal((3, 2, 16, 16))
    head[:, 1] = 0  # only channel 0 counts

    def run(symbol, weight, bias, head):
        values = {"data": data, "up_weight": weight, **({} if no_bias else {"up_bias": bias})}
        arrays = {name: mx.nd.array(value) for name, value in values.items()}
        gradients = {name: mx.nd.zeros(value.shape) for name, value in arrays.items()}
        executor = symbol.bind(mx.cpu(), arrays, gradients)
        executor.forward(is_train=True)
        executor.backward(mx.nd.array(head))
        return executor.outputs[0].asnumpy(), {name: value.asnumpy() for name, value in gradients.items()}

    plain = upsample(mx.sym.var("data"), "up", 5, 2, 16, no_bias)
    grey = single_channel_deconvolution(mx.sym.var("data"), "up", 5, 16, no_bias)
    expected, expected_gradients = run(plain, weight, bias, head)
    found, gradients = run(grey, weight[:, :1], bias[:1], head[:, :1])
    np.testing.assert_allclose(found, expected[:, :1], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gradients["data"], expected_gradients["data"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gradients["up_weight"], expected_gradients["up_weight"][:, :1], rtol=1e-4, atol=1e-3)
    if not no_bias:
        np.testing.assert_allclose(gradients["up_bias"], expected_gradients["up_bias"][:1], rtol=1e-4)


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
    found = mxgan.DCGAN.from_parameters(shapes)
    assert (found.ngf, found.nc, found.image_size, found.latent_size) == (6, 1, size, 20)
    assert found.no_bias is no_bias


def test_parameters_of_something_else_are_refused():
    with pytest.raises(CheckpointError, match="not a DCGAN generator's parameters.*d1_weight"):
        mxgan.DCGAN.from_parameters({"d1_weight": (8, 3, 4, 4), "d2_weight": (16, 8, 4, 4)})


def test_an_unknown_network_gets_a_suggestion():
    from mxgan.networks import get_network

    assert get_network("dcgan") is mxgan.DCGAN
    with pytest.raises(ArgumentError, match="unknown network 'dcgam'; did you mean 'dcgan'"):
        get_network("dcgam")
