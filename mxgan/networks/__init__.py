"""Networks as symbols: a latent to an image, an image to a raw score. A new network is one file and one row."""

from __future__ import annotations

from mxgan.errors import unknown_name
from mxgan.networks.dcgan import DCGAN, make_dcgan_sym

__all__ = ["DCGAN", "NETWORKS", "get_network", "make_dcgan_sym"]

NETWORKS = {row.name: row for row in (DCGAN,)}


def get_network(name: str) -> type:
    """The network class `name`; ArgumentError with a suggestion when there is none."""
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    return NETWORKS[name]
