"""Has the generator learnt images by heart, and how many does it know? Both read off distances of pixels."""

from __future__ import annotations

import math
from numbers import Real
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.arrays import check_images, draws, same_images, some_rows
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.runtime.config import whole_number

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
NEAR_SHARE = 0.02  # of the real images have another one within the distance that makes two samples duplicates
MOST_PAIRS = 20_000  # duplicates enough for an estimate
ORDERS = 1000  # in which a batch is filled
ROUNDING = 1e-5  # of a squared distance in float32, relative to the images' squares: more than it can be


class CopyTest(NamedTuple):
    """How samples and held-out images compare in their distance to the training images.

    share : chance that a sample is nearer than a held-out image, ties by half: ½ when alike, 1 for copies.
    p_value : chance of so large a share when they are alike, one-sided.
    """

    share: float
    p_value: float


class BirthdayEstimate(NamedTuple):
    """How many different images there are, from how soon two are the same.

    support : `batch` squared: an order of magnitude.
    batch : the smallest number of images of which two are duplicates with a chance of ½.
    at_least : whether no duplicate was found, so that both are what they would be with one at the last image.
    duplicates : pairs of them that were found; beyond 20,000 no more are looked for.
    threshold : the distance up to which two images are duplicates.
    """

    support: float
    batch: float
    at_least: bool
    duplicates: int
    threshold: float


def nearest(train, samples) -> tuple:
    """(indices (M,), distances (M,)): of each sample the training image nearest to it, by the L2 norm of all pixels.

    Parameters
    ----------
    train, samples : (N, C, H, W) and (M, C, H, W) in [-1, 1]; any N and M, a few at a time are compared.

    The search is in float32; the distances of what was found are then exact: 0 for a copy.
    """
    train, samples = same_images(("train", "samples"), train, samples)
    return _nearest(_flat(train), _flat(samples))


def copy_test(train, held_out, samples) -> CopyTest:
    """Whether samples lie nearer to the training images than real images do which were not trained on.

    Parameters
    ----------
    train, held_out, samples : images (N, C, H, W) in [-1, 1]; held-out ones of the data's own distribution.

    A rank test on the distances to the nearest training image. Near 1 says copied; far below ½ says that samples are
    farther off than real images are. Blurred samples lie nearer in pixels without being copies: look at the nearest.

    Raises ShapeError and ArgumentError for images that are not these, or fewer than 2 held-out ones or samples.

    Source: Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models", with
    one cell and the sign turned; Mann & Whitney 1947.
    """
    train, held_out = same_images(("train", "held_out"), train, held_out)
    train, samples = same_images(("train", "samples"), train, samples)
    check_images("held_out", held_out, least=2)
    check_images("samples", samples, least=2)
    base = _flat(train)
    return _rank_test(_nearest(base, _flat(samples))[1], _nearest(base, _flat(held_out))[1])


def birthday_estimate(images, *, reference=None, threshold: Optional[float] = None, seed: int = 0) -> BirthdayEstimate:
    """The size of the generator's support, by the birthday paradox: s images of which two agree make it about s².

    Parameters
    ----------
    images : (N, C, H, W) in [-1, 1], N ≥ 2: samples.
    reference, threshold : one of them. Two samples are duplicates up to `threshold` (L2 norm of all pixels, ≥ 0),
        or up to the distance within which 1 in 50 of the real images `reference` has another one (none of them counts
        twice). Compare the estimate then with that of the real images by the same threshold, of as many.
    seed : of the orders in which batches are filled.

    For s the batch is filled in 1,000 random orders; it is the median of the sizes at which a duplicate came in. s² is
    the support for even chances up to a factor (2 log 2 = 1.39) and a lower bound for uneven ones.

    Raises ShapeError and ArgumentError for images or a threshold that are not these.

    Source: Arora, Risteski & Zhang 2018, "Do GANs learn the distribution? Some theory and empirics", where people
    judge the duplicates.
    """
    images = check_images("images", images, least=2)
    if (reference is None) == (threshold is None):
        raise ArgumentError("give reference or threshold, one of the two.")
    if reference is not None:
        images, reference = same_images(("images", "reference"), images, reference, least=2)
        different = np.unique(_flat(reference), axis=0)  # an image twice says nothing of the others
        near = math.ceil(NEAR_SHARE * len(different)) - 1
        threshold = np.sort(_nearest_others(different))[near] if len(different) > 1 else 0.0
    elif isinstance(threshold, bool) or not isinstance(threshold, Real) or not 0 <= threshold < math.inf:
        raise ArgumentError(f"threshold is {threshold!r}; give a distance of 0 or more.")
    pairs, count = _duplicates(_flat(images), threshold)
    batch = _batch_with_duplicate(pairs, count, draws("birthday", seed)) if len(pairs) else float(count)
    return BirthdayEstimate(batch**2, batch, not len(pairs), len(pairs), float(threshold))


