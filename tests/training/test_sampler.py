"""Sampling of conditional generators; of plain ones tests/test_session.py and test_checkpoint tell more."""

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks.recognition import network_of_params
from mxgan.runtime import mx
from mxgan.training.sampler import Sampler

NETWORK = mxgan.NETWORKS["conditional-dcgan"](ngf=4, ndf=4, image_size=16, latent_size=10, classes=4)


@pytest.fixture
def sampler():
    made = Sampler(NETWORK.generator(), NETWORK.latent_shape, batch_size=3, classes=4)
    made.module.init_params(mx.init.Normal(0.5))
    return made


def test_each_image_is_of_its_own_class_whatever_the_batch(sampler):
    latents = np.repeat(np.random.default_rng(0).normal(size=(1, 10, 1, 1)).astype(np.float32), 7, axis=0)
    classes = np.array([0, 1, 2, 3, 2, 1, 0])
    images = sampler.sample(latents, classes)
    assert images.shape == (7, 3, 16, 16)
    for one in range(7):
        for other in range(7):
            # A product of matrices rounds differently in different rows.
            assert np.allclose(images[one], images[other], rtol=0, atol=1e-5) == (classes[one] == classes[other])


def test_draw_goes_through_the_classes_or_keeps_to_one(sampler):
    mixed, threes = sampler.draw(6, seed=5), sampler.draw(6, seed=5, only=3)
    np.testing.assert_array_equal(mixed[3], threes[3])
    assert not np.array_equal(mixed[2], threes[2])
    np.testing.assert_array_equal(sampler.draw(2, seed=5, only=3), threes[:2])
    assert sampler.classes_of(6).tolist() == [0, 1, 2, 3, 0, 1]
    assert sampler.classes_of(2, only=3).tolist() == [3, 3]


@pytest.mark.parametrize(
    "classes, words",
    [
        (None, "this generator is conditional; give classes: 2 whole numbers from 0 to 3"),
        (np.array([0, 4]), "give 2 whole numbers from 0 to 3"),
        (np.array([0, -1]), "give 2 whole numbers from 0 to 3"),
        (np.array([0.0, 1.0]), "classes are float64"),
        (np.array([0]), "classes are int64 (1,)"),
    ],
)
def test_classes_that_do_not_fit_are_named(sampler, classes, words):
    with pytest.raises(ArgumentError) as caught:
        sampler.sample(np.zeros((2, 10, 1, 1), np.float32), classes)
    assert words in str(caught.value)


def test_classes_of_any_array_are_taken_by_value(sampler):
    latents = sampler.latents(3, seed=0)
    expected = sampler.sample(latents, np.array([0, 3, 1]))
    for classes in ([0, 3, 1], (0, 3, 1), mx.nd.array([0, 3, 1]), mx.nd.array([0, 3, 1], dtype="int32")):
        np.testing.assert_array_equal(sampler.sample(latents, classes), expected)
    for classes in (
        mx.nd.array([0.5, 1, 2]),
        mx.nd.array([0, 1, 4]),
        [0, 1, -1],
        ["a"] * 3,
        mx.nd.array([0, 1, np.nan]),
    ):
        with pytest.raises(ArgumentError, match="classes are .*; give 3 whole numbers from 0 to 3, one for each image"):
            sampler.sample(latents, classes)


def test_a_class_of_a_generator_that_has_none_is_an_error(sampler):
    plain = mxgan.DCGAN(ngf=4, image_size=16, latent_size=10)
    unconditional = Sampler(plain.generator(), plain.latent_shape, batch_size=2)
    with pytest.raises(ArgumentError, match="class 3 is not one of this generator's .none: this generator is not"):
        unconditional.draw(2, only=3)
    with pytest.raises(ArgumentError, match="takes no classes; leave them out"):
        unconditional.sample(np.zeros((2, 10, 1, 1), np.float32), np.array([0, 1]))
    with pytest.raises(ArgumentError, match="class 4 is not one of this generator's .0 to 3"):
        sampler.draw(2, only=4)


