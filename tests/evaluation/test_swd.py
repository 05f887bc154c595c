"""Sliced Wasserstein distance against plain loops, OpenCV and a closed form; identity, symmetry, monotonicity."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation import swd, swd_patches
from mxgan.evaluation.arrays import draws
from mxgan.evaluation.resizing import resized
from mxgan.evaluation.swd import PYRAMIDS, sliced_wasserstein
from mxgan.runtime import cv2, memory
from tests.oracle.patch_distance import patch_distance


def noise(seed: int, count: int = 40, channels: int = 1, size: int = 32) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((count, channels, size, size))
    return np.clip(drawn / 3, -1, 1).astype(np.float32)


def three(images: np.ndarray) -> np.ndarray:
    return np.repeat(images, 3, axis=1)


@pytest.mark.parametrize(
    "name, edges, blow_up, height, width",
    [
        pytest.param("mirrored", "mirror", "zeros", 32, 32, marks=pytest.mark.long),
        pytest.param("padded", "zero", "repeat", 32, 32, marks=pytest.mark.long),
        ("padded", "zero", "repeat", 32, 48),
    ],
)
def test_it_is_the_plain_loops(digits, name, edges, blow_up, height, width):
    real, fake = resized(three(digits[:3]), (height, width)), resized(noise(0, 3, 3), (height, width))
    directions = draws("directions", 5).standard_normal((11, 3, 49))
    directions = directions.reshape(11, -1) / np.linalg.norm(directions.reshape(11, -1), axis=1, keepdims=True)
    sides = {32: (height, width), 16: (height // 2, width // 2)}
    places = {size: swd._places(5, each, 7, (3, 9)) for size, each in sides.items()}
    expected = patch_distance(real, fake, edges, blow_up, places, directions)
    found = sliced_wasserstein(real, fake, seed=5, patches_per_image=9, directions=11, pyramid=name)
    assert found.pop("mean") == pytest.approx(np.mean(list(expected.values())), rel=1e-5)
    assert found == pytest.approx(expected, rel=1e-5)
    assert list(found) == ["32", "16"]


@pytest.mark.parametrize(
    "name, side, levels",
    [
        ("padded", 64, ["64", "32", "16"]),
        ("padded", 128, ["128", "64", "32", "16"]),
        ("padded", 256, ["256", "128", "64", "32"]),
        ("mirrored", 256, ["256", "128", "64", "32", "16"]),
    ],
)
def test_the_padded_pyramid_has_four_levels_as_mmgenerations(name, side, levels):
    real, fake = noise(0, 3, size=side), noise(1, 3, size=side)
    found = sliced_wasserstein(real, fake, patches_per_image=2, directions=2, pyramid=name)
    assert list(found) == [*levels, "mean"]


def test_the_pyramid_is_opencvs(digits):
    down, up = swd._steps(32, "mirrored")
    for image in digits[:5, 0]:
        smaller = cv2.pyrDown(image)
        np.testing.assert_allclose(down @ image @ down.T, smaller, atol=1e-6)
        inside = (slice(2, -2), slice(2, -2))  # OpenCV's pyrUp has edges of its own
        np.testing.assert_allclose((up @ smaller @ up.T)[inside], cv2.pyrUp(smaller)[inside], atol=1e-6)


@pytest.mark.parametrize("name", PYRAMIDS)
def test_levels_add_up_to_the_image(digits, name):
    """A level that is blown up and added to the next finer one gives the image back, and even light is no detail."""
    down, up = swd._steps(32, name)
    level = digits - swd_patches.resample(swd_patches.resample(digits, down, down), up, up)
    np.testing.assert_allclose(level + up @ (down @ digits @ down.T) @ up.T, digits, atol=1e-6)
    even = up @ (down @ np.ones((32, 32)) @ down.T) @ up.T
    np.testing.assert_allclose(even[6:-6, 6:-6], 1, atol=1e-6)
    assert name != "mirrored" or np.abs(even - 1).max() < 1e-6


@pytest.mark.parametrize("name", PYRAMIDS)
def test_identity_and_symmetry(digits, name):
    a, b = digits[:60], digits[60:120]
    assert set(sliced_wasserstein(a, a, pyramid=name).values()) == {0.0}
    forth, back = sliced_wasserstein(a, b, pyramid=name), sliced_wasserstein(b, a, pyramid=name)
    assert forth == pytest.approx(back, rel=1e-6)
    assert min(forth.values()) > 0


def test_grey_is_three_equal_channels(digits):
    a, b = digits[:50], noise(1, 50)
    assert sliced_wasserstein(three(a), three(b)) == pytest.approx(sliced_wasserstein(a, b), rel=1e-5)


@pytest.mark.parametrize("change", ["noise", "blur"])
def test_it_grows_with_what_is_done_to_the_images(digits, change):
    clean, other = digits[:150], digits[150:]
    means = [sliced_wasserstein(clean, other, directions=64)["mean"]]
    for strength in (0.25, 0.5, 1.0, 2.0):
        changed = (
            np.clip(other + strength * noise(2, 150), -1, 1)
            if change == "noise"
            else ndimage.gaussian_filter(other, (0, 0, strength * 2, strength * 2))
        )
        means.append(sliced_wasserstein(clean, changed, directions=64)["mean"])
    assert means == sorted(means)
    assert means[-1] > 2 * means[0]


def test_more_images_of_one_distribution_are_nearer():
    few, many = (sliced_wasserstein(noise(1, n), noise(2, n), directions=64)["mean"] for n in (10, 640))
    assert many < few / 3  # as 1/√N: √64 = 8, but patches of one image overlap


def test_two_kinds_of_noise_in_closed_form():
    """At the coarsest level patches of a single pixel: two symmetric points against three, normalised.

    ±1 against (−√1.5, 0, √1.5): their quantile functions differ by √1.5 − 1 on two thirds, by 1 on one third.
    """
    rng = np.random.default_rng(0)
    two = rng.choice([-1, 1], (1200, 1, 16, 16)).astype(np.float32) / 2
    three_points = rng.choice([-1, 0, 1], (1200, 1, 16, 16)).astype(np.float32) / 2
    found = sliced_wasserstein(two, three_points, patch_size=1, directions=200, patches_per_image=64)
    expected = 2 / 3 * (1.5**0.5 - 1) + 1 / 3
    seen = np.abs(swd._directions(0, 200, 1, 1)).mean()  # how much of grey a direction in three channels sees
    assert seen == pytest.approx(3**0.5 / 2, rel=0.05)  # a direction's component along (1, 1, 1) is even in [−√3, √3]
    assert found["16"] == pytest.approx(1000 * expected * seen, rel=0.02)


def test_the_seed_decides_the_draws(digits):
    a, b = digits[:50], digits[50:100]
    first, again, other = (sliced_wasserstein(a, b, seed=seed, directions=32) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first["mean"] == pytest.approx(other["mean"], rel=0.3)


def test_blocks_and_chunks_change_nothing(digits, monkeypatch):
    a, b = digits[:50], noise(3, 50)
    whole = sliced_wasserstein(a, b, directions=20)
    monkeypatch.setattr(swd_patches, "CHUNK_NUMBERS", 7 * 128 * 49)
    monkeypatch.setattr(swd, "BLOCK_NUMBERS", 3 * 50 * 128)
    assert sliced_wasserstein(a, b, directions=20) == pytest.approx(whole, rel=1e-5)


def test_what_does_not_fit_into_memory_is_refused(digits, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**6)
    with pytest.raises(ArgumentError, match="^projections of 50 images need about 7 MB of memory, and 1 MB are avail"):
        sliced_wasserstein(digits[:50], noise(3, 50), directions=128)


def test_images_without_contrast_are_far_and_finite(digits):
    """A generator that has collapsed to one grey is scored: each real patch lies as far off as it is long."""
    flat = np.full_like(digits, 0.3)
    for a, b in ((digits, flat), (flat, digits)):
        found = sliced_wasserstein(a, b, directions=64)
        assert 400 < found["32"] < 1000  # E|N(0, 1)| = 0.8, less for long tails
    assert set(sliced_wasserstein(flat, -flat, directions=64).values()) == {0.0}


@pytest.mark.parametrize(
    "settings, error, text",
    [
        ({"fake": noise(0, 39)}, ShapeError, "real has 40 images, fake 39; give the same number of each."),
        ({"real": noise(0, 1), "fake": noise(0, 1)}, ShapeError, "real has 1 images; give at least 2."),
        ({"real": noise(0, size=28), "fake": noise(1, size=28)}, ShapeError, "images are 28x28; give a shorter side"),
        ({"real": noise(0, size=8), "fake": noise(1, size=8)}, ShapeError, "images are 8x8; give a shorter side"),
        ({"real": noise(0)[..., :24], "fake": noise(1)[..., :24]}, ShapeError, "images are 32x24; give a shorter side"),
        ({"real": noise(0, size=65)[:, :, :64], "fake": noise(1, size=65)[:, :, :64]}, ShapeError, "images are 64x65;"),
        ({"fake": noise(0) * np.nan}, ArgumentError, "fake hold NaN or infinity"),
        ({"patch_size": 4}, ArgumentError, "patch_size is 4; give an odd number from 1 to 15."),
        ({"patch_size": 17}, ArgumentError, "patch_size is 17; give a whole number from 1 to 16."),
        ({"patches_per_image": 0}, ArgumentError, "patches_per_image is 0; give a whole number from 1"),
        ({"directions": 0}, ArgumentError, "directions is 0; give a whole number from 1"),
        ({"seed": -1}, ArgumentError, "seed is -1; give a whole number from 0"),
        ({"pyramid": "miror"}, ArgumentError, "unknown pyramid 'miror'; did you mean 'mirrored'"),
    ],
)
def test_bad_calls(settings, error, text):
    settings = {"real": noise(0), "fake": noise(1), **settings}
    with pytest.raises(error, match=f"^{text}"):
        sliced_wasserstein(settings.pop("real"), settings.pop("fake"), **settings)
