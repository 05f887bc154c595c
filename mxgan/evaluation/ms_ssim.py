"""Multi-scale structural similarity (MS-SSIM) of two images; its mean over random pairs measures diversity."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.errors import ShapeError
from mxgan.evaluation.arrays import as_bytes_range, check_images, draws, same_images
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.resampling import influence_error
from mxgan.runtime.config import whole_number

__all__ = ["measure_ms_ssim", "ms_ssim", "sample_diversity"]

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])  # Wang et al. 2003, section 3.2; their sum is 1.0001
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
LEAST_SIDE = 2 ** (len(WEIGHTS) - 1)
CHUNK_PIXELS = 2**19


def ms_ssim(a, b) -> np.ndarray:
    """Multi-scale structural similarity of each a[i] with b[i]: (N,), from 0 to 1, 1 for equal images.

    Parameters
    ----------
    a, b : (N, C, H, W) in [-1, 1], H and W multiples of 16. Each of the five scales has half the side of the previous
        one; its pixels are means of 2×2 pixels. Similarities are means over pixels and channels.

    The window is a Gaussian of 11×11 pixels with σ = 1.5, at all positions where it fits (no padding). On a smaller
    scale the window is as large as the image, and σ shrinks in proportion, as in TensorFlow's image-compression models
    and in progressive growing, so that values for 64×64 are comparable. Pixels are scaled to 0 … 255, not rounded. A
    negative similarity of a scale (an image and its negative) counts as 0.

    Raises ShapeError and ArgumentError for invalid images.

    Source: Wang, Simoncelli & Bovik 2003, "Multi-scale structural similarity for image quality assessment", eq. 7.
    """
    a, b = same_images(("a", "b"), a, b)
    if len(a) != len(b):
        raise ShapeError(f"a has {len(a)} images, b {len(b)}; give the same number of each.")
    _check_sides(a)
    chunk = max(1, CHUNK_PIXELS // a[0].size)
    starts = range(0, len(a), chunk)
    return np.concatenate([_similarity(a[start : start + chunk], b[start : start + chunk]) for start in starts])


def sample_diversity(images, *, pairs: Optional[int] = None, seed: int = 0) -> float:
    """Mean `ms_ssim` over random pairs of different images: 1 if all look the same; the data's value if as diverse.

    Parameters
    ----------
    images : (N, C, H, W) in [-1, 1], N ≥ 2.
    pairs : the number of pairs, each drawn independently. None means N // 2 pairs that share no image, the published
        protocol (10,000 images, 5,000 pairs).
    seed : seed of the pairs. They are random because the images of a conditional generator are ordered by class.

    Source: Odena, Olah & Shlens 2017, "Conditional image synthesis with auxiliary classifier GANs", section 4.2 (for
    each class alone); Karras et al. 2018, section 6.1 (over all images).
    """
    return float(_of_pairs(images, pairs, seed).mean())


def measure_ms_ssim(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `ms_ssim` of METRICS. No image is in two pairs, so that the errors are those of means.

    Details: `reference`, the value of the real images; both standard errors (none for a single pair).
    """
    real, made = (_of_pairs(side.images, None, settings.seed) for side in (reference, samples))
    errors = {
        name: influence_error(values)
        for name, values in (("standard_error", made), ("reference_error", real))
        if len(values) > 1
    }
    return {"ms_ssim": Score(float(made.mean()), {"reference": float(real.mean()), **errors})}


def _of_pairs(images, pairs: Optional[int], seed: int) -> np.ndarray:
    """The similarity of each random pair, see `sample_diversity`."""
    images = check_images("images", images, least=2)
    _check_sides(images)
    first, second = _pairs(len(images), pairs, draws("pairs", seed))
    chunk = max(1, CHUNK_PIXELS // images[0].size)
    rows = [slice(start, start + chunk) for start in range(0, len(first), chunk)]
    return np.concatenate([_similarity(images[first[some]], images[second[some]]) for some in rows])


def _pairs(count: int, pairs: Optional[int], rng: np.random.Generator) -> tuple:
    """Row numbers (first, second) of the pairs; the two of a pair differ."""
    if pairs is None:
        order = rng.permutation(count)[: count // 2 * 2]
        return order[::2], order[1::2]
    pairs = whole_number("pairs", pairs, 1, 10**8)
    first = rng.integers(0, count, pairs)
    return first, (first + rng.integers(1, count, pairs)) % count


def _check_sides(images: np.ndarray) -> None:
    height, width = images.shape[2:]
    if height % LEAST_SIDE or width % LEAST_SIDE:
        raise ShapeError(f"images are {height}x{width}; give sides that are multiples of {LEAST_SIDE}: five scales.")


def _similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) for images in [-1, 1]: contrast and structure of all scales, and luminance of the coarsest."""
    a, b = as_bytes_range(a), as_bytes_range(b)
    product = np.ones(len(a))
    for scale, weight in enumerate(WEIGHTS, 1):
        luminance, contrast = _terms(a, b)
        term = luminance * contrast if scale == len(WEIGHTS) else contrast
        product *= np.maximum(term.mean(axis=(1, 2, 3)), 0) ** weight
        a, b = _halved(a), _halved(b)
    return product


def _terms(a: np.ndarray, b: np.ndarray) -> tuple:
    """Luminance l and contrast-structure c·s of each window, both (N, C, H', W')."""
    size = min(WINDOW, *a.shape[2:])
    rows, columns = (_blur(side, size) for side in a.shape[2:])

    def mean(values):
        return rows @ values @ columns.T

    mean_a, mean_b = mean(a), mean(b)
    covariance = mean(a * b) - mean_a * mean_b
    variances = (mean(a * a) - mean_a**2) + (mean(b * b) - mean_b**2)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def _blur(side: int, size: int) -> np.ndarray:
    """The Gaussian of `size` pixels at each position where it fits: (side - size + 1, side), rows with sum 1."""
    places = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (places / (SIGMA * size / WINDOW)) ** 2)
    matrix = np.zeros((side - size + 1, side))
    for row in range(len(matrix)):
        matrix[row, row : row + size] = weights / weights.sum()
    return matrix


def _halved(images: np.ndarray) -> np.ndarray:
    """Means of 2×2 pixels. The last pixel of an odd side is dropped (this only happens after the last scale)."""
    height, width = (side // 2 * 2 for side in images.shape[2:])
    even = images[:, :, :height, :width]
    return (even[:, :, ::2, ::2] + even[:, :, 1::2, ::2] + even[:, :, ::2, 1::2] + even[:, :, 1::2, 1::2]) / 4
