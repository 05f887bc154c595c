"""The classes in the labels of a data set: the labels that occur, in increasing order.

A batch carries the class number, 0 … K - 1; the label itself ("1" … "26" of EMNIST's letters) is the class's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from mxgan.errors import ShapeError

__all__ = ["MOST_CLASSES", "Classes", "are_whole", "classes_of"]

MOST_CLASSES = 100_000  # more different labels are numbers of images or measurements, not classes


@dataclass(frozen=True, eq=False)
class Classes:
    """Labels that are classes, in the order of the class numbers.

    Parameters
    ----------
    values : (K,), all different.
    """

    values: np.ndarray

    @property
    def numbered(self) -> bool:
        """Whether the labels are 0 … K - 1, so that each is its own class number."""
        return bool(np.array_equal(self.values, np.arange(len(self.values))))

    @property
    def names(self) -> tuple:
        """The labels as text; empty if they are 0 … K - 1."""
        return () if self.numbered else tuple(str(int(value)) for value in self.values)

    def numbers(self, labels: np.ndarray) -> np.ndarray:
        """The class number of each label; labels that are 0 … K - 1 come back as they are.

        Raises ShapeError for a label that is not one of the classes.
        """
        order = np.argsort(self.values)
        places = np.minimum(np.searchsorted(self.values, labels, sorter=order), len(order) - 1)
        found = order[places]
        strange = self.values[found] != labels
        if strange.any():
            raise ShapeError(f"the label {labels[strange][0]} is not one of the {len(self.values)} classes given.")
        return labels if self.numbered else found

    def and_those_of(self, other: Classes) -> Classes:
        """These classes, and after them those that only `other` has."""
        return Classes(np.concatenate([self.values, np.setdiff1d(other.values, self.values)]))


def are_whole(values: np.ndarray) -> bool:
    """Whether all of an array's values are whole numbers from 0."""
    if values.dtype.kind not in "biuf":
        return False
    return bool(np.isfinite(values).all() and (values >= 0).all() and (values == np.floor(values)).all())


def classes_of(labels: Optional[np.ndarray]) -> Optional[Classes]:
    """The classes of the labels (N,).

    None without labels, if one is not a whole number from 0, or if more than `MOST_CLASSES` are different.
    """
    if labels is None or not are_whole(labels):
        return None
    values = np.unique(labels)
    return Classes(values) if len(values) <= MOST_CLASSES else None
