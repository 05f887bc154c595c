"""Symbol builders that the networks share; each returns one `mx.sym.Symbol`."""

from __future__ import annotations

import math

from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.image_size import ImageSize, height_and_width, size_text

__all__ = [
    "from_latent",
    "from_zero_to_one",
    "halvings",
    "layer_norm",
    "leaky",
    "single_channel_deconvolution",
    "to_vector",
    "to_zero_to_one",
    "upsample",
]

SMALLEST_END = 4  # pixels: a side of the smallest feature map
LARGEST_END = 64  # that of 256×16; no size with sides up to 256 has a larger one


def halvings(image_size: ImageSize) -> int:
    """How often a DCGAN halves both sides of an image: 2 for 16 and 28, 3 for 32 and 48, 4 for 64, 96 and 64×128.

    It is the largest number after which both sides are still whole and at least 4. What is left, 4×4 for a power of
    two, 7×7 for 28, 4×8 for 64×128, is the kernel of the layer at either end.

    Raises
    ------
    ArgumentError : a side is neither a multiple of 4 from 16 to 256, nor a larger power of two; or a side of the kernel
    would be more than 64, because height and width share few halvings (20×512).
    """
    sides = height_and_width(image_size)
    if not all(side >= 16 and (side % 4 == 0 if side <= 256 else side & (side - 1) == 0) for side in sides):
        raise ArgumentError(
            f"image_size is {size_text(image_size)}; give a multiple of 4 from 16 to 256 (16, 28, 32, 48, 64, …), a "
            "larger power of two (512, …), or height and width of this kind (48x96)."
        )
    count = 2
    while all(side % 2 ** (count + 1) == 0 and side >> (count + 1) >= SMALLEST_END for side in sides):
        count += 1
    end = [side >> count for side in sides]
    if max(end) > LARGEST_END:
        raise ArgumentError(
            f"image_size is {size_text(image_size)}: its sides can be halved together only {count} times, and the last "
            f"layers would have kernels of {size_text(tuple(end))}. Give sides that can be halved more often."
        )
    return count


def upsample(
    data,
    name: str,
    in_channels: int,
    num_filter: int,
    out_size: ImageSize,
    no_bias: bool = True,
    kernel=4,
    stride=2,
    pad=1,
):
    """A transposed convolution; the defaults make it 4×4 and double height and width.

    (N, in_channels, h, w) → (N, num_filter, *out_size). The caller must give out_size, each side of which is
    (s − 1) · stride − 2 · pad + kernel. The parameters are `NAME_weight` (in_channels, num_filter, kernel, kernel)
    and, with a bias, `NAME_bias` (num_filter,). They do not depend on the operators used inside.
    """
    geometry = {"kernel": (kernel, kernel), "stride": (stride, stride), "pad": (pad, pad)}
    if num_filter == 1:
        return single_channel_deconvolution(data, name, in_channels, out_size, no_bias, **geometry)
    return mx.sym.Deconvolution(data, name=name, num_filter=num_filter, no_bias=no_bias, **geometry)


def from_latent(data, name: str, in_channels: int, num_filter: int, size: ImageSize, no_bias: bool = True):
    """A transposed convolution of one pixel, (N, in_channels, 1, 1) → (N, num_filter, h, w), (h, w) the `size`.

    It is computed as one matrix product, with the parameters of the transposed convolution: `NAME_weight`
    (in_channels, num_filter, h, w), `NAME_bias` (num_filter,). This is faster than oneDNN's Deconvolution, which
    makes N products of one column each: at DCGAN's sizes, forward and backward take 1.9 ms instead of 10.6 ms.
    """
    sides = height_and_width(size)
    weight = mx.sym.Variable(f"{name}_weight", shape=(in_channels, num_filter, *sides))
    rows = mx.sym.Flatten(weight, name=f"{name}_rows")  # (in_channels, num_filter · h · w)
    product = mx.sym.dot(mx.sym.Flatten(data, name=f"{name}_pixel"), rows, name=f"{name}_product")
    if no_bias:
        return mx.sym.Reshape(product, shape=(-1, num_filter, *sides), name=name)
    bias = mx.sym.Reshape(mx.sym.Variable(f"{name}_bias", shape=(num_filter,)), shape=(1, -1, 1, 1))
    image = mx.sym.Reshape(product, shape=(-1, num_filter, *sides), name=f"{name}_image")
    return mx.sym.broadcast_add(image, bias, name=name)


