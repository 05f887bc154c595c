"""Changes of real images by which a judge is tested: blur, noise, hue, grey, dropped classes; five levels each."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Optional

import numpy as np

from mxgan.evaluation.resizing import resized
from mxgan.runtime import cv2
from mxgan.runtime.draws import rng_for

__all__ = ["CHANGES", "COLOUR", "DROPPED", "changed", "kept_rows"]

DROPPED = "dropped classes"
CHANGES = MappingProxyType(
    {
        "blur": (0.5, 0.75, 1.0, 1.5, 2.0),  # standard deviation of a Gaussian, in pixels of a 32×32 image
        "noise": (0.05, 0.1, 0.2, 0.3, 0.4),  # standard deviation, of values in [-1, 1]
        "hue": (10.0, 20.0, 40.0, 60.0, 90.0),  # degrees around the grey axis
        "grey": (0.2, 0.4, 0.6, 0.8, 1.0),  # share of the colour that is taken away
        DROPPED: (0.1, 0.2, 0.4, 0.6, 0.8),  # share of the classes
    }
)
COLOUR = frozenset({"hue", "grey"})
SIDE = 32  # pixels: the blur's unit is this image's pixel
THUMBNAIL = 4  # pixels a side: of the images that are put into an order without classes


def changed(name: str, images: np.ndarray, seed: int = 0) -> Iterator[np.ndarray]:
    """The images (N, C, H, W) in [-1, 1] at each level of a change in CHANGES but DROPPED, weakest first."""
    noise = rng_for("judge test noise", seed, 0).standard_normal(images.shape, dtype=np.float32)
    for level in CHANGES[name]:
        if name == "blur":
            yield _blurred(images, level * images.shape[2] / SIDE)
        elif name == "noise":
            yield np.clip(images + np.float32(level) * noise, -1, 1)
        elif name == "hue":
            yield np.clip(np.einsum("ij,njhw->nihw", _hue_matrix(level), images), -1, 1).astype(np.float32)
        else:
            grey = images.mean(axis=1, keepdims=True)
            yield images + np.float32(level) * (grey - images)


def kept_rows(images: np.ndarray, labels: Optional[np.ndarray], seed: int = 0) -> list:
    """The row numbers of the images that stay: first all images, then those that are left at each level of DROPPED.

    Without labels the images are put into an order by the first principal component of their 4×4 thumbnails, which is
    mostly brightness, and ten parts of them are the classes. Fewer than ten classes have fewer levels.
    """
    classes = _parts_by_look(images) if labels is None else np.asarray(labels).astype(np.int64)
    known = np.unique(classes)
    order = known if labels is None else rng_for("judge test classes", seed, 0).permutation(known)
    gone = {min(len(known) - 1, max(1, round(share * len(known)))) for share in CHANGES[DROPPED]}
    return [np.flatnonzero(np.isin(classes, order[count:])) for count in sorted({0, *gone})]


def _parts_by_look(images: np.ndarray) -> np.ndarray:
    thumbnails = resized(images, THUMBNAIL).reshape(len(images), -1).astype(np.float64)
    thumbnails -= thumbnails.mean(axis=0)
    main = np.linalg.svd(thumbnails, full_matrices=False)[2][0]
    places = np.argsort(np.argsort(thumbnails @ main))
    return places * 10 // len(images)


def _blurred(images: np.ndarray, deviation: float) -> np.ndarray:
    planes = images.reshape(-1, *images.shape[2:])
    blurred = [cv2.GaussianBlur(plane, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE) for plane in planes]
    return np.stack(blurred).reshape(images.shape)


def _hue_matrix(degrees: float) -> np.ndarray:
    """The rotation of RGB around the axis of the greys: (3, 3), by Rodrigues' formula."""
    angle, third = np.deg2rad(degrees), 1 / 3
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * third * np.ones((3, 3))
