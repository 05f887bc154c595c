"""What every network has: its shapes, its inputs, and the way it is recognised in a file."""

from __future__ import annotations

from collections.abc import Mapping

from mxgan.errors import ArgumentError
from mxgan.runtime.config import whole_number

__all__ = ["Network", "check_channels", "check_positive", "check_sizes", "check_widths"]


class Network:
    """A row of NETWORKS: a frozen dataclass that makes a generator and a discriminator symbol.

    A subclass has a `name`, `latent_shape`, `image_shape`, `generator()`, `discriminator()` and `fields_of(shapes)`.

    Attributes
    ----------
    title : what errors call it.
    recognised_by : the parameters that a generator's file is recognised by, for errors.
    classes : how many classes its data have, 0 where none are needed.
    conditional : whether the generator takes the class to draw, as a second input `class_label` (N,).
    classifies : whether the discriminator gives class logits beside its score.
    width_settings : the fields that make it wider, for errors.
    assumed : the fields that a sample depends on and no parameter's name or shape tells, for recognition.
    """

    title = "a network"
    recognised_by = ""
    classes = 0
    conditional = False
    classifies = False
    width_settings = ()
    assumed = ()

    @property
    def generator_classes(self) -> int:
        """How many classes the generator can be asked for; 0 where it takes none."""
        return self.classes if self.conditional else 0

    @property
    def mixes_samples(self) -> str:
        """What lets the discriminator's score of an image depend on its batch, BatchNorm aside; "" for nothing."""
        return ""

    def generator_inputs(self, batch_size: int) -> dict:
        """{input of the generator: shape}, batch included."""
        inputs = {"rand": (batch_size, *self.latent_shape)}
        return {**inputs, "class_label": (batch_size,)} if self.conditional else inputs

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        """The dataclass's fields as the shapes have them; a LookupError or ValueError where they are not its own."""
        raise NotImplementedError


def check_sizes(network: Network, *fields: str) -> None:
    """Raise ArgumentError unless each field is a whole number from 1 up."""
    for field in fields:
        whole_number(field, getattr(network, field))


def check_widths(network: Network, *fields: str) -> None:
    """Raise ArgumentError unless each field is a tuple, not empty, of whole numbers from 1 up."""
    for field in fields:
        widths = getattr(network, field)
        if not isinstance(widths, tuple) or not widths:
            raise ArgumentError(
                f"{field} is {widths!r}; give a tuple of at least one whole number, such as (256, 128)."
            )
        for i, width in enumerate(widths):
            whole_number(f"{field}[{i}]", width)


def check_channels(nc: int) -> None:
    """Raise ArgumentError unless images of `nc` channels can be shown."""
    if whole_number("nc", nc) not in (1, 3):
        raise ArgumentError(f"nc is {nc}; give 1 (grey) or 3 (RGB).")


def check_positive(network: Network, *fields: str) -> None:
    """Raise ArgumentError unless each field is a number above 0."""
    for field in fields:
        if not 0 < getattr(network, field) < float("inf"):
            raise ArgumentError(f"{field} is {getattr(network, field)}; give a number above 0.")
