"""Gradients of networks in inference against finite differences."""

import numpy as np
import pytest

from mxgan.errors import CheckpointError, ShapeError
from mxgan.graphs.shapes import infer
from mxgan.networks import NETWORKS
from mxgan.pictures.latents.gradients import Differentiable, last_features
from mxgan.runtime import mx
from tests.support import SMALLER, long_but, random_sampler


@pytest.mark.parametrize("name", long_but(sorted(SMALLER), "conditional-dcgan", "mlp"))
def test_the_gradient_by_the_latents_is_that_of_what_the_sampler_draws(name):
    network = NETWORKS[name](**SMALLER[name])
    sampler = random_sampler(network, batch_size=3)
    latents = sampler.latents(3, 0)
    classes = sampler.classes_of(3)
    parameters = {key: value for group in sampler.module.get_params() for key, value in group.items()}
    bound = Differentiable(sampler.module.symbol, parameters, network.generator_inputs(3), "rand")
    images = bound.forward({"rand": latents, "class_label": classes})
    np.testing.assert_allclose(images, sampler.sample(latents, classes), atol=1e-5)
    rng = np.random.default_rng(1)
    weights, way = rng.standard_normal(images.shape), rng.standard_normal(latents.shape).astype(np.float32)
    terms = bound.gradient(weights) * way
    ends = [(sampler.sample(latents + step * way, classes) * weights).sum() for step in (-1e-3, 1e-3)]
    # Of terms of both signs the sum may be near 0: its error is compared with their size.
    assert terms.sum() == pytest.approx((ends[1] - ends[0]) / 2e-3, abs=0.03 * float(np.linalg.norm(terms)))


def test_dropout_is_left_out():
    layer = mx.sym.FullyConnected(mx.sym.Variable("rand"), name="g1", num_hidden=4, no_bias=True)
    bound = Differentiable(mx.sym.Dropout(layer, p=0.5), {"g1_weight": mx.nd.ones((4, 2))}, {"rand": (3, 2)}, "rand")
    np.testing.assert_array_equal(bound.forward({"rand": np.ones((3, 2))}), np.full((3, 4), 2))


def test_a_missing_parameter_is_named():
    layer = mx.sym.FullyConnected(mx.sym.Variable("rand"), name="g1", num_hidden=4, no_bias=True)
    with pytest.raises(CheckpointError, match="the parameter 'g1_weight' of the network is missing"):
        Differentiable(layer, {}, {"rand": (3, 2)}, "rand")


@pytest.mark.parametrize("name", sorted(SMALLER))
def test_the_last_features_are_what_the_last_layer_takes(name):
    """A row of a weight that they do not need has as many numbers as they have; a projection has a second such one."""
    network = NETWORKS[name](**SMALLER[name])
    score = network.discriminator()[0]
    features = last_features(score)
    inputs = {"data": (2, *network.image_shape), "class_label": (2,)}
    known = {key: shape for key, shape in inputs.items() if key in features.list_arguments()}
    arguments, (shape,), _ = infer(features, known)
    every = infer(score, {key: value for key, value in inputs.items() if key in score.list_arguments()})[0]
    last = [key for key in every if key.endswith("_weight") and key not in arguments]
    assert len(last) == (2 if name == "residual-projection" else 1)
    assert {np.prod(every[key][1:]) for key in last} == {np.prod(shape[1:])}


def test_a_score_without_a_layer_has_no_features():
    with pytest.raises(ShapeError, match="comes from no layer with a weight; choose pixels"):
        last_features(mx.sym.sum(mx.sym.Variable("data"), axis=(1, 2, 3)))
