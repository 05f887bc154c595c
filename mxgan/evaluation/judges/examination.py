"""Test of a judge: changes of real images, at five levels each, that its Fréchet distance must put into order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.arrays import check_images
from mxgan.evaluation.frechet import FeatureStatistics, frechet_distance
from mxgan.evaluation.judges.changes import CHANGES, COLOUR, DROPPED, changed, kept_rows
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.runtime.draws import rng_for

__all__ = ["FOUND", "LEAST_IMAGES", "TEST_IMAGES", "JudgeTest", "judge_test"]

# In the record of a judge: what earlier versions did not write, and what the time of day decides.
FOUND = ("sees", "blind_to", "untestable", "seen_from", "judge_test", "seconds", "architecture")
TEST_IMAGES = 2000  # half of them are the reference
LEAST_IMAGES = 20
LEAST_LEFT = 10  # images at a level of dropped classes: the covariance of fewer says nothing
SPLITS = 10  # draws of real against real
CLEAR = 3.0  # standard deviations of real against real by which a change must raise the distance


@dataclass(frozen=True)
class JudgeTest:
    """What a judge sees.

    Attributes
    ----------
    real : mean and standard deviation of the Fréchet distances of real images from other real images.
    values : {change: the distances of the unchanged images and of the five levels, weakest first}; of dropped
        classes there are fewer levels if there are few classes or images.
    spreads : {change: standard deviation of real against real, with as many images as the change leaves}.
    images : the number of images on each side.
    untestable : changes that these images do not allow.
    """

    real: tuple
    values: dict
    spreads: dict
    images: int
    untestable: tuple = ()

    def sees(self, change: str) -> bool:
        """Whether the distances rise from level to level, and the last is clearly above that of unchanged images.

        A fall by less than the spread of real against real is none.
        """
        found, spread = self.values[change], self.spreads[change]
        rises = all(first < second + spread for first, second in zip(found, found[1:]))
        return rises and found[-1] > found[0] + CLEAR * spread

    def seen_from(self, change: str) -> Optional[int]:
        """The weakest level, from 1, whose distance is clearly above that of unchanged images; None if none is."""
        found, spread = self.values[change], self.spreads[change]
        clear = (level for level, value in enumerate(found) if value > found[0] + CLEAR * spread)
        return next(clear, None)

    def as_json(self) -> dict:
        """The record: `sees`, `blind_to` and `untestable`, lists of changes; `judge_test`, the distances.

        A change that raises the distance, but not from level to level, is in `blind_to` with its level in `seen_from`.
        """
        return {
            "sees": [name for name in self.values if self.sees(name)],
            "blind_to": [name for name in self.values if not self.sees(name)],
            "untestable": list(self.untestable),
            "seen_from": {name: self.seen_from(name) for name in self.values},
            "judge_test": {
                "images": self.images,
                "real": [float(f"{value:.4g}") for value in self.real],
                **{name: [float(f"{value:.4g}") for value in found] for name, found in self.values.items()},
            },
        }


def judge_test(
    network: FeatureNetwork, images: np.ndarray, labels: Optional[np.ndarray] = None, seed: int = 0
) -> JudgeTest:
    """Test a judge on real images that it was not trained on: half are the reference, the other half is changed.

    The same images are changed at all levels, so the distances of the levels differ by the change alone. For dropped
    classes, the same number of images is left at each level; levels that leave fewer than 10 are not tested, and if
    none leaves so many, the change is `untestable`.

    Parameters
    ----------
    network : the judge.
    images : (N, C, S, S) in [-1, 1], N ≥ 20. Grey images leave out the changes of colour.
    labels : (N,) the classes of the images; None: images with an extreme colour or brightness are dropped instead of
        classes.
    seed : decides the halves and the noise.

    Raises
    ------
    ArgumentError : there are fewer images.
    """
    images = check_images("images", images)
    if len(images) < LEAST_IMAGES:
        raise ArgumentError(f"{len(images)} images are too few to test a judge; give at least {LEAST_IMAGES}.")
    order = rng_for("judge test", seed, 0).permutation(len(images))
    half = len(images) // 2
    first, second = order[:half], order[half : 2 * half]
    grey = bool((images == images[:, :1]).all())
    own = network.features_and_probabilities(images).features
    reference = FeatureStatistics.of(own[first])
    whole, values, spreads, untestable = _real_against_real(own, half, half, seed), {}, {}, []
    for name in CHANGES:
        if name == DROPPED:
            rows = kept_rows(images[second], None if labels is None else labels[second], seed)
            rows = [kept for kept in rows if len(kept) >= LEAST_LEFT]
            if len(rows) < 2:  # the first of them is all images
                untestable.append(name)
                continue
            count = min(map(len, rows))
            values[name] = [_of_some(reference, own[second[kept]], count, seed) for kept in rows]
            spreads[name] = _real_against_real(own, half, count, seed)[1]
        elif grey and name in COLOUR:
            untestable.append(name)
        else:
            seen = (network.features_and_probabilities(each).features for each in changed(name, images[second], seed))
            values[name] = [_distance(reference, each) for each in (own[second], *seen)]
            spreads[name] = whole[1]
    return JudgeTest(whole, values, spreads, half, tuple(sorted(untestable)))


def _distance(reference: FeatureStatistics, features: np.ndarray) -> float:
    return frechet_distance(reference, FeatureStatistics.of(features))


def _of_some(reference: FeatureStatistics, features: np.ndarray, count: int, seed: int) -> float:
    """The mean distance of `count` of these features, over some draws: it depends on the number of images."""
    draws = (rng_for("judge test rows", seed, each).permutation(len(features))[:count] for each in range(SPLITS))
    return float(np.mean([_distance(reference, features[rows]) for rows in draws]))


def _real_against_real(features: np.ndarray, reference: int, count: int, seed: int) -> tuple:
    """(mean, standard deviation) of the distances of `count` real images from `reference` others, over some draws."""
    found = []
    for split in range(SPLITS):
        order = rng_for("judge test halves", seed, split).permutation(len(features))
        first, second = order[:reference], order[reference : reference + count]
        found.append(_distance(FeatureStatistics.of(features[first]), features[second]))
    return float(np.mean(found)), float(np.std(found, ddof=1))
