"""Symbol builders that the networks share; each returns one `mx.sym.Symbol`."""

from __future__ import annotations

from mxgan.checks import whole_number
from mxgan.errors import ArgumentError
from mxgan.runtime import mx

__all__ = ["powers_of_two_layers", "single_channel_deconvolution", "upsample"]


def powers_of_two_layers(image_size: int) -> int:
    """How many layers lead from 1×1 over 4×4, 8×8, … to `image_size`: 3 for 16, 5 for 64, 6 for 128.

    Raises
    ------
    ArgumentError : `image_size` is not a power of two from 16 up.
    """
    image_size = whole_number("image_size", image_size)
    if image_size < 16 or image_size & (image_size - 1):
        raise ArgumentError(f"image_size {image_size} is not a power of two of at least 16 (16, 32, 64, 128, …).")
    return image_size.bit_length() - 2


def upsample(data, name: str, in_channels: int, num_filter: int, out_size: int, no_bias: bool = True):
    """A transposed 4×4 convolution that doubles height and width: (N, in_channels, s/2, s/2) → (N, num_filter, s, s).

    The parameters are `NAME_weight` (in_channels, num_filter, 4, 4) and, with a bias, `NAME_bias` (num_filter,),
    whatever operator does the work.
    """
    if num_filter == 1:
        return single_channel_deconvolution(data, name, in_channels, out_size, no_bias)
    return mx.sym.Deconvolution(
        data, name=name, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=num_filter, no_bias=no_bias
    )


def single_channel_deconvolution(data, name: str, in_channels: int, out_size: int, no_bias: bool):
    """`upsample` to one channel, out of operators that run.

    oneDNN in MXNet 1.9.1 cannot execute a Deconvolution with num_filter=1 ("could not create a primitive
    descriptor for a reorder primitive"). A transposed convolution is a product of each pixel with the kernel,
    here a 1×1 Convolution by the transposed weight, followed by the sum of the overlapping patches, `col2im`.
    """
    weight = mx.sym.Variable(f"{name}_weight", shape=(in_channels, 1, 4, 4))
    as_1x1 = mx.sym.expand_dims(mx.sym.transpose(mx.sym.Flatten(weight)), axis=2)  # (16, in_channels, 1)
    as_1x1 = mx.sym.expand_dims(as_1x1, axis=3)  # (16, in_channels, 1, 1)
    patches = mx.sym.Convolution(
        data, weight=as_1x1, kernel=(1, 1), num_filter=16, no_bias=True, name=f"{name}_patches"
    )  # (N, 16, s/2, s/2)
    columns = mx.sym.Reshape(patches, shape=(0, 0, -1))  # (N, 16, s/2 · s/2)
    geometry = {"output_size": (out_size, out_size), "kernel": (4, 4), "stride": (2, 2), "pad": (1, 1)}
    if no_bias:
        return mx.sym.col2im(columns, name=name, **geometry)  # (N, 1, s, s)
    bias = mx.sym.Reshape(mx.sym.Variable(f"{name}_bias", shape=(1,)), shape=(1, 1, 1, 1))
    image = mx.sym.col2im(columns, name=f"{name}_image", **geometry)
    return mx.sym.broadcast_add(image, bias, name=name)
