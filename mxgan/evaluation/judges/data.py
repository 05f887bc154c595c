"""The images that a judge is trained and tested on, with classes or without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from mxgan.data import data_sets_with, open_dataset
from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError, counted
from mxgan.evaluation.judges.settings import ClassifierTraining
from mxgan.runtime.draws import rng_for
from mxgan.runtime.progress import tracked

__all__ = ["FEWEST", "LabelledData", "architecture_for", "labelled_data", "own_architecture"]

HELD_BACK = 6  # one image in 6 is a test image, if the data set has no test split
FROM_DISK = 20_000  # images of a data set that is read from the disk: 60 MB at 32×32 pixels
FEWEST = 100  # images without classes that a rotation judge is trained on
LOOKED_AT = 256  # images, to see whether they have colour
_OTHERS = (
    "Use mnist, digits or a folder with one subfolder for each class or a labels file, or leave out the metrics that "
    "need a classifier."
)


class LabelledData(NamedTuple):
    """Training and test images of a judge: two iterators, the name of the data set, and the settings of the training.

    A rotation judge needs no labels; all others do.
    """

    train: ImageArrayIter
    test: ImageArrayIter
    name: str
    training: ClassifierTraining = ClassifierTraining()

    def describe(self) -> dict:
        """JSON values that identify these data."""
        halves = {"train": self.train.fingerprint, "test": self.test.fingerprint}
        names = {"class_names": list(self.train.class_names)} if self.train.class_names else {}
        return {"name": self.name, "classes": self.train.num_classes, **names, **halves}

    def shown(self, most: int) -> tuple:
        """(images (n, C, S, S), labels or None) of `most` test images, evenly spread: folders come class by class.

        They are in colour if these data were read in colour, whatever the judge sees.
        """
        rows = _spread(self.test.num_images, most)
        images, labels = self.test.images[rows], self.test.labels
        channels = 1 if images.ndim == 3 else 3
        size = {"batch_size": len(images), "image_size": self.training.image_size, "channels": channels}
        batch = next(ImageArrayIter(images, shuffle=False, **size))
        return batch.data[0].asnumpy(), None if labels is None else labels[rows]


def labelled_data(
    dataset: str,
    data_dir=None,
    training: ClassifierTraining = ClassifierTraining(),
    progress: Optional[bool] = None,
    **settings,
) -> LabelledData:
    """The images of a data set: its training and test split, or 5 of 6 images and the rest if it has no split.

    `settings` are settings of `open_dataset`, such as most_broken. Of a data set that is read from the disk the first
    20,000 images of an epoch are taken. Raises ArgumentError for fewer than 2 classes, if the training needs them.
    """

    def opened(**more):
        size = {"image_size": training.image_size, "channels": training.channels, "batch_size": training.batch_size}
        return open_dataset(
            dataset, data_dir=data_dir, seed=training.seed, progress=progress, **size, **settings, **more
        )

    if dataset in data_sets_with("split"):
        found = LabelledData(opened(split="train"), opened(split="test", shuffle=False), dataset, training)
    else:
        whole = opened()
        _check_classes(whole, dataset, training)
        in_memory = whole if isinstance(whole, ImageArrayIter) else _read(whole, progress)
        found = LabelledData(*_parts(in_memory, training), dataset, training)
    for half in (found.train, found.test):
        _check_classes(half, dataset, training)
    return found


def _spread(count: int, most: int) -> np.ndarray:
    """The numbers of `most` of `count` images, evenly spread; of all, if there are not more."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(np.int64)


def _check_classes(data, dataset: str, training: ClassifierTraining) -> None:
    if training.needs_classes and (data.num_classes or 0) < 2:
        known = "none" if data.num_classes is None else str(data.num_classes)
        raise ArgumentError(
            f"a classifier needs images of at least 2 classes, but the data set {dataset!r} has {known}. {_OTHERS}"
        )


