"""A published 64×64 GAN with the semantics of Keras: G is a decoder, D an encoder of paired 5×5 convolutions.

The rules of Keras: 'same' padding as in TensorFlow (if the total is odd, one more pixel at the right and at the
bottom); biases in all layers; BatchNorm with epsilon 1e-3 and momentum 0.99; LeakyReLU(0.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mxgan.errors import ArgumentError
from mxgan.networks.base import Network, check_channels, check_sizes, check_square
from mxgan.networks.blocks import upsample
from mxgan.runtime import mx
from mxgan.runtime.image_size import ImageSize

__all__ = ["EncoderDecoder"]

KERNEL = (5, 5)
BLOCKS = 4  # each block of D halves the side, each block of G doubles it


@dataclass(frozen=True)
class EncoderDecoder(Network):
    """G: Dense, BatchNorm, four transposed convolutions, a convolution. D: four blocks of two convolutions.

    Parameters
    ----------
    capacity : c. D's blocks have c, 2c, 4c and 8c filters; G has 8c channels after Dense, then 4c, 2c, c and c.
    nc : channels of the image, 1 or 3.
    image_size : height and width in pixels, which are the same, a multiple of 16; published for 64.
    latent_size : length of the latent vector; the source does not give it.
    """

    name = "encoder-decoder"
    title = "an encoder-decoder"
    recognised_by = "g1_weight of two dimensions, g2_weight … g6_weight of 5×5"
    width_settings = ("capacity",)

    capacity: int = 16
    nc: int = 3
    image_size: ImageSize = 64
    latent_size: int = 128

    def __post_init__(self) -> None:
        check_square(self)
        check_sizes(self, "capacity", "latent_size")
        check_channels(self.nc)
        if self.image_size % 2**BLOCKS:
            raise ArgumentError(f"image_size is {self.image_size}; give a multiple of 16 (16, 32, 48, 64, …).")

    def generator(self):
        """`rand` (N, latent_size) → image (N, nc, image_size, image_size) in [-1, 1]; layers g1 … g6."""
        side, channels = self.image_size // 2**BLOCKS, 8 * self.capacity
        layer = mx.sym.FullyConnected(mx.sym.Variable("rand"), name="g1", num_hidden=channels * side * side)
        layer = mx.sym.Reshape(batch_norm(layer, "gbn1"), shape=(-1, side, side, channels))
        # Keras has this axis order. Without the transpose, MXNet 1.9.1 fails in backward from 16 channels on ("Check
        # failed: !is_view"): BatchNorm would get a reshaped view of a gradient in oneDNN's own layout.
        layer = mx.sym.transpose(layer, axes=(0, 3, 1, 2))  # (N, channels, side, side)
        for i, factor in enumerate((4, 2, 1, 1), start=2):
            layer = doubled(layer, f"g{i}", channels, factor * self.capacity, side)
            channels, side = factor * self.capacity, 2 * side  # (N, channels, side, side)
            layer = leaky_relu(batch_norm(layer, f"gbn{i}"), f"gact{i}")
        layer = mx.sym.Convolution(layer, name="g6", kernel=KERNEL, pad=(2, 2), num_filter=self.nc)
        return mx.sym.Activation(layer, name="gact6", act_type="tanh")

    def discriminator(self):
        """`data` (N, nc, image_size, image_size) → raw score (N, 1); layers d1 … d9."""
        layer = mx.sym.Variable("data")
        for block in range(BLOCKS):
            filters, i = self.capacity * 2**block, 2 * block + 1
            layer = mx.sym.Convolution(layer, name=f"d{i}", kernel=KERNEL, pad=(2, 2), num_filter=filters)
            layer = halved(batch_norm(layer, f"dbn{i}"), f"d{i + 1}", filters)
            layer = leaky_relu(batch_norm(layer, f"dbn{i + 1}"), f"dact{i + 1}")
        pooled = mx.sym.Pooling(layer, name="dpool", pool_type="avg", global_pool=True, kernel=(1, 1))
        return mx.sym.FullyConnected(pooled, name=f"d{2 * BLOCKS + 1}", num_hidden=1)

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        units, latent_size = shapes["g1_weight"]
        nc, capacity, *_ = shapes["g6_weight"]
        side = round((units / (8 * capacity)) ** 0.5) if capacity else 0
        return {"capacity": capacity, "nc": nc, "image_size": side * 2**BLOCKS, "latent_size": latent_size}


def batch_norm(data, name: str):
    """Keras's BatchNormalization."""
    return mx.sym.BatchNorm(data, name=name, fix_gamma=False, eps=1e-3, momentum=0.99)


def leaky_relu(data, name: str):
    """Keras's LeakyReLU."""
    return mx.sym.LeakyReLU(data, name=name, act_type="leaky", slope=0.3)


def halved(data, name: str, num_filter: int):
    """Keras's Conv2D(5, strides=2, padding="same") on an even side: TensorFlow pads 1 pixel before and 2 after."""
    padded = mx.sym.pad(data, mode="constant", pad_width=(0, 0, 0, 0, 1, 2, 1, 2))
    return mx.sym.Convolution(padded, name=name, kernel=KERNEL, stride=(2, 2), num_filter=num_filter)


def doubled(data, name: str, in_channels: int, num_filter: int, side: int):
    """Keras's Conv2DTranspose(5, strides=2, padding="same") from an even or odd `side`: the adjoint of `halved`.

    The full result is 2 · side + 3 wide. One row and column before and two after must be cut off. MXNet's symmetric
    padding cuts one on each side; a slice cuts the last one.
    """
    whole = upsample(data, name, in_channels, num_filter, 2 * side + 1, no_bias=False, kernel=5, stride=2, pad=1)
    return mx.sym.slice(whole, begin=(None, None, 0, 0), end=(None, None, 2 * side, 2 * side))
