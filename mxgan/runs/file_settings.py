"""Settings of a .params file that its caller gives: symbol, names and shapes; the error where they have no meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from mxgan.errors import ArgumentError, ShapeError, shown
from mxgan.graphs.shapes import is_shape
from mxgan.runtime import mx
from mxgan.runtime.draws import check_distribution

__all__ = ["FileSettings", "refuse", "spelt"]

_FLAGS = {
    "latent_shape": "--latent", "image_shape": "--image", "input_name": "--input", "strip_prefix": "--strip-prefix",
    "averaged": "--ema/--raw",
}  # fmt: skip


class FileSettings(NamedTuple):
    """What the caller says of a .params file; see `mxgan.load_sampler`, and for `image_shape` `mxgan.export_model`."""

    symbol: object = None
    latent_shape: Optional[Sequence[int]] = None
    input_name: Optional[str] = None
    strip_prefix: Optional[str] = None
    distribution: Optional[str] = None
    image_shape: Optional[Sequence[int]] = None

    def check(self) -> None:
        """Raise ArgumentError or ShapeError for a setting of another type."""
        if not (self.symbol is None or isinstance(self.symbol, (str, Path, mx.sym.Symbol))):
            kind = type(self.symbol).__name__
            raise ArgumentError(f"symbol is of the type {kind}; give a .json file, or an mx.sym.Symbol.")
        for name, what in (("latent_shape", "latent, such as (100, 1, 1)"), ("image_shape", "image, as (3, 64, 64)")):
            value = getattr(self, name)
            if not (value is None or is_shape(value)):
                raise ShapeError(f"{name} is {shown(value)}; give the shape of one {what}.")
        if self.distribution is not None:
            check_distribution(self.distribution)


def refuse(given: Mapping, why: str) -> None:
    """Raise ArgumentError if one of these settings is given, with the reason."""
    names = [spelt(name) for name, value in given.items() if value is not None]
    if names:
        raise ArgumentError(f"{', '.join(names)}: {why}.")


def spelt(name: str) -> str:
    """A setting as the command line and as Python name it: --latent (latent_shape=…)."""
    return f"{_FLAGS.get(name) or '--' + name.replace('_', '-')} ({name}=…)"
