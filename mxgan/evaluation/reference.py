"""The real side of an evaluation, and the images of both sides in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from mxgan.evaluation.bundle import Bundle
from mxgan.evaluation.evaluate import Networks
from mxgan.runtime.draws import draw_latents

__all__ = ["CHUNK", "Reference", "classes_by_share", "image_chunks", "sample_chunks"]

CHUNK = 256  # samples drawn at a time


class Reference(NamedTuple):
    """The real side of an evaluation.

    bundle : the first images of an epoch that the evaluation's seed has shuffled, and what the networks make of them.
    names : the metrics that can be measured with it: those asked for, or all of the default ones that can be.
    protocol : JSON values: which images these are, and which networks.
    class_counts : (K,) how many of these images are of each class; None where they have none.
    """

    bundle: Bundle
    networks: Networks
    names: list
    protocol: dict
    class_counts: Optional[np.ndarray] = None


def image_chunks(data, most: int) -> Iterator[tuple]:
    """(images, labels) of the first `most` images of epoch 0, as arrays; labels are None where they are no classes."""
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
    """(images, classes asked for) of `count` samples; latents are a function of the seed, classes of their shares.

    A conditional generator is asked for classes as often as the data have them, so that a perfect one gives the data's
    distribution; without counts, for each as often. The first k of any `count` agree. Classes are None where the
    generator takes none.
    """
    latents = draw_latents((count, *sampler.latent_shape), seed, 0, stream="evaluation")
    classes = None
    if sampler.classes:
        even = np.ones(sampler.classes, dtype=np.int64)
        classes = classes_by_share(even if class_counts is None else class_counts, count)
    for start in range(0, count, CHUNK):
        asked = None if classes is None else classes[start : start + CHUNK]
        yield sampler.sample(latents[start : start + CHUNK], asked), asked


def classes_by_share(class_counts: np.ndarray, count: int) -> np.ndarray:
    """`count` class numbers, each the one that is owed most by its share of `class_counts`, integers (K,)."""
    classes, owed, total = np.empty(count, dtype=np.int64), np.zeros_like(class_counts), class_counts.sum()
    for place in range(count):
        owed += class_counts
        classes[place] = owed.argmax()
        owed[classes[place]] -= total
    return classes
