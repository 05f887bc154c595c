"""What a metric is called with, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np

__all__ = ["Bundle", "Score", "Settings"]


@dataclass(frozen=True)
class Bundle:
    """Images of one side and what a feature network made of them, row by row; None for what there is not.

    Attributes
    ----------
    images : float32 (N, C, H, W) in [-1, 1].
    features : (N, D) of the data set's own feature network.
    probabilities : (N, K) of the same network, each row summing to 1.
    labels : (N,) whole numbers: the data's own classes, for the reference's histogram; of samples, those asked for.
    inception : (N, D) of an Inception network, for `fid` alone.
    held_out : (M, C, H, W) real images that the run was not trained on. Read of the reference alone.
    """

    images: Optional[np.ndarray] = None
    features: Optional[np.ndarray] = None
    probabilities: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None
    inception: Optional[np.ndarray] = None
    held_out: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Settings:
    """What the metrics may be told: part of the protocol that is published with the figures.

    Attributes
    ----------
    seed : of every draw: patches, directions, pairs, subsets.
    pyramid : of `swd`, a key of `PYRAMIDS`.
    subsets, subset_size : of `kernel`; the size is cut to half of the features there are.
    precision_neighbours, coverage_neighbours : k of precision and recall, and of density and coverage.
    splits : of `classifier_score`.
    manifold_rows : so many features of each side, drawn at random, are compared, of precision, recall, density and
        coverage: time grows with their square.
    missing_share : a class is missing with less than this times its share of the data, of `missing_classes`.
    copy_images : so many samples and held-out images, drawn at random, are looked up, of `copies`.
    birthday_images : so many samples, drawn at random, are compared with each other, of `birthday`.
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
    """One metric's figure, and by name what belongs to it: words, numbers, or lists of them, fit for JSON.

    The value is finite, but for `label_kl` where samples are of a class that the reference has none of.
    """

    value: float
    details: dict = {}  # noqa: RUF012  never written to
