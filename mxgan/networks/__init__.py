"""Networks as symbols: a latent to an image, an image to a raw score. A new network is one file and one row."""

from __future__ import annotations

from mxgan.errors import lookup
from mxgan.networks.cbr import CBR
from mxgan.networks.conditional import AuxiliaryDCGAN, ConditionalDCGAN, SemiSupervisedDCGAN
from mxgan.networks.dcgan import DCGAN, make_dcgan_sym
from mxgan.networks.encoder_decoder import EncoderDecoder
from mxgan.networks.mlp import MLP

__all__ = [
    "CBR",
    "DCGAN",
    "MLP",
    "NETWORKS",
    "AuxiliaryDCGAN",
    "ConditionalDCGAN",
    "EncoderDecoder",
    "SemiSupervisedDCGAN",
    "get_network",
    "make_dcgan_sym",
]

_ROWS = (DCGAN, MLP, CBR, EncoderDecoder, ConditionalDCGAN, AuxiliaryDCGAN, SemiSupervisedDCGAN)
NETWORKS = {row.name: row for row in _ROWS}


def get_network(name: str) -> type:
    """The network class `name`; ArgumentError with a suggestion when there is none."""
    return lookup("network", name, NETWORKS)
