"""Batches out of images kept in memory as one byte a pixel; floats are made batch by batch."""

from __future__ import annotations

import functools
import hashlib
from typing import Optional

import numpy as np

from mxgan.data.base import EpochIter
from mxgan.data.latents import generator
from mxgan.errors import ShapeError
from mxgan.runtime import cv2, mx

__all__ = ["ImageArrayIter", "to_unit_range"]

# x / 127.5 - 1 for each byte; looking up gives the same bits as dividing, in less than the time.
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
    batch_size, seed, last_batch : as in `EpochIter`. A last batch is filled up from its epoch's beginning.
    image_size : side of the square images given out; the resizing is OpenCV's bilinear one, on bytes.
    channels : 3 repeats a grey image, 1 turns RGB into grey.
    shuffle : a permutation drawn from (seed, epoch), else the array's own order.
    name, origin : for `describe` and `fingerprint`.

    Raises
    ------
    ShapeError for arrays of other shapes or types, ArgumentError for numbers out of range.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: Optional[np.ndarray] = None,
        *,
        batch_size: int,
        image_size: int = 64,
        channels: int = 3,
        seed: int = 0,
        shuffle: bool = True,
        last_batch: str = "pad",
        name: str = "images",
        origin: str = "",
    ) -> None:
        _check_arrays(images, labels)
        super().__init__(
            batch_size,
            (channels, image_size, image_size),
            num_images=len(images),
            labels=labels is not None,
            seed=seed,
            last_batch=last_batch,
        )
        self.images, self.labels = images, labels
        self.shuffle, self.name, self.origin = shuffle, name, origin
        self._order_of: tuple = (None, None)

    def order(self, epoch: int) -> np.ndarray:
        """Row numbers in the order in which `epoch` gives them, (N,)."""
        if not self.shuffle:
            return np.arange(self.num_images)
        if self._order_of[0] != epoch:
            self._order_of = (epoch, generator("shuffle", self.seed, epoch).permutation(self.num_images))
        return self._order_of[1]

    def _load(self, epoch: int, batch: int):
        start = batch * self.batch_size
        places = np.arange(start, start + self.batch_size)
        rows = self.order(epoch)[places % self.num_images]
        labels = [] if self.labels is None else [mx.nd.array(self.labels[rows], dtype=np.float32)]
        pad = max(0, start + self.batch_size - self.num_images)
        return self._batch(mx.nd.array(self._pixels(rows)), labels, pad, rows)

    def _pixels(self, rows: np.ndarray) -> np.ndarray:
        _, channels, height, width = self.provide_data[0].shape
        resized = np.empty((len(rows), height, width, *self.images.shape[3:]), np.uint8)
        for target, row in zip(resized, rows):
            target[...] = cv2.resize(self.images[row], (width, height))
        if resized.ndim == 3:  # grey
            grey = to_unit_range(resized)[:, None]  # (N, 1, H, W)
            return np.broadcast_to(grey, (len(rows), channels, height, width))
        if channels == 1:
            grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in resized])
            return to_unit_range(grey)[:, None]
        return to_unit_range(resized).transpose(0, 3, 1, 2)  # (N, 3, H, W)

    @functools.cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images))
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels, dtype=np.float32))
        return digest.hexdigest()

    @property
    def fingerprint(self) -> dict:
        """Name, count, and the sha256 of shape, pixels and labels as they were read (before resizing)."""
        return {"name": self.name, "count": self.num_images, "sha256": self._digest}

    def _origin(self) -> str:
        return f" ({self.origin})" if self.origin else ""


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
