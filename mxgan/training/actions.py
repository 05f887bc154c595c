"""`PairActions`: what one can do with a bound pair, pass by pass; a step is made of these actions."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Callable, Optional

from mxgan.errors import ArgumentError, shown
from mxgan.objectives.feature_matching import REAL_IMAGES
from mxgan.objectives.heads import IGNORED_CLASS
from mxgan.runtime import mx
from mxgan.runtime.config import FLOAT32_MAX, is_number
from mxgan.training.bound_pair import BoundPair
from mxgan.training.inputs import checked_label, given_conditions
from mxgan.training.step import REAL

__all__ = ["PairActions"]

MOST_LABELS = 16  # arrays of one number that are kept: a step uses two or three
_NONE = MappingProxyType({})


class PairActions(BoundPair):
    """The actions of a step, for a loop of your own or for `train_step`; `AdversarialPair` completes the class."""

    penalty_points = _penalty = _weight_clip = None

    def __init__(self, generator, discriminator, *networks_and_shapes) -> None:
        super().__init__(generator, discriminator, *networks_and_shapes)
        self._classifies = "closs_output" in discriminator.list_outputs()
        self._gradients_pending = self._generated = False
        self._constants: dict = {}  # {number: NDArray (N,)}
        self.averages: dict = {}  # {half: WeightAverage}
        self._averaged = None  # a Module of D for the average of its weights

    def conditions_of(self, batch) -> dict:
        """{condition: NDArray} of a batch of real images, whose `data` are the images and then the conditions."""
        return dict(zip(self.conditions, batch.data[1:]))

    def _check_ready(self, optimizers: bool = False) -> None:
        for module in self.halves().values():
            if not (module.optimizer_initialized if optimizers else module.params_initialized):
                raise ArgumentError(
                    "the pair has no parameters or no optimisers yet; call init_params and init_optimizers."
                )

    def generate(self, latents, classes=None, conditions: Mapping = _NONE):
        """Training-mode forward pass of the generator: NDArray (N, C, H, W); the backward pass uses its activations.

        The array is the generator's own: it is valid until the next call.

        Parameters
        ----------
        latents : NDArray (N, *latent_shape); None if the generator takes no `rand`.
        classes : NDArray (N,), if the generator takes classes.
        conditions : {condition: NDArray (N, *shape)}, at least those that the generator takes.
        """
        self._check_ready()
        batch = self._batch("generator", {"rand": latents, "class_label": classes, **self._named(conditions)})
        self.generator_passes.forward(batch, is_train=True)
        self._generated = True
        return self.generator_passes.get_outputs()[0]

    def accumulate_discriminator(
        self, images, label, classes=None, weight: float = 1.0, conditions: Mapping = _NONE
    ) -> tuple:
        """Forward and backward pass of D on `images` under `label`; the gradients add up until the next update.

        Parameters
        ----------
        images : NDArray (N, *image_shape).
        label : a number for all samples (0 fake, 1 real), or a float32 NDArray of each sample's, (N,) or (N, 1), by
            its values at the time of the call.
        classes : NDArray (N,), if D takes classes; None: unknown, for a D that predicts them.
        weight : factor on this batch's loss.
        conditions : {condition: NDArray (N, *shape)}, at least those that D takes.

        Returns
        -------
        Copies of the prediction (N, 1) and of the class probabilities (N, K), which are None if D does not classify.
        """
        self._check_ready()
        if not is_number(weight, lambda value: abs(value) <= FLOAT32_MAX):
            raise ArgumentError(f"weight is {shown(weight)}; give a finite number, the factor on this batch's loss.")
        batch = self._judged("discriminator", images, label, classes, conditions)
        gradients = self._gradient_arrays("discriminator")
        kept = [gradient.copy() for gradient in gradients] if self._gradients_pending else None
        self.discriminator_passes.forward(batch, is_train=True)
        self.discriminator_passes.backward()  # overwrites the gradients
        for gradient in gradients if weight != 1.0 else ():
            gradient *= weight
        if kept:
            for gradient, earlier in zip(gradients, kept):
                gradient += earlier
        self._gradients_pending = True
        prediction, *others = self.discriminator_passes.get_outputs()
        self._advance_states(self.discriminator_passes)
        return prediction.copy(), others[0].copy() if self._classifies else None

    def accumulate_penalty(self, real, fake, classes=None, conditions: Mapping = _NONE):
        """Add the gradients of the penalty to D's; returns the penalty of each sample, NDArray (N,)."""
        epsilon = None
        if self.penalty_points == "between":
            shape = (self.batch_size,) + (1,) * len(self.image_shape)
            epsilon = self.part_of_draw(functools.partial(mx.nd.random.uniform, 0, 1, ctx=real.context), shape)
        further = {**self._named(conditions), **self._drawn_augmentations()}
        return self._penalty.add_gradients(real, fake, classes, epsilon, conditions=further)

    def update_discriminator(self) -> None:
        """One optimiser step of D with the gradients accumulated so far; clips D's weights if `weight_clip` is set."""
        self._check_ready(optimizers=True)
        if not self._gradients_pending:
            raise ArgumentError("D has no gradients since its last update; call accumulate_discriminator first.")
        self._sum_over_ranks("discriminator", "discriminator")
        self.discriminator.update()
        self._gradients_pending = False
        self._clip()
        self._add_to_average("discriminator")

    def _add_to_average(self, half: str) -> None:
        if half in self.averages:
            self.averages[half].update()

    def _clip(self) -> None:
        if self._weight_clip is not None:
            self._weight_clip.clip()

    def update_generator(self, fake, classes=None, conditions: Mapping = _NONE, real=None) -> tuple:
        """One optimiser step of G: the gradient at D's input, for the label "real", goes back through G.

        `fake` must be the output of the last `generate`, with or without noise, and `classes` and `conditions` its own.
        `real` are real images as D has seen them, for a head that takes them (feature matching).
        The losses among the generator's further outputs add their gradients.
        Returns (prediction (N, 1), input gradient (N, C, H, W)).
        """
        self._check_ready(optimizers=True)
        batch = self._judged("head", fake, REAL, classes, conditions, real=real)
        if not self._generated:
            raise ArgumentError("G has no new images since its last update; call generate first.")
        critic = self.critic_for_inputs
        critic.forward(batch, is_train=True)
        critic.backward()
        input_gradients = critic.get_input_grads()
        self.generator_passes.backward(input_gradients)  # of the image; losses need no gradient from outside
        self._sum_over_ranks("generator", "generator", "discriminator")  # the pass through D has written D's too
        self.generator.update()
        self._generated = False
        self._advance_states(critic)
        self._add_to_average("generator")
        return critic.get_outputs()[0].copy(), input_gradients[0]

    def classify(self, images, conditions: Mapping = _NONE):
        """D's class probabilities (N, K) of a batch as it is; BatchNorm uses its moving statistics. Changes nothing."""
        self._check_classifies()
        return self._classified("discriminator", self.discriminator_passes, images, conditions)

    def classifier_of_average(self) -> Callable:
        """A function like `classify`, with the average of D's weights as it is now; valid until the next call of this.

        It computes in float32, also if `precision` is "bfloat16".

        Raises
        ------
        ArgumentError : the discriminator does not classify, or the pair keeps no average of it.
        """
        self._check_classifies()
        average = self.averages.get("discriminator")
        if average is None:
            raise ArgumentError("this pair keeps no average of its discriminator; train with discriminator_ema set.")
        if self._averaged is None:
            self._averaged = self._bound_for_average()
        arguments, statistics = average.get_params()
        self._averaged.init_params(arg_params=arguments, aux_params=statistics, force_init=True)
        return functools.partial(self._classified, "averaged discriminator", self._averaged)

    def _check_classifies(self) -> None:
        if not self._classifies:
            raise ArgumentError("this discriminator does not classify; it has no class logits.")

    def _classified(self, network: str, passes, images, conditions: Mapping = _NONE):
        passes.forward(self._judged(network, images, REAL, None, conditions, changed=False), is_train=False)
        return passes.get_outputs()[1].copy()

    def _judged(self, network: str, images, label, classes, conditions: Mapping, changed: bool = True, real=None):
        """The batch of "discriminator" or "head", with new numbers of the augmentations if it is to be `changed`.

        Classes None means unknown classes to a D that predicts them.
        """
        if classes is None and self._classifies:
            classes = self._constant(IGNORED_CLASS)
        label = checked_label(label, self.batch_size)
        label = self._constant(label) if isinstance(label, float) else label
        given = {"data": images, "label": label, "class_label": classes, REAL_IMAGES: real, **self._named(conditions)}
        given.update(self._drawn_augmentations() if changed else self.augmenter.neutral(self.batch_size))
        return self._batch(network, given, self._idle_zeros if network == "head" else ())

    def _drawn_augmentations(self) -> dict:
        """{input: NDArray} of new random changes of this rank's images, as one process draws those of the batch."""
        draw = functools.partial(mx.nd.random.uniform, 0, 1)
        return self.augmenter.draw(functools.partial(self.part_of_draw, draw), self.batch_size)

    def _named(self, conditions: Optional[Mapping]) -> Mapping:
        return given_conditions(conditions, self.conditions)

    def _constant(self, value: float):
        """NDArray (N,) of one number; a few are kept, since making one takes longer than a small layer."""
        if value not in self._constants:
            if len(self._constants) >= MOST_LABELS:
                self._constants.clear()
            self._constants[value] = mx.nd.full((self.batch_size,), value)
        return self._constants[value]
