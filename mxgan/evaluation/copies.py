"""Test for copied training images, from pixel distances: are samples nearer to them than other real images are?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mxgan.evaluation.arrays import check_images, same_images, some_rows
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.pixel_distances import chunks, exact_distances, flat
from mxgan.evaluation.resampling import influence_error
from mxgan.runtime.config import whole_number

__all__ = ["CopyTest", "copy_test", "measure_copies", "nearest"]

PERFECT = 0.5  # the share of samples that are no nearer to the training images than other real images are


class CopyTest(NamedTuple):
    """Comparison of samples and held-out images by their distance to the training images.

    share : probability that a sample is nearer than a held-out image; a tie counts ½. It is ½ if both have the same
        distribution of distances, 1 for copies.
    p_value : probability of at least this share if both have the same distribution (one-sided).
    standard_error : of the share, over new samples and held-out images, with the same training images (DeLong et al.
        1988, "Comparing the areas under two or more correlated receiver operating characteristic curves").
    """

    share: float
    p_value: float
    standard_error: float


def nearest(train, samples) -> tuple:
    """The training image nearest to each sample, by the L2 norm of all pixels: (indices (M,), distances (M,)).

    Parameters
    ----------
    train, samples : (N, C, H, W) and (M, C, H, W) in [-1, 1]. N and M may be large: the search takes a few at a time.

    The search is in float32. The distances of the images found are then computed in float64: 0 for a copy.
    """
    train, samples = same_images(("train", "samples"), train, samples)
    return _nearest(flat(train), flat(samples))


def copy_test(train, held_out, samples, mirrored: bool = False) -> CopyTest:
    """Rank test: are samples nearer to the training images than held-out real images are?

    Parameters
    ----------
    train, held_out, samples : images (N, C, H, W) in [-1, 1]. The held-out images are real images of the same
        distribution that were not used in training.
    mirrored : whether the mirror images (left and right exchanged) of the training images were trained on too. Then
        they are searched too, for samples and held-out images alike.

    The test compares the distances to the nearest training image. A share near 1 means that sharp samples are copies; a
    share far below ½ means that samples are farther from the training images than real images are. Blurred and blank
    samples have a share near 1 too, without being copies: by pixels, a smooth image lies near every image. So look at
    the samples and their nearest images first.

    Raises ShapeError and ArgumentError for invalid images, or for fewer than 2 held-out images or samples.

    Source: Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models", with
    one cell and the opposite sign; Mann & Whitney 1947.
    """
    train, held_out = same_images(("train", "held_out"), train, held_out)
    train, samples = same_images(("train", "samples"), train, samples)
    check_images("held_out", held_out, least=2)
    check_images("samples", samples, least=2)
    base = flat(train)
    return _rank_test(*(_least(base, side, mirrored) for side in (samples, held_out)))


def measure_copies(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `copies` of METRICS."""
    most, seed = whole_number("copy_images", settings.copy_images, 2), settings.seed
    held_out = some_rows(reference.held_out, most, seed, "held_out")
    rows = some_rows(samples.images, most, seed, "copies")
    found = copy_test(reference.images, held_out, rows, reference.mirrored)
    counts = {"training_images": len(reference.images), "held_out_images": len(held_out)}
    details = {"standard_error": found.standard_error, "p_value": found.p_value, "perfect": PERFECT, **counts}
    if reference.mirrored:
        details["mirrored"] = True
    return {"copies": Score(found.share, details)}


def _nearest(train: np.ndarray, samples: np.ndarray) -> tuple:
    from sklearn.metrics import pairwise_distances_argmin  # imported here because it takes a tenth of a second

    indices = pairwise_distances_argmin(samples, train)  # a few at a time
    parts = [exact_distances(wanted, train[indices[start : start + len(wanted)]]) for start, wanted in chunks(samples)]
    return indices, np.concatenate(parts)


def _least(train: np.ndarray, images: np.ndarray, mirrored: bool) -> np.ndarray:
    """The distance of each image to the nearest row of `train`; `mirrored`: or to the nearest mirror image of one.

    An image is as far from a mirror image as its own mirror image is from the image.
    """
    views = (images, np.ascontiguousarray(images[..., ::-1])) if mirrored else (images,)
    return np.minimum.reduce([_nearest(train, flat(each))[1] for each in views])


def _rank_test(samples: np.ndarray, held_out: np.ndarray) -> CopyTest:
    from scipy.stats import mannwhitneyu  # imported here for the same reason

    if np.ptp(np.concatenate([samples, held_out])) == 0:
        return CopyTest(PERFECT, 0.5, 0.0)  # all distances are equal: the test would divide by 0
    found = mannwhitneyu(samples, held_out, alternative="less", method="asymptotic", use_continuity=False)
    share = float(1 - found.statistic / (len(samples) * len(held_out)))
    error = influence_error(_share_below(held_out, samples), _share_below(samples, held_out))
    return CopyTest(share, float(found.pvalue), error)


def _share_below(distances: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """The share of the distances that are below each limit, (len(limits),); an equal one counts ½."""
    ordered = np.sort(distances)
    places = [np.searchsorted(ordered, limits, side=side) for side in ("left", "right")]
    return sum(places) / (2 * len(distances))
