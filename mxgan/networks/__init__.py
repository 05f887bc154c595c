"""Networks as MXNet symbols: generators (latent → image) and discriminators (image → raw score).

In reading order::

    base.py               Network, the base class: shapes, inputs and checks
    blocks.py             symbol builders that the networks share
    dcgan.py              DCGAN, at any size that can be halved twice
    conditional.py        DCGANs with classes: conditional, auxiliary classifier, semi-supervised
    mlp.py                fully connected layers, 28×28 or 64×64
    cbr.py                nine convolutions in each network, 32×32
    encoder_decoder.py    5×5 convolutions as in Keras, 64×64
    residual_blocks.py    residual blocks, with convolutions merged with pooling and enlarging
    class_norm.py         BatchNorm by class
    attention.py          self-attention over a feature map
    residual.py           SNGAN's residual networks, at 32, 48, 64 and 128 pixels
    recognition.py        the network of a .params file, found by parameter names and shapes
    from_torch.py         the DCGAN of a state_dict of PyTorch, found by shapes
    from_symbols.py       networks of other programs, as symbols

To add a network, add one file here and one row to `_ROWS`.
"""

from __future__ import annotations

from mxgan.errors import lookup
from mxgan.networks.cbr import CBR
from mxgan.networks.conditional import AuxiliaryDCGAN, ConditionalDCGAN, SemiSupervisedDCGAN
from mxgan.networks.dcgan import DCGAN, make_dcgan_sym
from mxgan.networks.encoder_decoder import EncoderDecoder
from mxgan.networks.from_symbols import Symbols
from mxgan.networks.mlp import MLP
from mxgan.networks.residual import Residual, ResidualProjection

__all__ = [
    "CBR",
    "DCGAN",
    "MLP",
    "NETWORKS",
    "AuxiliaryDCGAN",
    "ConditionalDCGAN",
    "EncoderDecoder",
    "Residual",
    "ResidualProjection",
    "SemiSupervisedDCGAN",
    "Symbols",
    "get_network",
    "make_dcgan_sym",
]

_ROWS = (
    *(DCGAN, MLP, CBR, EncoderDecoder),
    *(ConditionalDCGAN, AuxiliaryDCGAN, SemiSupervisedDCGAN),
    *(Residual, ResidualProjection, Symbols),
)
NETWORKS = {row.name: row for row in _ROWS}


def get_network(name: str) -> type:
    """The network class `name`; ArgumentError with a suggestion if the name is unknown."""
    return lookup("network", name, NETWORKS)
