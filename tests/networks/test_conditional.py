import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import DCGAN, AuxiliaryDCGAN, ConditionalDCGAN, SemiSupervisedDCGAN
from mxgan.networks.conditional import log_sum_exp
from mxgan.networks.recognition import from_parameters
from mxgan.runtime import mx
from tests.networks.helpers import assert_as_in_torch, count, discriminator_inputs, drawn, layer_shapes, run

# 16 channels and more: from there on oneDNN keeps arrays in layouts of its own.
TINY = {"ngf": 16, "ndf": 16, "image_size": 16, "nc": 1, "latent_size": 9}
GIVEN_THE_CLASS = [ConditionalDCGAN, AuxiliaryDCGAN]


@pytest.mark.parametrize("network_class", GIVEN_THE_CLASS)
@pytest.mark.parametrize("size, depth", [(16, 3), (32, 4), (64, 5)])
def test_the_generator_is_dcgans_with_the_class_beside_the_latent(network_class, size, depth):
    network, plain = network_class(ngf=8, image_size=size, classes=7), DCGAN(ngf=8, image_size=size)
    generator, inputs = network.generator(), network.generator_inputs(5)
    assert inputs == {"rand": (5, 100, 1, 1), "class_label": (5,)}
    made = layer_shapes(generator, **inputs)
    channels = 8 * 2 ** (depth - 2)
    assert made["g1_output"] == made["g1_class_output"] == made["gbn1_output"] == (5, channels, 4, 4)
    without = layer_shapes(plain.generator(), rand=(5, 100, 1, 1))
    assert {name: made[name] for name in without} == without
    added = 7 * channels * 16
    assert count(generator, **inputs) == count(plain.generator(), rand=(5, 100, 1, 1)) + added


@pytest.mark.parametrize("network_class", GIVEN_THE_CLASS)
def test_two_transposed_convolutions_are_the_one_of_latent_and_class_together(network_class):
    """The parameters of `g1` and `g1_class`, one under the other, in a plain DCGAN of latent length 9 + 5."""
    network = network_class(**TINY, classes=5)
    generator, inputs = network.generator(), network.generator_inputs(6)
    latents = np.random.default_rng(0).standard_normal((6, 9, 1, 1)).astype("f")
    classes = np.array([0, 4, 2, 2, 1, 3], np.float32)
    values = drawn(generator, inputs)
    (images,), gradients, _ = run(generator, {"rand": latents, "class_label": classes, **values})

    joined = dict(values)
    joined["g1_weight"] = np.concatenate([values["g1_weight"], joined.pop("g1_class_weight")])
    one_hot = np.eye(5, dtype=np.float32)[classes.astype(int)].reshape(6, 5, 1, 1)
    plain = DCGAN(**{**TINY, "latent_size": 14}).generator()
    given = {"rand": np.concatenate([latents, one_hot], axis=1), **joined}
    (expected,), expected_gradients, _ = run(plain, given)
    np.testing.assert_allclose(images, expected, atol=1e-5)
    found = np.concatenate([gradients["g1_weight"], gradients["g1_class_weight"]])
    np.testing.assert_allclose(found, expected_gradients["g1_weight"], atol=1e-4 * np.abs(found).max())


def test_the_discriminator_sees_a_plane_for_each_class():
    """Its first layer, on planes of ones and zeros made by hand."""
    network = ConditionalDCGAN(**TINY, classes=3)
    discriminator, inputs = network.discriminator(), discriminator_inputs(network, 4)
    assert parameter_shapes(discriminator, inputs)[0]["d1_weight"] == (16, 1 + 3, 4, 4)
    images = np.random.default_rng(0).standard_normal((4, 1, 16, 16)).astype("f")
    classes = np.array([2, 0, 1, 2])
    planes = np.zeros((4, 3, 16, 16), np.float32)
    planes[np.arange(4), classes] = 1
    values = drawn(discriminator, inputs)
    (score,), _, _ = run(discriminator, {"data": images, "class_label": classes, **values})

    plain = DCGAN(**TINY).discriminator()
    (expected,), gradients, _ = run(plain, {"data": np.concatenate([images, planes], axis=1), **values})
    assert score.shape == (4, 1)
    np.testing.assert_allclose(score, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(gradients["d1_weight"][:, 1:]).min() > 0  # the planes are read


def test_the_auxiliary_classifier_shares_all_layers_but_the_last():
    network = AuxiliaryDCGAN(**TINY, classes=5)
    discriminator, plain = network.discriminator(), DCGAN(**TINY).discriminator()
    images = np.random.default_rng(0).standard_normal((4, 1, 16, 16)).astype("f")
    values = drawn(discriminator, {"data": images.shape})
    assert values.pop("dclass_weight").shape == (5, 16 * 2, 4, 4)
    assert parameter_shapes(plain, {"data": images.shape})[0] == {name: v.shape for name, v in values.items()}
    weight = np.random.default_rng(1).standard_normal((5, 32, 4, 4)).astype("f")
    (score, logits), gradients, _ = run(discriminator, {"data": images, "dclass_weight": weight, **values})
    (expected,), _, _ = run(plain, {"data": images, **values})
    np.testing.assert_allclose(score, expected, rtol=1e-5, atol=1e-6)
    features = plain.get_internals()["dact2_output"]
    (maps,), _, _ = run(features, {"data": images, **{n: values[n] for n in features.list_arguments() if n != "data"}})
    np.testing.assert_allclose(logits, np.einsum("ncij,kcij->nk", maps, weight), rtol=1e-4, atol=1e-4)
    assert all(np.abs(gradient).max() > 0 for gradient in gradients.values() if gradient.ndim > 1)


def test_log_sum_exp_is_stable_and_its_gradient_is_softmax():
    logits = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, 999.0], [-1000.0, -1000.0, -1001.0]])
    (found,), gradients, _ = run(log_sum_exp(mx.sym.var("z")), {"z": logits}, [np.ones((3, 1))])
    largest = logits.max(axis=1, keepdims=True)
    total = np.exp(logits - largest).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, np.log(total) + largest, rtol=1e-6)
    np.testing.assert_allclose(gradients["z"], np.exp(logits - largest) / total, atol=1e-6)


