"""Projection where the answer is known: a linear generator, and images that a generator made."""

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, ShapeError
from mxgan.networks import NETWORKS
from mxgan.pictures.latents.projection import Features, Search, project
from mxgan.runtime import mx
from tests.support import SMALLER, linear_sampler, random_sampler

QUICK = Search(starts=2, steps=150, candidates=50)
WEIGHT = np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)


def test_a_linear_generator_gives_back_the_latent():
    sampler = linear_sampler(WEIGHT, (1, 4, 4))
    latents = sampler.latents(5, 3)
    found = project(sampler, sampler.sample(latents), search=QUICK)
    np.testing.assert_allclose(found.latents, latents, atol=2e-3)
    np.testing.assert_allclose(found.images, sampler.sample(found.latents))
    assert found.errors.max() < 1e-5 < found.baseline.min()


def test_what_cannot_be_made_is_projected_by_least_squares():
    """Features that weigh the pixels change what is nearest."""
    sampler = linear_sampler(WEIGHT, (1, 4, 4))
    image = 0.3 * np.random.default_rng(1).standard_normal((1, 1, 4, 4)).astype(np.float32)
    expected = np.linalg.lstsq(WEIGHT, image.ravel(), rcond=None)[0]
    np.testing.assert_allclose(project(sampler, image, search=QUICK).latents[0], expected, atol=2e-3)
    scales = np.linspace(0.2, 2, 16).astype(np.float32)
    weighed = mx.sym.FullyConnected(mx.sym.Variable("data"), name="d1", num_hidden=16, no_bias=True)
    features = Features(weighed, {"d1_weight": mx.nd.array(np.diag(scales))})
    found = project(sampler, image, features=features, search=QUICK)
    expected = np.linalg.lstsq(scales[:, None] * WEIGHT, scales * image.ravel(), rcond=None)[0]
    np.testing.assert_allclose(found.latents[0], expected, atol=2e-3)
    assert found.errors[0] == pytest.approx(((found.images - image) ** 2).mean())


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_latents_stay_where_draws_lie(distribution):
    """The nearest latent would be far outside: (9, 9, 9, 9)."""
    sampler = linear_sampler(WEIGHT, (1, 4, 4), distribution=distribution)
    image = (WEIGHT @ np.full(4, 9, np.float32)).reshape(1, 1, 4, 4)
    (found,) = project(sampler, image, search=QUICK).latents
    if distribution == "uniform":
        np.testing.assert_array_equal(found, np.ones(4))
    else:
        assert np.linalg.norm(found) == pytest.approx(4.2, abs=1e-3)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_result_is_never_worse_than_the_nearest_random_latent(steps):
    """Also with steps that are too few and too long."""
    sampler = random_sampler(mxgan.DCGAN(ngf=4, ndf=4, nc=1, image_size=16, latent_size=10))
    images = np.tanh(np.random.default_rng(2).standard_normal((3, 1, 16, 16))).astype(np.float32)
    found = project(sampler, images, search=Search(starts=1, steps=steps, rate=50.0, candidates=20))
    assert (found.errors <= found.baseline + 1e-6).all()


def test_a_class_is_kept_and_the_seed_decides():
    sampler = random_sampler(NETWORKS["conditional-dcgan"](**SMALLER["conditional-dcgan"], classes=3))
    short = QUICK._replace(steps=40, candidates=16)
    classes = np.array([2, 0])
    images = sampler.sample(sampler.latents(2, 5), classes)
    found = project(sampler, images, classes, search=short)
    np.testing.assert_array_equal(found.images, sampler.sample(found.latents, classes))
    assert (found.errors < found.baseline / 2).all()
    again = project(sampler, images, classes, search=short)
    np.testing.assert_array_equal(found.latents, again.latents)
    assert (project(sampler, images, classes, search=short._replace(seed=1)).latents != again.latents).any()


@pytest.mark.parametrize(
    "images, search, words, kind",
    [
        (np.zeros((1, 1, 5, 5)), QUICK, r"are \(1, 1, 5, 5\), and the generator's are \(1, 4, 4\)", ShapeError),
        (np.zeros((0, 1, 4, 4)), QUICK, "give", ShapeError),
        (np.full((1, 1, 4, 4), np.nan), QUICK, "hold NaN or infinity", ArgumentError),
        (np.zeros((1, 1, 4, 4)), Search(steps=0), "steps is 0; give a whole number from 1", ArgumentError),
        (np.zeros((1, 1, 4, 4)), Search(rate=float("nan")), "rate is nan; give a learning rate above 0", ArgumentError),
        (np.zeros((1, 1, 4, 4)), Search(starts=9, candidates=8), "starts is 9; give at most the 8", ArgumentError),
    ],
)
def test_bad_projections(images, search, words, kind):
    with pytest.raises(kind, match=words):
        project(linear_sampler(WEIGHT, (1, 4, 4)), images, search=search)


@pytest.mark.parametrize("classes", [[1], [1, 2, 3], [1, 9], [0.5, 1]])
def test_classes_are_one_for_each_image(classes):
    sampler = random_sampler(NETWORKS["conditional-dcgan"](**SMALLER["conditional-dcgan"], classes=3))
    images = np.zeros((2, *sampler.image_shape), np.float32)
    with pytest.raises(ArgumentError, match="give 2 whole numbers from 0 to 2, one for each image"):
        project(sampler, images, classes, search=QUICK)
    assert sampler.image_shape == sampler.draw(1).shape[1:]
