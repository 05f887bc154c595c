"""Estimate of the number of different samples, by the birthday paradox, from pixel distances."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.arrays import check_images, draws, same_images, some_rows
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.pixel_distances import CHUNK_NUMBERS, chunks, exact_distances, flat, squares
from mxgan.runtime.config import is_number, whole_number

__all__ = ["BirthdayEstimate", "birthday_estimate", "measure_birthday"]

BLOCK_ROWS = 256
NEAR_SHARE = 0.02  # share of the real images that have another one within the threshold for duplicates
MOST_PAIRS = 20_000  # enough duplicates for an estimate
ORDERS = 1000  # number of random orders in which a batch is filled
ROUNDING = 1e-5  # upper bound of the float32 error of a squared distance, relative to the images' squares


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
        different = np.unique(flat(reference), axis=0)  # a repeated image would have a neighbour at distance 0
        near = math.ceil(NEAR_SHARE * len(different)) - 1
        threshold = np.sort(_nearest_others(different))[near] if len(different) > 1 else 0.0
    elif not is_number(threshold, lambda distance: 0 <= distance < math.inf):
        raise ArgumentError(f"threshold is {threshold!r}; give a distance of 0 or more.")
    pairs, count = _duplicates(flat(images), threshold)
    batch = _batch_with_duplicate(pairs, count, draws("birthday", seed)) if len(pairs) else float(count)
    return BirthdayEstimate(batch**2, batch, not len(pairs), len(pairs), float(threshold))


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


def _blocks(rows: np.ndarray):
    """Blocks of (row numbers j, row numbers i, squared distances (J, I) in float32, infinite unless i < j), by j."""
    norms, step = squares(rows), max(1, min(BLOCK_ROWS, CHUNK_NUMBERS // rows.shape[1]))
    for first in range(0, len(rows), step):
        later = np.arange(first, min(first + step, len(rows)))
        for start, some in chunks(rows[: later[-1] + 1]):
            earlier = np.arange(start, start + len(some))
            squared = norms[later, None] + norms[earlier] - 2 * (rows[later] @ some.T)
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
    return np.concatenate([exact_distances(some, rows[who[start : start + len(some)]]) for start, some in chunks(rows)])


def _duplicates(rows: np.ndarray, threshold: float) -> tuple:
    """(pairs (P, 2) within the threshold, number of first rows compared): all rows, or enough for MOST_PAIRS pairs."""
    rounding = ROUNDING * (1 + squares(rows).max())
    found, compared = [np.empty((0, 2), dtype=np.int64)], 0
    size = max(1, CHUNK_NUMBERS // rows.shape[1])
    for later, earlier, squared in _blocks(rows):
        if compared <= later[0] and sum(map(len, found)) > MOST_PAIRS:
            break
        compared = later[-1] + 1
        pairs = np.argwhere(squared <= threshold**2 + rounding) + np.array([later[0], earlier[0]])
        for start in range(0, len(pairs), size):
            some = pairs[start : start + size]
            found.append(some[exact_distances(*rows[some.T]) <= threshold])
    return np.concatenate(found), compared


def _batch_with_duplicate(pairs: np.ndarray, count: int, rng: np.random.Generator) -> float:
    """The median over random orders of the number of images up to the first duplicate."""
    sizes = []
    for _ in range(ORDERS):
        place = np.empty(count, dtype=np.int64)
        place[rng.permutation(count)] = np.arange(1, count + 1)
        sizes.append(place[pairs].max(axis=1).min())
    return float(np.median(sizes))
