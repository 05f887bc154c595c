"""DCGAN (Radford et al. 2016) with the layer names of MXNet's own example, at any power-of-two size.

`make_dcgan_sym` is that example's function: same arguments, same layers, same parameter names and shapes, so that
.params files go both ways. `DCGAN` is the same pair with the raw score out and the size as a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mxgan.checks import check_switch, whole_number
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.networks.blocks import powers_of_two_layers, upsample
from mxgan.objectives import get_objective
from mxgan.runtime import mx

__all__ = ["DCGAN", "make_dcgan_sym"]


@dataclass(frozen=True)
class DCGAN:
    """A DCGAN generator and discriminator for square images.

    Parameters
    ----------
    ngf, ndf : channels of the generator's last and the discriminator's first hidden layer; each layer away from
        the image doubles them.
    nc : channels of the image, 1 or 3.
    image_size : height and width in pixels, a power of two from 16 up.
    latent_size : length of the latent vector `rand`.
    no_bias : leave the bias out of every (transposed) convolution.
    fix_gamma : hold every BatchNorm scale at 1, as MXNet's example does; the paper trains it.
    eps : BatchNorm epsilon; just above 1e-5, the least that cuDNN takes.
    """

    name = "dcgan"

    ngf: int = 64
    ndf: int = 64
    nc: int = 3
    image_size: int = 64
    latent_size: int = 100
    no_bias: bool = True
    fix_gamma: bool = True
    eps: float = 1e-5 + 1e-12

    def __post_init__(self) -> None:
        for field in ("ngf", "ndf", "nc", "latent_size"):
            whole_number(field, getattr(self, field))
        for field in ("no_bias", "fix_gamma"):
            check_switch(field, getattr(self, field))
        if self.nc not in (1, 3):
            raise ArgumentError(f"nc is {self.nc}; give 1 (grey) or 3 (RGB).")
        if not self.eps > 0:
            raise ArgumentError(f"eps is {self.eps}; give a number above 0.")
        powers_of_two_layers(self.image_size)

    @property
    def latent_shape(self) -> tuple:
        """Shape of one latent: (latent_size, 1, 1)."""
        return (self.latent_size, 1, 1)

    @property
    def image_shape(self) -> tuple:
        """Shape of one image: (nc, image_size, image_size)."""
        return (self.nc, self.image_size, self.image_size)

    def generator(self):
        """`rand` (N, latent_size, 1, 1) → image (N, nc, image_size, image_size) in [-1, 1]; layers g1 … gL."""
        depth = powers_of_two_layers(self.image_size)
        channels = self.ngf * 2 ** (depth - 2)
        layer = mx.sym.Deconvolution(
            mx.sym.Variable("rand"), name="g1", kernel=(4, 4), num_filter=channels, no_bias=self.no_bias
        )  # (N, ngf · 2^(L-2), 4, 4)
        for i in range(1, depth):
            layer = mx.sym.Activation(self._batch_norm(layer, f"gbn{i}"), name=f"gact{i}", act_type="relu")
            narrower = self.nc if i == depth - 1 else channels // 2
            layer = upsample(layer, f"g{i + 1}", channels, narrower, 2 ** (i + 2), self.no_bias)
            channels = narrower
        return mx.sym.Activation(layer, name=f"gact{depth}", act_type="tanh")

    def discriminator(self):
        """`data` (N, nc, image_size, image_size) → raw score (N, 1); layers d1 … dL, no BatchNorm on the first."""
        depth = powers_of_two_layers(self.image_size)
        layer = mx.sym.Variable("data")
        for i in range(1, depth):
            layer = mx.sym.Convolution(
                layer,
                name=f"d{i}",
                kernel=(4, 4),
                stride=(2, 2),
                pad=(1, 1),
                num_filter=self.ndf * 2 ** (i - 1),
                no_bias=self.no_bias,
            )  # (N, ndf · 2^(i-1), image_size / 2^i, image_size / 2^i)
            if i > 1:
                layer = self._batch_norm(layer, f"dbn{i}")
            layer = mx.sym.LeakyReLU(layer, name=f"dact{i}", act_type="leaky", slope=0.2)
        layer = mx.sym.Convolution(layer, name=f"d{depth}", kernel=(4, 4), num_filter=1, no_bias=self.no_bias)
        return mx.sym.Flatten(layer)  # (N, 1)

    def _batch_norm(self, data, name: str):
        return mx.sym.BatchNorm(data, name=name, fix_gamma=self.fix_gamma, eps=self.eps)

    @classmethod
    def from_parameters(cls, shapes: Mapping[str, tuple]) -> DCGAN:
        """The DCGAN whose generator has parameters of these shapes, read off a .params file.

        Only what the generator fixes is recovered; `ndf` and `eps` stay at their defaults. Gammas are taken as
        they are: those that `fix_gamma` held are 1 in the file. Raises CheckpointError where the shapes are of
        no DCGAN.
        """
        weights = sorted((n for n in shapes if n[0] == "g" and n[1:].partition("_")[2] == "weight"), key=len)
        depth = len(weights)
        if depth < 3 or any(f"g{i + 1}_weight" not in shapes for i in range(depth)):
            raise CheckpointError(
                f"these are not a DCGAN generator's parameters (g1_weight, g2_weight, … of at least three layers); "
                f"found {', '.join(sorted(shapes)[:6]) or 'nothing'}."
            )
        first, last = shapes["g1_weight"], shapes[f"g{depth}_weight"]
        return cls(
            ngf=last[0],
            nc=last[1],
            latent_size=first[0],
            image_size=2 ** (depth + 1),
            no_bias="g1_bias" not in shapes,
            fix_gamma=False,
        )


def make_dcgan_sym(ngf, ndf, nc, no_bias=True, fix_gamma=True, eps=1e-5 + 1e-12):
    """MXNet's 64×64 DCGAN as two symbols, with the names of its example.

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

    Source: Radford et al. 2016, section 3; layers and names of example/gan/dcgan.py in MXNet before 1.0.
    """
    network = DCGAN(ngf=ngf, ndf=ndf, nc=nc, no_bias=no_bias, fix_gamma=fix_gamma, eps=eps)
    head = get_objective("gan").discriminator_head
    return network.generator(), head(network.discriminator(), mx.sym.Variable("label"))
