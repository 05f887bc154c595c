"""SNGAN's residual generator and discriminator (Miyato et al. 2018), at 32, 48, 64 and 128 pixels.

The discriminator is to be spectrally normalised (the recipe's `spectral_norm`), and has no BatchNorm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Optional

from mxgan.errors import ArgumentError
from mxgan.networks.base import Network, check_channels, check_positive, check_sizes, check_square
from mxgan.networks.residual_blocks import (
    convolution,
    discriminator_block,
    first_discriminator_block,
    generator_block,
)
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number
from mxgan.runtime.image_size import ImageSize

__all__ = ["Residual"]


class _Size(NamedTuple):
    """The blocks at one image size.

    Attributes
    ----------
    ngf, ndf : the published widths.
    start : side of the generator's first feature map.
    generator : channels before the first block and after each block, in units of ngf.
    discriminator : channels after each block, in units of ndf.
    halvings : the number of D's blocks that halve the sides; they come first.
    bias : whether D's last layer has a bias.
    """

    ngf: int
    ndf: int
    start: int
    generator: tuple
    discriminator: tuple
    halvings: int
    bias: bool = True


# 32: table 3 of Miyato et al. 2018; 48: table 4; 128: table 5 (a) and (b). 64 is not in the paper: resnet_64.py and
# snresnet_64.py of the authors' pfnet-research/sngan_projection, where also D's last bias is seen.
_SIZES = {
    32: _Size(256, 128, 4, (1, 1, 1, 1), (1, 1, 1, 1), 2, bias=False),
    48: _Size(64, 64, 6, (8, 4, 2, 1), (1, 2, 4, 8, 16), 4),
    64: _Size(64, 64, 4, (16, 8, 4, 2, 1), (1, 2, 4, 8, 16), 5),
    128: _Size(64, 64, 4, (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5),
}


@dataclass(frozen=True)
class Residual(Network):
    """SNGAN's residual networks.

    Parameters
    ----------
    ngf : channels of the generator's last block; None: as published, 256 at 32 pixels and 64 at the other sizes. At 32
        pixels all blocks have as many; at the other sizes each block further from the image has twice as many, up to
        16 times.
    ndf : channels of the discriminator's first block; None: as published, 128 at 32 pixels and 64 at the other sizes.
    nc : channels of the image, 1 or 3.
    image_size : 32, 48, 64 or 128.
    latent_size : length of the latent vector `rand`.
    eps : epsilon of the generator's BatchNorms, whose gammas are trained.

    Source: Miyato et al. 2018, tables 3 (32×32), 4 (48×48) and 5 (128×128); 64×64: pfnet-research/sngan_projection.
    A CPU trains narrower ones in reasonable time: ngf 64 and ndf 64 at 32×32.
    """

    name = "residual"
    title = "a residual (SNGAN)"
    recognised_by = "g1_weight, g2_conv1_weight, g2_short_weight, …"
    width_settings = ("ngf", "ndf")
    assumed = ("eps",)

    ngf: Optional[int] = None
    ndf: Optional[int] = None
    nc: int = 3
    image_size: ImageSize = 32
    latent_size: int = 128
    eps: float = 2e-5

    def __post_init__(self) -> None:
        check_square(self)
        if self.image_size not in _SIZES:
            known = ", ".join(map(str, _SIZES))
            raise ArgumentError(f"image_size is {self.image_size}, and {self.title} network has {known}; give one.")
        for field in ("ngf", "ndf"):
            if getattr(self, field) is not None:
                whole_number(field, getattr(self, field))
        check_sizes(self, "latent_size")
        check_channels(self.nc)
        check_positive(self, "eps")

    @property
    def size(self) -> _Size:
        """The blocks at this image size."""
        return _SIZES[self.image_size]

    @property
    def generator_channels(self) -> tuple:
        """Channels before the generator's first block and after each block."""
        return tuple(times * (self.ngf or self.size.ngf) for times in self.size.generator)

    @property
    def discriminator_channels(self) -> tuple:
        """Channels after each of the discriminator's blocks."""
        return tuple(times * (self.ndf or self.size.ndf) for times in self.size.discriminator)

    def generator(self):
        """`rand` (N, latent_size) → image (N, nc, size, size) in [-1, 1]; g1, blocks g2 …, and the last layer."""
        side, (channels, *further) = self.size.start, self.generator_channels
        layer = mx.sym.FullyConnected(mx.sym.Variable("rand"), name="g1", num_hidden=channels * side**2)
        layer = mx.sym.Reshape(layer, shape=(-1, channels, side, side), name="g1_image")
        for i, wider in enumerate(further, 2):
            layer = generator_block(layer, f"g{i}", channels, wider, side, self._norm)
            channels, side = wider, 2 * side
        last = f"g{len(further) + 2}"
        layer = self._plain_norm(layer, f"{last}_bn", channels, side)
        layer = convolution(mx.sym.Activation(layer, name=f"{last}_act", act_type="relu"), last, self.nc)
        return mx.sym.Activation(layer, name=f"{last}_tanh", act_type="tanh")

    def _plain_norm(self, data, name: str, channels: int, side: int):
        return mx.sym.BatchNorm(data, name=name, fix_gamma=False, eps=self.eps)

    _norm = _plain_norm

    def discriminator(self):
        """`data` (N, nc, size, size) → raw score (N, 1); blocks d1 …, and the last layer."""
        return self._score(self._features(mx.sym.Variable("data")))

    @property
    def _last(self) -> str:
        return f"d{len(self.size.discriminator) + 1}"

    def _features(self, layer):
        """(N, nc, size, size) → (N, channels): the blocks, ReLU, and the sum over all pixels."""
        channels, *further = self.discriminator_channels
        layer = first_discriminator_block(layer, "d1", self.nc, channels)
        for i, wider in enumerate(further, 2):
            layer = discriminator_block(layer, f"d{i}", channels, wider, i <= self.size.halvings)
            channels = wider
        layer = mx.sym.Activation(layer, name=f"{self._last}_act", act_type="relu")
        side = self.image_size >> self.size.halvings
        # A mean times the number of pixels: MXNet's sum over axes is three times slower on a CPU.
        mean = mx.sym.Pooling(layer, kernel=(1, 1), global_pool=True, pool_type="avg", name=f"{self._last}_mean")
        return mx.sym.Flatten(mean) * side**2

    def _score(self, features):
        return mx.sym.FullyConnected(features, name=self._last, num_hidden=1, no_bias=not self.size.bias)

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        blocks = sum(name.startswith("g") and name.endswith("_conv1_weight") for name in shapes)
        hidden, latent_size = shapes["g1_weight"]
        nc, ngf, *_ = shapes[f"g{blocks + 2}_weight"]
        first = shapes["g2_conv1_weight"][1]
        found = [
            size for size, row in _SIZES.items()
            if len(row.generator) == blocks + 1 and row.start**2 * first == hidden and row.generator[0] * ngf == first
        ]  # fmt: skip
        (image_size,) = found  # ValueError for none
        return {"ngf": ngf, "nc": nc, "latent_size": latent_size, "image_size": image_size}

    @classmethod
    def discriminator_fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        return {"ndf": shapes["d1_conv1_weight"][0]}
