"""One training step: the inputs it takes, the actions that a `Schedule` puts in order, the results it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, ShapeError
from mxgan.objectives.heads import IGNORED_LABEL
from mxgan.runtime import mx

__all__ = ["FAKE", "REAL", "Classified", "Step", "StepResult", "checked_batches"]

FAKE, REAL = 0.0, 1.0


class Classified(NamedTuple):
    """D's class probabilities (N, K) of one batch beside the true classes (N,); a class of −1 is unknown."""

    probabilities: Any
    classes: Any


class StepResult(NamedTuple):
    """What one training step leaves behind, on the device and perhaps not yet computed.

    Attributes
    ----------
    fake : NDArray (N, C, H, W), the generator's last output, before any instance noise.
    fake_prediction, real_prediction : NDArray (N, 1), D on the last fake and the last real batch that it was
        trained on, each before the update it was part of.
    generator_prediction : NDArray (N, 1), D on the fakes of G's last update, after D's last one.
    input_gradient : NDArray (N, C, H, W), the gradient of the generator's loss at D's input.
    penalty : NDArray (N,), the last penalty on D's gradient for each sample; None without one.
    classified : {"real" or "labelled", "fake": Classified} where D classifies too; else empty.

    `fake` and `input_gradient` are the executors' own arrays: valid until the next step, copy what is to stay.
    """

    fake: Any
    fake_prediction: Any
    real_prediction: Any
    generator_prediction: Any
    input_gradient: Any
    penalty: Any = None
    classified: dict = {}  # noqa: RUF012 - never written to


def noisy(images, sigma: float):
    """`images` plus normal noise of standard deviation `sigma`, a new array; the same array when sigma is 0."""
    if not sigma:
        return images
    return images + mx.nd.random.normal(0, sigma, shape=images.shape, ctx=images.context)


class Step:
    """One step under way: carries out the actions of `Schedule.plan` by their names, in its order.

    Parameters
    ----------
    pair : an `AdversarialPair`, whose generate, accumulate_discriminator, … do the work.
    latents, images, labelled : lists of mx.io.DataBatch, as `checked_batches` gives them.
    noise : standard deviation of the instance noise on everything that D sees.
    """

    def __init__(self, pair, latents: list, images: list, labelled: list, noise: float) -> None:
        self._pair, self._noise = pair, noise
        self._latents, self._images, self._labelled = latents, images, labelled
        self._fake = self._seen = self._real = self._fake_classes = self._real_classes = None
        self._left: dict = {"classified": {}}

    def run(self, plan: Sequence) -> StepResult:
        """Do all of `plan`; the result is that of the last action of each kind."""
        for action, index in plan:
            getattr(self, action)(index)
        return StepResult(fake=self._fake, **self._left)

    def generate(self, index: int) -> None:
        """Fakes from latents number `index`; with noise they are what D sees until the next ones.

        Where D's penalty lies between a real and a fake image, they are of the real ones' classes.
        """
        latents = self._latents[index]
        self._fake_classes = classes_of(latents)
        if self._pair.pairs_classes and index < len(self._images):  # for D; G's own come after
            self._fake_classes = classes_of(self._images[index])
        self._fake = self._pair.generate(latents.data[0], self._fake_classes)
        self._seen = noisy(self._fake, self._noise)

    def judge_fake(self, index: int) -> None:
        """D's loss on the fakes, and its gradients."""
        self._left["fake_prediction"] = self._judge("fake", self._seen, FAKE, self._fake_classes)

    def judge_real(self, index: int) -> None:
        """D's loss on real images; their classes are not told where there are labelled batches for that."""
        batch = self._images[index]
        self._real = noisy(batch.data[0], self._noise)
        self._real_classes = None if self._labelled else classes_of(batch)
        self._left["real_prediction"] = self._judge("real", self._real, self._pair.real_label, self._real_classes)

    def judge_labelled(self, index: int) -> None:
        """The loss of D's classifier alone, on images whose classes are known."""
        batch = self._labelled[index]
        self._judge("labelled", noisy(batch.data[0], self._noise), IGNORED_LABEL, classes_of(batch))

    def _judge(self, kind: str, images, label: float, classes):
        weight = 0.5 if self._pair.schedule.mean_of_losses and label != IGNORED_LABEL else 1.0
        prediction, probabilities = self._pair.accumulate_discriminator(images, label, classes, weight)
        if probabilities is not None and classes is not None:
            self._left["classified"][kind] = Classified(probabilities, classes)
        return prediction

    def penalize(self, index: int) -> None:
        """The penalty on D's gradient, added to what D's losses gave; under the classes of its points."""
        classes = self._fake_classes if self._pair.penalty_points == "fake" else self._real_classes
        self._left["penalty"] = self._pair.accumulate_penalty(self._real, self._seen, classes)

    def update_discriminator(self, index: int) -> None:
        """One optimiser step of D."""
        self._pair.update_discriminator()

    def update_generator(self, index: int) -> None:
        """One optimiser step of G, through D as it is now."""
        found = self._pair.update_generator(self._seen, self._fake_classes)
        self._left["generator_prediction"], self._left["input_gradient"] = found


def classes_of(batch) -> Optional[Any]:
    """The class labels (N,) of a batch; None where it has none."""
    return batch.label[0] if batch.label else None


def checked_batches(name: str, given, shape: tuple, count: int, classes: bool) -> list:
    """`given` as a list of `count` mx.io.DataBatch, each checked.

    Parameters
    ----------
    name : of the input, for messages.
    given : an NDArray, a DataBatch (with class labels (N,) as its first label), or a sequence of such.
    shape : what each array must have, batch included.
    classes : whether each batch must have class labels.

    Raises
    ------
    ShapeError : an array of another kind, shape or type. ArgumentError : too few or too many, or no classes.
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
                f"{name!r} comes without class labels, which this network takes; give an mx.io.DataBatch whose "
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
