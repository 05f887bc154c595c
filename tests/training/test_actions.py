"""The actions of a pair, called by hand: labels by value, and what is refused."""

import re

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, ShapeError
from mxgan.objectives.heads import get_objective, with_heads
from mxgan.runtime import mx
from mxgan.training.actions import MOST_LABELS
from tests.support import assert_same, inputs, make_pair, params_of
from tests.training.test_step import N, networks
from tests.training.test_step import make_pair as make_small

ones = np.ones


def gradients(pair, images, label) -> dict:
    """D's gradients on these images under this label alone."""
    pair._gradients_pending = False
    pair.accumulate_discriminator(images, label)
    return {name: value.asnumpy() for name, value in pair.gradients().items() if name.startswith("d")}


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_an_array_of_labels_counts_by_its_values_at_the_call(shape):
    pair = make_pair()
    _, images = inputs(pair, 0)
    by_number = {value: gradients(pair, images, value) for value in (0.0, 1.0)}
    label = mx.nd.zeros(shape)
    for value in (0.0, 1.0, 0.0):  # the same array, as in MXNet's example
        label[:] = value
        assert_same(gradients(pair, images, label), by_number[value])
    assert not np.array_equal(by_number[0.0]["d3_weight"], by_number[1.0]["d3_weight"])


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("objective", ["gan", "least_squares", "hinge_loss", "wasserstein"])
def test_a_label_of_each_sample_is_that_samples(objective, shape):
    """For D without BatchNorm, the gradient is the sum over the samples."""
    pair = make_small(objective)
    images = np.random.default_rng(0).standard_normal((N, 2)).astype("f")
    label = np.arange(N, dtype="f") % 2
    shape = (N,) if len(shape) == 1 else (N, 1)
    whole = gradients(pair, mx.nd.array(images), mx.nd.array(label.reshape(shape)))
    parts = [gradients(pair, mx.nd.array(np.tile(images[i], (N, 1))), float(label[i])) for i in range(N)]
    for name, value in whole.items():
        np.testing.assert_allclose(value, sum(part[name] for part in parts) / N, rtol=1e-4, atol=1e-6, err_msg=name)


def test_arrays_are_not_kept_and_numbers_not_without_end():
    pair = make_pair()
    _, images = inputs(pair, 0)
    for value in np.linspace(0, 1, 3 * MOST_LABELS):
        pair.accumulate_discriminator(images, float(value))
        pair.accumulate_discriminator(images, mx.nd.full((4,), value))
    assert 0 < len(pair._constants) <= MOST_LABELS
    assert all(isinstance(value, float) for value in pair._constants)
    found = gradients(pair, images, np.float32(0.5))
    assert_same(found, gradients(pair, images, 0.5))