def measure_copies(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `copies` of METRICS."""
    most, seed = whole_number("copy_images", settings.copy_images, 2), settings.seed
    held_out = some_rows(reference.held_out, most, seed, "held_out")
    found = copy_test(reference.images, held_out, some_rows(samples.images, most, seed, "copies"))
    counts = {"training_images": len(reference.images), "held_out_images": len(held_out)}
    return {"copies": Score(found.share, {"p_value": found.p_value, **counts})}


def measure_birthday(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `birthday` of METRICS."""
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
    """(first row, some rows), until all were given."""
    size = max(1, min(CHUNK_ROWS, CHUNK_NUMBERS // rows.shape[1]))
    for start in range(0, len(rows), size):
        yield start, rows[start : start + size]


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows, rows)


def _exact(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distance of each a[i] to b[i] in float64."""
    return np.sqrt(_squares(a.astype(np.float64) - b))


def _nearest(train: np.ndarray, samples: np.ndarray) -> tuple:
    from sklearn.metrics import pairwise_distances_argmin  # a tenth of a second of imports, so only here

    indices = pairwise_distances_argmin(samples, train)  # a few at a time
    parts = [_exact(wanted, train[indices[start : start + len(wanted)]]) for start, wanted in _chunks(samples)]
    return indices, np.concatenate(parts)


def _rank_test(samples: np.ndarray, held_out: np.ndarray) -> CopyTest:
    from scipy.stats import mannwhitneyu  # likewise

    if np.ptp(np.concatenate([samples, held_out])) == 0:
        return CopyTest(0.5, 0.5)  # all distances are one, which the test divides by 0 for
    found = mannwhitneyu(samples, held_out, alternative="less", method="asymptotic", use_continuity=False)
    return CopyTest(float(1 - found.statistic / (len(samples) * len(held_out))), float(found.pvalue))


def _blocks(rows: np.ndarray):
    """(row numbers j, row numbers i, squared distances (J, I) in float32, infinity unless i < j), j by j."""
    squares, step = _squares(rows), max(1, min(BLOCK_ROWS, CHUNK_NUMBERS // rows.shape[1]))
    for first in range(0, len(rows), step):
        later = np.arange(first, min(first + step, len(rows)))
        for start, some in _chunks(rows[: later[-1] + 1]):
            earlier = np.arange(start, start + len(some))
            squared = squares[later, None] + squares[earlier] - 2 * (rows[later] @ some.T)
            yield later, earlier, np.where(earlier < later[:, None], squared, np.inf)


def _nearest_others(rows: np.ndarray) -> np.ndarray:
    """The distance (N,) of each row to the nearest of the others: found in float32, then exact."""
    least, who = np.full(len(rows), np.inf, dtype=np.float32), np.zeros(len(rows), dtype=np.int64)
    for later, earlier, squared in _blocks(rows):
        for axis, ours, theirs in ((1, later, earlier), (0, earlier, later)):
            found = squared.min(axis=axis)
            nearer = found < least[ours]
            who[ours[nearer]] = theirs[squared.argmin(axis=axis)[nearer]]
            least[ours[nearer]] = found[nearer]
    return np.concatenate([_exact(some, rows[who[start : start + len(some)]]) for start, some in _chunks(rows)])


def _duplicates(rows: np.ndarray, threshold: float) -> tuple:
    """(pairs (P, 2) within the threshold, how many rows from the first were compared: all, or enough of them)."""
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
    """The median over random orders of how many images come until two are a pair."""
    sizes = []
    for _ in range(ORDERS):
        place = np.empty(count, dtype=np.int64)
        place[rng.permutation(count)] = np.arange(1, count + 1)
        sizes.append(place[pairs].max(axis=1).min())
    return float(np.median(sizes))
