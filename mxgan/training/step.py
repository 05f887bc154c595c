"""One training step: `train_step` and its result."""

from __future__ import annotations

import functools
from typing import Any, Callable, NamedTuple, Optional, Union

from mxgan.errors import ArgumentError
from mxgan.objectives.heads import IGNORED_LABEL
from mxgan.runtime import mx

__all__ = ["FAKE", "REAL", "Classified", "StepResult", "check_real_label", "train_step"]

FAKE, REAL = 0.0, 1.0
_PREDICTIONS = ("fake_prediction", "real_prediction", "generator_prediction", "penalty")


def check_real_label(real_label: float) -> None:
    """Raise ArgumentError unless D's target on real images is above 0.5 and at most 1."""
    if not 0.5 < real_label <= 1:
        raise ArgumentError(f"real_label is {real_label}; give a number above 0.5 and at most 1.")


class Classified(NamedTuple):
    """D's class probabilities (N, K) and the true classes (N,) of one batch; the class −1 means unknown."""

    probabilities: Any
    classes: Any


class StepResult(NamedTuple):
    """The results of one training step; the arrays are on the device and may not be computed yet.

    Attributes
    ----------
    fake : NDArray (N, C, H, W), the generator's last images, before any instance noise.
    fake_prediction, real_prediction : NDArray (N, 1), D's predictions on its last fake and last real training batch,
        each before the update with that batch.
    generator_prediction : NDArray (N, 1), D's predictions on the fakes of G's last update, after D's last update; with
        feature matching in one batch with real images.
    input_gradient : NDArray (N, C, H, W), the gradient of the generator's loss at D's input.
    penalty : NDArray (N,), the last penalty on D's gradient for each sample; None without a penalty.
    classified : {"real" or "labelled", "fake": Classified} if D classifies; else empty.

    `fake` and `input_gradient` are the executors' own arrays. They are valid until the next step; copy them to keep
    them.
    """

    fake: Any
    fake_prediction: Any
    real_prediction: Any
    generator_prediction: Any
    input_gradient: Any
    penalty: Any = None
    classified: dict = {}  # noqa: RUF012 - never written to

    def of_whole_batch(self, ranks) -> StepResult:
        """The same step with the predictions, penalties and classes of all ranks, (N, …); the images stay a part."""
        if ranks.size == 1:
            return self
        names = [name for name in _PREDICTIONS if getattr(self, name) is not None]
        own = [getattr(self, name) for name in names] + [array for each in self.classified.values() for array in each]
        whole = iter(ranks.whole(own))
        predictions = {name: next(whole) for name in names}
        classified = {kind: Classified(next(whole), next(whole)) for kind in self.classified}
        return self._replace(**predictions, classified=classified)


def noisy(pair, images, sigma: float):
    """`images` plus normal noise of standard deviation `sigma`, as a new array; `images` itself if sigma is 0."""
    if not sigma:
        return images
    return images + pair.part_of_draw(
        functools.partial(mx.nd.random.normal, 0, sigma, ctx=images.context), images.shape
    )


class Shown(NamedTuple):
    """One input batch of D: images (N, C, H, W) with instance noise, classes (N,) or None, {condition: NDArray}."""

    images: Any
    classes: Any
    conditions: dict


def train_step(pair, latents: list, images: list, labelled: list, noise: Union[float, Callable]) -> StepResult:
    """One training step of a pair: the rounds of D, then the updates of G, in the order of `pair.schedule`.

    By default this is the step of MXNet's DCGAN example: D's gradients on fakes (label 0) and on reals (label 1) are
    summed for one update of D; then G is updated with the gradient at D's input, on the same fakes with the label 1.

    Parameters
    ----------
    pair : an `AdversarialPair`.
    latents, images, labelled : lists of mx.io.DataBatch, as `checked_batches` returns them. A fake is made and judged
        under the conditions of the real batch of its round, or of the last one if it is made for G alone.
    noise : instance noise on every input image of D, as `pair.step` takes it.
    """
    schedule, classified, penalty, generated = pair.schedule, {}, None, None
    with_noise = noise if callable(noise) else functools.partial(noisy, pair, sigma=noise)

    def show_fakes(number: int) -> Shown:
        nonlocal generated
        classes = classes_of(images[number] if pair.pairs_classes and number < len(images) else latents[number])
        conditions = pair.conditions_of(images[min(number, len(images) - 1)])
        generated = pair.generate(latents[number].data[0], classes, conditions=conditions)  # (N, C, H, W)
        return Shown(with_noise(generated), classes, conditions)

    def show(batch, classes) -> Shown:
        return Shown(with_noise(batch.data[0]), classes, pair.conditions_of(batch))

    def judge(kind: str, shown: Shown, label: float):
        weight = 0.5 if schedule.mean_of_losses and label != IGNORED_LABEL else 1.0
        prediction, probabilities = pair.accumulate_discriminator(
            shown.images, label, shown.classes, weight, conditions=shown.conditions
        )
        if probabilities is not None and shown.classes is not None:
            classified[kind] = Classified(probabilities, shown.classes)
        return prediction

    for turn in range(schedule.discriminator_updates):
        if not schedule.separate_updates:
            fake = show_fakes(turn)
            on_fake = judge("fake", fake, FAKE)
        real = show(images[turn], None if labelled else classes_of(images[turn]))
        on_real = judge("real", real, pair.real_label)
        if labelled:  # these batches train only D's classifier
            judge("labelled", show(labelled[turn], classes_of(labelled[turn])), IGNORED_LABEL)
        if schedule.separate_updates:
            pair.update_discriminator()
            fake = show_fakes(turn)
            on_fake = judge("fake", fake, FAKE)
        if pair.penalty_points:
            of_points = fake if pair.penalty_points == "fake" else real
            penalty = pair.accumulate_penalty(real.images, fake.images, of_points.classes, conditions=real.conditions)
        pair.update_discriminator()

    for update in range(schedule.generator_updates):
        if update or schedule.fresh_fakes:
            fake = show_fakes(schedule.latents_of_generator(update))
        on_generated, input_gradient = pair.update_generator(
            fake.images, fake.classes, conditions=fake.conditions, real=real.images
        )
    return StepResult(generated, on_fake, on_real, on_generated, input_gradient, penalty, classified)


def classes_of(batch) -> Optional[Any]:
    """The class labels (N,) of a batch; None if it has none."""
    return batch.label[0] if batch.label else None
