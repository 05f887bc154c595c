"""A subset with a few labelled images of each class, for semi-supervised training."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import rng_for

__all__ = ["labelled_subset"]


def labelled_subset(
    data: ImageArrayIter, per_class: int, seed: int, *, batch_size: Optional[int] = None, **settings
) -> ImageArrayIter:
    """`per_class` images of each class of `data`, drawn from (seed, "labelled") without replacement.

    Parameters
    ----------
    data : images with labels that are whole numbers from 0; `data` and its position do not change.
    per_class : images of each class; the result has ``per_class * data.num_classes``, copied, in the order of `data`.
    batch_size : by default the batch size of `data`. A batch larger than the subset repeats images.
    settings : arguments of `ImageArrayIter`, by default the same as in `data`, except `last_batch` ("pad").

    Raises
    ------
    ArgumentError : no class labels, or a class with fewer images.
    """
    per_class, classes = whole_number("per_class", per_class), data.num_classes
    if classes is None:
        raise ArgumentError(f"{data.name} has no class labels (whole numbers from 0); give a data set that has them.")
    rows_of = [np.flatnonzero(data.labels == label) for label in range(classes)]
    fewest = min(range(classes), key=lambda label: len(rows_of[label]))
    if len(rows_of[fewest]) < per_class:
        raise ArgumentError(
            f"per_class is {per_class}, but {data.name} has only {len(rows_of[fewest])} images of class "
            f"{fewest}{_name_of(data, fewest)}; give at most that, or more images."
        )
    draws = rng_for("labelled", seed, 0)
    rows = np.sort(np.concatenate([draws.permutation(of_class)[:per_class] for of_class in rows_of]))
    return ImageArrayIter(
        data.images[rows],
        data.labels[rows],
        batch_size=data.batch_size if batch_size is None else batch_size,
        **{**_settings_of(data), "origin": f"{per_class} of each of {classes} classes", **settings},
    )


def _name_of(data: ImageArrayIter, label: int) -> str:
    return f" ({data.class_names[label]!r})" if data.class_names else ""


def _settings_of(data: ImageArrayIter) -> dict:
    _, channels, *image_size = data.provide_data[0].shape
    same = ("seed", "shuffle", "sampling", "epoch_batches", "mirror", "class_names", "name")
    return {"image_size": image_size, "channels": channels, **{name: getattr(data, name) for name in same}}
