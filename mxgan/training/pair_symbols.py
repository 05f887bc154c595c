"""`PairSymbols`: the symbols of a pair, checked against each other, with their inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from mxgan.errors import ArgumentError
from mxgan.graphs.idle_biases import with_idle_biases
from mxgan.graphs.losses import check_losses, check_predictions
from mxgan.graphs.shapes import check_pair
from mxgan.objectives.augment.augmenter import Augmenter
from mxgan.objectives.feature_matching import REAL_IMAGES
from mxgan.objectives.spectral import state_names, with_states
from mxgan.runtime.computable import check_computable
from mxgan.training.inputs import check_conditions, generator_inputs, taken_inputs

__all__ = ["PairSymbols"]


class PairSymbols:
    """The symbols of an `AdversarialPair`, which explains the parameters; nothing is bound here.

    Parameters
    ----------
    batch_size : of this rank. on_cpu : whether all devices are CPUs, for which some layers cannot be computed.

    Attributes
    ----------
    conditions : {input: shape of one sample} as tuples.
    inputs : {network: {input: shape}}, batch included, of "generator", "discriminator" and "head"; MXNet takes the
        first input as data and the others as labels.
    saved : {half: symbol}, as a checkpoint has it, with spectral norm's states as further outputs of D.
    head : the symbol through which G is trained. held : its parameters.
    idle : {name: shape} of its biases without effect, which are bound as inputs; see graphs/idle_biases.py.
    states : {argument: internal output} of spectral norm's vectors in D.
    augmenter : the random changes of what D judges in training.

    Raises
    ------
    ShapeError, ArgumentError : an argument does not fit.
    """

    def __init__(
        self,
        generator,
        discriminator,
        generator_head,
        latent_shape: Optional[Sequence[int]],
        image_shape: Sequence[int],
        batch_size: int,
        conditions: Mapping,
        augment: Sequence[str],
        on_cpu: bool,
    ) -> None:
        self.conditions = check_conditions(conditions, generator, discriminator, generator_head)
        known = self._known(image_shape, batch_size)
        self.inputs = {
            "generator": generator_inputs(generator, latent_shape, self.conditions, batch_size),
            "discriminator": taken_inputs(discriminator, known, needed=("data", "label")),
            "head": taken_inputs(generator_head, {**known, REAL_IMAGES: known["data"]}),
        }
        check_pair(generator, discriminator, self.inputs["generator"], self.inputs["discriminator"])
        _check_each(generator, discriminator, generator_head, on_cpu)
        self.head, self.idle = with_idle_biases(with_states(generator_head), self.inputs["head"])
        self.held = [name for name in generator_head.list_arguments() if name not in self.inputs["head"]]
        _check_shared(self.held, discriminator)
        check_predictions(discriminator, generator_head, self.inputs["discriminator"], self.inputs["head"])
        self.states = state_names(discriminator)
        self.saved = {"generator": generator, "discriminator": with_states(discriminator)}
        self.augmenter = Augmenter(augment, image_shape)
        self._take_augmentations({*discriminator.list_arguments(), *generator_head.list_arguments()}, batch_size)

    def _known(self, image_shape: Sequence[int], batch_size: int) -> dict:
        """{input: shape}, batch included, of what D may take."""
        batch = (batch_size,)
        known = {"data": batch + tuple(image_shape), "label": batch, "class_label": batch}
        return {**known, **{name: batch + shape for name, shape in self.conditions.items()}}

    def _take_augmentations(self, names: set, batch_size: int) -> None:
        """Give D's networks the numbers of the augmentations as further inputs; `names` are D's own."""
        for name, shape in self.augmenter.inputs.items():
            if name in names or name in self.conditions:
                raise ArgumentError(f"a network has an input {name!r}, which is one of the augmentations; rename it.")
            for network in ("discriminator", "head"):
                self.inputs[network][name] = (batch_size, *shape)

    def judging(self, network: str):
        """The symbol of a network as it is trained: D's judge images that are changed at random; the saved one not."""
        if network == "generator":
            return self.saved[network]
        return self.augmenter.before(self.head if network == "head" else self.saved[network])


def _check_each(generator, discriminator, generator_head, on_cpu: bool) -> None:
    """Raise ArgumentError for outputs that are no losses, and on a CPU for layers that it cannot compute."""
    networks = {"generator": generator, "discriminator": discriminator, "generator's head": generator_head}
    for owner, symbol in networks.items():
        check_losses(owner, symbol, first=1 if symbol is generator else 0)
        if on_cpu:
            check_computable(owner, symbol)


def _check_shared(held: list, discriminator) -> None:
    """Raise ArgumentError if the generator's head has a parameter that the discriminator does not train."""
    own = [name for name in held if name not in discriminator.list_arguments()]
    if own:
        raise ArgumentError(
            f"generator_head has {', '.join(own[:4])}, which the discriminator does not have; it takes the "
            "discriminator's parameters, and conditions=… are its other inputs."
        )
