"""`Model`: a trained generator or discriminator with its parameters, as every format takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mxgan.errors import ArgumentError

__all__ = ["NORMALISATION", "OUTSIDE", "Model"]

NORMALISATION = "images in [-1, 1]"  # in facts, of networks whose range is known
# Input of a symbol → its name outside of MXNet.
OUTSIDE = {"rand": "latent", "class_label": "class", "data": "image"}


@dataclass(frozen=True)
class Model:
    """One half of a trained pair, for inference.

    Attributes
    ----------
    symbol : without a head: G takes `rand`, and `class_label` if conditional, and gives images in [-1, 1]; D takes
        `data`, and `class_label`, and gives the raw score, then class logits if it classifies.
    parameters : {name: float32 array} of all arguments and auxiliary states.
    inputs : {input of the symbol: shape of one sample}, in order, such as {"rand": (100, 1, 1), "class_label": ()}.
    half : "generator" or "discriminator".
    classes : the number of classes of `class_label`; 0 without it.
    class_names : their names; () if they have none.
    latent_distribution : "normal", or "uniform" on [-1, 1].
    facts : JSON values about the origin: recipe, step, weights, network, dataset, license, scores, …; may be empty.
    """

    symbol: object
    parameters: Mapping
    inputs: Mapping
    half: str = "generator"
    classes: int = 0
    class_names: tuple = ()
    latent_distribution: str = "normal"
    facts: Mapping = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.half not in ("generator", "discriminator"):
            raise ArgumentError(f"half is {self.half!r}; give generator or discriminator.")
        names = {*self.symbol.list_arguments(), *self.symbol.list_auxiliary_states()}
        unknown = names - {*self.inputs, *self.parameters}
        if unknown:
            raise ArgumentError(f"the {self.half} has no values for {', '.join(sorted(unknown))}; give them.")

    @property
    def auxiliary(self) -> frozenset:
        """The names of the auxiliary states among the parameters."""
        return frozenset(self.symbol.list_auxiliary_states())

    @property
    def outputs(self) -> tuple:
        """The names of the outputs outside of MXNet: ("image",), ("score",) or ("score", "logits")."""
        known = ("image",) if self.half == "generator" else ("score", "logits")
        count = len(self.symbol.list_outputs())
        return (*known, *(f"output{i}" for i in range(len(known), count)))[:count]

    def sizes(self, batch: int) -> dict:
        """{input of the symbol: shape}, batch included."""
        return {name: (batch, *shape) for name, shape in self.inputs.items()}

    def argument_shapes(self, batch: int) -> dict:
        """{argument of the symbol: shape}, of inputs with the batch, and of parameters."""
        names = (name for name in self.symbol.list_arguments() if name not in self.inputs)
        return {**self.sizes(batch), **{name: tuple(self.parameters[name].shape) for name in names}}
