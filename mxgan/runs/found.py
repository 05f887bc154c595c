"""`Found`: one half of a pair as `mxgan import` has found it in a file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Optional

__all__ = ["Found"]


class Found(NamedTuple):
    """One half of a pair.

    Attributes
    ----------
    names : the naming scheme of its parameters: "torch" for that of `mxgan.networks.from_torch`, "mxnet" for all
        others.
    arrays : {parameter: float32 array}, auxiliary states too.
    symbol : for a generator `rand` → images, for a discriminator `data` → raw score (N, 1); None: the names alone tell
        the network.
    latent, image : shape of one latent, of one image; () without a symbol.
    classes, class_names : of the input `class_label`.
    distribution : of the latents; None: not known.
    zero_to_one : whether the program had images from 0 to 1.
    partner : the discriminator, if a generator's file holds it too.
    facts : what an exported folder tells of its origin.
    notes : what was done or found out, in words.
    """

    names: str
    arrays: Mapping
    symbol: object = None
    latent: tuple = ()
    image: tuple = ()
    classes: int = 0
    class_names: tuple = ()
    distribution: Optional[str] = None
    zero_to_one: bool = False
    partner: Optional[Found] = None
    facts: Mapping = MappingProxyType({})
    notes: tuple = ()