@pytest.mark.parametrize("kernels", [0, 6])
def test_the_score_is_what_a_fake_logit_of_nought_leaves(kernels):
    """σ(score) is the share of the K classes in a softmax over K + 1 whose last logit is 0."""
    network = SemiSupervisedDCGAN(**TINY, classes=5, minibatch_kernels=kernels, minibatch_dims=3)
    discriminator = network.discriminator()
    images = np.random.default_rng(0).standard_normal((4, 1, 16, 16)).astype("f")
    (score, logits), _, _ = run(discriminator, {"data": images, **drawn(discriminator, {"data": images.shape})})
    assert (score.shape, logits.shape) == ((4, 1), (4, 5))
    powers = np.exp(np.concatenate([logits, np.zeros((4, 1))], axis=1))
    real = powers[:, :5].sum(axis=1) / powers.sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-score[:, 0])), real, rtol=1e-5)


@pytest.mark.parametrize("size, features", [(16, 2 * 4 * 4), (32, 4 * 4 * 4)])
def test_the_semi_supervised_discriminator_in_numbers(size, features):
    ndf, image = 5, (1, 1, size, size)
    network = SemiSupervisedDCGAN(ndf=ndf, nc=1, image_size=size)
    minibatch = SemiSupervisedDCGAN(ndf=ndf, nc=1, image_size=size, minibatch_kernels=6, minibatch_dims=3)
    plain = DCGAN(ndf=ndf, nc=1, image_size=size)
    features *= ndf
    body = count(plain.discriminator(), data=image) - features
    assert count(network.discriminator(), data=image) == body + 10 * features
    assert count(minibatch.discriminator(), data=image) == body + 18 * features + 10 * (features + 6)
    assert layer_shapes(minibatch.discriminator(), data=image)["dminibatch_closeness_output"] == (1, 6)


def test_the_semi_supervised_generator_is_dcgans():
    network = SemiSupervisedDCGAN()
    assert network.generator().tojson() == DCGAN().generator().tojson()
    assert (network.conditional, network.classes) == (False, 10)


def test_the_semi_supervised_discriminator_against_torch():
    """Minibatch discrimination between the features and the logits, both by PyTorch; test_minibatch.py has it alone."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            layers = [nn.Conv2d(1, 16, 4, 2, 1, bias=False), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1, bias=False)]
            self.features = nn.Sequential(*layers, nn.BatchNorm2d(32), nn.LeakyReLU(0.2), nn.Flatten())
            self.tensor, self.logits = nn.Linear(512, 6 * 3, bias=False), nn.Linear(512 + 6, 5, bias=False)

        def forward(self, images):
            features = self.features(images)
            rows = self.tensor(features).reshape(len(images), 6, 3)
            near = torch.exp(-(rows[:, None] - rows[None]).abs().sum(3)).sum(1)
            logits = self.logits(torch.cat([features, near], dim=1))
            return torch.logsumexp(logits, dim=1, keepdim=True)

    network = SemiSupervisedDCGAN(**TINY, classes=5, fix_gamma=False, minibatch_kernels=6, minibatch_dims=3)
    images = np.tanh(np.random.default_rng(0).standard_normal((8, 1, 16, 16))).astype("f")
    assert_as_in_torch(network.discriminator()[0], "data", images, Model())


def generator_shapes(network) -> dict:
    return parameter_shapes(network.generator(), network.generator_inputs(1))[0]


@pytest.mark.parametrize("network_class", GIVEN_THE_CLASS)
def test_a_conditional_generator_is_told_from_a_plain_one(network_class):
    network = network_class(**TINY, classes=7, no_bias=False)
    found = from_parameters(network_class, generator_shapes(network))
    assert type(found) is network_class
    assert {name: getattr(found, name) for name in TINY} == {**TINY, "ndf": 64}
    assert (found.classes, found.no_bias, found.conditional) == (7, False, True)
    for plain in (DCGAN, SemiSupervisedDCGAN):
        with pytest.raises(CheckpointError, match="these are not a DCGAN generator's parameters"):
            from_parameters(plain, generator_shapes(network))
        with pytest.raises(CheckpointError, match=r"generator's parameters \(g1_class_weight"):
            from_parameters(network_class, generator_shapes(plain(**TINY)))


@pytest.mark.parametrize(
    "network_class, arguments, words",
    [
        (ConditionalDCGAN, {"classes": 0}, "classes is 0; give a whole number from 1"),
        (AuxiliaryDCGAN, {"classes": 2.5}, "classes is 2.5"),
        (ConditionalDCGAN, {"nc": 2}, "nc is 2; give 1 (grey) or 3 (RGB)"),
        (SemiSupervisedDCGAN, {"classes": 1}, "classes is 1; a classifier needs at least 2"),
        (SemiSupervisedDCGAN, {"minibatch_kernels": -1}, "minibatch_kernels is -1; give a whole number from 0"),
        (SemiSupervisedDCGAN, {"minibatch_dims": 0}, "minibatch_dims is 0; give a whole number from 1"),
    ],
)
def test_bad_arguments_are_named(network_class, arguments, words):
    with pytest.raises(ArgumentError) as caught:
        network_class(**arguments)
    assert words in str(caught.value)
