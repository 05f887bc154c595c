"""A published 32×32 GAN: a generator of nine transposed convolutions, a discriminator of nine convolutions.

The numbers of channels are `width` times powers of two; the published width is 3. Kernels and strides are as
published::

    G  latent → 768 → 384 → 192 → 96 → 48 → 24 → 12 → 6 → image;  sides 1, 3, 5, 11, 22, 24, 26, 28, 30, 32
    D  image → 6 → 12 → 24 → 48 → 96 → 192 → 384 → 768 → score;   sides 32, 30, 27, 25, 22, 20, 17, 8, 5, 1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mxgan.networks.base import Network, check_channels, check_sizes
from mxgan.networks.blocks import from_latent, from_zero_to_one, to_zero_to_one, upsample
from mxgan.runtime import mx

__all__ = ["CBR"]

IMAGE_SIZE = 32
DEPTH = 9
# (kernel, stride) of each layer; no padding anywhere
GENERATOR = ((3, 1), (3, 1), (3, 2), (2, 2), (3, 1), (3, 1), (3, 1), (3, 1), (3, 1))
DISCRIMINATOR = ((3, 1), (4, 1), (3, 1), (4, 1), (3, 1), (4, 1), (3, 2), (4, 1), (5, 1))
FIRST_WITH_BIAS = 5  # of the discriminator's layers


@dataclass(frozen=True)
class CBR(Network):
    """Nine blocks of Convolution, BatchNorm and rectifier in each network.

    G also has BatchNorm after its last layer, then a sigmoid: images are in [0, 1] inside the networks. D has
    LeakyReLU(0.2), BatchNorm from the first layer on, and biases from the fifth layer on; its last layer is only a
    convolution.

    Parameters
    ----------
    width : half the number of channels of the hidden layer next to the image. Each layer further from the image has
        twice as many.
    nc : channels of the image, 1 or 3.
    latent_size : length of the latent vector.
    """

    name = "cbr"
    title = "a CBR"
    recognised_by = "g1_weight … g9_weight and nine BatchNorms"
    width_settings = ("width",)
    image_size = IMAGE_SIZE  # the layers give no other

    width: int = 3
    nc: int = 3
    latent_size: int = 100

    def __post_init__(self) -> None:
        check_sizes(self, "width", "latent_size")
        check_channels(self.nc)

    @property
    def latent_shape(self) -> tuple:
        """Shape of one latent: (latent_size, 1, 1)."""
        return (self.latent_size, 1, 1)

    def generator(self):
        """`rand` (N, latent_size, 1, 1) → image (N, nc, 32, 32) in [-1, 1]; layers g1 … g9."""
        layer, channels, side = mx.sym.Variable("rand"), self.latent_size, 1
        for i, (kernel, stride) in enumerate(GENERATOR, start=1):
            narrower, side = self.nc if i == DEPTH else self.width * 2 ** (DEPTH - i), (side - 1) * stride + kernel
            if i == 1:
                layer = from_latent(layer, "g1", channels, narrower, side)
            else:
                layer = upsample(layer, f"g{i}", channels, narrower, side, kernel=kernel, stride=stride, pad=0)
            channels = narrower  # (N, channels, side, side)
            layer = mx.sym.BatchNorm(layer, name=f"gbn{i}", fix_gamma=False, eps=1e-5)
            layer = mx.sym.Activation(layer, name=f"gact{i}", act_type="sigmoid" if i == DEPTH else "relu")
        return from_zero_to_one(layer)

    def discriminator(self):
        """`data` (N, nc, 32, 32) → raw score (N, 1); layers d1 … d9."""
        layer = to_zero_to_one(mx.sym.Variable("data"))
        for i, (kernel, stride) in enumerate(DISCRIMINATOR, start=1):
            layer = mx.sym.Convolution(
                layer,
                name=f"d{i}",
                kernel=(kernel, kernel),
                stride=(stride, stride),
                num_filter=1 if i == DEPTH else self.width * 2**i,
                no_bias=i < FIRST_WITH_BIAS,
            )
            if i < DEPTH:
                layer = mx.sym.BatchNorm(layer, name=f"dbn{i}", fix_gamma=False, eps=1e-5)
                layer = mx.sym.LeakyReLU(layer, name=f"dact{i}", act_type="leaky", slope=0.2)
        return mx.sym.Flatten(layer)  # (N, 1)

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        width, nc, *_ = shapes["g9_weight"]
        return {"width": width // 2, "nc": nc, "latent_size": shapes["g1_weight"][0]}
