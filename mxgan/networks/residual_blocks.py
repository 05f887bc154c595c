"""Residual blocks of SNGAN as symbols, with convolutions merged with the pooling or enlarging beside them.

Three identities save more than half of the multiplications of the layers that they merge: 28 % of the generator's last
block, and 39 % of the discriminator, at 32 pixels. The parameters keep the published shapes::

    3×3 convolution, then 2×2 mean       one 4×4 convolution of stride 2: 16 products for an output, not 36
    doubled pixels, then 3×3 convolution one 2×2 convolution with four filters for each: 4 products, not 9
    1×1 convolution of doubled pixels, or before a mean   the same at half of the size: 1 product, not 4
"""

from __future__ import annotations

from mxgan.runtime import mx

__all__ = [
    "convolution",
    "discriminator_block",
    "first_discriminator_block",
    "generator_block",
    "pooled_convolution",
    "transposed_weight",
    "upsampled_convolution",
]


def convolution(data, name: str, num_filter: int, kernel: int = 3):
    """A convolution with a bias that keeps height and width: (N, any, h, w) → (N, num_filter, h, w)."""
    sides, border = (kernel, kernel), (kernel // 2, kernel // 2)
    return mx.sym.Convolution(data, name=name, kernel=sides, pad=border, num_filter=num_filter)


def pooled_convolution(data, name: str, in_channels: int, num_filter: int):
    """A 3×3 convolution, then the mean over each 2×2 pixels: (N, in_channels, h, w) → (N, num_filter, h/2, w/2).

    Both are linear, so that they are one 4×4 convolution with stride 2, whose weight is the mean of four shifted copies
    of the 3×3 weight: of what a 2×2 window sees that moves over the weight and one zero around it. The parameters are
    `NAME_weight` (num_filter, in_channels, 3, 3) and `NAME_bias` (num_filter,).
    """
    weight = _weight(name, in_channels, num_filter)
    return mx.sym.Convolution(
        data,
        weight=_windows(weight, f"{name}_windows", "avg"),  # (num_filter, in_channels, 4, 4)
        bias=mx.sym.Variable(f"{name}_bias", shape=(num_filter,)),
        kernel=(4, 4),
        stride=(2, 2),
        pad=(1, 1),
        num_filter=num_filter,
        name=name,
    )


def _weight(name: str, in_channels: int, num_filter: int):
    """`NAME_weight` with its shape and type, which MXNet infers neither through Pooling nor through reverse."""
    return mx.sym.Variable(f"{name}_weight", shape=(num_filter, in_channels, 3, 3), dtype="float32")


def _windows(weight, name: str, kind: str):
    """The mean ("avg") or sum of each 2×2 window over a weight with one zero around it: (O, I, 3, 3) → (O, I, 4, 4)."""
    return mx.sym.Pooling(weight, kernel=(2, 2), stride=(1, 1), pad=(1, 1), pool_type=kind, name=name)


def upsampled_convolution(data, name: str, in_channels: int, num_filter: int, side: int):
    """Pixels doubled in both axes, then a 3×3 convolution: (N, in_channels, side, side) → (N, num_filter, 2·side, …).

    An output pixel sees only 2×2 different pixels, weighted by sums of the 3×3 weight. The sums depend on whether its
    row and column are even. So a 2×2 convolution with 4 · num_filter filters gives all four kinds, which are then put
    beside each other. A border of one pixel, which only the padding has made, is cut off. The parameters are
    `NAME_weight` (num_filter, in_channels, 3, 3) and `NAME_bias` (num_filter,).
    """
    weight = _weight(name, in_channels, num_filter)
    bias = mx.sym.Variable(f"{name}_bias", shape=(num_filter,))
    four = mx.sym.Convolution(
        data,
        weight=_phases(weight, name, in_channels, num_filter),
        bias=mx.sym.Concat(bias, bias, bias, bias, dim=0, name=f"{name}_biases"),
        kernel=(2, 2),
        pad=(1, 1),
        num_filter=4 * num_filter,
        name=f"{name}_phases",
    )  # (N, odd row and odd column first · num_filter, side + 1, side + 1)
    apart = mx.sym.Reshape(four, shape=(-1, 2, 2, num_filter, side + 1, side + 1), name=f"{name}_apart")
    beside = mx.sym.transpose(apart, axes=(0, 3, 4, 1, 5, 2), name=f"{name}_beside")
    image = mx.sym.Reshape(beside, shape=(-1, num_filter, 2 * side + 2, 2 * side + 2), name=f"{name}_bordered")
    return mx.sym.slice(image, begin=(None, None, 1, 1), end=(None, None, -1, -1), name=name)


def transposed_weight(weight, name: str):
    """(O, I, 3, 3) → (I, O, 4, 4): the weight of the transposed convolution that `upsampled_convolution` is.

    With stride 2 and padding 1 it computes the same: its weight is the mirrored sum of four shifted copies.
    """
    mirrored = mx.sym.reverse(_windows(weight, f"{name}_sums", "sum"), axis=(2, 3), name=f"{name}_mirrored")
    return mx.sym.transpose(mirrored, axes=(1, 0, 2, 3), name=f"{name}_transposed")


def _phases(weight, name: str, in_channels: int, num_filter: int):
    """(O, I, 3, 3) → (4 · O, I, 2, 2): the filters of odd rows and columns, odd and even, even and odd, even ones."""
    sums = _windows(weight, f"{name}_windows", "sum")
    # (O · I, row's tap, row's parity, column's tap, column's parity)
    split = mx.sym.Reshape(sums, shape=(-1, 2, 2, 2, 2), name=f"{name}_taps")
    first = mx.sym.transpose(split, axes=(2, 4, 0, 1, 3), name=f"{name}_parities")
    odd_first = mx.sym.reverse(first, axis=(0, 1), name=f"{name}_odd_first")
    return mx.sym.Reshape(odd_first, shape=(4 * num_filter, in_channels, 2, 2), name=f"{name}_filters")


def _relu(data, name: str):
    """ReLU."""
    return mx.sym.Activation(data, name=name, act_type="relu")


def generator_block(data, name: str, in_channels: int, num_filter: int, side: int, norm):
    """A block of the generator: (N, in_channels, side, side) → (N, num_filter, 2·side, 2·side).

    BatchNorm, ReLU, doubled pixels, 3×3 convolution, BatchNorm, ReLU, 3×3 convolution; beside it doubled pixels and a
    1×1 convolution.

    Parameters
    ----------
    name : prefix of the parameters: NAME_conv1, NAME_conv2, NAME_short, NAME_bn1, NAME_bn2.
    norm : function (data, name, channels, side) → normalised data.

    Source: Miyato et al. 2018, figure 4 (b) in the appendix; pfnet-research/sngan_projection, gen_models/resblocks.py.
    """
    layer = _relu(norm(data, f"{name}_bn1", in_channels, side), f"{name}_act1")
    layer = upsampled_convolution(layer, f"{name}_conv1", in_channels, num_filter, side)
    layer = _relu(norm(layer, f"{name}_bn2", num_filter, 2 * side), f"{name}_act2")
    layer = convolution(layer, f"{name}_conv2", num_filter)
    short = convolution(data, f"{name}_short", num_filter, 1)
    short = mx.sym.UpSampling(short, scale=2, sample_type="nearest", name=f"{name}_larger")
    return mx.sym.elemwise_add(layer, short, name=name)


def first_discriminator_block(data, name: str, in_channels: int, num_filter: int):
    """The discriminator's block on the image: (N, in_channels, h, w) → (N, num_filter, h/2, w/2).

    3×3 convolution, ReLU, 3×3 convolution, 2×2 mean; beside it 2×2 mean and 1×1 convolution. No ReLU comes first,
    because negative pixels are not to be lost.

    Source: pfnet-research/sngan_projection, dis_models/resblocks.py, OptimizedBlock.
    """
    layer = _relu(convolution(data, f"{name}_conv1", num_filter), f"{name}_act2")
    layer = pooled_convolution(layer, f"{name}_conv2", num_filter, num_filter)
    return mx.sym.elemwise_add(layer, convolution(_mean(data, name), f"{name}_short", num_filter, 1), name=name)


def discriminator_block(data, name: str, in_channels: int, num_filter: int, halves: bool):
    """A further block of the discriminator: (N, in_channels, h, w) → (N, num_filter, h, w), or half of the sides.

    ReLU, 3×3 convolution to in_channels, ReLU, 3×3 convolution to num_filter, 2×2 mean if it halves; beside it a 1×1
    convolution and the mean, or the input itself if neither the channels nor the sides change.

    Source: Miyato et al. 2018, figure 4 (a) in the appendix; pfnet-research/sngan_projection, dis_models/resblocks.py.
    """
    layer = _relu(convolution(_relu(data, f"{name}_act1"), f"{name}_conv1", in_channels), f"{name}_act2")
    if halves:
        layer = pooled_convolution(layer, f"{name}_conv2", in_channels, num_filter)
        data = _mean(data, name)
    else:
        layer = convolution(layer, f"{name}_conv2", num_filter)
    if halves or in_channels != num_filter:
        data = convolution(data, f"{name}_short", num_filter, 1)
    return mx.sym.elemwise_add(layer, data, name=name)


def _mean(data, name: str):
    """The mean of each 2×2 pixels."""
    return mx.sym.Pooling(data, kernel=(2, 2), stride=(2, 2), pool_type="avg", name=f"{name}_mean")
