"""The data set "digits": scikit-learn's handwritten digits, which need no files and no network."""

from __future__ import annotations

import numpy as np

from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError, lookup

__all__ = ["SPLITS", "load_digits", "open_digits"]

_TEST = 360
SPLITS = {"train": slice(None, -_TEST), "test": slice(-_TEST, None), "all": slice(None)}


def load_digits(split: str = "all") -> tuple:
    """The 1,797 digits of Alpaydin and Kaynak's test set: images uint8 (N, 8, 8), labels uint8 (N,).

    A pixel of the source is the number of black pixels in a block of 4x4, 0 … 16; here 16 becomes 255.

    Parameters
    ----------
    split : "all", "test" (the last 360 in scikit-learn's fixed order) or "train" (the 1,437 before them); the source
        itself has no split.
    """
    lookup("split", split, SPLITS)
    from sklearn.datasets import load_digits as load  # imported here, because it takes a second

    source, rows = load(), SPLITS[split]
    return np.rint(source.images[rows] * (255 / 16)).astype(np.uint8), source.target[rows].astype(np.uint8)


def open_digits(*, data_dir=None, split: str = "all", progress=None, **settings) -> ImageArrayIter:
    """The digits as an iterator; `settings` are arguments of `ImageArrayIter`; `progress` has no effect."""
    if data_dir is not None:
        raise ArgumentError(
            f"data_dir is {str(data_dir)!r}, but the data set 'digits' is embedded; leave it out, or name the data set "
            "that is there: --dataset folder, mnist or recordio."
        )
    images, labels = load_digits(split)
    part = "" if split == "all" else f"{split}, "
    return ImageArrayIter(images, labels, name="digits", origin=f"{part}scikit-learn, 8x8", **settings)
