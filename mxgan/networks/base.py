"""`Network`, the base class of all networks, and checks of their settings."""

from __future__ import annotations

from collections.abc import Mapping

from mxgan.errors import ArgumentError
from mxgan.runtime.config import whole_number
from mxgan.runtime.image_size import height_and_width, normal_size, size_text

__all__ = [
    "Network",
    "check_channels",
    "check_positive",
    "check_sizes",
    "check_square",
    "check_widths",
    "normalise_size",
]


class Network:
    """A row of NETWORKS: a frozen dataclass that makes a generator and a discriminator symbol.

    A subclass has a `name`, the fields `nc`, `image_size` and `latent_size`, and the methods `generator()`,
    `discriminator()` and `fields_of(shapes)`. One that only an import makes has no `recognised_by`.

    Attributes
    ----------
    title : the name of the network in error messages.
    recognised_by : the parameters that identify the generator in a file, for error messages.
    classes : the number of classes of the data, 0 if the network needs none.
    conditional : whether the generator takes the class to draw, as a second input `class_label` (N,).
    classifies : whether the discriminator outputs class logits after its score.
    normalises_every_weight : the argument `every_weight` of objectives/spectral.py, if the recipe normalises weights.
    width_settings : the fields that make the network wider, for error messages.
    assumed : the fields that change samples but that no parameter name or shape shows; recognition assumes them.
    """

    title = "a network"
    recognised_by = ""
    classes = 0
    conditional = False
    classifies = False
    normalises_every_weight = False
    width_settings = ()
    assumed = ()

    @property
    def latent_shape(self) -> tuple:
        """Shape of one latent, batch left out: (latent_size,)."""
        return (self.latent_size,)

    @property
    def image_shape(self) -> tuple:
        """Shape of one image: (nc, height, width)."""
        return (self.nc, *height_and_width(self.image_size))

    @property
    def generator_classes(self) -> int:
        """The number of classes that the generator can draw on request; 0 if it takes no class."""
        return self.classes if self.conditional else 0

    @property
    def mixes_samples(self) -> str:
        """The part of D, other than BatchNorm, that makes an image's score depend on its batch; "" if none."""
        return ""

    def generator_inputs(self, batch_size: int) -> dict:
        """{input of the generator: shape}, batch included."""
        inputs = {"rand": (batch_size, *self.latent_shape)}
        return {**inputs, "class_label": (batch_size,)} if self.conditional else inputs

    def images(self, batch_size: int) -> dict:
        """{input of the discriminator: shape}, batch included."""
        inputs = {"data": (batch_size, *self.image_shape)}
        takes_class = "class_label" in self.discriminator().list_arguments()
        return {**inputs, "class_label": (batch_size,)} if takes_class else inputs

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        """The dataclass's fields, read from the shapes; LookupError or ValueError for another network's shapes."""
        raise NotImplementedError

    @classmethod
    def discriminator_fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        """The fields that only the discriminator's shapes show; LookupError for another network's shapes."""
        return {}


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


def normalise_size(network: Network) -> None:
    """Make a square (height, width) in the field `image_size` of a frozen network the number that it is equal to."""
    object.__setattr__(network, "image_size", normal_size(*height_and_width(network.image_size)))


def check_square(network: Network) -> None:
    """`normalise_size`, then ArgumentError unless the network's images are square."""
    normalise_size(network)
    if isinstance(network.image_size, tuple):
        raise ArgumentError(
            f"image_size is {size_text(network.image_size)}, and {network.title} makes square images; give one whole "
            "number, or one of DCGAN's networks."
        )


def check_channels(nc: int) -> None:
    """Raise ArgumentError unless `nc`, the number of image channels, is 1 or 3."""
    if whole_number("nc", nc) not in (1, 3):
        raise ArgumentError(f"nc is {nc}; give 1 (grey) or 3 (RGB).")


def check_positive(network: Network, *fields: str) -> None:
    """Raise ArgumentError unless each field is a number above 0."""
    for field in fields:
        if not 0 < getattr(network, field) < float("inf"):
            raise ArgumentError(f"{field} is {getattr(network, field)}; give a number above 0.")
