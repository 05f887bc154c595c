"""Test for copied training images, and estimate of the number of different samples, both from pixel distances."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.arrays import check_images, draws, same_images, some_rows
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.resampling import influence_error
from mxgan.runtime.config import is_number, whole_number

__all__ = [
    "BirthdayEstimate",
    "CopyTest",
    "birthday_estimate",
    "copy_test",
    "measure_birthday",
    "measure_copies",
    "nearest",
]

CHUNK_NUMBERS = 2**23  # pixels of one side held at a time: 32 MiB in float32
CHUNK_ROWS = 2048
BLOCK_ROWS = 256
NEAR_SHARE = 0.02  # share of the real images that have another one within the threshold for duplicates
MOST_PAIRS = 20_000  # enough duplicates for an estimate
ORDERS = 1000  # number of random orders in which a batch is filled
ROUNDING = 1e-5  # upper bound of the float32 error of a squared distance, relative to the images' squares


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


class BirthdayEstimate(NamedTuple):
    """Estimate of the number of different images, from the number of images until two are the same.

    support : the estimate, `batch` squared; only its order of magnitude is meaningful.
    batch : the smallest number of images that contains a duplicate pair with probability ½.
    at_least : True if no duplicate was found. Then `batch` is the number of images, and both values are lower bounds.
    duplicates : the number of duplicate pairs found; the search stops after 20,000.
    threshold : the largest distance of two images that are duplicates.
    """

    support: float
    batch: float
    at_least: bool
    duplicates: int
    threshold: float


def nearest(train, samples) -> tuple:
    """The training image nearest to each sample, by the L2 norm of all pixels: (indices (M,), distances (M,)).

    Parameters
    ----------
    train, samples : (N, C, H, W) and (M, C, H, W) in [-1, 1]. N and M may be large: the search takes a few at a time.

    The search is in float32. The distances of the images found are then computed in float64: 0 for a copy.
    """
    train, samples = same_images(("train", "samples"), train, samples)
    return _nearest(_flat(train), _flat(samples))


def copy_test(train, held_out, samples, mirrored: bool = False) -> CopyTest:
    """Rank test: are samples nearer to the training images than held-out real images are?

    Parameters
    ----------
    train, held_out, samples : images (N, C, H, W) in [-1, 1]. The held-out images are real images of the same
        distribution that were not used in training.
    mirrored : whether the mirror images (left and right exchanged) of the training images were trained on too. Then
        they are searched too, for samples and held-out images alike.

    The test compares the distances to the nearest training image. A share near 1 means that samples are copies; a share
    far below ½ means that samples are farther from the training images than real images are. Blurred samples are nearer
    in pixels without being copies, so look at the nearest images too.

    Raises ShapeError and ArgumentError for invalid images, or for fewer than 2 held-out images or samples.

    Source: Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models", with
    one cell and the opposite sign; Mann & Whitney 1947.
    """
    train, held_out = same_images(("train", "held_out"), train, held_out)
    train, samples = same_images(("train", "samples"), train, samples)
    check_images("held_out", held_out, least=2)
    check_images("samples", samples, least=2)
    base = _flat(train)
    return _rank_test(*(_least(base, side, mirrored) for side in (samples, held_out)))


def birthday_estimate(images, *, reference=None, threshold: Optional[float] = None, seed: int = 0) -> BirthdayEstimate:
    """The size of the generator's support, by the birthday paradox: about s² if s images contain a duplicate pair.

    Parameters
    ----------
    images : samples (N, C, H, W) in [-1, 1], N ≥ 2.
    reference, threshold : give one of the two. `threshold` (L2 norm of all pixels, ≥ 0) is the largest distance of
        duplicates. With real images `reference`, the threshold is the distance within which 1 in 50 of these images
        has another one; identical real images count once. Then compare the estimate with that of the same number of
        real images by the same threshold.
    seed : seed of the orders in which batches are filled.

    s is a median: a batch is filled in 1,000 random orders, and each order gives the number of images at the first
    duplicate. For equally likely images, s² is the support up to a factor (2 log 2 = 1.39); for other distributions it
    is a lower bound.

    Raises ShapeError and ArgumentError for invalid images or an invalid threshold.

    Source: Arora, Risteski & Zhang 2018, "Do GANs learn the distribution? Some theory and empirics", where people
    judge the duplicates.
    """
    images = check_images("images", images, least=2)
    if (reference is None) == (threshold is None):
        raise ArgumentError("give reference or threshold, one of the two.")
    if reference is not None:
        images, reference = same_images(("images", "reference"), images, reference, least=2)
        different = np.unique(_flat(reference), axis=0)  # a repeated image would have a neighbour at distance 0
        near = math.ceil(NEAR_SHARE * len(different)) - 1
        threshold = np.sort(_nearest_others(different))[near] if len(different) > 1 else 0.0
    elif not is_number(threshold, lambda distance: 0 <= distance < math.inf):
        raise ArgumentError(f"threshold is {threshold!r}; give a distance of 0 or more.")
    pairs, count = _duplicates(_flat(images), threshold)
    batch = _batch_with_duplicate(pairs, count, draws("birthday", seed)) if len(pairs) else float(count)
    return BirthdayEstimate(batch**2, batch, not len(pairs), len(pairs), float(threshold))


def measure_copies(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `copies` of METRICS."""
    most, seed = whole_number("copy_images", settings.copy_images, 2), settings.seed
    held_out = some_rows(reference.held_out, most, seed, "held_out")
    rows = some_rows(samples.images, most, seed, "copies")
    found = copy_test(reference.images, held_out, rows, reference.mirrored)
    counts = {"training_images": len(reference.images), "held_out_images": len(held_out)}
    details = {"standard_error": found.standard_error, "p_value": found.p_value, **counts}
    if reference.mirrored:
        details["mirrored"] = True
    return {"copies": Score(found.share, details)}


