"""The base class of the image iterators, whose batches depend only on (seed, epoch, batch)."""

from __future__ import annotations

import hashlib
from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError, lookup
from mxgan.runtime import mx
from mxgan.runtime.config import check_switch, whole_number
from mxgan.runtime.draws import rng_for
from mxgan.runtime.image_size import height_and_width

__all__ = ["LAST_BATCH", "SAMPLING", "EpochIter", "checked_shape", "content_digest"]

LAST_BATCH = ("pad", "discard")
SAMPLING = ("shuffle", "replacement")


def content_digest(images: np.ndarray, labels: Optional[np.ndarray]) -> str:
    """The sha256 of an array's shape and bytes, and of the labels as float32."""
    digest = hashlib.sha256(repr(images.shape).encode())
    digest.update(np.ascontiguousarray(images))
    if labels is not None:
        digest.update(np.ascontiguousarray(labels, dtype=np.float32))
    return digest.hexdigest()


def checked_shape(data_shape) -> tuple:
    """(C, H, W) as whole numbers, or an ArgumentError: C is 1 or 3, the sides are 1 … 4096 pixels."""
    channels, height, width = data_shape
    if channels not in (1, 3):
        raise ArgumentError(f"channels is {channels!r}; give 1 (grey) or 3 (RGB).")
    return int(channels), *height_and_width((height, width))


class EpochIter(mx.io.DataIter):
    """Base class of the image iterators; a subclass loads one batch (`_load`).

    Parameters
    ----------
    batch_size : images in a batch, at least 1.
    data_shape : (C, H, W) of one image; C is 1 or 3.
    num_images : images in the data set, at least 1.
    labels : whether batches carry labels.
    label_width : numbers in one label.
    seed : the run's seed; with the epoch it decides the order.
    last_batch : "pad" fills up the last batch, and `batch.pad` is the number of added rows; "discard" leaves out a
        last batch that is not full.
    sampling : "shuffle" gives each image once per epoch; "replacement" draws every row of every batch from all
        images, so each batch is full, `pad` is 0, and an epoch repeats some images and misses others.
    epoch_batches : batches in an epoch, 1 … 100,000, only with "replacement"; None means the number with "shuffle".
    mirror : whether each image is mirrored, left and right exchanged, with the probability ½; (seed, epoch) and the
        place in the epoch decide.

    Notes
    -----
    `seek(epoch, batch)` goes to any position. `reset()` goes back to the start of the *current* epoch and repeats its
    order, so a training loop calls `seek(epoch)` to begin the next epoch.
    """

    name = "images"
    class_names: tuple = ()  # of the classes, in the order of their numbers; empty if they have no names but these

    def __init__(
        self,
        batch_size,
        data_shape,
        *,
        num_images,
        labels=True,
        label_width=1,
        seed=0,
        last_batch="pad",
        sampling="shuffle",
        epoch_batches=None,
        mirror=False,
    ) -> None:
        super().__init__(whole_number("batch_size", batch_size))
        shape = checked_shape(data_shape)
        self.seed = whole_number("seed", seed, minimum=0, maximum=2**63 - 1)
        self.last_batch, self.num_images = last_batch, num_images
        self.sampling, self.epoch_batches = sampling, epoch_batches
        self.mirror = mirror
        check_switch("mirror", mirror)
        self._mirrored_of: tuple = (None, None)
        self._check_epoch()
        self.provide_data = [mx.io.DataDesc("data", (self.batch_size, *shape))]
        label_shape = (self.batch_size,) if label_width == 1 else (self.batch_size, label_width)
        self.provide_label = [mx.io.DataDesc("softmax_label", label_shape)] if labels else []
        self.epoch, self.cursor, self._current = 0, 0, None

    def _check_epoch(self) -> None:
        for name, value, known in (("last_batch", self.last_batch, LAST_BATCH), ("sampling", self.sampling, SAMPLING)):
            lookup(name, value, known)
        if self.epoch_batches is not None:
            whole_number("epoch_batches", self.epoch_batches, maximum=100_000)
            if self.sampling != "replacement":
                raise ArgumentError(
                    f"epoch_batches is {self.epoch_batches}, but with sampling {self.sampling!r} an epoch gives each "
                    "image once; leave epoch_batches out, or give sampling='replacement'."
                )
        if not self.batches_per_epoch:
            raise ArgumentError(
                f"batch_size {self.batch_size} is more than the number of images, {self.num_images}, and last_batch is "
                "'discard': no batch would be left. Give a smaller batch_size or last_batch='pad'."
            )

    @property
    def batches_per_epoch(self) -> int:
        """The number of batches in one epoch."""
        if self.epoch_batches is not None:
            return self.epoch_batches
        whole, rest = divmod(self.num_images, self.batch_size)
        return whole + (1 if rest and self.last_batch == "pad" else 0)

    @property
    def num_classes(self) -> Optional[int]:
        """The number of classes K, if batches are known to carry class numbers 0 … K - 1; else None."""
        return None

    @property
    def class_titles(self) -> list:
        """The names of the classes, in the order of their numbers; the numbers as text if there are no names."""
        return list(self.class_names) or [str(number) for number in range(self.num_classes or 0)]

    @property
    def class_counts(self) -> Optional[np.ndarray]:
        """The number of images of each class, (num_classes,); None if there are no classes."""
        return None

    @property
    def position(self) -> tuple:
        """(epoch, batch) of the next batch; give it to `seek` to return to this position."""
        return self.epoch, self.cursor

    def seek(self, epoch: int, batch: int = 0) -> None:
        """Make the next batch the one at (epoch, batch), whatever was read before."""
        epoch = whole_number("epoch", epoch, minimum=0)
        self.cursor = whole_number("batch", batch, minimum=0, maximum=self.batches_per_epoch)
        self.epoch = epoch

    def mirrored(self, epoch: int, batch: int) -> np.ndarray:
        """Which images of a batch are mirrored: bool (batch_size,)."""
        if not self.mirror:
            return np.zeros(self.batch_size, bool)
        if self._mirrored_of[0] != epoch:
            draws = rng_for("mirror", self.seed, epoch).random((self.batches_per_epoch, self.batch_size), np.float32)
            self._mirrored_of = (epoch, draws < 0.5)
        return self._mirrored_of[1][batch]

    def reset(self) -> None:
        """Go back to the start of the current epoch."""
        self.seek(self.epoch)

    def iter_next(self) -> bool:
        if self.cursor >= self.batches_per_epoch:
            return False
        self._current = self._load(self.epoch, self.cursor)
        self.cursor += 1
        return True

    def next(self):
        if not self.iter_next():
            raise StopIteration
        return self._current

    def getdata(self):
        return self._current.data

    def getlabel(self):
        return self._current.label

    def getindex(self):
        return self._current.index

    def getpad(self) -> int:
        return self._current.pad

    @property
    def fingerprint(self) -> dict:
        """JSON values that identify this data set: name, count, sha256."""
        raise NotImplementedError

    def describe(self) -> str:
        """One line of text about the data set."""
        channels, height, width = self.provide_data[0].shape[1:]
        colour = "RGB" if channels == 3 else "grey"
        return f"{self.name}: {self.num_images:,} images, given as {height}x{width} {colour}{self._origin()}"

    def _origin(self) -> str:
        return ""

    def _load(self, epoch: int, batch: int) -> mx.io.DataBatch:
        raise NotImplementedError

    def _batch(self, data, labels, pad: int, index=None):
        return mx.io.DataBatch(
            data=[data],
            label=labels,
            pad=pad,
            index=index,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )
