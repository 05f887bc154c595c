"""The data set "digits": scikit-learn's handwritten digits, which need no files and no network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

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
    rows = _table()[SPLITS[split]]
    images = rows[:, :-1].reshape(-1, 8, 8)
    return np.rint(images * (255 / 16)).astype(np.uint8), rows[:, -1].astype(np.uint8)


def _table() -> np.ndarray:
    """scikit-learn's digits (1797, 65): 64 pixels of 0 … 16, and the label.

    They are read from its file, because `import sklearn` takes a second or two; where a version of scikit-learn has
    the file elsewhere, its own function reads them.
    """
    spec = importlib.util.find_spec("sklearn")
    path = Path(spec.origin if spec and spec.origin else "").parent / "datasets" / "data" / "digits.csv.gz"
    if path.is_file():
        return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits as load

    return np.column_stack(load(return_X_y=True))


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