def measure_birthday(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `birthday` of METRICS. It has no standard error: the estimate is an order of magnitude.

    Duplicates come in groups, and the threshold is itself a small share of the real images; compare with `reference`.
    """
    count = min(
        whole_number("birthday_images", settings.birthday_images, 2), len(reference.images), len(samples.images)
    )
    real, fake = (some_rows(side.images, count, settings.seed, "birthday") for side in (reference, samples))
    found = birthday_estimate(fake, reference=real, seed=settings.seed)
    own = birthday_estimate(real, threshold=found.threshold, seed=settings.seed)
    details = found._asdict()
    return {"birthday": Score(details.pop("support"), {**details, "reference": own.support, "images": count})}


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def _chunks(rows: np.ndarray):
    """All rows in chunks: (index of the first row, rows)."""
    size = max(1, min(CHUNK_ROWS, CHUNK_NUMBERS // rows.shape[1]))
    for start in range(0, len(rows), size):
        yield start, rows[start : start + size]


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows, rows)


def _exact(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distance of each a[i] to b[i], computed in float64."""
    return np.sqrt(_squares(a.astype(np.float64) - b))


def _nearest(train: np.ndarray, samples: np.ndarray) -> tuple:
    from sklearn.metrics import pairwise_distances_argmin  # imported here because it takes a tenth of a second

    indices = pairwise_distances_argmin(samples, train)  # a few at a time
    parts = [_exact(wanted, train[indices[start : start + len(wanted)]]) for start, wanted in _chunks(samples)]
    return indices, np.concatenate(parts)


def _least(train: np.ndarray, images: np.ndarray, mirrored: bool) -> np.ndarray:
    """The distance of each image to the nearest row of `train`; `mirrored`: or to the nearest mirror image of one.

    An image is as far from a mirror image as its own mirror image is from the image.
    """
    views = (images, np.ascontiguousarray(images[..., ::-1])) if mirrored else (images,)
    return np.minimum.reduce([_nearest(train, _flat(each))[1] for each in views])


def _rank_test(samples: np.ndarray, held_out: np.ndarray) -> CopyTest:
    from scipy.stats import mannwhitneyu  # imported here for the same reason

    if np.ptp(np.concatenate([samples, held_out])) == 0:
        return CopyTest(0.5, 0.5, 0.0)  # all distances are equal: the test would divide by 0
    found = mannwhitneyu(samples, held_out, alternative="less", method="asymptotic", use_continuity=False)
    share = float(1 - found.statistic / (len(samples) * len(held_out)))
    error = influence_error(_share_below(held_out, samples), _share_below(samples, held_out))
    return CopyTest(share, float(found.pvalue), error)


def _share_below(distances: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """The share of the distances that are below each limit, (len(limits),); an equal one counts ½."""
    ordered = np.sort(distances)
    places = [np.searchsorted(ordered, limits, side=side) for side in ("left", "right")]
    return sum(places) / (2 * len(distances))


def _blocks(rows: np.ndarray):
    """Blocks of (row numbers j, row numbers i, squared distances (J, I) in float32, infinite unless i < j), by j."""
    squares, step = _squares(rows), max(1, min(BLOCK_ROWS, CHUNK_NUMBERS // rows.shape[1]))
    for first in range(0, len(rows), step):
        later = np.arange(first, min(first + step, len(rows)))
        for start, some in _chunks(rows[: later[-1] + 1]):
            earlier = np.arange(start, start + len(some))
            squared = squares[later, None] + squares[earlier] - 2 * (rows[later] @ some.T)
            yield later, earlier, np.where(earlier < later[:, None], squared, np.inf)


def _nearest_others(rows: np.ndarray) -> np.ndarray:
    """The distance (N,) of each row to its nearest other row: searched in float32, then computed in float64."""
    least, who = np.full(len(rows), np.inf, dtype=np.float32), np.zeros(len(rows), dtype=np.int64)
    for later, earlier, squared in _blocks(rows):
        for axis, ours, theirs in ((1, later, earlier), (0, earlier, later)):
            found = squared.min(axis=axis)
            nearer = found < least[ours]
            who[ours[nearer]] = theirs[squared.argmin(axis=axis)[nearer]]
            least[ours[nearer]] = found[nearer]
    return np.concatenate([_exact(some, rows[who[start : start + len(some)]]) for start, some in _chunks(rows)])


def _duplicates(rows: np.ndarray, threshold: float) -> tuple:
    """(pairs (P, 2) within the threshold, number of first rows compared): all rows, or enough for MOST_PAIRS pairs."""
    rounding = ROUNDING * (1 + _squares(rows).max())
    found, compared = [np.empty((0, 2), dtype=np.int64)], 0
    size = max(1, CHUNK_NUMBERS // rows.shape[1])
    for later, earlier, squared in _blocks(rows):
        if compared <= later[0] and sum(map(len, found)) > MOST_PAIRS:
            break
        compared = later[-1] + 1
        pairs = np.argwhere(squared <= threshold**2 + rounding) + np.array([later[0], earlier[0]])
        for start in range(0, len(pairs), size):
            some = pairs[start : start + size]
            found.append(some[_exact(*rows[some.T]) <= threshold])
    return np.concatenate(found), compared


def _batch_with_duplicate(pairs: np.ndarray, count: int, rng: np.random.Generator) -> float:
    """The median over random orders of the number of images up to the first duplicate."""
    sizes = []
    for _ in range(ORDERS):
        place = np.empty(count, dtype=np.int64)
        place[rng.permutation(count)] = np.arange(1, count + 1)
        sizes.append(place[pairs].max(axis=1).min())
    return float(np.median(sizes))
