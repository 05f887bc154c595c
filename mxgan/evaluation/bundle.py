"""The arguments and the result of a metric: `Bundle`, `Settings`, `Score`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np

__all__ = ["Bundle", "Score", "Settings", "best_in_words"]


@dataclass(frozen=True)
class Bundle:
    """Images of one side (real or generated) and their features, one row for each image; None if missing.

    Attributes
    ----------
    images : float32 (N, C, H, W) in [-1, 1].
    features : (N, D), from the feature network of the data set.
    probabilities : (N, K), from the same network; each row sums to 1.
    labels : (N,) whole numbers. Real images: their classes, for the label histogram. Samples: the classes that the
        generator was asked for.
    inception : (N, D), features of an Inception network, only for `fid`.
    held_out : (M, C, H, W), real images that the run was not trained on; only read from the reference.
    accuracy : (share, number) of held-out images that the network puts into their class, where it was trained on the
        images of the reference; only read from the reference.
    mirrored : whether the run was trained on mirror images of these too, for `copies`; only read from the reference.
    """

    images: Optional[np.ndarray] = None
    features: Optional[np.ndarray] = None
    probabilities: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None
    inception: Optional[np.ndarray] = None
    held_out: Optional[np.ndarray] = None
    accuracy: Optional[tuple] = None
    mirrored: bool = False


@dataclass(frozen=True)
class Settings:
    """Settings of the metrics, a part of the protocol that is published with the scores.

    Attributes
    ----------
    seed : seed of all random draws: patches, directions, pairs, subsets.
    pyramid : for `swd`: a key of `PYRAMIDS`.
    subsets, subset_size : for `kernel`: number and size of the subsets. The size is at most half the number of features
        of the smaller side.
    precision_neighbours, coverage_neighbours : k of precision and recall; k of density and coverage.
    splits : for `classifier_score`: number of parts.
    manifold_rows : for precision, recall, density and coverage: the largest number of features of each side, drawn at
        random. The time grows with its square.
    missing_share : for `missing_classes`: a class is missing if its share of the samples is less than this times its
        share of the data.
    copy_images : for `copies`: the largest number of samples and of held-out images, drawn at random.
    birthday_images : for `birthday`: the largest number of samples, drawn at random.
    """

    seed: int = 0
    pyramid: str = "mirrored"
    subsets: int = 100
    subset_size: int = 1000
    precision_neighbours: int = 3
    coverage_neighbours: int = 5
    splits: int = 10
    manifold_rows: int = 20_000
    missing_share: float = 0.1
    copy_images: int = 2000
    birthday_images: int = 5000


class Score(NamedTuple):
    """The value of one metric and its details: {name: text, number or list}, all valid in JSON.

    The value is finite, with one exception: `label_kl` is infinite if samples are of a class that the reference lacks.
    """

    value: float
    details: dict = {}  # noqa: RUF012  never written to


def best_in_words(better: Optional[str], details: Mapping) -> str:
    """What is best: the direction, "min" or "max", and the value of the data, with its number of images, where known.

    Of `copies`: its perfect value, and the number of held-out images.

    `details` are those of a Score, or a result in the JSON of an evaluation.

    >>> best_in_words("min", {"real": 0.25, "real_images": 1500})
    'min, 0.25 (data, 1,500)'
    >>> best_in_words(None, {"reference": 0.1522})
    '0.1522 (data)'
    >>> best_in_words(None, {"perfect": 0.5, "held_out_images": 10})
    '0.5 (10 held out)'
    """
    if "perfect" in details:
        return f"{details['perfect']:g} ({details.get('held_out_images', 0):,} held out)"
    own, count = details.get("real", details.get("reference")), details.get("real_images")
    if not isinstance(own, float):
        return better or ""
    if not better:
        return f"{own:.5g} (data)"
    return f"{better}, {own:.3g} (data{f', {count:,}' if isinstance(count, int) and count else ''})"
