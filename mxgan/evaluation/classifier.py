"""Training of the classifier that measures samples, on the labelled images of a data set."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

import numpy as np

from mxgan.data import data_sets_with, open_dataset
from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError
from mxgan.evaluation.features import FeatureNetwork
from mxgan.evaluation.lenet import LeNet
from mxgan.runtime import mx, versions
from mxgan.runtime.config import FLOAT32_MAX, to_dict, whole_number
from mxgan.runtime.draws import rng_for
from mxgan.runtime.progress import Progress
from mxgan.training.optimizers import OptimizerConfig, init_optimizer, scale_learning_rate

__all__ = ["ClassifierTraining", "LabelledData", "accuracy", "labelled_data", "train_classifier"]

HELD_BACK = 6  # one image in 6 is a test image, if the data set has no test split
_OTHERS = (
    "Use mnist, digits or a folder with one subfolder for each class or a labels file, or leave out the metrics that "
    "need a classifier."
)
LEAST_RATE = 1e-6  # the optimiser needs a learning rate above 0


@dataclass(frozen=True)
class ClassifierTraining:
    """Training settings of a classifier: Adam, whose rate falls linearly to 0, on randomly shifted images.

    Parameters
    ----------
    image_size : side of the grey input images, 28 or 32.
    batch_size : number of images in a step.
    epochs, least_steps : number of epochs; more epochs if these have fewer than `least_steps` steps.
    most_steps : the training ends after this many steps, in the middle of an epoch too; None: no bound.
    learning_rate : learning rate of the first step.
    shift : each image is shifted by up to this number of pixels along each axis, with its edge pixels repeated.
    seed : the seed and the step number determine every random draw.
    """

    image_size: int = 32
    batch_size: int = 64
    epochs: int = 4
    least_steps: int = 600
    learning_rate: float = 2e-3
    shift: int = 2
    seed: int = 0
    most_steps: Optional[int] = None

    def __post_init__(self) -> None:
        LeNet(image_size=self.image_size)
        for name in ("batch_size", "epochs", "least_steps"):
            whole_number(name, getattr(self, name), maximum=10**6)
        if self.most_steps is not None:
            whole_number("most_steps", self.most_steps)
        whole_number("shift", self.shift, minimum=0, maximum=self.image_size // 2)
        whole_number("seed", self.seed, minimum=0)
        if not 0 < self.learning_rate <= FLOAT32_MAX:
            raise ArgumentError(f"learning_rate is {self.learning_rate!r}; give a number above 0.")

    def epochs_on(self, data) -> int:
        """The number of epochs for these images, begun or whole."""
        return math.ceil(self.steps_on(data) / data.batches_per_epoch)

    def steps_on(self, data) -> int:
        """The number of steps for these images."""
        epochs = max(self.epochs, math.ceil(self.least_steps / data.batches_per_epoch))
        return min(epochs * data.batches_per_epoch, self.most_steps or sys.maxsize)

    def as_json(self) -> dict:
        """These settings as JSON values. A training without a bound has no entry for it, as before there was one."""
        return {name: value for name, value in to_dict(self).items() if (name, value) != ("most_steps", None)}


class LabelledData(NamedTuple):
    """Training and test images of a classifier: two iterators over grey images, and the name of the data set."""

    train: ImageArrayIter
    test: ImageArrayIter
    name: str

    def describe(self) -> dict:
        """JSON values that identify these data."""
        halves = {"train": self.train.fingerprint, "test": self.test.fingerprint}
        names = {"class_names": list(self.train.class_names)} if self.train.class_names else {}
        return {"name": self.name, "classes": self.train.num_classes, **names, **halves}


def labelled_data(
    dataset: str,
    data_dir=None,
    training: ClassifierTraining = ClassifierTraining(),
    progress: Optional[bool] = None,
    **settings,
) -> LabelledData:
    """The labelled images of a data set: its training and test split, or 5 of 6 images and the rest if it has no split.

    `settings` are settings of `open_dataset`, such as most_broken. Raises ArgumentError for fewer than 2 classes,
    and for a .rec file.
    """

    def opened(**more):
        size = {"image_size": training.image_size, "channels": 1, "batch_size": training.batch_size}
        return open_dataset(
            dataset, data_dir=data_dir, seed=training.seed, progress=progress, **size, **settings, **more
        )

    if dataset in data_sets_with("split"):
        found = LabelledData(opened(split="train"), opened(split="test", shuffle=False), dataset)
    else:
        whole = opened()
        if not isinstance(whole, ImageArrayIter):
            raise ArgumentError(
                f"a classifier is trained on images in memory, and the data set {dataset!r} is read from the disk. "
                f"{_OTHERS}"
            )
        found = LabelledData(*_parts(whole, training), dataset) if whole.num_classes else LabelledData(*[whole] * 2, "")
    for half in (found.train, found.test):
        if (half.num_classes or 0) < 2:
            known = "none" if half.num_classes is None else str(half.num_classes)
            raise ArgumentError(
                f"a classifier needs images of at least 2 classes, but the data set {dataset!r} has {known}. {_OTHERS}"
            )
    return found


def _parts(whole: ImageArrayIter, training: ClassifierTraining) -> tuple:
    """(training images, test images) of one array, drawn from the seed."""
    order = rng_for("held back", training.seed, 0).permutation(whole.num_images)
    held = max(1, whole.num_images // HELD_BACK)
    parts = {False: np.sort(order[held:]), True: np.sort(order[:held])}
    if not len(parts[False]):
        raise ArgumentError(f"{whole.name} has {whole.num_images} images, too few to train a classifier on.")
    return tuple(
        ImageArrayIter(
            whole.images[rows],
            whole.labels[rows],
            batch_size=training.batch_size,
            image_size=training.image_size,
            channels=1,
            seed=training.seed,
            shuffle=not held_back,
            class_names=whole.class_names or tuple(map(str, range(whole.num_classes))),
            name=whole.name,
        )
        for held_back, rows in parts.items()
    )


def train_classifier(
    data: LabelledData, training: ClassifierTraining = ClassifierTraining(), progress: Optional[bool] = None
) -> FeatureNetwork:
    """A LeNet trained on the data, with its accuracy on the test images in its `record`.

    The same data and settings give the same bits on the same machine with the same number of threads. This sets the
    seed of MXNet's own random numbers.
    """
    network = LeNet(classes=data.train.num_classes, image_size=training.image_size)
    module = mx.mod.Module(network.symbol(), ("data",), ("softmax_label",))
    module.bind(data.train.provide_data, [("softmax_label", (training.batch_size,))])
    mx.random.seed(int(rng_for("classifier", training.seed, 0).integers(2**31)))
    module.init_params(mx.init.Xavier())
    init_optimizer(module, OptimizerConfig("adam", training.learning_rate, {}))
    steps = training.steps_on(data.train)
    with Progress(progress, "classifier", steps, "step") as bar:
        for step, batch in enumerate(_batches(data.train, steps)):
            scale_learning_rate(module, max(training.learning_rate * (1 - step / steps), LEAST_RATE), 1.0)
            module.forward_backward(mx.io.DataBatch([_moved(batch.data[0], training, step)], batch.label))
            module.update()
            bar.update()
    trained = FeatureNetwork(network, _scaled(FeatureNetwork(network, module.get_params()), data.test))
    trained.record.update(
        accuracy=accuracy(lambda images: trained.features_and_probabilities(images.asnumpy()).probabilities, data.test),
        test_images=data.test.num_images,
        class_names=data.train.class_titles,
        data=data.describe(),
        training={**training.as_json(), "steps": steps},
        versions=versions(),
    )
    return trained


def _batches(data: ImageArrayIter, count: int) -> Iterator:
    """The first `count` batches of epoch 0 and those after it."""
    for epoch in itertools.count():
        data.seek(epoch)
        for batch in data:
            yield batch
            count -= 1
            if not count:
                return


def _moved(images, training: ClassifierTraining, step: int):
    """Images (N, 1, S, S), each shifted by up to `shift` pixels; (seed, step) determines the shifts."""
    size, most = training.image_size, training.shift
    padded = np.pad(images.asnumpy(), ((0, 0), (0, 0), (most, most), (most, most)), mode="edge")
    places = rng_for("shift", training.seed, step).integers(2 * most + 1, size=(len(padded), 2))
    moved = [image[:, top : top + size, left : left + size] for image, (top, left) in zip(padded, places)]
    return mx.nd.array(np.stack(moved))


def _scaled(network: FeatureNetwork, data) -> tuple:
    """The network's parameters, scaled to features of root mean square 1 on the images of `data`.

    The probabilities do not change. The scale makes distances of features comparable: without it, they depend on how
    large the weights became in this training.
    """
    data.seek(0)
    features = [
        network.features_and_probabilities(batch.data[0].asnumpy()[: data.batch_size - batch.pad]).features
        for batch in data
    ]
    size = float(np.sqrt(np.mean(np.square(np.concatenate(features), dtype=np.float64)))) or 1.0
    arguments, auxiliary = network.parameters
    # The ReLU between the two layers keeps the scale.
    factors = {"fc2_weight": 1 / size, "fc2_bias": 1 / size, "fc3_weight": size}
    return {name: value * factors.get(name, 1.0) for name, value in arguments.items()}, auxiliary


def accuracy(probabilities_of: Callable, data) -> float:
    """The share of the images of `data` that a classifier puts into their true class; each image counts once.

    `probabilities_of` maps the images of a batch, an NDArray (N, C, H, W), to probabilities (N, K). `data` is an
    iterator of mxgan.data over labelled images.
    """
    data.seek(0)
    right = 0
    for batch in data:
        found = probabilities_of(batch.data[0]).argmax(axis=1) == batch.label[0].asnumpy()
        right += int(found[: data.batch_size - batch.pad].sum())
    return right / data.num_images
