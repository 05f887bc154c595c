"""Precision, recall, density and coverage against scikit-learn's neighbours and what they must be."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation import manifold, manifold_halves
from mxgan.evaluation.bundle import Bundle, Settings
from mxgan.evaluation.manifold import manifold_scores


def cloud(seed: int, count: int = 200, size: int = 3, mean=0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, size)) + mean


def radii(points: np.ndarray, k: int) -> np.ndarray:
    return NearestNeighbors(n_neighbors=k).fit(points).kneighbors()[0][:, -1]  # without itself


@pytest.mark.parametrize("counts, size, ks", [((120, 150), 3, (3, 5)), ((60, 40), 50, (1, 7)), ((9, 200), 2, (8, 1))])
def test_it_is_scikit_learns_neighbours(counts, size, ks):
    real, fake = cloud(0, counts[0], size) + 100, cloud(1, counts[1], size, 0.5) + 100
    distances = pairwise_distances(real, fake)
    inside = distances <= radii(real, ks[1])[:, None]
    expected = {
        "precision": (distances <= radii(real, ks[0])[:, None]).any(axis=0).mean(),
        "recall": (distances <= radii(fake, ks[0])).any(axis=1).mean(),
        "density": inside.sum() / (ks[1] * len(fake)),
        "coverage": inside.any(axis=1).mean(),
    }
    found = manifold_scores(real, fake, precision_neighbours=ks[0], coverage_neighbours=ks[1])
    assert found == pytest.approx(expected, abs=1e-12)
    assert 0 < found["precision"] < 1 or ks[0] == 8


def test_the_same_and_what_has_nothing_in_common():
    a = cloud(0)
    same = manifold_scores(a, a)
    assert [same[name] for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    assert set(manifold_scores(a, cloud(1, mean=100)).values()) == {0.0}


def test_samples_as_good_as_the_data():
    """Coverage 1 − 2⁻ᵏ and density 1, as Naeem et al. derive them (their lemmas 1 and 2)."""
    found = manifold_scores(cloud(0, 3000, 8), cloud(1, 3000, 8), coverage_neighbours=3)
    assert found["coverage"] == pytest.approx(1 - 2**-3, abs=0.02)
    assert found["density"] == pytest.approx(1, abs=0.05)


def test_swapping_the_sides_swaps_precision_and_recall():
    a, b = cloud(0), cloud(1, mean=0.7)
    forth, back = manifold_scores(a, b), manifold_scores(b, a)
    assert forth["precision"] == back["recall"] != forth["recall"] == back["precision"]


def test_missing_modes_and_bad_samples_tell_apart():
    """Half the modes: recall and coverage fall, precision stays. Half noise: precision and density fall."""
    modes = np.concatenate([cloud(0), cloud(1, mean=50)])
    good = np.concatenate([cloud(2), cloud(3, mean=50)])
    half = np.concatenate([cloud(2), cloud(3)])
    noise = np.concatenate([good[::2], cloud(4, mean=-50)])
    good, half, noise = (manifold_scores(modes, each) for each in (good, half, noise))
    assert half["recall"] < 0.6 * good["recall"]
    assert half["coverage"] < 0.6 * good["coverage"]
    assert half["precision"] > 0.9 * good["precision"]
    assert noise["precision"] < 0.6 * good["precision"]
    assert noise["density"] < 0.6 * good["density"]


def test_they_fall_with_noise():
    real, fake = cloud(0, 500), cloud(1, 500)
    rng = np.random.default_rng(2)
    found = [manifold_scores(real, fake + s * rng.standard_normal(fake.shape)) for s in (0, 1, 2, 4)]
    for name in ("precision", "density", "coverage"):
        values = [each[name] for each in found]
        assert values == sorted(values, reverse=True)
        assert values[-1] < values[0] / 2


def test_equal_features_lie_in_each_others_balls():
    """A generator that has collapsed: no division by the radius 0."""
    found = manifold_scores(cloud(0), np.zeros((50, 3)))
    assert found["precision"] == 1
    assert found["recall"] == 0
    assert set(manifold_scores(np.ones((9, 3)), np.ones((8, 3))).values()) == {1.0, 9 / 5}


def test_chunks_change_nothing(monkeypatch):
    a, b = cloud(0, 101), cloud(1, 53)
    whole = manifold_scores(a, b)
    monkeypatch.setattr(manifold, "CHUNK_DISTANCES", 7 * 101)
    assert manifold_scores(a, b) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize(
    "settings, error, text",
    [
        (
            {"fake": cloud(0, 5)},
            ArgumentError,
            "there are 200 real and 5 fake features for 5 neighbours; give at least 6",
        ),
        ({"precision_neighbours": 0}, ArgumentError, "precision_neighbours is 0; give a whole number from 1"),
        ({"coverage_neighbours": 2.5}, ArgumentError, "coverage_neighbours is 2.5; give a whole number from 1"),
        ({"fake": cloud(0, 9, 4)}, ShapeError, "real has 3 features a row, fake 4"),
        ({"real": cloud(0) * np.inf}, ArgumentError, "real holds NaN or infinity"),
        ({"real": cloud(0)[0]}, ShapeError, r"real has shape \(3,\); give features"),
    ],
)
def test_bad_calls(settings, error, text):
    settings = {"real": cloud(0), "fake": cloud(1), **settings}
    with pytest.raises(error, match=f"^{text}"):
        manifold_scores(settings.pop("real"), settings.pop("fake"), **settings)


@pytest.mark.parametrize("spread", [1.0, 0.01])
def test_blocks_of_distances_give_the_same_errors_as_lists_of_pairs(monkeypatch, spread):
    draws, found = np.random.default_rng(0), []
    sides = Bundle(features=draws.normal(size=(61, 5))), Bundle(features=spread * draws.normal(size=(75, 5)))
    monkeypatch.setattr(manifold, "CHUNK_DISTANCES", 75 * 20)  # four chunks of real images
    for share in (0.0, 1.0):
        monkeypatch.setattr(manifold_halves, "FEW_PAIRS", share)
        found.append(manifold.measure_manifold(*sides, Settings()))
    assert found[0] == found[1]
    assert found[0]["recall"].details["standard_error"] > 0 or spread < 1


def test_no_list_is_made_of_the_pairs_of_samples_that_lie_in_most_balls(monkeypatch):
    pairs, nonzero = [], np.nonzero
    draws = np.random.default_rng(0)
    sides = Bundle(features=draws.normal(size=(200, 20))), Bundle(features=0.01 * draws.normal(size=(200, 20)))
    monkeypatch.setattr(np, "nonzero", lambda values: pairs.append(np.count_nonzero(values)) or nonzero(values))
    found = manifold.measure_manifold(*sides, Settings())
    assert found["density"].value > 20  # of 200 / k = 40: most pairs
    assert max(pairs, default=0) <= 200 * 200 / 16