@pytest.mark.parametrize(
    "label, found",
    [
        (mx.nd.zeros((3,)), "NDArray (3,) float32"),
        (mx.nd.zeros((1, 4)), "NDArray (1, 4) float32"),
        (mx.nd.zeros((1,)), "NDArray (1,) float32"),
        (mx.nd.zeros((4,), dtype="int32"), "NDArray (4,) int32"),
        (mx.nd.array([0, 1, np.nan, 0]), "NDArray (4,) float32, not all of it finite"),
        (mx.nd.array([[0], [1], [np.inf], [0]]), "NDArray (4, 1) float32, not all of it finite"),
        (ones(4, "f"), "ndarray (4,) float32"),
        ([0, 1, 0, 1], "[0, 1, 0, 1]"),
        (True, "True"),
        (None, "None"),
        ("real", "'real'"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (1e300, "1e+300"),
    ],
)
def test_other_labels_are_refused(label, found):
    pair = make_pair()
    _, images = inputs(pair, 0)
    before = params_of(pair)
    with pytest.raises(ArgumentError) as caught:
        pair.accumulate_discriminator(images, label)
    assert str(caught.value) == (
        f"label is {found}; give a finite number for all samples, or a float32 mx.nd.NDArray of each sample's: (4,) or "
        "(4, 1)."
    )
    assert_same(params_of(pair), before)


@pytest.mark.parametrize(
    "action, words",
    [
        (lambda pair, z, x: pair.generate(z[:2]), "'rand' is NDArray (2, 10, 1, 1) float32; give a float32 mx.nd.NDAr"),
        (lambda pair, z, x: pair.generate([z]), "'rand' is list; give a float32 mx.nd.NDArray (4, 10, 1, 1)"),
        (lambda pair, z, x: pair.accumulate_discriminator(x[:2], 0.0), "'data' is NDArray (2, 3, 16, 16) float32"),
        (lambda pair, z, x: pair.accumulate_discriminator([x], 0.0), "'data' is list; give a float32"),
        (lambda pair, z, x: pair.accumulate_discriminator(x.asnumpy(), 0.0), "'data' is ndarray (4, 3, 16, 16)"),
        (lambda pair, z, x: pair.update_generator(pair.generate(z)[:2]), "'data' is NDArray (2, 3, 16, 16) float32"),
        (lambda pair, z, x: pair.update_generator([pair.generate(z)]), "'data' is list; give a float32"),
    ],
)
def test_arrays_of_another_kind_or_shape_are_refused(action, words):
    """MXNet's Module would bind itself anew to another batch size, without a word."""
    pair = make_pair()
    with pytest.raises(ShapeError) as caught:
        action(pair, *inputs(pair, 0))
    assert words in str(caught.value)


def test_an_update_needs_gradients_of_its_own():
    pair = make_pair()
    latents, images = inputs(pair, 0)
    with pytest.raises(ArgumentError, match="D has no gradients since its last update; call accumulate_discriminator"):
        pair.update_discriminator()
    with pytest.raises(ArgumentError, match="G has no new images since its last update; call generate first"):
        pair.update_generator(images)
    fake = pair.generate(latents)
    pair.update_generator(fake)
    with pytest.raises(ArgumentError, match="G has no new images"):
        pair.update_generator(fake)
    pair.accumulate_discriminator(images, 1.0)
    pair.update_discriminator()
    with pytest.raises(ArgumentError, match="D has no gradients"):
        pair.update_discriminator()


def test_actions_without_parameters_or_optimisers_are_refused():
    pair = mxgan.AdversarialPair(
        *mxgan.make_dcgan_sym(4, 4, 3), latent_shape=(100, 1, 1), image_shape=(3, 64, 64), batch_size=2
    )
    latents, images = mx.nd.ones((2, 100, 1, 1)), mx.nd.ones((2, 3, 64, 64))
    words = "call init_params and init_optimizers"
    for action in (lambda: pair.generate(latents), lambda: pair.accumulate_discriminator(images, 0.0)):
        with pytest.raises(ArgumentError, match=words):
            action()
    pair.init_params(mx.init.Normal(0.02))
    pair.accumulate_discriminator(images, 0.0)
    fake = pair.generate(latents)
    for action in (pair.update_discriminator, lambda: pair.update_generator(fake)):
        with pytest.raises(ArgumentError, match=words):
            action()


def conditional_pair(classifies: bool):
    """G takes the class; D predicts it, or takes it."""
    name = "auxiliary-dcgan" if classifies else "conditional-dcgan"
    network = mxgan.NETWORKS[name](ngf=4, ndf=4, image_size=16, latent_size=10, classes=3)
    discriminator, head = with_heads(get_objective("gan"), network.discriminator())
    pair = mxgan.AdversarialPair(
        network.generator(), discriminator, generator_head=head, latent_shape=network.latent_shape,
        image_shape=network.image_shape, batch_size=4,
    )  # fmt: skip
    pair.init_params(mx.init.Normal(0.02))
    return pair


def test_classes_that_are_missing_are_unknown_only_to_a_d_that_predicts_them():
    """Once, a generator without classes took those of its last call."""
    pair = conditional_pair(classifies=True)
    latents, images = inputs(pair, 0)
    pair.generate(latents, mx.nd.zeros((4,)))
    with pytest.raises(ShapeError, match="'class_label' is None; give a float32 mx.nd.NDArray"):
        pair.generate(latents)
    pair.accumulate_discriminator(images, 1.0)
    with pytest.raises(ShapeError, match="'class_label' is None"):
        conditional_pair(classifies=False).accumulate_discriminator(images, 1.0)


def test_one_device_is_taken_as_a_module_takes_it():
    train = {"optimizer": mxgan.OptimizerConfig("sgd", 0.1, {})}
    one, several = make_pair(contexts=mx.cpu(), **train), make_pair(contexts=[mx.cpu()], **train)
    assert one.contexts == several.contexts == [mx.cpu()]
    for pair in (one, several):
        pair.step(*inputs(pair, 0))
    assert_same(params_of(one), params_of(several))
    for wrong in ("cpu", ["cpu0"], [0], 0, 5, "", (), [], False):
        with pytest.raises(
            ArgumentError,
            match=rf"the devices are {re.escape(repr(wrong))}; give mx.cpu\(\), mx.gpu\(0\), or a list of such",
        ):
            make_pair(contexts=wrong)


def test_a_discriminator_without_a_head_is_refused_before_it_is_bound():
    generator, score = networks()
    settings = {"latent_shape": (3,), "image_shape": (2,), "batch_size": N}
    discriminator = mx.sym.LogisticRegressionOutput(score, mx.sym.var("label"))
    with pytest.raises(ArgumentError, match="unknown input 'label'"):
        mxgan.AdversarialPair(generator, score, **settings)
    with pytest.raises(ArgumentError, match="the output 'd2_output' of the generator's head is a FullyConnected"):
        mxgan.AdversarialPair(generator, discriminator, generator_head=score, **settings)
    other = mx.sym.MakeLoss(mx.sym.FullyConnected(score, name="own", num_hidden=1))
    with pytest.raises(ArgumentError, match="generator_head has own_weight, own_bias, which the discriminator does no"):
        mxgan.AdversarialPair(generator, discriminator, generator_head=other, **settings)
