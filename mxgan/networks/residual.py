"""SNGAN's residual generator and discriminator, without classes and with them, at 32, 48, 64 and 128 pixels.

The discriminator is to be spectrally normalised (the recipe's `spectral_norm`), and has no BatchNorm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Optional

from mxgan.errors import ArgumentError
from mxgan.networks.attention import self_attention
from mxgan.networks.base import Network, check_channels, check_positive, check_sizes, check_square
from mxgan.networks.class_norm import class_embedding, class_norm
from mxgan.networks.residual_blocks import (
    convolution,
    discriminator_block,
    first_discriminator_block,
    generator_block,
)
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number
from mxgan.runtime.image_size import ImageSize

__all__ = ["Residual", "ResidualProjection"]


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

    def generator_sides(self) -> tuple:
        """Sides of the feature maps after each block of G."""
        return tuple(self.start << i for i in range(1, len(self.generator)))

    def discriminator_sides(self) -> tuple:
        """Sides of the feature maps after each block of D."""
        image = self.generator_sides()[-1]
        return tuple(image >> min(i, self.halvings) for i in range(1, len(self.discriminator) + 1))


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
    attention : side of the feature map that self-attention stands after, in both networks, such as 32; None: without.
        In each network it is the first feature map of this side. See networks/attention.py.
    eps : epsilon of the generator's BatchNorms, whose gammas are trained; the default is that of the authors' program.

    Source: Miyato et al. 2018, tables 3 (32×32), 4 (48×48) and 5 (128×128); 64×64: pfnet-research/sngan_projection.
    A CPU trains narrower ones in reasonable time: ngf 64 and ndf 64 at 32×32.
    """

    name = "residual"
    title = "an SNGAN"
    recognised_by = "g1_weight, g2_conv1_weight, g2_short_weight, …"
    width_settings = ("ngf", "ndf")
    assumed = ("eps",)
    normalises_every_weight = True

    ngf: Optional[int] = None
    ndf: Optional[int] = None
    nc: int = 3
    image_size: ImageSize = 32
    latent_size: int = 128
    attention: Optional[int] = None
    eps: float = 2e-5

    def __post_init__(self) -> None:
        check_square(self)
        if self.image_size not in _SIZES:
            known = ", ".join(map(str, _SIZES))
            raise ArgumentError(f"image_size is {self.image_size}, and {self.title} network has {known}; give one.")
        for field in ("ngf", "ndf", "attention"):
            if getattr(self, field) is not None:
                whole_number(field, getattr(self, field))
        sides = sorted({*self.size.generator_sides()} & {*self.size.discriminator_sides()})
        if self.attention not in (None, *sides):
            raise ArgumentError(
                f"attention is {self.attention}; give the side of a feature map that both networks have at image_size "
                f"{self.image_size}: {', '.join(map(str, sides))}, or null for none."
            )
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
        norm = self._norm()
        layer = mx.sym.FullyConnected(mx.sym.Variable("rand"), name="g1", num_hidden=channels * side**2)
        layer = mx.sym.Reshape(layer, shape=(-1, channels, side, side), name="g1_image")
        for i, wider in enumerate(further, 2):
            layer = generator_block(layer, f"g{i}", channels, wider, side, norm)
            channels, side = wider, 2 * side
            if side == self.attention:
                layer = self_attention(layer, f"g{i}_attention", channels, side)
        last = f"g{len(further) + 2}"
        layer = self._last_norm(layer, f"{last}_bn")
        layer = convolution(mx.sym.Activation(layer, name=f"{last}_act", act_type="relu"), last, self.nc)
        return mx.sym.Activation(layer, name=f"{last}_tanh", act_type="tanh")

    def _last_norm(self, data, name: str):
        return mx.sym.BatchNorm(data, name=name, fix_gamma=False, eps=self.eps)

    def _norm(self):
        """The norm of the generator's blocks, for generator_block."""
        return lambda data, name, channels, side: self._last_norm(data, name)

    def discriminator(self):
        """`data` (N, nc, size, size) → raw score (N, 1); blocks d1 …, and the last layer."""
        return self._score(self._features(mx.sym.Variable("data")))

    @property
    def _last(self) -> str:
        return f"d{len(self.size.discriminator) + 1}"

    def _features(self, layer):
        """(N, nc, size, size) → (N, channels): the blocks, ReLU, and the sum over all pixels."""
        before, sides = self.nc, self.size.discriminator_sides()
        for i, channels in enumerate(self.discriminator_channels, 1):
            if i == 1:
                layer = first_discriminator_block(layer, "d1", before, channels)
            else:
                layer = discriminator_block(layer, f"d{i}", before, channels, i <= self.size.halvings)
            if self.attention is not None and sides.index(self.attention) == i - 1:
                layer = self_attention(layer, f"d{i}_attention", channels, self.attention)
            before = channels
        layer = mx.sym.Activation(layer, name=f"{self._last}_act", act_type="relu")
        # A mean times the number of pixels: MXNet's sum over axes is three times slower on a CPU.
        mean = mx.sym.Pooling(layer, kernel=(1, 1), global_pool=True, pool_type="avg", name=f"{self._last}_mean")
        flat = mx.sym.Flatten(mean, name=f"{self._last}_flat")
        return mx.sym._internal._mul_scalar(flat, scalar=sides[-1] ** 2, name=f"{self._last}_sum")

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
        attention = [name for name in shapes if name.endswith("_attention_gamma")]
        sides = [_SIZES[image_size].start << (int(name[1:].partition("_")[0]) - 1) for name in attention]
        fields = {"ngf": ngf, "nc": nc, "latent_size": latent_size, "image_size": image_size}
        return {**fields, "attention": sides[0] if sides else None}

    @classmethod
    def discriminator_fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        return {"ndf": shapes["d1_conv1_weight"][0]}


@dataclass(frozen=True)
class ResidualProjection(Residual):
    """SNGAN's residual networks with classes: BatchNorm by class in G, the class projected on D's features.

    D's score of an image with features φ and class y is ψ(φ) + ⟨row y of the embedding, φ⟩.

    Parameters
    ----------
    classes : the number of classes; the other parameters are those of `Residual`.

    Source: Miyato and Koyama 2018, "cGANs with Projection Discriminator", section 3; the layers as in
    pfnet-research/sngan_projection (snresnet_32.py and its neighbours); at 48 pixels those of `Residual`.
    """

    conditional = True
    name = "residual-projection"
    title = "a projection SNGAN"
    recognised_by = "those of a residual network, with gammas and betas for each class"

    classes: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(self, "classes")

    def _norm(self):
        hot = mx.sym.one_hot(mx.sym.Variable("class_label"), depth=self.classes)
        return lambda data, name, channels, side: class_norm(data, hot, name, channels, side, self.classes, self.eps)

    def _score(self, features):
        width = self.discriminator_channels[-1]
        weight = mx.sym.Variable(f"{self._last}_class_weight", shape=(self.classes, width), dtype="float32")
        fitting = features * class_embedding(weight, f"{self._last}_class", self.classes, width)
        return super()._score(features) + mx.sym.sum(fitting, axis=1, keepdims=True)

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        return {**super().fields_of(shapes), "classes": shapes["g2_bn1_gamma"][0]}
