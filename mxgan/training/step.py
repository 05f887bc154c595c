"""One training step: `train_step`, its input batches and its result."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, ShapeError
from mxgan.objectives.heads import IGNORED_LABEL
from mxgan.runtime import mx

__all__ = ["FAKE", "REAL", "Classified", "StepResult", "check_real_label", "checked_batches", "train_step"]

FAKE, REAL = 0.0, 1.0


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
    fake : NDArray (N, C, H, W), the generator's last output, before any instance noise.
    fake_prediction, real_prediction : NDArray (N, 1), D's predictions on its last fake and last real training batch,
        each before the update with that batch.
    generator_prediction : NDArray (N, 1), D's predictions on the fakes of G's last update, after D's last update.
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


def noisy(images, sigma: float):
    """`images` plus normal noise of standard deviation `sigma`, as a new array; `images` itself if sigma is 0."""
    if not sigma:
        return images
    return images + mx.nd.random.normal(0, sigma, shape=images.shape, ctx=images.context)


class Shown(NamedTuple):
    """One input batch of D: images (N, C, H, W) with instance noise, and classes (N,) or None."""

    images: Any
    classes: Any


def train_step(pair, latents: list, images: list, labelled: list, noise: float) -> StepResult:
    """One training step of a pair: the rounds of D, then the updates of G, in the order of `pair.schedule`.

    By default this is the step of MXNet's DCGAN example: D's gradients on fakes (label 0) and on reals (label 1) are
    summed for one update of D; then G is updated with the gradient at D's input, on the same fakes with the label 1.

    Parameters
    ----------
    pair : an `AdversarialPair`.
    latents, images, labelled : lists of mx.io.DataBatch, as `checked_batches` returns them.
    noise : standard deviation of the instance noise on every input image of D.
    """
    schedule, classified, penalty, generated = pair.schedule, {}, None, None

    def show_fakes(number: int) -> Shown:
        nonlocal generated
        classes = classes_of(images[number] if pair.pairs_classes and number < len(images) else latents[number])
        generated = pair.generate(latents[number].data[0], classes)  # (N, C, H, W)
        return Shown(noisy(generated, noise), classes)

    def judge(kind: str, shown: Shown, label: float):
        weight = 0.5 if schedule.mean_of_losses and label != IGNORED_LABEL else 1.0
        prediction, probabilities = pair.accumulate_discriminator(shown.images, label, shown.classes, weight)
        if probabilities is not None and shown.classes is not None:
            classified[kind] = Classified(probabilities, shown.classes)
        return prediction

    for turn in range(schedule.discriminator_updates):
        if not schedule.separate_updates:
            fake = show_fakes(turn)
            on_fake = judge("fake", fake, FAKE)
        real = Shown(noisy(images[turn].data[0], noise), None if labelled else classes_of(images[turn]))
        on_real = judge("real", real, pair.real_label)
        if labelled:  # these batches train only D's classifier
            known = Shown(noisy(labelled[turn].data[0], noise), classes_of(labelled[turn]))
            judge("labelled", known, IGNORED_LABEL)
        if schedule.separate_updates:
            pair.update_discriminator()
            fake = show_fakes(turn)
            on_fake = judge("fake", fake, FAKE)
        if pair.penalty_points:
            of_points = fake if pair.penalty_points == "fake" else real
            penalty = pair.accumulate_penalty(real.images, fake.images, of_points.classes)
        pair.update_discriminator()

    for update in range(schedule.generator_updates):
        if update or schedule.fresh_fakes:
            fake = show_fakes(schedule.latents_of_generator(update))
        on_generated, input_gradient = pair.update_generator(fake.images, fake.classes)
    return StepResult(generated, on_fake, on_real, on_generated, input_gradient, penalty, classified)


def classes_of(batch) -> Optional[Any]:
    """The class labels (N,) of a batch; None if it has none."""
    return batch.label[0] if batch.label else None


def checked_batches(name: str, given, shape: tuple, count: int, classes: bool) -> list:
    """`given` as a list of `count` mx.io.DataBatch, each checked.

    Parameters
    ----------
    name : the input's name, for messages.
    given : an NDArray, a DataBatch (with class labels (N,) as its first label), or a sequence of these.
    shape : the required shape of each array, batch included.
    classes : whether each batch must have class labels.

    Raises
    ------
    ShapeError : an array of another kind, shape or type. ArgumentError : another number of batches, or no classes.
    """
    several = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(several) != count:
        raise ArgumentError(f"{name!r} has {len(several)} batches; the schedule of a step takes {count}.")
    batches = [each if isinstance(each, mx.io.DataBatch) else mx.io.DataBatch([each]) for each in several]
    for batch in batches:
        _check_array(name, batch.data[0], shape)
        if not classes:
            continue
        if not batch.label:
            raise ArgumentError(
                f"{name!r} has no class labels, and this network needs them; give an mx.io.DataBatch whose "
                f"label is one array of {shape[0]} whole numbers from 0 as float32."
            )
        _check_array(f"class labels of {name}", batch.label[0], shape[:1])
    if not classes:
        return [mx.io.DataBatch(batch.data) for batch in batches]
    return batches


def _check_array(name: str, given, shape: tuple) -> None:
    found = getattr(given, "shape", None)
    if not isinstance(given, mx.nd.NDArray) or found != shape or given.dtype != np.float32:
        kind = f"{type(given).__name__} {found} {np.dtype(given.dtype).name if found else ''}".strip()
        raise ShapeError(f"{name!r} is {kind}; give a float32 mx.nd.NDArray {shape}.")
