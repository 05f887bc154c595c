import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import EncoderDecoder
from mxgan.networks.encoder_decoder import doubled, halved
from mxgan.networks.recognition import from_parameters
from mxgan.runtime import mx
from tests.networks.helpers import applied, assert_as_in_torch, count, layer_shapes, run


def test_layers_and_counts_are_as_published():
    network, c = EncoderDecoder(), 16
    made = layer_shapes(network.generator(), rand=(2, 128))
    judged = layer_shapes(network.discriminator(), data=(2, 3, 64, 64))
    assert made["g1_output"] == made["gbn1_output"] == (2, 4 * 4 * 8 * c)
    for i, (filters, side) in enumerate([(4 * c, 8), (2 * c, 16), (c, 32), (c, 64)], start=2):
        assert made[f"gbn{i}_output"] == made[f"gact{i}_output"] == (2, filters, side, side)
    assert made["g6_output"] == made["gact6_output"] == (2, 3, 64, 64)
    for block, (filters, side) in enumerate([(c, 64), (2 * c, 32), (4 * c, 16), (8 * c, 8)]):
        first, second = 2 * block + 1, 2 * block + 2
        assert judged[f"d{first}_output"] == judged[f"dbn{first}_output"] == (2, filters, side, side)
        for layer in ("d", "dbn", "dact"):
            assert judged[f"{layer}{second}_output"] == (2, filters, side // 2, side // 2)
    assert judged["dpool_output"] == (2, 8 * c, 1, 1)
    assert judged["d9_output"] == (2, 1)

    def conv(inputs, outputs):  # with bias
        return 25 * inputs * outputs + outputs

    dense = 128 * 128 * c + 128 * c + 2 * 128 * c
    widths = [(8 * c, 4 * c), (4 * c, 2 * c), (2 * c, c), (c, c)]
    decoder = dense + sum(conv(a, b) + 2 * b for a, b in widths) + conv(c, 3)
    assert count(network.generator(), rand=(2, 128)) == decoder == 545_075
    widths = [
        (3, c),
        (c, c),
        (c, 2 * c),
        (2 * c, 2 * c),
        (2 * c, 4 * c),
        (4 * c, 4 * c),
        (4 * c, 8 * c),
        (8 * c, 8 * c),
    ]
    encoder = sum(conv(a, b) + 2 * b for a, b in widths) + 8 * c + 1
    assert count(network.discriminator(), data=(2, 3, 64, 64)) == encoder == 815_569


def bound(symbol, data, weight, head):
    """(output, gradient of the data) of a layer with a bias of 0."""
    filters = head.shape[1]
    values = {"data": data, "up_weight": weight, "up_bias": np.zeros(filters)}
    (output,), gradients, _ = run(symbol, values, [head])
    return output, gradients["data"]


def test_halving_pads_as_tensorflow_does():
    """One row before and two behind: a kernel with a single 1 at (u, v) reads the pixels (2i + u − 1, 2j + v − 1)."""
    image = np.arange(1, 37, dtype=np.float64).reshape(1, 1, 6, 6)
    around = np.pad(image[0, 0], 4)
    for u, v in ((0, 0), (1, 3), (4, 4)):
        weight = np.zeros((1, 1, 5, 5))
        weight[0, 0, u, v] = 1
        found, _ = bound(halved(mx.sym.var("data"), "up", 1), image, weight, np.ones((1, 1, 3, 3)))
        expected = around[4 + u - 1 :, 4 + v - 1 :][:6:2, :6:2]
        np.testing.assert_array_equal(found[0, 0], expected)


@pytest.mark.parametrize("side, filters", [(4, 3), (4, 1), (5, 2)])
def test_doubling_is_the_adjoint_of_halving(side, filters):
    """As Keras defines it: forward is the other's backward, and backward the other's forward."""
    rng = np.random.default_rng(0)
    small, weight = rng.standard_normal((2, 4, side, side)), rng.standard_normal((4, filters, 5, 5))
    large = rng.standard_normal((2, filters, 2 * side, 2 * side))
    up, pulled = bound(doubled(mx.sym.var("data"), "up", 4, filters, side), small, weight, large)
    down, pushed = bound(halved(mx.sym.var("data"), "up", 4), large, weight, small)
    np.testing.assert_allclose(up, pushed, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(pulled, down, rtol=1e-4, atol=1e-4)


def torch_batch_norm(channels: int, dims: int = 2):
    from torch import nn

    return (nn.BatchNorm2d if dims == 2 else nn.BatchNorm1d)(channels, eps=1e-3, momentum=0.01)


def torch_generator(network):
    from torch import nn

    c, side = network.capacity, network.image_size // 16
    units = side * side * 8 * c
    layers = [nn.Linear(network.latent_size, units), torch_batch_norm(units, 1), nn.Unflatten(1, (side, side, 8 * c))]
    layers.append(applied(lambda last: last.permute(0, 3, 1, 2)))
    for inputs, outputs in ((8 * c, 4 * c), (4 * c, 2 * c), (2 * c, c), (c, c)):
        layers.append(nn.ConvTranspose2d(inputs, outputs, 5, 2))
        layers.append(applied(lambda whole: whole[:, :, 1:-2, 1:-2]))
        layers += [torch_batch_norm(outputs), nn.LeakyReLU(0.3)]
    return nn.Sequential(*layers, nn.Conv2d(c, network.nc, 5, padding=2), nn.Tanh())


def torch_discriminator(network):
    from torch import nn

    layers, inputs = [], network.nc
    for filters in (network.capacity * 2**block for block in range(4)):
        layers += [nn.Conv2d(inputs, filters, 5, padding=2), torch_batch_norm(filters), nn.ZeroPad2d((1, 2, 1, 2))]
        layers += [nn.Conv2d(filters, filters, 5, 2), torch_batch_norm(filters), nn.LeakyReLU(0.3)]
        inputs = filters
    return nn.Sequential(*layers, applied(lambda maps: maps.mean((2, 3))), nn.Linear(inputs, 1))


@pytest.mark.parametrize("capacity, nc, size", [(4, 3, 64), (1, 1, 32)])
def test_both_halves_compute_what_torch_computes(capacity, nc, size):
    pytest.importorskip("torch")
    network, rng = EncoderDecoder(capacity, nc, size), np.random.default_rng(0)
    latents = rng.standard_normal((6, 128)).astype("f")
    assert_as_in_torch(network.generator(), "rand", latents, torch_generator(network))
    images = np.tanh(rng.standard_normal((6, nc, size, size))).astype("f")
    assert_as_in_torch(network.discriminator(), "data", images, torch_discriminator(network))


@pytest.mark.parametrize("network", [EncoderDecoder(), EncoderDecoder(3, 1, 48, 9)])
def test_an_encoder_decoder_is_read_off_its_parameters(network):
    shapes, _ = parameter_shapes(network.generator(), network.generator_inputs(1))
    assert from_parameters(EncoderDecoder, shapes) == network
    with pytest.raises(CheckpointError, match="these are not an encoder-decoder generator's parameters"):
        from_parameters(EncoderDecoder, {**shapes, "g1_weight": (shapes["g1_weight"][0] + 1, 9)})


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"capacity": 0}, "capacity is 0; give a whole number from 1"),
        ({"image_size": 60}, "image_size is 60; give a multiple of 16 (16, 32, 48, 64, …)"),
        ({"nc": 2}, "nc is 2; give 1 (grey) or 3 (RGB)"),
        ({"latent_size": 0}, "latent_size is 0"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ArgumentError) as caught:
        EncoderDecoder(**arguments)
    assert words in str(caught.value)
