"""MS-SSIM against plain loops; identity, symmetry, closed forms, monotonicity; diversity."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy import ndimage

from mxgan.errors import ArgumentError, ShapeError
from mxgan.evaluation.ms_ssim import WEIGHTS, ms_ssim, sample_diversity
from tests.oracle.structural_similarity import similarity

module = importlib.import_module("mxgan.evaluation.ms_ssim")  # the package's own name is the function


def noisy(images: np.ndarray, strength: float, seed: int = 0) -> np.ndarray:
    return np.clip(images + strength * np.random.default_rng(seed).standard_normal(images.shape), -1, 1)


@pytest.mark.parametrize("channels, height, width", [(1, 32, 32), (3, 16, 48), (1, 64, 64)])
def test_it_is_the_plain_loops(channels, height, width):
    rng = np.random.default_rng(channels)
    a = np.tanh(ndimage.gaussian_filter(rng.standard_normal((2, channels, height, width)), (0, 0, 1, 1)) * 4)
    b = noisy(a, 1.0)
    found = ms_ssim(a, b)
    assert found == pytest.approx([similarity(x, y) for x, y in zip(a.astype("f4"), b.astype("f4"))], rel=1e-9)
    assert (found > 0.05).all()
    assert (found < 0.93).all()


def test_identity_symmetry_and_range(digits):
    a, b = digits[:100], digits[100:200]
    np.testing.assert_allclose(ms_ssim(a, a), 1, atol=1e-12)
    np.testing.assert_array_equal(ms_ssim(a, b), ms_ssim(b, a))
    assert ((ms_ssim(a, b) >= 0) & (ms_ssim(a, b) < 1)).all()


@pytest.mark.parametrize("first, second", [(-1.0, 1.0), (-0.5, 0.5), (0.0, 0.1)])
def test_even_images_in_closed_form(first, second):
    """Without contrast all that is left is the coarsest scale's luminance, to its weight."""
    a, b = (np.full((1, 1, 32, 32), value) for value in (first, second))
    x, y = ((np.float32(value) + 1) * 127.5 for value in (first, second))
    luminance = (2 * x * y + 2.55**2) / (x**2 + y**2 + 2.55**2)
    assert ms_ssim(a, b)[0] == pytest.approx(luminance ** WEIGHTS[-1], rel=1e-6)


def test_an_image_and_its_negative_have_nothing_in_common(digits):
    stripes = np.tile(np.sign(np.arange(32) % 4 - 1.5), (1, 1, 32, 1))
    np.testing.assert_array_equal(ms_ssim(stripes, -stripes), 0)
    assert ms_ssim(digits[:50], -digits[:50]).max() < 0.5


@pytest.mark.parametrize("change", [noisy, lambda x, s: ndimage.gaussian_filter(x, (0, 0, 4 * s, 4 * s))])
def test_it_falls_with_what_is_done_to_the_images(digits, change):
    means = [ms_ssim(digits, change(digits, strength)).mean() for strength in (0.1, 0.2, 0.4, 0.8)]
    assert means == sorted(means, reverse=True)
    assert means[0] > means[-1] + 0.1


def test_diversity_of_one_image_of_some_and_of_many(digits):
    one, some = np.repeat(digits[:1], 100, axis=0), np.tile(digits[:3], (34, 1, 1, 1))
    values = [sample_diversity(images) for images in (one, some, digits)]
    assert values[0] == pytest.approx(1, abs=1e-12)
    assert values[0] > values[1] > values[2] + 0.1


def test_pairs_are_the_published_ones(digits):
    """N // 2 pairs, no image in two of them, none with itself; with `pairs`, any number near the mean over all."""
    first, second = module._pairs(301, None, np.random.default_rng(0))
    assert len(first) == 150
    assert len(set(first) | set(second)) == 300
    first, second = module._pairs(5, 1000, np.random.default_rng(0))
    assert (first != second).all()
    assert len(set(zip(first, second))) == 20
    few = digits[:40]
    i, j = np.triu_indices(40, 1)
    assert sample_diversity(few, pairs=4000) == pytest.approx(ms_ssim(few[i], few[j]).mean(), rel=0.05)


def test_order_does_not_matter_and_the_seed_does(digits):
    """A conditional generator's images lie in the order of classes: neighbours are no random pairs."""
    assert sample_diversity(digits) == sample_diversity(digits, seed=0)
    assert sample_diversity(digits) != sample_diversity(digits, seed=1)
    classes = np.repeat(digits[:10], 30, axis=0)
    assert sample_diversity(classes) < 0.6  # 1 for neighbours


def test_chunks_change_nothing(digits, monkeypatch):
    whole = ms_ssim(digits[:50], digits[50:100]), sample_diversity(digits[:100])
    monkeypatch.setattr(module, "CHUNK_PIXELS", 7 * 32 * 32)
    np.testing.assert_allclose(ms_ssim(digits[:50], digits[50:100]), whole[0], rtol=1e-12)
    assert sample_diversity(digits[:100]) == pytest.approx(whole[1], rel=1e-12)


def test_bad_calls(digits):
    with pytest.raises(ShapeError, match="^a has 2 images, b 3; give the same number of each."):
        ms_ssim(digits[:2], digits[:3])
    with pytest.raises(ShapeError, match="^images are 28x32; give sides that are multiples of 16: five scales."):
        ms_ssim(digits[:, :, :28], digits[:, :, :28])
    with pytest.raises(ShapeError, match="^images are 24x24; give sides"):
        sample_diversity(digits[:, :, :24, :24])
    with pytest.raises(ShapeError, match="^images has 1 images; give at least 2."):
        sample_diversity(digits[:1])
    with pytest.raises(ArgumentError, match="^pairs is 0; give a whole number from 1"):
        sample_diversity(digits, pairs=0)
    with pytest.raises(ArgumentError, match="^b hold NaN or infinity"):
        ms_ssim(digits, digits * np.nan)
