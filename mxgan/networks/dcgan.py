"""DCGAN (Radford et al. 2016) with the layer names of MXNet's example, at any size that can be halved twice.

`make_dcgan_sym` is the function of that example, with the same arguments, layers, parameter names and shapes. So
.params files of the example work here, and files of mxgan work there. `DCGAN` makes the same two networks, but its
discriminator outputs the raw score and its image size is a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mxgan.errors import lookup
from mxgan.networks.base import Network, check_channels, check_positive, check_sizes, normalise_size
from mxgan.networks.blocks import from_latent, halvings, layer_norm, to_vector, upsample
from mxgan.objectives.heads import get_objective
from mxgan.runtime import mx
from mxgan.runtime.config import check_switch
from mxgan.runtime.image_size import ImageSize, height_and_width

__all__ = ["DCGAN", "DISCRIMINATOR_NORMS", "make_dcgan_sym"]

# name → function (network, output of layer i, i, shape of one sample) → normalised output
DISCRIMINATOR_NORMS = {
    "batch": lambda network, layer, i, shape: batch_norm(network, layer, f"dbn{i}"),
    "layer": lambda network, layer, i, shape: layer_norm(layer, f"dln{i}", shape, network.eps),
    "none": lambda network, layer, i, shape: layer,
}


def batch_norm(network: DCGAN, data, name: str):
    """BatchNorm with the network's settings."""
    return mx.sym.BatchNorm(data, name=name, fix_gamma=network.fix_gamma, eps=network.eps)


@dataclass(frozen=True)
class DCGAN(Network):
    """A DCGAN generator and discriminator.

    Parameters
    ----------
    ngf, ndf : channels of the generator's last hidden layer and of the discriminator's first layer. Each layer
        further from the image has twice as many.
    nc : channels of the image, 1 or 3.
    image_size : height and width in pixels: one whole number, or (height, width). A side is a multiple of 4 from 16 to
        256, or a larger power of two; see `halvings`.
    latent_size : length of the latent vector `rand`.
    no_bias : leave the bias out of every (transposed) convolution.
    fix_gamma : hold every BatchNorm scale at 1, as MXNet's example does; the paper trains it.
    eps : BatchNorm epsilon; the default is just above 1e-5, the smallest value that cuDNN takes.
    discriminator_norm : normalisation after the discriminator's layers d2 … d(L-1): "batch", "layer" or "none". A
        critic with a gradient penalty needs "layer" or "none", because it must score each image alone (Gulrajani et
        al. 2017, section 4).
    """

    name = "dcgan"
    title = "a DCGAN"
    recognised_by = "g1_weight, g2_weight, … of at least three layers, widths halving"
    width_settings = ("ngf", "ndf")
    assumed = ("eps", "fix_gamma")

    ngf: int = 64
    ndf: int = 64
    nc: int = 3
    image_size: ImageSize = 64
    latent_size: int = 100
    no_bias: bool = True
    fix_gamma: bool = True
    eps: float = 1e-5 + 1e-12
    discriminator_norm: str = "batch"

    def __post_init__(self) -> None:
        check_sizes(self, "ngf", "ndf", "latent_size")
        check_channels(self.nc)
        for field in ("no_bias", "fix_gamma"):
            check_switch(field, getattr(self, field))
        check_positive(self, "eps")
        normalise_size(self)
        halvings(self.image_size)
        lookup("discriminator_norm", self.discriminator_norm, DISCRIMINATOR_NORMS)

    @property
    def latent_shape(self) -> tuple:
        """Shape of one latent: (latent_size, 1, 1)."""
        return (self.latent_size, 1, 1)

    @property
    def depth(self) -> int:
        """L, the number of layers of either network: one for each halving, and one for the end."""
        return halvings(self.image_size) + 1

    def sides(self, i: int) -> tuple:
        """(height, width) of the images after i halvings; after L − 1 of them, the kernel of the ends."""
        return tuple(side >> i for side in height_and_width(self.image_size))

    @property
    def end(self) -> tuple:
        """(height, width) of the smallest feature map, and so of the kernels of g1 and dL."""
        return self.sides(self.depth - 1)

    def generator(self):
        """`rand` (N, latent_size, 1, 1) → image (N, nc, H, W) in [-1, 1]; layers g1 … gL."""
        return self._after_first(self._first_layer(self.widest))

    @property
    def widest(self) -> int:
        """Channels of the generator's first layer."""
        return self.ngf * 2 ** (self.depth - 2)

    def _after_first(self, layer):
        """(N, widest, *end) → image; layers g2 … gL."""
        channels = self.widest
        for i in range(1, self.depth):
            layer = mx.sym.Activation(batch_norm(self, layer, f"gbn{i}"), name=f"gact{i}", act_type="relu")
            narrower = self.nc if i == self.depth - 1 else channels // 2
            layer = upsample(layer, f"g{i + 1}", channels, narrower, self.sides(self.depth - 1 - i), self.no_bias)
            channels = narrower
        return mx.sym.Activation(layer, name=f"gact{self.depth}", act_type="tanh")

    def discriminator(self):
        """`data` (N, nc, H, W) → raw score (N, 1); layers d1 … dL, no norm on the first."""
        return self._vector(1, self._features(mx.sym.Variable("data")), f"d{self.depth}")

    def _first_layer(self, channels: int):
        return from_latent(mx.sym.Variable("rand"), "g1", self.latent_size, channels, self.end, self.no_bias)

    def _features(self, layer):
        """d1 … d(L-1): (N, any, H, W) → (N, ndf · 2^(L-2), *end)."""
        for i in range(1, self.depth):
            channels = self.ndf * 2 ** (i - 1)
            layer = mx.sym.Convolution(
                layer,
                name=f"d{i}",
                kernel=(4, 4),
                stride=(2, 2),
                pad=(1, 1),
                num_filter=channels,
                no_bias=self.no_bias,
            )  # (N, channels, *sides(i))
            if i > 1:
                layer = DISCRIMINATOR_NORMS[self.discriminator_norm](self, layer, i, (channels, *self.sides(i)))
            layer = mx.sym.LeakyReLU(layer, name=f"dact{i}", act_type="leaky", slope=0.2)
        return layer

    def _vector(self, num_hidden: int, features, name: str):
        """(N, ndf · 2^(L-2), *end) → (N, num_hidden)."""
        return to_vector(features, name, self.ndf * 2 ** (self.depth - 2), num_hidden, self.end, self.no_bias)

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        depth = sum(name.startswith("g") and name.endswith("_weight") and name[1:-7].isdigit() for name in shapes)
        latent_size, _, *end = shapes["g1_weight"]
        ngf, nc, *_ = shapes[f"g{depth}_weight"]
        return {
            "ngf": ngf,
            "nc": nc,
            "latent_size": latent_size,
            "image_size": tuple(side << (depth - 1) for side in end),
            "no_bias": "g1_bias" not in shapes,
        }

    @classmethod
    def discriminator_fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        norms = {"batch": "dbn2_gamma", "layer": "dln2_gamma"}
        found = [norm for norm, name in norms.items() if name in shapes]
        return {"ndf": shapes["d1_weight"][0], "discriminator_norm": found[0] if found else "none"}


