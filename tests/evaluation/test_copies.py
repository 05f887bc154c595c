"""Nearest images against scikit-learn, the copy test against SciPy's, the birthday estimate against known supports."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation import birthday, copies, pixel_distances
from mxgan.evaluation.birthday import birthday_estimate
from mxgan.evaluation.bundle import Bundle, Settings
from mxgan.evaluation.copies import copy_test, nearest
from mxgan.evaluation.metrics import METRICS


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64)


def noise(seed: int, count: int, size: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 1, size, size)).astype(np.float32)


# ---- nearest ----


@pytest.mark.parametrize("rows, numbers", [(2048, 2**23), (7, 2**23), (2048, 3 * 1024)])
def test_nearest_is_scikit_learns(digits, monkeypatch, rows, numbers):
    monkeypatch.setattr(pixel_distances, "CHUNK_ROWS", rows)
    monkeypatch.setattr(pixel_distances, "CHUNK_NUMBERS", numbers)
    train, samples = digits[:200], digits[200:]
    distances, indices = NearestNeighbors(n_neighbors=1).fit(flat(train)).kneighbors(flat(samples))
    found = nearest(train, samples)
    np.testing.assert_array_equal(found[0], indices[:, 0])
    np.testing.assert_allclose(found[1], distances[:, 0], rtol=1e-9)


def test_copies_are_found_at_distance_0(digits):
    chosen = [17, 4, 4, 299]
    indices, distances = nearest(digits, digits[chosen])
    np.testing.assert_array_equal(distances, 0)
    np.testing.assert_array_equal(digits[indices], digits[chosen])


# ---- copy test ----


def test_real_images_are_no_copies(digits):
    found = copy_test(digits[:100], digits[100:200], digits[200:])
    assert found.share == pytest.approx(0.5, abs=0.12)
    assert 0.01 < found.p_value < 0.99


def test_blank_samples_are_no_copies_and_are_near_1_too(caplog):
    """Why the value is to be trusted for sharp samples only; the summary and docs/evaluation.md say it."""
    textures = np.random.default_rng(0).uniform(-1, 1, (200, 1, 16, 16)).astype(np.float32)
    blank = np.zeros((50, 1, 16, 16), np.float32)
    assert copy_test(textures[:100], textures[100:], blank).share > 0.9
    score = copies.measure_copies(
        Bundle(images=textures[:100], held_out=textures[100:]), Bundle(images=blank), Settings()
    )
    assert score["copies"].details["by_chance"] == 0.5
    assert score["copies"].details["by_chance_error"] == pytest.approx(0.5, abs=0.01), "all lie nearest to one image"
    assert "no sign of copies: for a share of " in caplog.text
    assert "blank ones are near 1 too" in METRICS["copies"].summary


def test_the_nearest_real_image_of_a_copy_is_a_training_image(digits, caplog):
    sides = Bundle(images=digits[:200], held_out=digits[200:220]), Bundle(images=digits[:150] * np.float32(0.99))
    details = copies.measure_copies(*sides, Settings())["copies"].details
    assert (details["nearest_trained"], details["by_chance"]) == (1.0, 200 / 220)
    assert details["nearest_trained"] > details["by_chance"] + 4 * details["by_chance_error"]
    assert not caplog.messages


def test_what_is_by_chance_is_the_spread_over_draws_of_the_training_images(digits):
    real, samples, rng = digits[:120], digits[150:250], np.random.default_rng(0)
    shares, told = [], []
    for _ in range(300):
        order = rng.permutation(120)
        sides = Bundle(images=real[order[:90]], held_out=real[order[90:]]), Bundle(images=samples)
        details = copies.measure_copies(*sides, Settings())["copies"].details
        shares.append(details["nearest_trained"])
        told.append(details["by_chance_error"])
    assert np.mean(shares) == pytest.approx(0.75, abs=0.01)
    assert np.std(shares) == pytest.approx(np.mean(told), rel=0.15)


def test_mirrored_copies_are_copies_if_the_run_was_trained_on_mirror_images(digits):
    train, held_out, samples = digits[:100], digits[100:200], digits[:80, :, :, ::-1]
    assert copy_test(train, held_out, samples).share < 0.9
    found = copy_test(train, held_out, samples, mirrored=True)
    assert found.share == 1
    both = np.concatenate([train, train[..., ::-1]])
    assert copy_test(both, held_out, digits[200:]) == copy_test(train, held_out, digits[200:], mirrored=True)
    sides = Bundle(images=train, held_out=held_out, mirrored=True), Bundle(images=samples)
    score = copies.measure_copies(*sides, Settings())["copies"]
    assert (score.value, score.details["mirrored"]) == (1, True)
    assert (
        "mirrored"
        not in copies.measure_copies(replace(sides[0], mirrored=False), sides[1], Settings())["copies"].details
    )


def test_it_is_the_rank_test_counted_out(digits):
    """Every pair compared, and Mann and Whitney's variance with the correction for ties."""
    train, held_out, samples = digits[:100], digits[100:180], np.concatenate([digits[180:], digits[:9]])
    near, far = (cdist(flat(side), flat(train)).min(axis=1) for side in (samples, held_out))
    share = (np.sign(far - near[:, None]) / 2 + 0.5).mean()
    _, ties = np.unique(np.concatenate([near, far]), return_counts=True)
    n, m, count = near.size, far.size, near.size + far.size
    variance = (count + 1 - (ties**3 - ties).sum() / (count * (count - 1))) / (12 * n * m)
    found = copy_test(train, held_out, samples)
    assert (ties > 1).any()  # copies, at distance 0
    assert found.share == pytest.approx(share, rel=1e-12)
    assert found.p_value == pytest.approx(stats.norm.sf((share - 0.5) / np.sqrt(variance)), rel=1e-6)


