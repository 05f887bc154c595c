"""Batches from an array of images, kept in memory as bytes; floats are computed batch by batch."""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np

from mxgan.data.base import EpochIter, content_digest
from mxgan.data.classes import Classes, are_whole
from mxgan.data.fitting import middle
from mxgan.data.image_rows import ImageRows
from mxgan.errors import ArgumentError, ShapeError
from mxgan.runtime import cv2, mx
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import rng_for
from mxgan.runtime.image_size import ImageSize, height_and_width

__all__ = ["ImageArrayIter", "to_unit_range"]

logger = logging.getLogger(__name__)

# x / 127.5 - 1 for each byte; the table gives the same bits as the division, in less time.
_UNIT_RANGE = np.arange(256, dtype=np.float32) / np.float32(127.5) - np.float32(1)


def to_unit_range(pixels: np.ndarray) -> np.ndarray:
    """Bytes 0 … 255 as float32 in [-1, 1], of the same shape."""
    flat = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    return cv2.LUT(flat, _UNIT_RANGE).reshape(pixels.shape)


class ImageArrayIter(EpochIter):
    """Shuffled batches (N, C, H, W) in [-1, 1] of an array of images.

    Parameters
    ----------
    images : uint8, (N, height, width) grey or (N, height, width, 3) RGB. Kept by reference, never written to.
    labels : (N,) numbers, or None.
    batch_size, seed, last_batch, sampling, epoch_batches, mirror : as in `EpochIter`. The last batch is filled up
        from the beginning of its epoch.
    image_size : size of the images in the batches, a whole number or (height, width). Of images with another aspect
        ratio the `middle` is cut out; OpenCV resizes the bytes bilinearly.
    channels : 3 repeats a grey image, 1 turns RGB into grey.
    shuffle : True gives a permutation drawn from (seed, epoch), False the order of the array.
    limit : use only the first `limit` images; if there are fewer, use all.
    class_names : the names of the classes, in the order of the labels, if they have names.
    classes : the labels that are classes, see `classes_of`: batches carry their numbers, 0 … K - 1, and the labels
        become `class_names`. None: the labels are the numbers already.
    digest : `content_digest` of images and labels, if it is already known.
    name, origin : for `describe` and `fingerprint`.

    Raises
    ------
    ShapeError : arrays of other shapes or types.
    ArgumentError : numbers out of range.

    Notes
    -----
    To read all images once, for example for a test: ``shuffle=False``, one epoch, and the first
    ``batch_size - batch.pad`` rows of each batch; `pad` is above 0 only in the last batch.

    >>> data = open_dataset("digits", split="test", batch_size=64, shuffle=False)
    >>> sum(data.batch_size - batch.pad for batch in data)
    360
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: Optional[np.ndarray] = None,
        *,
        batch_size: int,
        image_size: ImageSize = 64,
        channels: int = 3,
        seed: int = 0,
        shuffle: bool = True,
        last_batch: str = "pad",
        sampling: str = "shuffle",
        epoch_batches: Optional[int] = None,
        mirror: bool = False,
        limit: Optional[int] = None,
        class_names: Sequence[str] = (),
        classes: Optional[Classes] = None,
        digest: Optional[str] = None,
        name: str = "images",
        origin: str = "",
    ) -> None:
        _check_arrays(images, labels)
        self.class_names = tuple(class_names) if classes is None else classes.names
        # Before `limit`, which may remove some classes.
        self._num_classes = _count_classes(labels, self.class_names) if classes is None else len(classes.values)
        images, labels = _limited(images, labels, limit, name)
        super().__init__(
            batch_size,
            (channels, *height_and_width(image_size)),
            num_images=len(images),
            labels=labels is not None,
            seed=seed,
            last_batch=last_batch,
            sampling=sampling,
            epoch_batches=epoch_batches,
            mirror=mirror,
        )
        if sampling == "replacement" and not shuffle:
            raise ArgumentError("shuffle is False, but sampling 'replacement' has no order to keep; give one of them.")
        self.images, self._given_labels = images, labels
        self.labels = labels if classes is None else classes.numbers(labels)
        self.shuffle, self.name, self.origin = shuffle, name, origin
        self._known_digest, self._part = digest, None
        self._order_of: tuple = (None, None)

    def part(self, rows: np.ndarray, note: Mapping) -> ImageArrayIter:
        """These rows alone, with the classes of all, and with no copy of the images.

        The fingerprint stays that of all images; `note`, JSON values, stands in it beside as "part".
        """
        part = copy.copy(self)
        part._known_digest, part._part = self._digest, {"of": self.num_images, **note}
        part.images, part.num_images, part._order_of = ImageRows(self.images, rows), len(rows), (None, None)
        if self.labels is not None:
            part.labels, part._given_labels = self.labels[rows], self._given_labels[rows]
        part.seek(0)
        return part

    def in_classes(self, names: Sequence[str]) -> ImageArrayIter:
        """The same images, whose classes are numbered as in `names`; each of their names must be among these."""
        renumbered = copy.copy(self)
        numbers = np.array([list(names).index(title) for title in self.class_titles])
        renumbered.labels = numbers[self.labels.astype(np.int64)]
        renumbered.class_names, renumbered._num_classes = tuple(names), len(names)
        return renumbered

    @property
    def num_classes(self) -> Optional[int]:
        """The number of classes given, or of their names, else the largest label (before `limit`) + 1; None without
        labels, or if one of them is not a whole number from 0."""
        return self._num_classes

    @property
    def class_counts(self) -> Optional[np.ndarray]:
        if self.num_classes is None:
            return None
        return np.bincount(self.labels.astype(np.int64), minlength=self.num_classes)

    def order(self, epoch: int) -> np.ndarray:
        """The row numbers in the order of `epoch`: (N,), or (batches * batch_size,) with replacement."""
        if not self.shuffle:
            return np.arange(self.num_images)
        if self._order_of[0] != epoch:
            self._order_of = (epoch, self._drawn(epoch))
        return self._order_of[1]

    def _drawn(self, epoch: int) -> np.ndarray:
        draws = rng_for(self.sampling, self.seed, epoch)
        if self.sampling == "shuffle":
            return draws.permutation(self.num_images)
        return draws.integers(self.num_images, size=self.batches_per_epoch * self.batch_size)

    def _load(self, epoch: int, batch: int):
        order, start = self.order(epoch), batch * self.batch_size
        rows = order[np.arange(start, start + self.batch_size) % len(order)]
        labels = [] if self.labels is None else [mx.nd.array(self.labels[rows], dtype=np.float32)]
        pad = max(0, start + self.batch_size - len(order))
        pixels, channels = self._pixels(rows), self.provide_data[0].shape[1]
        if self.mirror:
            flipped = self.mirrored(epoch, batch)
            pixels[flipped] = pixels[flipped, :, :, ::-1]
        pixels = mx.nd.array(pixels)
        if pixels.shape[1] != channels:  # grey: repeated on the device, which takes a third of the time
            pixels = mx.nd.broadcast_axis(pixels, axis=1, size=channels)
        return self._batch(pixels, labels, pad, rows)

    def pixels(self, rows: np.ndarray) -> np.ndarray:
        """(N, C, H, W): the images of these rows as batches have them, without MXNet: any thread may ask."""
        found, channels = self._pixels(rows), self.provide_data[0].shape[1]
        return np.repeat(found, channels // found.shape[1], axis=1)

    def _pixels(self, rows: np.ndarray) -> np.ndarray:
        _, channels, height, width = self.provide_data[0].shape
        resized = np.empty((len(rows), height, width, *self.images.shape[3:]), np.uint8)
        for target, row in zip(resized, rows):
            target[...] = cv2.resize(middle(self.images[row], height, width), (width, height))
        if resized.ndim == 3:  # grey
            return to_unit_range(resized)[:, None]  # (N, 1, H, W)
        if channels == 1:
            grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in resized])
            return to_unit_range(grey)[:, None]
        return to_unit_range(resized).transpose(0, 3, 1, 2)  # (N, 3, H, W)

    @functools.cached_property
    def _digest(self) -> str:
        return self._known_digest or content_digest(self.images, self._given_labels)

    @property
    def fingerprint(self) -> dict:
        """Name, count, and the sha256 of shape, pixels and labels as they were read (before resizing)."""
        if self._part is None:
            return {"name": self.name, "count": self.num_images, "sha256": self._digest}
        note = {name: value for name, value in self._part.items() if name != "of"}
        part = {"images": self.num_images, **note}
        return {"name": self.name, "count": self._part["of"], "sha256": self._digest, "part": part}

    def _origin(self) -> str:
        part = "" if self._part is None else f"a part of {self._part['of']:,} images"
        told = ", ".join(filter(None, (part, self.origin)))
        return f" ({told})" if told else ""


def _check_arrays(images: np.ndarray, labels: Optional[np.ndarray]) -> None:
    shape, kind = getattr(images, "shape", None), getattr(images, "dtype", None)
    grey_or_rgb = shape is not None and (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3))
    if kind != np.uint8 or not grey_or_rgb or 0 in shape:
        raise ShapeError(
            f"images are {kind} of shape {shape}; give uint8 of shape (N, height, width) or "
            "(N, height, width, 3), at least one image."
        )
    if labels is not None and np.shape(labels) != (len(images),):
        raise ShapeError(f"labels have shape {np.shape(labels)}; for {len(images)} images give ({len(images)},).")


def _limited(images: np.ndarray, labels: Optional[np.ndarray], limit: Optional[int], name: str) -> tuple:
    if limit is None:
        return images, labels
    if whole_number("limit", limit) > len(images):
        logger.info("%s has %d images, fewer than the limit of %d: all are used", name, len(images), limit)
        return images, labels
    return images[:limit], None if labels is None else labels[:limit]


def _count_classes(labels: Optional[np.ndarray], class_names: tuple) -> Optional[int]:
    values = None if labels is None else np.asarray(labels)
    if values is None or not are_whole(values):
        return None
    count = int(values.max()) + 1
    if class_names and count > len(class_names):
        raise ShapeError(f"the largest label is {count - 1}, but there are {len(class_names)} class_names.")
    return len(class_names) or count
