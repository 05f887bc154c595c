"""Test for copied training images, from pixel distances: are samples nearer to them than other real images are?"""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np

from mxgan.evaluation.arrays import check_images, same_images, some_rows
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.pixel_distances import chunks, exact_distances, flat
from mxgan.evaluation.resampling import influence_error
from mxgan.runtime.config import whole_number

__all__ = ["CopyTest", "copy_test", "measure_copies", "nearest"]

logger = logging.getLogger(__name__)

CLEAR = 3.0  # standard deviations that are no chance
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


class Ownership(NamedTuple):
    """Whether the real image nearest to a sample is a training image; smoothness of samples does not change it.

    nearest_trained : the share of samples of which it is, among training and held-out images; a tie counts ½.
    by_chance, by_chance_error : its mean and standard deviation if training images were no nearer than held-out ones.
    """

    nearest_trained: float
    by_chance: float
    by_chance_error: float


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
    train, held_out, samples = _checked(train, held_out, samples)
    base = flat(train)
    return _rank_test(*(_closest(base, side, mirrored)[1] for side in (samples, held_out)))


def _checked(train, held_out, samples) -> tuple:
    train, held_out = same_images(("train", "held_out"), train, held_out)
    train, samples = same_images(("train", "samples"), train, samples)
    check_images("held_out", held_out, least=2)
    check_images("samples", samples, least=2)
    return train, held_out, samples


def measure_copies(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `copies` of METRICS."""
    most, seed = whole_number("copy_images", settings.copy_images, 2), settings.seed
    held_out = some_rows(reference.held_out, most, seed, "held_out")
    rows = some_rows(samples.images, most, seed, "copies")
    train, held_out, rows = _checked(reference.images, held_out, rows)
    base, is_mirrored = flat(train), reference.mirrored
    near = _closest(base, rows, is_mirrored)
    found = _rank_test(near[1], _closest(base, held_out, is_mirrored)[1])
    owned = _ownership(near, _closest(flat(held_out), rows, is_mirrored), (len(train), len(held_out)))
    _warn_of_smooth(found, owned)
    counts = {"training_images": len(train), "held_out_images": len(held_out)}
    details = {"standard_error": found.standard_error, "p_value": found.p_value, "perfect": PERFECT, **counts}
    details.update(owned._asdict())
    if is_mirrored:
        details["mirrored"] = True
    return {"copies": Score(found.share, details)}


def _ownership(near: tuple, far: tuple, counts: tuple) -> Ownership:
    """From (indices, distances) of the training and of the held-out image nearest to each sample, and their numbers.

    By chance: the roles "training" and "held-out" are given to these real images at random. The number of samples that
    are nearest to each image stays, so that many samples nearest to one image count as one.
    """
    trained = np.where(near[1] == far[1], 0.5, near[1] < far[1])
    samples, images = len(trained), sum(counts)
    owners = np.bincount(near[0], trained, counts[0]), np.bincount(far[0], 1 - trained, counts[1])
    spread = np.concatenate(owners).std(ddof=1) / samples
    chance = counts[0] / images
    return Ownership(float(trained.mean()), chance, float(spread * np.sqrt(counts[1] * chance)))


def _warn_of_smooth(found: CopyTest, owned: Ownership) -> None:
    """Log if samples lie near the training images, and as near the held-out ones, as smooth and blank images do."""
    is_near = found.share > PERFECT + CLEAR * found.standard_error
    if is_near and owned.nearest_trained <= owned.by_chance + CLEAR * owned.by_chance_error:
        logger.warning(
            "copies is %.3g, but that is no sign of copies: for a share of %.3g of the samples the nearest real image "
            "is a training image, as often as by chance (%.3g ± %.2g). Smooth and blank samples are near all images; "
            "look at them.",
            found.share,
            owned.nearest_trained,
            owned.by_chance,
            owned.by_chance_error,
        )


def _nearest(train: np.ndarray, samples: np.ndarray) -> tuple:
    from sklearn.metrics import pairwise_distances_argmin  # imported here because it takes a tenth of a second

    indices = pairwise_distances_argmin(samples, train)  # a few at a time
    parts = [exact_distances(wanted, train[indices[start : start + len(wanted)]]) for start, wanted in chunks(samples)]
    return indices, np.concatenate(parts)


def _closest(train: np.ndarray, images: np.ndarray, mirrored: bool) -> tuple:
    """(indices, distances) of the row of `train` nearest to each image; `mirrored`: or its mirror image is.

    An image is as far from a mirror image as its own mirror image is from the image.
    """
    found = _nearest(train, flat(images))
    if not mirrored:
        return found
    other = _nearest(train, flat(np.ascontiguousarray(images[..., ::-1])))
    return tuple(np.where(other[1] < found[1], theirs, own) for own, theirs in zip(found, other))


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
