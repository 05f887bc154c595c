"""The real side of an evaluation, and chunks of real images and of samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from mxgan.evaluation.bundle import Bundle
from mxgan.evaluation.evaluate import Networks

__all__ = ["CHUNK", "Reference", "classes_by_share", "image_chunks", "sample_chunks"]

CHUNK = 256  # number of samples drawn at a time


class Reference(NamedTuple):
    """The real side of an evaluation.

    bundle : the first images of an epoch shuffled by the seed of the evaluation, and their features.
    networks : the networks that gave the features.
    names : the metrics to measure: the requested ones, or all default metrics that this reference allows.
    protocol : JSON values that identify the images and the networks.
    class_counts : (K,), the number of these images in each class; None if they have no classes.
    """

    bundle: Bundle
    networks: Networks
    names: list
    protocol: dict
    class_counts: Optional[np.ndarray] = None


def image_chunks(data, most: int) -> Iterator[tuple]:
    """(images, labels) of the first `most` images of epoch 0, as arrays; labels are None without classes."""
    data.seek(0)
    left = most
    for batch in data:
        count = min(data.batch_size - batch.pad, left)
        labels = batch.label[0].asnumpy()[:count] if data.num_classes else None
        yield batch.data[0].asnumpy()[:count], labels
        left -= count
        if not left:
            return


def sample_chunks(sampler, count: int, seed: int, class_counts: Optional[np.ndarray] = None) -> Iterator[tuple]:
    """(images, requested classes) of `count` samples, in chunks. The seed determines the latents.

    A conditional generator is asked for each class in proportion to `class_counts`, so that a perfect generator gives
    the distribution of the data; without counts, all classes are equally frequent. The first k samples are the same for
    any `count`. Classes are None if the generator takes none.
    """
    latents = sampler.latents(count, seed, stream="evaluation")
    classes = None
    if sampler.classes:
        even = np.ones(sampler.classes, dtype=np.int64)
        classes = classes_by_share(even if class_counts is None else class_counts, count)
    for start in range(0, count, CHUNK):
        asked = None if classes is None else classes[start : start + CHUNK]
        yield sampler.sample(latents[start : start + CHUNK], asked), asked


def classes_by_share(class_counts: np.ndarray, count: int) -> np.ndarray:
    """`count` class numbers in proportion to `class_counts`, integers (K,).

    Each number is the class that is furthest below its share so far.
    """
    classes, owed, total = np.empty(count, dtype=np.int64), np.zeros_like(class_counts), class_counts.sum()
    for place in range(count):
        owed += class_counts
        classes[place] = owed.argmax()
        owed[classes[place]] -= total
    return classes