def to_vector(data, name: str, in_channels: int, num_hidden: int, size: ImageSize, no_bias: bool = True):
    """A convolution whose kernel is as large as its input, (N, in_channels, h, w) → (N, num_hidden).

    It is computed as one matrix product, with the parameters of the convolution: `NAME_weight` (num_hidden,
    in_channels, h, w), `NAME_bias` (num_hidden,). At DCGAN's sizes, forward and backward take 0.5 ms instead of
    the 3.8 ms of oneDNN's convolution.
    """
    weight = mx.sym.Variable(f"{name}_weight", shape=(num_hidden, in_channels, *height_and_width(size)))
    rows = mx.sym.Flatten(weight, name=f"{name}_rows")  # (num_hidden, in_channels · h · w)
    flat = mx.sym.Flatten(data, name=f"{name}_flat")
    return mx.sym.FullyConnected(flat, weight=rows, num_hidden=num_hidden, no_bias=no_bias, name=name)


def single_channel_deconvolution(
    data, name: str, in_channels: int, out_size: ImageSize, no_bias: bool, kernel=(4, 4), stride=(2, 2), pad=(1, 1)
):
    """`upsample` to one channel, without the Deconvolution operator.

    oneDNN in MXNet 1.9.1 cannot execute a Deconvolution with num_filter=1 ("could not create a primitive
    descriptor for a reorder primitive"). A transposed convolution multiplies each pixel by the kernel, here as a 1×1
    Convolution with the transposed weight. Then it sums the overlapping patches, here with `col2im`.
    """
    weight = mx.sym.Variable(f"{name}_weight", shape=(in_channels, 1, *kernel))
    as_1x1 = mx.sym.expand_dims(mx.sym.transpose(mx.sym.Flatten(weight)), axis=2)  # (k·k, in_channels, 1)
    as_1x1 = mx.sym.expand_dims(as_1x1, axis=3)  # (k·k, in_channels, 1, 1)
    patches = mx.sym.Convolution(
        data, weight=as_1x1, kernel=(1, 1), num_filter=math.prod(kernel), no_bias=True, name=f"{name}_patches"
    )  # (N, k·k, h, w)
    columns = mx.sym.Reshape(patches, shape=(0, 0, -1))  # (N, k·k, h · w)
    geometry = {"output_size": height_and_width(out_size), "kernel": kernel, "stride": stride, "pad": pad}
    if no_bias:
        return mx.sym.col2im(columns, name=name, **geometry)  # (N, 1, *out_size)
    bias = mx.sym.Reshape(mx.sym.Variable(f"{name}_bias", shape=(1,)), shape=(1, 1, 1, 1))
    image = mx.sym.col2im(columns, name=f"{name}_image", **geometry)
    return mx.sym.broadcast_add(image, bias, name=name)


def layer_norm(data, name: str, shape: tuple, eps: float):
    """LayerNorm of each sample of (N, *shape): mean 0, variance 1, then `NAME_gamma` and `NAME_beta` for each number.

    Source: Ba et al. 2016; for critics under a gradient penalty: Gulrajani et al. 2017, section 4.
    """
    flat = mx.sym.LayerNorm(mx.sym.Flatten(data), name=name, eps=eps)  # (N, C · H · W)
    return mx.sym.Reshape(flat, shape=(-1, *shape))


def to_zero_to_one(images):
    """Images in [-1, 1], the range outside all networks, to [0, 1], the range inside some published networks."""
    return (images + 1) / 2


def from_zero_to_one(images):
    """Images in [0, 1] to [-1, 1]."""
    return 2 * images - 1


def leaky(data, name: str, slope: float):
    """LeakyReLU, or ReLU if the slope is 0."""
    if slope == 0:
        return mx.sym.Activation(data, name=name, act_type="relu")
    return mx.sym.LeakyReLU(data, name=name, act_type="leaky", slope=slope)


def minibatch_discrimination(features, name: str, kernels: int, dims: int):
    """Closeness of each sample to the samples of its batch, in `kernels` learnt projections.

    M_i = f(x_i) T has `kernels` rows and `dims` columns::

        c_b(x_i, x_j) = exp(−‖M_i,b − M_j,b‖₁)        o(x_i)_b = Σ_j c_b(x_i, x_j)

    As in the paper's formula, the sum includes j = i, so every o is at least 1.

    Parameters
    ----------
    features : f, (N, A).
    name : prefix of the parameter `NAME_weight` (kernels · dims, A), the transpose of T.
    kernels, dims : B and C of the paper.

    Returns
    -------
    o, (N, kernels); the caller concatenates it to f. It needs memory for N · N · kernels · dims numbers.

    Source: Salimans et al. 2016, section 3.2.
    """
    flat = mx.sym.FullyConnected(features, name=name, num_hidden=kernels * dims, no_bias=True)
    rows = mx.sym.Reshape(flat, shape=(-1, kernels, dims))  # M (N, B, C)
    apart = mx.sym.broadcast_sub(mx.sym.expand_dims(rows, axis=1), mx.sym.expand_dims(rows, axis=0))  # (N, N, B, C)
    closeness = mx.sym.exp(-mx.sym.sum(mx.sym.abs(apart), axis=3))  # c (N, N, B)
    return mx.sym.sum(closeness, axis=1, name=f"{name}_closeness")
