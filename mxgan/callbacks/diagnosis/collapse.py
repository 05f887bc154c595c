"""`ModeCollapse`: the generator makes almost the same images for all latents."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.callbacks.diagnosis.base import Diagnosis
from mxgan.runtime import mx

__all__ = ["ModeCollapse", "distances", "spread"]

MOST_COMPARED = 64  # images of a batch that are compared
APART = 0.1
NEAREST = 0.05
ROUNDING = 1e-3  # error of a distance, relative to an image's norm: root of a difference of products in float32


class ModeCollapse(Diagnosis):
    """The fakes of a step are far more alike than its real images, in every reading of the window.

    One of two conditions holds. (1) The mean distance between fakes is at most APART times that of the real images: G
    makes one image or a few. (2) The median distance of a fake to its nearest neighbour is at most NEAREST times that
    of the real images: G makes several images, each many times. Distances are Euclidean, in units of the images' own
    contrast, so that a generator without contrast at the start of training does not count as collapsed. In healthy runs
    on MNIST the ratio went down to 0.17, when the first blobs were all alike. Only the first 64 images of a batch are
    compared; use `mxgan evaluate` to find a collapse onto more images.
    """

    fault = "mode_collapse"
    numbers = 2
    remedy = (
        "G makes almost the same image for every latent: train again with a lower learning rate of G "
        "(--set generator_optimizer.learning_rate=...), or with the recipe wgan-gp."
    )

    def look(self, trainer, batch, result):
        return [array for images in (result.fake, batch.data[0]) for array in _products(images)]

    def reading(self, seen, metrics):
        (apart, nearest), (real_apart, real_nearest) = (spread(*seen[first : first + 3]) for first in (0, 3))
        return [_ratio(apart, real_apart), _ratio(nearest, real_nearest)]

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        found = [(readings[:, 0], APART, "on average"), (readings[:, 1], NEAREST, "from the nearest neighbour")]
        for ratios, limit, what in found:
            if self.is_full and (ratios <= limit).all():
                steps = len(readings) * self.every
                return (
                    f"for {steps} steps the fakes of a batch have been at most {ratios.max():.2g} times as far apart "
                    f"{what} as the real images"
                )
        return None


def _products(images) -> list:
    """[inner products (n, n), pixel sums (n,), number of pixels (1,)] of the first n images, on their device."""
    flat = images[: min(len(images), MOST_COMPARED)].reshape((0, -1))  # (n, C·H·W)
    ones = mx.nd.ones((flat.shape[1],), ctx=flat.context)  # for a product: MXNet's own sum is many times slower
    return [mx.nd.dot(flat, flat, transpose_b=True), mx.nd.dot(flat, ones), mx.nd.full((1,), flat.shape[1])]


def distances(products: np.ndarray) -> np.ndarray:
    """Euclidean distances (n, n) from inner products (n, n)."""
    squares = np.diag(products)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0))


def spread(products: np.ndarray, sums: np.ndarray, pixels: np.ndarray) -> tuple:
    """(mean distance between two images, median distance to the nearest neighbour), in units of their contrast.

    Subtract each image's own mean from its pixels and take the norm of the result: the contrast is the root mean square
    of these norms over the images. The result is NaN for fewer than two images and for flat images of several shades,
    and (0, 0) if all images are the same.
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
    """fake / real; NaN if the real images are all the same, because the ratio then has no meaning."""
    return fake / real if real > 0 else np.nan