def make_dcgan_sym(ngf, ndf, nc, no_bias=True, fix_gamma=True, eps=1e-5 + 1e-12):
    """MXNet's 64×64 DCGAN as two symbols, with the layer names of MXNet's example.

    Parameters
    ----------
    ngf, ndf : base width of the generator and of the discriminator.
    nc : channels of the image, 1 or 3.
    no_bias, fix_gamma, eps : as in `DCGAN`.

    Returns
    -------
    (generator, discriminator) : `rand` (N, Z, 1, 1) → `gact5` (N, nc, 64, 64) in [-1, 1], and `data`, `label` →
        `dloss` (N, 1), the probability of "real", a LogisticRegressionOutput.

    Raises
    ------
    ArgumentError : a width below 1, or nc other than 1 or 3.

    Source: Radford et al. 2016, section 3; layers and names of example/gan/dcgan.py in MXNet up to 1.0.0.
    """
    network = DCGAN(ngf=ngf, ndf=ndf, nc=nc, no_bias=no_bias, fix_gamma=fix_gamma, eps=eps)
    head = get_objective("gan").discriminator_head
    # The first and last layers use the example's operators, to give the same bits. DCGAN has them as faster products.
    ends = {"kernel": (4, 4), "no_bias": no_bias}
    g1 = mx.sym.Deconvolution(mx.sym.Variable("rand"), name="g1", num_filter=network.widest, **ends)
    d5 = mx.sym.Convolution(network._features(mx.sym.Variable("data")), name="d5", num_filter=1, **ends)
    return network._after_first(g1), head(mx.sym.Flatten(d5), mx.sym.Variable("label"))
