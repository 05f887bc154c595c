"""Two published GANs of fully connected layers in one network class: 28×28 grey (the defaults) and 64×64 colour.

=========================  ====================================  =================================================
field                      recipe mlp-gan (the defaults)         recipe mlp-gan-64
=========================  ====================================  =================================================
nc, image_size             1, 28                                 3, 64
latent_size                64                                    100
generator_widths           (128, 256, 512, 784)                  (128, 256, 512, 1024)
norm_first, eps            True, 1e-5                            False, 0.8
slope                      0 (ReLU)                              0.2
output                     "sigmoid"                             "tanh"
discriminator_widths       (512, 256, 128)                       (512, 256)
=========================  ====================================  =================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mxgan.errors import ArgumentError
from mxgan.networks.base import Network, check_channels, check_positive, check_sizes, check_square, check_widths
from mxgan.networks.blocks import from_zero_to_one, leaky, to_zero_to_one
from mxgan.runtime import mx
from mxgan.runtime.config import check_switch
from mxgan.runtime.image_size import ImageSize

__all__ = ["MLP"]

OUTPUTS = ("sigmoid", "tanh")


@dataclass(frozen=True)
class MLP(Network):
    """Generator and discriminator of fully connected layers over the flattened image.

    G has blocks of a linear layer, BatchNorm and a rectifier, then a linear layer and an activation to the image. D
    has linear layers with LeakyReLU(0.2), then a linear layer to the score. Every linear layer has a bias.

    Parameters
    ----------
    nc : channels of the image, 1 or 3.
    image_size : height and width in pixels, which are the same.
    latent_size : length of the latent vector.
    generator_widths, discriminator_widths : widths of the hidden layers, from input to output.
    norm_first : whether G's first block has BatchNorm.
    eps : BatchNorm epsilon. The 64×64 network was published with 0.8, far above the usual value.
    slope : slope of G's rectifier for negative inputs; 0 is ReLU.
    output : last activation of G. "sigmoid": images are in [0, 1] inside the networks; "tanh": in [-1, 1], as outside.
    """

    name = "mlp"
    title = "an MLP"
    recognised_by = "g1_weight … of two dimensions, the last to 1 or 3 channels of a square"
    width_settings = ("generator_widths", "discriminator_widths")
    assumed = ("eps", "slope", "output")

    nc: int = 1
    image_size: ImageSize = 28
    latent_size: int = 64
    generator_widths: tuple[int, ...] = (128, 256, 512, 784)
    discriminator_widths: tuple[int, ...] = (512, 256, 128)
    norm_first: bool = True
    eps: float = 1e-5
    slope: float = 0.0
    output: str = "sigmoid"

    def __post_init__(self) -> None:
        check_channels(self.nc)
        check_square(self)
        check_sizes(self, "latent_size")
        check_widths(self, "generator_widths", "discriminator_widths")
        check_switch("norm_first", self.norm_first)
        check_positive(self, "eps")
        if not 0 <= self.slope < 1:
            raise ArgumentError(f"slope is {self.slope}; give a number from 0 (ReLU) to below 1.")
        if self.output not in OUTPUTS:
            raise ArgumentError(f"output is {self.output!r}; give {' or '.join(OUTPUTS)}.")

    def generator(self):
        """`rand` (N, latent_size) → image (N, nc, image_size, image_size) in [-1, 1]; layers g1 … gL."""
        layer = mx.sym.Variable("rand")
        for i, width in enumerate(self.generator_widths, start=1):
            layer = mx.sym.FullyConnected(layer, name=f"g{i}", num_hidden=width)
            if i > 1 or self.norm_first:
                layer = mx.sym.BatchNorm(layer, name=f"gbn{i}", fix_gamma=False, eps=self.eps)
            layer = leaky(layer, f"gact{i}", self.slope)
        last = len(self.generator_widths) + 1
        layer = mx.sym.FullyConnected(layer, name=f"g{last}", num_hidden=math.prod(self.image_shape))
        layer = mx.sym.Activation(layer, name=f"gact{last}", act_type=self.output)
        image = mx.sym.Reshape(layer, shape=(-1, *self.image_shape))
        return from_zero_to_one(image) if self.output == "sigmoid" else image

    def discriminator(self):
        """`data` (N, nc, image_size, image_size) → raw score (N, 1); layers d1 … dL."""
        data = mx.sym.Variable("data")
        layer = mx.sym.Flatten(to_zero_to_one(data) if self.output == "sigmoid" else data)
        for i, width in enumerate(self.discriminator_widths, start=1):
            layer = leaky(mx.sym.FullyConnected(layer, name=f"d{i}", num_hidden=width), f"dact{i}", 0.2)
        return mx.sym.FullyConnected(layer, name=f"d{len(self.discriminator_widths) + 1}", num_hidden=1)

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        """Fields that no shape shows are those of the published network with the same kind of first block."""
        depth = sum(name.endswith("_weight") for name in shapes)
        *widths, pixels = (shapes[f"g{i}_weight"][0] for i in range(1, depth + 1))
        nc = 1 if math.isqrt(pixels) ** 2 == pixels else 3
        norm_first = "gbn1_gamma" in shapes
        return {
            "nc": nc,
            "image_size": math.isqrt(pixels // nc),
            "latent_size": shapes["g1_weight"][1],
            "generator_widths": tuple(widths),
            "norm_first": norm_first,
            **({} if norm_first else {"eps": 0.8, "slope": 0.2, "output": "tanh"}),
        }

    @classmethod
    def discriminator_fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        depth = sum(name.endswith("_weight") for name in shapes)
        return {"discriminator_widths": tuple(shapes[f"d{i}_weight"][0] for i in range(1, depth))}
