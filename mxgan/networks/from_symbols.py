"""`Symbols`: two networks of any origin, as the symbols that an import has found and checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple  # noqa: UP035 - read at run time on Python 3.9

from mxgan.errors import ArgumentError, ShapeError
from mxgan.graphs.shapes import infer, is_shape
from mxgan.graphs.symbol_files import symbol_of
from mxgan.graphs.symbol_sizes import check_sizes
from mxgan.networks.base import Network, check_channels, normalise_size
from mxgan.runtime.config import whole_number
from mxgan.runtime.image_size import ImageSize

__all__ = ["Symbols"]


@functools.lru_cache(maxsize=8)
def _symbol(text: str, half: str):
    """The symbol in a text, read as a stranger's: the text may come from the config.json of somebody else's run."""
    return symbol_of(text, Path(f"the symbol of the {half}"))


@dataclass(frozen=True)
class Symbols(Network):
    """A generator and a discriminator as MXNet's JSON, which `mxgan import` writes into config.json.

    Parameters
    ----------
    generator_symbol : `rand` (N, *latent), and `class_label` (N,) if there are classes → images in [-1, 1].
    discriminator_symbol : `data` (N, nc, H, W), perhaps `class_label` (N,) → raw score (N, 1); "" if there is none:
        such a run makes images, but cannot be trained.
    nc, image_size : channels, and height and width, of the images.
    latent : shape of one latent.
    classes : the number of classes that the generator takes; 0: none.

    Raises ArgumentError, ShapeError or CorruptFileError for symbols that do not fit these sizes.
    """

    name = "symbols"
    title = "a network given by its symbols"

    generator_symbol: str = ""
    discriminator_symbol: str = ""
    nc: int = 3
    image_size: ImageSize = 64
    latent: Tuple[int, ...] = (100, 1, 1)  # noqa: UP006
    classes: int = 0

    def __post_init__(self) -> None:
        check_channels(self.nc)
        normalise_size(self)
        whole_number("classes", self.classes, minimum=0)
        if not is_shape(self.latent):
            raise ArgumentError(f"latent is {self.latent!r}; give the shape of one latent, such as [100, 1, 1].")
        if not self.generator_symbol:
            raise ArgumentError("generator_symbol is empty; `mxgan import` writes it.")
        self._check("generator", self.generator(), self.generator_inputs(1), (1, *self.image_shape))
        if self.discriminator_symbol:
            self._check("discriminator", self.discriminator(), self.images(1), (1, 1))

    def _check(self, half: str, symbol, inputs: Mapping, wanted: tuple) -> None:
        """Raise ShapeError unless the first output of a half has the wanted shape."""
        check_sizes(symbol, inputs)
        found = infer(symbol, inputs)[1][0]
        if found != wanted:
            raise ShapeError(f"the symbol of the {half} makes {found} of {inputs}, not {wanted}; import it again.")

    @property
    def latent_shape(self) -> tuple:
        """Shape of one latent, batch left out."""
        return self.latent

    @property
    def conditional(self) -> bool:
        """Whether the generator takes the class."""
        return self.classes > 0

    def generator(self):
        """`rand`, and `class_label` if there are classes → image (N, nc, H, W) in [-1, 1]."""
        return _symbol(self.generator_symbol, "generator")

    def discriminator(self):
        """`data` → raw score (N, 1); ArgumentError if there is no discriminator."""
        if not self.discriminator_symbol:
            raise ArgumentError("this network has no discriminator: only a generator was imported; import both halves.")
        return _symbol(self.discriminator_symbol, "discriminator")

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        """No shape shows a symbol."""
        raise LookupError("a network of symbols")