SIZES = {"ngf": 3, "image_size": 32, "latent_size": 9}
GENERATORS = {
    "dcgan": mxgan.DCGAN(**SIZES),
    "conditional-dcgan": mxgan.NETWORKS["conditional-dcgan"](**SIZES, classes=5),
    "mlp": mxgan.NETWORKS["mlp"](image_size=12, latent_size=9, generator_widths=(7, 5)),
    "cbr": mxgan.NETWORKS["cbr"](width=1),
    "encoder-decoder": mxgan.NETWORKS["encoder-decoder"](capacity=2),
}


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_a_params_file_alone_tells_its_network(name):
    network = GENERATORS[name]
    maker = Sampler(network.generator(), network.latent_shape, 2, classes=network.generator_classes)
    maker.module.init_params(mx.init.Normal(0.02))
    found = network_of_params(maker.module.get_params()[0])
    assert found.name == name
    assert found.latent_shape == network.latent_shape
    assert found.image_shape == network.image_shape
    assert found.generator_classes == maker.classes == (5 if name == "conditional-dcgan" else 0)


ASSUMED = {
    "dcgan": "assumed are eps 1e-05. Its symbol or its run folder shows them",
    "conditional-dcgan": "assumed are eps 1e-05. Its symbol",
    "mlp": "assumed are eps 1e-05, slope 0, output sigmoid. Its symbol",
    "cbr": "",
    "encoder-decoder": "",
}


def parameters_of(network, gamma=1.0) -> dict:
    """A generator's parameters; every gamma is `gamma`, times 1, 2, … if it is negative."""
    shapes, _ = parameter_shapes(network.generator(), network.generator_inputs(1))
    made = {name: mx.nd.zeros(shape) for name, shape in shapes.items()}
    for name in made:
        if name.endswith("_gamma"):
            made[name] += gamma if gamma > 0 else -gamma * mx.nd.arange(1, made[name].size + 1)
    return made


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_what_a_params_file_does_not_tell_is_said(name, caplog):
    network_of_params(parameters_of(GENERATORS[name]))
    assert [record.levelname for record in caplog.records] == ["WARNING"] * bool(ASSUMED[name])
    assert ASSUMED[name] in caplog.text


@pytest.mark.parametrize(
    "gamma, held, words",
    [
        (1.0, True, "eps 1e-05. Its symbol"),
        (0.7, True, "fix_gamma True (the gammas of a layer are all alike, as weight decay leaves those not in use)"),
        (-0.2, False, "fix_gamma False (the gammas of a layer differ, as only trained ones do)"),
    ],
)
def test_gammas_tell_whether_they_were_trained(gamma, held, words, caplog):
    """In MXNet all gammas begin at 1; under fix_gamma their gradient is 0, and weight decay alone moves them."""
    found = network_of_params(parameters_of(GENERATORS["dcgan"], gamma))
    assert found.fix_gamma is held
    assert words in caplog.text


def test_a_discriminators_parameters_are_known_as_such():
    shapes, _ = parameter_shapes(mxgan.DCGAN(**SIZES).discriminator(), {"data": (1, 3, 32, 32)})
    with pytest.raises(CheckpointError, match="a discriminator's parameters; give the file with _G_ in its name"):
        network_of_params({key: mx.nd.zeros(shape) for key, shape in shapes.items()})


def test_parameters_of_no_network_list_what_each_wants():
    with pytest.raises(CheckpointError) as caught:
        network_of_params({"layer_weight": mx.nd.ones((2, 2))})
    assert "the parameters (layer_weight) belong to no known generator" in str(caught.value)
    for network in GENERATORS.values():
        assert f"{network.title}: {network.recognised_by}" in str(caught.value)


def test_a_sampler_has_no_memory_for_gradients(sampler):
    """But for one: with none at all, MXNet's oneDNN backend would keep the first value of a computed weight."""
    executor = sampler.module._exec_group.execs[0]
    assert sum(array is not None for array in executor.grad_arrays) == 1
