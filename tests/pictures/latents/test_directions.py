"""SeFa's directions against the singular value decomposition, and the first layer's matrix against its weight."""

import tracemalloc

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, ShapeError
from mxgan.networks import NETWORKS
from mxgan.pictures.latents.directions import along, directions, first_matrix
from mxgan.runtime import mx
from tests.support import SMALLER, linear_sampler, random_sampler

RNG = np.random.default_rng(0)


def weight_of(sampler) -> np.ndarray:
    return sampler.module.get_params()[0]["g1_weight"].asnumpy()


def test_directions_are_the_right_singular_vectors():
    matrix = RNG.standard_normal((30, 6)) * [5, 1, 4, 2, 3, 0.5]
    found = directions(matrix, 4)
    _, _, expected = np.linalg.svd(matrix)
    np.testing.assert_allclose(np.abs((found * expected[:4]).sum(axis=1)), 1, atol=1e-5)
    np.testing.assert_allclose(found @ found.T, np.eye(4), atol=1e-5)
    answers = np.linalg.norm(matrix @ found.T, axis=0)
    assert (np.diff(answers) < 0).all()
    assert all(row[np.abs(row).argmax()] > 0 for row in found)


@pytest.mark.parametrize("name", sorted(SMALLER))
def test_the_matrix_of_each_network_is_its_first_weight(name):
    sampler = random_sampler(NETWORKS[name](**SMALLER[name]))
    weight = weight_of(sampler)
    expected = weight if weight.ndim == 2 else weight.reshape(len(weight), -1).T
    np.testing.assert_allclose(first_matrix(sampler), expected, atol=1e-5)


def test_the_class_beside_the_latent_is_not_in_the_matrix():
    hot = mx.sym.one_hot(mx.sym.Variable("class_label"), depth=4)
    both = mx.sym.Concat(mx.sym.Variable("rand"), hot, dim=1)
    layer = mx.sym.FullyConnected(both, name="g1", num_hidden=16)
    symbol = mx.sym.Reshape(mx.sym.tanh(layer), shape=(-1, 1, 4, 4))
    weight = RNG.standard_normal((16, 9))
    parameters = ({"g1_weight": mx.nd.array(weight), "g1_bias": mx.nd.ones(16)}, {})
    sampler = mxgan.Sampler(symbol, (5,), 8, classes=4, parameters=parameters)
    np.testing.assert_allclose(first_matrix(sampler), weight[:, :5], atol=1e-5)


def test_latents_that_enter_two_layers_have_both_matrices():
    rand = mx.sym.Variable("rand")
    layers = [mx.sym.FullyConnected(rand, name=f"g{i}", num_hidden=16, no_bias=True) for i in (1, 2)]
    weights = {f"g{i}_weight": mx.nd.array(RNG.standard_normal((16, 5))) for i in (1, 2)}
    symbol = mx.sym.Reshape(layers[0] * layers[1], shape=(-1, 1, 4, 4))
    found = first_matrix(mxgan.Sampler(symbol, (5,), 8, parameters=(weights, {})))
    np.testing.assert_allclose(found, np.concatenate([each.asnumpy() for each in weights.values()]), atol=1e-5)


def test_a_generator_that_bends_its_latents_has_no_directions():
    bent = mx.sym.FullyConnected(mx.sym.tanh(mx.sym.Variable("rand")), name="g1", num_hidden=16, no_bias=True)
    symbol = mx.sym.Reshape(bent, shape=(-1, 1, 4, 4))
    parameters = ({"g1_weight": mx.nd.array(RNG.standard_normal((16, 5)))}, {})
    with pytest.raises(ArgumentError, match="changes its latents before the first layer with a weight"):
        first_matrix(mxgan.Sampler(symbol, (5,), 8, parameters=parameters))
    plain = mxgan.Sampler(mx.sym.tanh(mx.sym.Variable("rand")), (1, 4, 4), 8, parameters=({}, {}))
    with pytest.raises(ArgumentError, match="reach no layer with a weight"):
        first_matrix(plain)


def test_a_step_along_a_direction_changes_the_image_by_its_column():
    weight = RNG.standard_normal((16, 3)).astype(np.float32)
    sampler = linear_sampler(weight, (1, 4, 4))
    latents = sampler.latents(2, 0)
    moved = along(latents, np.float32([0, 1, 0]), np.float32([-2, 0, 2]))
    assert moved.shape == (2, 3, 3)
    np.testing.assert_array_equal(moved[:, 1], latents)
    images = sampler.sample(moved.reshape(-1, 3)).reshape(2, 3, 16)
    np.testing.assert_allclose(images[:, 2] - images[:, 0], [4 * weight[:, 1]] * 2, atol=1e-5)


def test_many_numbers_take_the_memory_of_their_matrix_alone():
    weight = np.float32(RNG.standard_normal((12, 2000)))
    sampler = linear_sampler(weight, (3, 2, 2), batch_size=64)
    tracemalloc.start()
    found = first_matrix(sampler)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found, weight, atol=1e-4)
    assert peak < 2**22  # the unit vectors together have 2²⁵ bytes in float64
    with pytest.raises(ArgumentError, match="The directions of 300,000 numbers in a latent need about .* GB of memory"):
        directions(np.ones((1, 300_000)), 1)


def test_bad_directions():
    with pytest.raises(ArgumentError, match="directions is 7; give a whole number from 1 to 6"):
        directions(np.ones((9, 6)), 7)
    with pytest.raises(ShapeError, match=r"is \(9,\); give \(outputs, size of a latent\)"):
        directions(np.ones(9), 1)
    with pytest.raises(ShapeError, match=r"a direction \(4,\) does not fit latents \(3,\)"):
        along(np.ones((2, 3)), np.ones(4), np.ones(1))