def test_copies_and_near_copies_are_called_so(digits):
    train, held_out = digits[:150], digits[150:]
    exact = copy_test(train, held_out, train)
    assert exact.share > 0.99
    assert exact.p_value < 1e-9
    shares = [
        copy_test(train, held_out, np.clip(train + s * noise(0, 150, 32), -1, 1)).share for s in (0, 0.1, 0.4, 0.8)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[1] > 0.9 > 0.1 > shares[-1]


def test_one_copy_in_three_is_enough(digits):
    mixed = np.concatenate([digits[:30], digits[240:]])
    assert copy_test(digits[:100], digits[100:200], mixed).p_value < 0.01


def test_distances_that_are_all_one():
    one = np.zeros((5, 1, 4, 4), dtype=np.float32)
    assert copy_test(one, one, one) == (0.5, 0.5, 0.0)


# ---- birthday ----


@pytest.mark.parametrize("support", [50, 400])
def test_birthday_of_a_known_support(support):
    """Even chances: half of the batches of about √(2 log 2 · support) images hold a pair (the birthday paradox)."""
    different = noise(0, support)
    images = different[np.random.default_rng(1).integers(0, support, 2000)]
    found = birthday_estimate(images, threshold=1e-3)
    chance, batch = 1.0, 1
    while chance > 0.5:
        chance *= 1 - batch / support
        batch += 1
    assert found.batch == pytest.approx(batch, rel=0.1)
    assert found.support == found.batch**2
    assert not found.at_least


def test_birthday_against_real_images(digits):
    """The threshold is where 1 in 50 real ones has another; a few images again and again are found out."""
    reference, samples = digits[:150], digits[150:]
    found = birthday_estimate(samples, reference=reference)
    near = np.sort(NearestNeighbors(n_neighbors=2).fit(flat(reference)).kneighbors()[0][:, 0])
    assert found.threshold == pytest.approx(near[2], rel=1e-9)  # the third of 150
    within = pairwise_distances(flat(samples))[np.triu_indices(150, 1)] <= found.threshold
    assert found.duplicates == within.sum()
    few = np.clip(samples[np.arange(150) % 20] + 0.01 * noise(0, 150, 32), -1, 1)
    assert birthday_estimate(few, reference=reference).support < 60 < found.support
    twice = np.concatenate([reference, reference[:1]])  # an image that the data have twice is no measure
    assert birthday_estimate(samples, reference=twice).threshold == found.threshold
    assert birthday_estimate(samples, reference=reference[:1].repeat(3, axis=0)).threshold == 0


def test_birthday_without_a_duplicate_says_at_least():
    found = birthday_estimate(noise(0, 100), threshold=1e-3)
    assert found == (10000.0, 100.0, True, 0, 1e-3)


def test_birthday_of_a_collapsed_generator():
    """All images are one: 4,498,500 pairs are not looked through, and two images are enough."""
    found = birthday_estimate(np.repeat(noise(0, 1), 3000, axis=0), threshold=0.0)
    assert found.batch == 2
    assert birthday.MOST_PAIRS < found.duplicates < 2 * birthday.MOST_PAIRS


def test_birthday_does_not_hang_on_blocks(digits, monkeypatch):
    few = digits[np.arange(300) % 40]
    whole = birthday_estimate(few, threshold=0.5)
    monkeypatch.setattr(birthday, "BLOCK_ROWS", 11)
    monkeypatch.setattr(pixel_distances, "CHUNK_ROWS", 13)
    assert birthday_estimate(few, threshold=0.5)[3:] == whole[3:]
    others = NearestNeighbors(n_neighbors=1).fit(flat(digits)).kneighbors()[0][:, 0]
    np.testing.assert_allclose(birthday._nearest_others(flat(digits)), others, rtol=1e-9)


def test_bad_calls(digits):
    with pytest.raises(ShapeError, match=r"^train are \(N, 1, 32, 32\), samples \(N, 1, 16, 16\); give both"):
        nearest(digits, digits[:, :, :16, :16])
    with pytest.raises(ShapeError, match="^train has 0 images; give at least 1."):
        nearest(digits[:0], digits)
    with pytest.raises(ShapeError, match="^held_out has 1 images; give at least 2."):
        copy_test(digits, digits[:1], digits)
    with pytest.raises(ShapeError, match="^samples has 1 images; give at least 2."):
        copy_test(digits, digits, digits[:1])
    with pytest.raises(ArgumentError, match="^samples hold NaN or infinity"):
        copy_test(digits, digits, digits * np.nan)
    with pytest.raises(ShapeError, match="^images has 1 images; give at least 2."):
        birthday_estimate(digits[:1], threshold=1.0)
    for settings in ({}, {"reference": digits, "threshold": 1.0}):
        with pytest.raises(ArgumentError, match="^give reference or threshold, one of the two."):
            birthday_estimate(digits, **settings)
    for threshold in (-1, math.nan, math.inf, True, "1"):
        with pytest.raises(ArgumentError, match=f"^threshold is {threshold!r}; give a distance of 0 or more."):
            birthday_estimate(digits, threshold=threshold)
