"""Frames against single draws, and mixed classes against the classes themselves."""

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.networks import NETWORKS
from mxgan.pictures.latents.directions import directions, first_matrix
from mxgan.pictures.latents.drawing import frames_of, interpolated, walked_film, walked_sheets
from mxgan.pictures.latents.parts import MIXTURE, mixing
from mxgan.runtime import mx
from tests.support import SMALLER, random_sampler

CONDITIONAL = NETWORKS["conditional-dcgan"](**SMALLER["conditional-dcgan"], classes=3)


@pytest.fixture(scope="module")
def conditional():
    return random_sampler(CONDITIONAL)


@pytest.fixture(scope="module")
def plain():
    return random_sampler(mxgan.DCGAN(ngf=4, ndf=4, nc=1, image_size=16, latent_size=10))


def test_a_mixture_of_one_class_is_that_class_to_the_bit(conditional):
    latents, classes = conditional.latents(6, 0), np.arange(6) % 3
    found = mixing(conditional).sample(latents, conditions={MIXTURE: np.eye(3, dtype=np.float32)[classes]})
    np.testing.assert_array_equal(found, conditional.sample(latents, classes))


def test_half_of_two_classes_is_between_them():
    """A linear generator: its image of a mixture is the mixture of its images."""
    hot = mx.sym.Reshape(mx.sym.one_hot(mx.sym.Variable("class_label"), depth=3), shape=(-1, 3))
    layer = mx.sym.FullyConnected(mx.sym.Concat(mx.sym.Variable("rand"), hot, dim=1), name="g1", num_hidden=16)
    parameters = ({"g1_weight": mx.nd.random.normal(shape=(16, 8)), "g1_bias": mx.nd.zeros(16)}, {})
    sampler = mxgan.Sampler(mx.sym.Reshape(layer, shape=(-1, 1, 4, 4)), (5,), 8, classes=3, parameters=parameters)
    latents = sampler.latents(1, 0)
    found = mixing(sampler).sample(latents, conditions={MIXTURE: np.float32([[0.25, 0, 0.75]])})
    ends = [sampler.sample(latents, np.array([label])) for label in (0, 2)]
    np.testing.assert_allclose(found, 0.25 * ends[0] + 0.75 * ends[1], atol=1e-5)


def test_what_cannot_be_mixed_says_so(plain):
    with pytest.raises(ArgumentError, match="is not conditional, so it has no classes to mix"):
        mixing(plain)
    rows = mx.sym.Embedding(mx.sym.Variable("class_label"), name="e", input_dim=3, output_dim=16)
    layer = mx.sym.FullyConnected(mx.sym.Variable("rand"), name="g1", num_hidden=16) + rows
    shapes = {"g1_weight": (16, 5), "g1_bias": (16,), "e_weight": (3, 16)}
    parameters = ({name: mx.nd.ones(shape) for name, shape in shapes.items()}, {})
    symbol = mx.sym.Reshape(layer, shape=(-1, 1, 4, 4))
    with pytest.raises(ArgumentError, match="does not enter by one_hot alone"):
        mixing(mxgan.Sampler(symbol, (5,), 8, classes=3, parameters=parameters))


@pytest.mark.parametrize("width", [1, 3, 8, 11])
def test_frames_are_the_draws_of_their_latents(plain, width):
    latents = plain.latents(5 * width, 0).reshape(5, width, 10, 1, 1)
    found = list(frames_of(plain, latents))
    assert len(found) == 5
    np.testing.assert_array_equal(np.stack(found), [plain.sample(each) for each in latents])


def test_image_i_goes_from_draw_i_of_one_seed_to_draw_i_of_the_next(plain):
    ends = np.stack([plain.latents(2, seed) for seed in (4, 9)])
    found = interpolated(plain, ends, (), 3, loop=True)
    images = list(found.images)
    assert found.count == len(images) == 6
    np.testing.assert_array_equal(images[0], plain.draw(2, seed=4))
    np.testing.assert_array_equal(images[3], plain.draw(2, seed=9))
    assert np.abs(images[1] - images[5]).max() < 1e-5  # there and back, by the same way


def test_classes_change_on_the_way_or_stay(conditional):
    ends = np.stack([conditional.latents(4, seed) for seed in (4, 9)])
    by_class = list(interpolated(conditional, ends, [2, 1], 2, loop=False).images)
    np.testing.assert_array_equal(by_class[0], conditional.draw(4, seed=4, only=2))
    np.testing.assert_array_equal(by_class[-1], conditional.draw(4, seed=9, only=1))
    staying = list(interpolated(conditional, ends, (), 2, loop=False).images)
    np.testing.assert_array_equal(staying[0], conditional.draw(4, seed=4))


def test_sheets_and_films_of_a_walk(conditional):
    latents, classes = conditional.latents(2, 0), np.array([1, 2])
    found = directions(first_matrix(conditional), 3)
    sheets = list(walked_sheets(conditional, latents, classes, 3, np.float32([-1, 0, 2])).images)
    assert [sheet.shape for sheet in sheets] == [(6, 3, 16, 16)] * 3
    moved = latents + 2 * found[2].reshape(1, 10, 1, 1)
    np.testing.assert_allclose(sheets[2][[2, 5]], conditional.sample(moved, classes), atol=1e-6)
    film = walked_film(conditional, latents, classes, 3, 2.0, 4)
    frames = list(film.images)
    assert film.count == len(frames) == 4
    still = conditional.sample(latents, classes)
    np.testing.assert_allclose(frames[0], np.repeat(still, 3, axis=0), atol=1e-6)
    np.testing.assert_allclose(frames[1][[2, 5]], conditional.sample(moved, classes), atol=1e-6)
