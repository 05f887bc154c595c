import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.networks.blocks import (
    from_latent,
    from_zero_to_one,
    halvings,
    layer_norm,
    leaky,
    single_channel_deconvolution,
    to_zero_to_one,
    upsample,
)
from mxgan.networks.dcgan import DCGAN
from mxgan.runtime import mx
from tests.networks.helpers import assert_as_in_torch, run

# kernel, stride, pad: DCGAN's, CBR's two, the encoder-decoder's, and one that overlaps nowhere
GEOMETRIES = [(4, 2, 1), (3, 1, 0), (3, 2, 0), (5, 2, 1), (2, 2, 0), (5, 3, 2)]


@pytest.mark.parametrize("no_bias", [True, False])
@pytest.mark.parametrize("kernel, stride, pad", GEOMETRIES)
def test_the_grey_layer_equals_one_channel_of_a_deconvolution(kernel, stride, pad, no_bias):
    rng = np.random.default_rng(0)
    size = 7 * stride - 2 * pad + kernel  # from 8
    data, weight = rng.standard_normal((3, 5, 8, 8)), rng.standard_normal((5, 2, kernel, kernel))
    bias, head = rng.standard_normal(2), rng.standard_normal((3, 2, size, size))
    head[:, 1] = 0  # only channel 0 counts

    def one_pass(channels):
        values = {"data": data, "up_weight": weight[:, :channels], **({} if no_bias else {"up_bias": bias[:channels]})}
        symbol = upsample(mx.sym.var("data"), "up", 5, channels, size, no_bias, kernel, stride, pad)
        (output,), gradients, _ = run(symbol, values, [head[:, :channels]])
        return output, gradients

    (plain, expected), (grey, gradients) = one_pass(2), one_pass(1)
    assert grey.shape == (3, 1, size, size)
    np.testing.assert_allclose(grey, plain[:, :1], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gradients["data"], expected["data"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gradients["up_weight"], expected["up_weight"][:, :1], rtol=1e-4, atol=1e-3)
    if not no_bias:
        np.testing.assert_allclose(gradients["up_bias"], expected["up_bias"][:1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kernel, stride, pad", GEOMETRIES)
def test_upsample_against_torch(kernel, stride, pad, channels):
    torch = pytest.importorskip("torch")
    data = np.random.default_rng(0).standard_normal((2, 4, 6, 6)).astype("f")
    symbol = upsample(mx.sym.var("data"), "up", 4, channels, 5 * stride - 2 * pad + kernel, False, kernel, stride, pad)
    assert_as_in_torch(symbol, "data", data, torch.nn.ConvTranspose2d(4, channels, kernel, stride, pad))


def test_upsample_doubles_unless_told_otherwise():
    for channels in (1, 2):
        symbol = upsample(mx.sym.var("data"), "up", 3, channels, 16)
        shapes, outputs, _ = symbol.infer_shape(data=(2, 3, 8, 8))
        assert dict(zip(symbol.list_arguments(), shapes)) == {"data": (2, 3, 8, 8), "up_weight": (3, channels, 4, 4)}
        assert outputs == [(2, channels, 16, 16)]
    grey = single_channel_deconvolution(mx.sym.var("data"), "up", 3, 16, no_bias=True)
    assert grey.infer_shape(data=(2, 3, 8, 8))[1] == [(2, 1, 16, 16)]


def test_layer_norm_takes_each_sample_to_mean_nought_and_variance_one():
    data = np.random.default_rng(0).normal(3, 5, (4, 16, 3, 3))
    symbol = layer_norm(mx.sym.var("data"), "dln1", (16, 3, 3), 1e-5)
    gamma, beta = np.full(144, 2.0), np.full(144, 0.5)
    (found,), _, _ = run(symbol, {"data": data, "dln1_gamma": gamma, "dln1_beta": beta})
    assert found.shape == data.shape
    np.testing.assert_allclose(found.mean((1, 2, 3)), 0.5, atol=1e-5)
    np.testing.assert_allclose(found.std((1, 2, 3)), 2.0, rtol=1e-5)
    np.testing.assert_allclose(
        found[1], 0.5 + 2 * (data[1] - data[1].mean()) / np.sqrt(data[1].var() + 1e-5), rtol=1e-4, atol=1e-5
    )


def test_ranges_go_there_and_back():
    values = {"data": np.array([[-1.0, 0.0, 1.0]])}
    (inside,), _, _ = run(to_zero_to_one(mx.sym.var("data")), values)
    np.testing.assert_array_equal(inside, [[0.0, 0.5, 1.0]])
    (outside,), _, _ = run(from_zero_to_one(mx.sym.var("data")), {"data": inside})
    np.testing.assert_array_equal(outside, values["data"])


@pytest.mark.parametrize("slope, expected", [(0.0, [0.0, 0.0, 3.0]), (0.25, [-0.5, 0.0, 3.0])])
def test_leaky_is_relu_at_slope_nought(slope, expected):
    (found,), _, _ = run(leaky(mx.sym.var("data"), "act", slope), {"data": np.array([[-2.0, 0.0, 3.0]])})
    np.testing.assert_array_equal(found, [expected])


@pytest.mark.parametrize(
    "size, count, end",
    [(16, 2, (4, 4)), (28, 2, (7, 7)), (32, 3, (4, 4)), (36, 2, (9, 9)), (48, 3, (6, 6)), (64, 4, (4, 4)),
     (68, 2, (17, 17)), (96, 4, (6, 6)), (128, 5, (4, 4)), (256, 6, (4, 4)), (512, 7, (4, 4)), ((64, 128), 4, (4, 8)),
     ((48, 96), 3, (6, 12)), ((16, 256), 2, (4, 64)), ((28, 32), 2, (7, 8))],
)  # fmt: skip
def test_sides_are_halved_while_they_stay_whole_and_at_least_four(size, count, end):
    assert halvings(size) == count
    assert DCGAN(image_size=size).end == end


def test_every_multiple_of_four_has_a_network():
    for side in range(16, 257, 4):
        network = DCGAN(ngf=1, ndf=1, nc=1, image_size=side)
        assert network.generator().infer_shape(rand=(1, 100, 1, 1))[1] == [(1, 1, side, side)]
        assert network.discriminator().infer_shape(data=(1, 1, side, side))[1] == [(1, 1)]
        assert network.end[0] << (network.depth - 1) == side


@pytest.mark.parametrize("size, text", [(8, "8"), (30, "30"), (0, "0"), (-16, "-16"), (260, "260"), ((32, 9), "32x9")])
def test_other_sizes_are_refused(size, text):
    with pytest.raises(ArgumentError, match=f"image_size is {text}; give a "):
        halvings(size)


def test_sides_that_share_few_halvings_are_refused():
    with pytest.raises(ArgumentError, match=r"image_size is 20x4096: .* together only 2 times, .* kernels of 5x1024\."):
        halvings((20, 4096))


@pytest.mark.parametrize("no_bias", [True, False])
@pytest.mark.parametrize("channels, side", [(5, 4), (16, 3), (1, 4)])
def test_the_first_layer_equals_a_transposed_convolution_of_one_pixel(channels, side, no_bias):
    """In NumPy: each image is the sum of the kernels, weighted by its latent."""
    rng = np.random.default_rng(1)
    latents, weight = rng.standard_normal((6, 9, 1, 1)), rng.standard_normal((9, channels, side, side))
    bias, head = rng.standard_normal(channels), rng.standard_normal((6, channels, side, side))
    values = {"rand": latents, "g1_weight": weight, **({} if no_bias else {"g1_bias": bias})}
    symbol = from_latent(mx.sym.var("rand"), "g1", 9, channels, side, no_bias)
    (output,), gradients, _ = run(symbol, values, [head])
    assert symbol.list_outputs() == ["g1_output"]
    expected = np.einsum("nz,zchw->nchw", latents[:, :, 0, 0], weight) + (0 if no_bias else bias.reshape(1, -1, 1, 1))
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)
    kernels = np.einsum("nz,nchw->zchw", latents[:, :, 0, 0], head)
    np.testing.assert_allclose(gradients["g1_weight"], kernels, rtol=1e-4, atol=1e-4)
    if not no_bias:
        np.testing.assert_allclose(gradients["g1_bias"], head.sum(axis=(0, 2, 3)), rtol=1e-4, atol=1e-4)
