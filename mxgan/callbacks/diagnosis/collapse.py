"""The generator makes the same images over and over."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis
from mxgan.runtime import mx

__all__ = ["ModeCollapse", "distances", "spread"]

MOST_COMPARED = 64  # images of a batch
APART = 0.1
NEAREST = 0.05
ROUNDING = 1e-3  # of an image's norm: roots of differences of products in float32


class ModeCollapse(Diagnosis):
    """The fakes of a step are far more alike than its real images, in every reading of the window.

    Either their mean distance from each other is at most APART of that of the real images (few images, or one), or
    the median distance from the nearest other one at most NEAREST of it (several, each many times). Distances are
    Euclidean and in units of an image's own contrast, so that a generator which has learnt no contrast yet is not
    taken for a collapsed one. Healthy runs on MNIST have been seen to go down to 0.17 on their way, at which their
    first blobs are all alike. Seen are the first 64 images of a batch; a collapse onto more images than that
    has to be looked for by `mxgan evaluate`.
    """

    fault = "mode_collapse"
    numbers = 2
    remedy = (
        "G makes much the same image of every latent: train anew with a lower learning rate of G "
        "(--set generator_optimizer.learning_rate=...), or the recipe wgan-gp."
    )

    def look(self, trainer, batch, result):
        return [array for images in (result.fake, batch.data[0]) for array in _products(images)]

    def reading(self, seen, metrics):
        (apart, nearest), (real_apart, real_nearest) = (spread(*seen[first : first + 3]) for first in (0, 3))
        return [_ratio(apart, real_apart), _ratio(nearest, real_nearest)]

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        found = [(readings[:, 0], APART, "on average"), (readings[:, 1], NEAREST, "from the nearest other one")]
        for ratios, limit, what in found:
            if self.is_full and (ratios <= limit).all():
                steps = len(readings) * self.every
                return (
                    f"for {steps} steps the fakes of a batch have been {ratios.max():.2g} times as far apart {what} as "
                    "the real images, or less"
                )
        return None


def _products(images) -> list:
    """[inner products (n, n), sums (n,), pixels (1,)] of the first n images, made on their device."""
    flat = images[: min(len(images), MOST_COMPARED)].reshape((0, -1))  # (n, C·H·W)
    ones = mx.nd.ones((flat.shape[1],), ctx=flat.context)  # a product: MXNet's own sum takes many times as long
    return [mx.nd.dot(flat, flat, transpose_b=True), mx.nd.dot(flat, ones), mx.nd.full((1,), flat.shape[1])]


def distances(products: np.ndarray) -> np.ndarray:
    """Euclidean distances (n, n) out of inner products (n, n)."""
    squares = np.diag(products)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0))


def spread(products: np.ndarray, sums: np.ndarray, pixels: np.ndarray) -> tuple:
    """(mean distance between two images, median distance to the nearest other one), in units of their contrast.

    The contrast is the root mean square, over the images, of their pixels' deviation from the image's own mean, as a
    vector's norm. NaN for fewer than two images, and for flat ones of several shades; (0, 0) for images that are all
    the same.
    """
    products, count = products.astype(np.float64), len(products)
    if count < 2:
        return np.nan, np.nan
    apart = distances(products)
    contrast = np.sqrt(max((np.diag(products) - sums.astype(np.float64) ** 2 / pixels[0]).mean(), 0))
    mean, rounding = apart.sum() / (count * (count - 1)), ROUNDING * np.sqrt(np.diag(products).max())
    if contrast <= rounding:
        return (0.0, 0.0) if mean <= rounding else (np.nan, np.nan)
    np.fill_diagonal(apart, np.inf)
    return mean / contrast, np.median(apart.min(axis=1)) / contrast


def _ratio(fake: float, real: float) -> float:
    """NaN where the real images are all the same: nothing can be said then."""
    return fake / real if real > 0 else np.nan