def _read(data, progress: Optional[bool]) -> ImageArrayIter:
    """The first images of epoch 0 of a data set that is read from the disk, in memory as bytes."""
    data.seek(0)
    most = min(FROM_DISK, data.num_images)
    chunks = list(tracked(progress, _bytes_of(data, -(-most // data.batch_size)), "images", most))
    images, labels = (np.concatenate(part) if part[0] is not None else None for part in zip(*chunks))
    return ImageArrayIter(
        images[..., 0] if images.shape[3] == 1 else images,
        labels,
        batch_size=data.batch_size,
        image_size=images.shape[1:3],
        channels=images.shape[3],
        class_names=data.class_names,
        name=data.name,
    )


def _bytes_of(data, batches: int) -> Iterator[tuple]:
    """(images (n, H, W, C) uint8, labels or None) of the next batches."""
    for _ in range(batches):
        batch = next(data)
        count = data.batch_size - batch.pad
        pixels = np.rint((batch.data[0].asnumpy()[:count] + 1) * 127.5)
        labels = batch.label[0].asnumpy()[:count] if data.num_classes else None
        yield np.clip(pixels, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1), labels


def _parts(whole: ImageArrayIter, training: ClassifierTraining) -> tuple:
    """(training images, test images) of one array, drawn from the seed."""
    order = rng_for("held back", training.seed, 0).permutation(whole.num_images)
    held = max(1, whole.num_images // HELD_BACK)
    parts = {False: np.sort(order[held:]), True: np.sort(order[:held])}
    if not len(parts[False]):
        raise ArgumentError(f"{whole.name} has {whole.num_images} images, too few to train a classifier on.")
    classes = range(whole.num_classes or 0)
    return tuple(
        ImageArrayIter(
            whole.images[rows],
            whole.labels[rows] if classes else None,
            batch_size=training.batch_size,
            image_size=training.image_size,
            channels=training.channels,
            seed=training.seed,
            shuffle=not held_back,
            class_names=(whole.class_names or tuple(map(str, classes))) if classes else (),
            name=whole.name,
        )
        for held_back, rows in parts.items()
    )


def architecture_for(data) -> Optional[str]:
    """The architecture of a data set's own judge, a key of TRAININGS; None if the images are too few for one.

    Images with classes have a classifier: LeNet for grey ones, the residual one for coloured ones. Images without
    classes have a rotation judge, if the data set has 100: of a part of it too, since a judge is trained on all.
    """
    if (data.num_classes or 0) >= 2:
        return "lenet" if _is_grey(data) else "residual"
    return "rotation" if images_of_set(data) >= FEWEST else None


def images_of_set(data) -> int:
    """The number of images of a data set, of which `data` may be a part."""
    is_large = data.num_images >= FEWEST  # then nobody asks for more, and a fingerprint looks at all images
    return data.num_images if is_large else data.fingerprint["count"]


def own_architecture(dataset: str, data_dir=None, **settings) -> str:
    """`architecture_for` of a data set by its name; ArgumentError if the images are too few for any."""
    data = open_dataset(dataset, data_dir=data_dir, batch_size=1, image_size=32, **settings)
    found = architecture_for(data)
    if found is None:
        raise ArgumentError(
            f"a classifier needs images of at least 2 classes, and a judge without classes {FEWEST} images, but the "
            f"data set {dataset!r} has {counted(data.num_images, 'image')} without 2 classes. {_OTHERS}"
        )
    return found


def _is_grey(data) -> bool:
    """Whether the images of a data set have no colour: one channel, or three that are equal in images from all over it.

    Folders come class by class, and one class may be grey in colour files.

    Images that are read from the disk are not looked at: those with three channels count as coloured.
    """
    if data.provide_data[0].shape[1] == 1:
        return True
    if not isinstance(data, ImageArrayIter):
        return False
    some = data.images[_spread(data.num_images, LOOKED_AT)]
    return some.ndim == 3 or bool((some == some[..., :1]).all())
