"""The labels of a .rec file in batches: class numbers, or the labels as they are in the file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import numpy as np

from mxgan.data.classes import classes_of
from mxgan.data.record_cache import RecordFile
from mxgan.runtime import mx

__all__ = ["RecordLabels"]

logger = logging.getLogger(__name__)


class RecordLabels:
    """What the batches of a .rec file carry as labels.

    Parameters
    ----------
    file : the scan of the file at `path`.
    classes : whether batches carry the class number of the first label, if the first labels are classes.

    Attributes
    ----------
    width : numbers in a label of a batch; 0 if batches carry no labels.
    classes : the `Classes` whose numbers batches carry; None if they carry labels as they are in the file.
    """

    def __init__(self, path: Path, file: RecordFile, classes: bool) -> None:
        self._ids = np.array(file.ids, np.uint64)
        self._first = np.array(file.first_labels, np.float32)
        one = classes or file.label_width < 2
        self.width = int(self._told_apart(path)) if one else file.label_width
        self.classes = classes_of(self._first) if classes and self.width else None

    def _told_apart(self, path: Path) -> bool:
        """Whether MXNet finds the label of each record: if their number varies, by the id, which several may share."""
        _, place, same = np.unique(self._ids, return_index=True, return_inverse=True)
        if not len(place) or np.array_equal(self._first[place][same], self._first, equal_nan=True):
            return True
        logger.info("%s: several records have one id and different labels, so its labels are not used", path)
        return False

    @property
    def counts(self) -> Optional[np.ndarray]:
        """The number of records of each class, (K,); None without classes."""
        if self.classes is None:
            return None
        return np.bincount(self.classes.numbers(self._first).astype(np.int64))

    def list_lines(self) -> Iterator[str]:
        """The lines of MXNet's image list, id and first label; none if all records have the same number of labels.

        MXNet reads the id as a signed number of the same bits.
        """
        for number, label in zip(self._ids.view(np.int64).tolist(), self._first.tolist()):
            yield f"{number}\t{label:.9g}\n"

    def of_batch(self, given) -> list:
        """The labels of a batch from MXNet's, (N,) or (N, label_width): one array, or none."""
        if not self.width:
            return []
        if self.width == 1 and given.ndim == 2:
            given = given[:, 0]
        if self.classes is None or self.classes.numbered:
            return [given]
        return [mx.nd.array(self.classes.numbers(given.asnumpy()), dtype=np.float32)]
