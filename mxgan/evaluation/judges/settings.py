"""Training settings of the judges, one class for each architecture, with their draws: `TRAININGS`.

`train_classifier` calls what all have: `network`, `steps_on`, `optimizer`, `rate`, `batch`, and `fixed`.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Optional

import numpy as np

from mxgan.errors import ArgumentError, lookup
from mxgan.evaluation.judges.lenet import LeNet
from mxgan.evaluation.judges.residual import ResidualClassifier
from mxgan.evaluation.judges.rotation import TURNS, RotationNetwork, in_all_turns
from mxgan.runtime import mx
from mxgan.runtime.config import FLOAT32_MAX, to_dict, whole_number
from mxgan.runtime.draws import rng_for
from mxgan.training.optimizers import OptimizerConfig

__all__ = [
    "TRAININGS",
    "ClassifierTraining",
    "ResidualTraining",
    "RotationTraining",
    "training_of",
    "training_of_epochs",
]

LEAST_RATE = 1e-6  # the optimiser needs a learning rate above 0


@dataclass(frozen=True)
class ClassifierTraining:
    """Training settings of a LeNet: Adam, whose rate falls linearly to 0, on randomly shifted grey images.

    Parameters
    ----------
    image_size : side of the input images, 28 or 32.
    batch_size : number of images in a step.
    epochs, least_steps : number of epochs; more epochs, up to `most_epochs`, if these have fewer than `least_steps`
        steps.
    most_steps : the training ends after this many steps, in the middle of an epoch too; None: no bound.
    learning_rate : learning rate of the first step.
    shift : each image is shifted by up to this number of pixels along each axis, with its edge pixels repeated.
    seed : the seed and the step number determine every random draw.
    """

    architecture: ClassVar[str] = "lenet"
    channels: ClassVar[int] = 1
    needs_classes: ClassVar[bool] = True
    quick_steps: ClassVar[int] = 1000  # of the training for measurements during a training
    most_epochs: ClassVar[int] = sys.maxsize  # that `least_steps` may ask for
    fixed: ClassVar[tuple] = ()  # parameters that are not trained

    image_size: int = 32
    batch_size: int = 64
    epochs: int = 4
    least_steps: int = 600
    learning_rate: float = 2e-3
    shift: int = 2
    seed: int = 0
    most_steps: Optional[int] = None

    def __post_init__(self) -> None:
        self.network(2)
        for name in ("batch_size", "epochs", "least_steps"):
            whole_number(name, getattr(self, name), maximum=10**6)
        if self.most_steps is not None:
            whole_number("most_steps", self.most_steps)
        whole_number("shift", self.shift, minimum=0, maximum=self.image_size // 2)
        whole_number("seed", self.seed, minimum=0)
        if not 0 < self.learning_rate <= FLOAT32_MAX:
            raise ArgumentError(f"learning_rate is {self.learning_rate!r}; give a number above 0.")

    def network(self, classes: int) -> LeNet:
        """The network that is trained."""
        return LeNet(classes=classes, image_size=self.image_size)

    def epochs_on(self, data) -> int:
        """The number of epochs for these images, begun or whole."""
        return math.ceil(self.steps_on(data) / data.batches_per_epoch)

    def steps_on(self, data) -> int:
        """The number of steps for these images."""
        wanted = math.ceil(self.least_steps / data.batches_per_epoch)
        epochs = max(self.epochs, min(wanted, self.most_epochs))
        return min(epochs * data.batches_per_epoch, self.most_steps or sys.maxsize)

    def is_shortened_on(self, data) -> bool:
        """Whether `most_epochs` ends the training on these images, so few that it would see each too often."""
        return replace(self, most_steps=None).steps_on(data) < self.least_steps

    def as_json(self) -> dict:
        """These settings as JSON values. A training without a bound has no entry for it, as before there was one."""
        return {name: value for name, value in to_dict(self).items() if (name, value) != ("most_steps", None)}

    @property
    def rows(self) -> int:
        """The number of images that a step gives to the network."""
        return self.batch_size

    def initializer(self):
        """MXNet's initialiser of the parameters."""
        return mx.init.Xavier()

    def optimizer(self) -> OptimizerConfig:
        """The optimiser of the weights."""
        return OptimizerConfig("adam", self.learning_rate, {})

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, from 0, of `steps`."""
        return max(self.learning_rate * (1 - step / steps), LEAST_RATE)

    def batch(self, given: mx.io.DataBatch, step: int) -> tuple:
        """(images, classes) of a step, NumPy arrays, from a batch of the data; (seed, step) determines the draws."""
        return self.shifted(given.data[0].asnumpy(), step), given.label[0].asnumpy()

    def shifted(self, images: np.ndarray, step: int) -> np.ndarray:
        """Images (N, C, S, S), each shifted by up to `shift` pixels; (seed, step) determines the shifts."""
        size, most = self.image_size, self.shift
        padded = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most)), mode="edge")
        places = rng_for("shift", self.seed, step).integers(2 * most + 1, size=(len(padded), 2))
        return np.stack([image[:, top : top + size, left : left + size] for image, (top, left) in zip(padded, places)])


@dataclass(frozen=True)
class ResidualTraining(ClassifierTraining):
    """Training settings of a residual colour classifier, on randomly shifted and mirrored colour images.

    Stochastic gradient descent with Nesterov's momentum 0.9; its rate rises linearly to `learning_rate` in the first
    `warm_up` of the steps, and falls linearly to 0.

    Parameters
    ----------
    as in `ClassifierTraining`, and
    learning_rate : the largest one.
    weight_decay : of all weights; MXNet has none for biases and BatchNorm.
    warm_up : share of the steps, above 0 and below 1.
    """

    architecture: ClassVar[str] = "residual"
    channels: ClassVar[int] = 3
    quick_steps: ClassVar[int] = 600
    fixed: ClassVar[tuple] = (ResidualClassifier.scale,)

    batch_size: int = 128
    epochs: int = 10
    learning_rate: float = 0.1
    shift: int = 4
    most_steps: Optional[int] = 6000  # about ten minutes on two cores
    weight_decay: float = 5e-4
    warm_up: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.warm_up < 1:
            raise ArgumentError(f"warm_up is {self.warm_up!r}; give a share above 0 and below 1.")
        if not 0 <= self.weight_decay <= 1:
            raise ArgumentError(f"weight_decay is {self.weight_decay!r}; give a number from 0 to 1.")

    def network(self, classes: int) -> ResidualClassifier:
        return ResidualClassifier(classes=classes, image_size=self.image_size)

    def initializer(self):
        return mx.init.Xavier(rnd_type="gaussian", factor_type="in", magnitude=2)

    def optimizer(self) -> OptimizerConfig:
        return OptimizerConfig("nag", self.learning_rate, {"momentum": 0.9, "wd": self.weight_decay})

    def rate(self, step: int, steps: int) -> float:
        done = step / steps
        share = done / self.warm_up if done < self.warm_up else (1 - done) / (1 - self.warm_up)
        return max(self.learning_rate * share, LEAST_RATE)

    def batch(self, given: mx.io.DataBatch, step: int) -> tuple:
        return self.moved(given.data[0].asnumpy(), step), given.label[0].asnumpy()

    def moved(self, images: np.ndarray, step: int) -> np.ndarray:
        """Images (N, C, S, S), shifted, and half of them mirrored."""
        images = self.shifted(images, step)
        mirrored = rng_for("mirror", self.seed, step).random(len(images)) < 0.5
        images[mirrored] = images[mirrored, :, :, ::-1]
        return images


@dataclass(frozen=True)
class RotationTraining(ResidualTraining):
    """Training settings of a rotation judge; each image of a batch is seen in all four turns.

    Parameters
    ----------
    as in `ResidualTraining`; `batch_size` images are four times as many rows of the network.
    """

    architecture: ClassVar[str] = "rotation"
    needs_classes: ClassVar[bool] = False
    most_epochs: ClassVar[int] = 100  # 84 photographs: with 60 a worse judge, see docs/judges.md

    batch_size: int = 32
    epochs: int = 3
    least_steps: int = 1000
    most_steps: Optional[int] = 4000

    def network(self, classes: int) -> RotationNetwork:
        return RotationNetwork(image_size=self.image_size)

    @property
    def rows(self) -> int:
        return TURNS * self.batch_size

    def batch(self, given: mx.io.DataBatch, step: int) -> tuple:
        return in_all_turns(self.moved(given.data[0].asnumpy(), step))


TRAININGS = MappingProxyType(
    {row.architecture: row for row in (ClassifierTraining, ResidualTraining, RotationTraining)}
)


def training_of(architecture: str, **settings) -> ClassifierTraining:
    """The training settings of an architecture, a key of TRAININGS; ArgumentError for an unknown name."""
    return lookup("architecture of a judge", architecture, TRAININGS)(**settings)


def training_of_epochs(architecture: str, epochs: int, **settings) -> ClassifierTraining:
    """As `training_of`, with a training of exactly these epochs, however few or many steps they have."""
    return training_of(architecture, epochs=epochs, least_steps=1, most_steps=None, **settings)
