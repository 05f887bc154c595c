import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError, ShapeError
from mxgan.runtime import mx
from mxgan.training.step import FAKE, REAL
from tests.support import assert_same, inputs, make_pair, params_of, train


def test_two_runs_of_one_seed_are_the_same_bits_and_another_seed_is_not():
    first, second, other = make_pair(seed=1), make_pair(seed=1), make_pair(seed=2)
    for pair in (first, second, other):
        train(pair, 0, 3)
    assert_same(params_of(first), params_of(second))
    assert not np.array_equal(params_of(first)["d1_weight"], params_of(other)["d1_weight"])


def test_nothing_is_computed_to_be_thrown_away():
    pair = make_pair()
    assert pair.discriminator._exec_group.execs[0].grad_dict["data"] is None
    for name, gradient in pair.critic_for_inputs._exec_group.execs[0].grad_dict.items():
        assert (gradient is not None) == (name == "data"), name


def test_the_third_executor_shares_the_discriminators_parameters():
    pair = make_pair()
    train(pair, 0, 1)
    mine = pair.discriminator._exec_group.execs[0]
    shared = pair.critic_for_inputs._exec_group.execs[0]
    weight = mine.arg_dict["d1_weight"]
    weight[:] = 0.25
    assert (shared.arg_dict["d1_weight"].asnumpy() == 0.25).all()


def test_training_the_generator_leaves_the_discriminators_weights_alone():
    pair = make_pair()
    latents, _ = inputs(pair, 0)
    before = params_of(pair)
    pair.update_generator(pair.generate(latents))
    after = params_of(pair)
    weights = [name for name in before if name.endswith(("weight", "beta"))]
    assert all(np.array_equal(before[n], after[n]) for n in weights if n.startswith("d"))
    assert all(not np.array_equal(before[n], after[n]) for n in weights if n.startswith("g"))


def test_accumulated_gradients_are_the_sum_of_both_passes():
    pair = make_pair()
    _, first = inputs(pair, 0)
    _, second = inputs(pair, 1)

    def gradients():
        return {name: value.asnumpy() for name, value in pair.gradients().items() if name.startswith("d")}

    alone = []
    for images, label in ((first, FAKE), (second, REAL)):
        pair._gradients_pending = False
        pair.accumulate_discriminator(images, label)
        alone.append(gradients())
    pair._gradients_pending = False
    pair.accumulate_discriminator(first, FAKE)
    pair.accumulate_discriminator(second, REAL)
    for name, value in gradients().items():
        if name != "data":
            np.testing.assert_array_equal(value, alone[0][name] + alone[1][name], err_msg=name)


def test_one_sided_smoothing_is_the_label_of_the_real_half_alone():
    """The gradient is linear in the label: that for 0.9 is 0.9 of that for 1 and 0.1 of that for 0."""
    pair = make_pair(real_label=0.9)
    _, images = inputs(pair, 0)
    found = {}
    for label in (0.0, 0.9, 1.0):
        pair._gradients_pending = False
        pair.accumulate_discriminator(images, label)
        found[label] = pair.gradients()["d3_weight"].asnumpy()
    np.testing.assert_allclose(found[0.9], 0.9 * found[1.0] + 0.1 * found[0.0], rtol=1e-4, atol=1e-5)

    seen = []
    judge = pair.accumulate_discriminator
    pair.accumulate_discriminator = lambda images, label, *more, **named: (
        seen.append(label) or judge(images, label, *more, **named)
    )
    pair.step(*inputs(pair, 0))
    assert seen == [FAKE, 0.9]


def test_a_step_changes_no_batch_and_noise_only_what_the_discriminator_sees():
    pair, silent = make_pair(), make_pair()
    latents, images = inputs(pair, 0)
    before = latents.asnumpy().copy(), images.asnumpy().copy()
    mx.random.seed(1)
    noisy = pair.step(latents, images, noise=0.5)
    clean = silent.step(latents, images)
    np.testing.assert_array_equal(latents.asnumpy(), before[0])
    np.testing.assert_array_equal(images.asnumpy(), before[1])
    np.testing.assert_array_equal(noisy.fake.asnumpy(), clean.fake.asnumpy())
    assert not np.allclose(noisy.real_prediction.asnumpy(), clean.real_prediction.asnumpy())


def test_results_outlive_the_next_step():
    pair = make_pair()
    first = pair.step(*inputs(pair, 0))
    kept = [getattr(first, name).asnumpy() for name in ("fake_prediction", "real_prediction", "generator_prediction")]
    train(pair, 1, 3)
    for name, value in zip(("fake_prediction", "real_prediction", "generator_prediction"), kept):
        np.testing.assert_array_equal(getattr(first, name).asnumpy(), value)


@pytest.mark.parametrize(
    "settings, error, words",
    [
        ({"image_shape": (3, 32, 32)}, ShapeError, "the generator makes (4, 3, 64, 64) from latents (4, 100, 1, 1)"),
        ({"image_shape": (1, 64, 64)}, ShapeError, "but the discriminator expects (4, 1, 64, 64)"),
        ({"latent_shape": (100,)}, ShapeError, "does not fit its input"),
        ({"latent_shape": (0, 1, 1)}, ShapeError, "expected a tuple of whole numbers above 0"),
        ({"batch_size": 0}, ArgumentError, "batch_size 0 is less than one image for each of 1 devices"),
        ({"batch_size": 1, "contexts": [mx.cpu(0), mx.cpu(1)]}, ArgumentError, "for each of 2 devices"),
        ({"real_label": 0.3}, ArgumentError, "real_label is 0.3; give a number above 0.5 and at most 1"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_bound(settings, error, words):
    settings = {"latent_shape": (100, 1, 1), "image_shape": (3, 64, 64), "batch_size": 4, **settings}
    with pytest.raises(error) as caught:
        mxgan.AdversarialPair(*mxgan.make_dcgan_sym(4, 4, 3), **settings)
    assert words in str(caught.value)


def test_a_symbol_without_the_named_input_is_refused():
    image = mx.sym.Deconvolution(mx.sym.var("z"), kernel=(4, 4), num_filter=3, name="g1")
    _, discriminator = mxgan.make_dcgan_sym(4, 4, 3)
    with pytest.raises(ArgumentError, match="unknown input 'rand'.*Known: z, g1_weight"):
        mxgan.AdversarialPair(image, discriminator, latent_shape=(9, 1, 1), image_shape=(3, 4, 4), batch_size=2)


def test_parameters_that_do_not_fit_change_nothing():
    pair, wider = make_pair(), make_pair(ngf=6)
    before = params_of(pair)
    generator, discriminator = pair.get_params()
    wrong = [
        (wider.get_params()[0], "'g1_weight' of the generator is (10, 12, 4, 4) in the file and (10, 8, 4, 4)"),
        (discriminator, "do not fit the generator: the file lacks"),
        (({**generator[0], "extra": mx.nd.ones(1)}, generator[1]), "has unknown extra"),
        (({**generator[0], "g1_weight": generator[0]["g1_weight"].astype("float64")}, generator[1]), "is float64"),
    ]
    for given, words in wrong:
        with pytest.raises(CheckpointError) as caught:
            pair.set_params(given, discriminator)
        assert words in str(caught.value)
    with pytest.raises(CheckpointError, match="do not fit the discriminator"):
        pair.set_params(generator, generator)
    assert_same(params_of(pair), before)


def test_the_generators_head_may_differ_from_the_discriminators():
    score = mxgan.DCGAN(ndf=4, ngf=4, image_size=16, latent_size=10).discriminator()
    squared = mx.sym.LinearRegressionOutput(score, mx.sym.var("label"), name="dloss")
    plain, other = make_pair(), make_pair(generator_head=squared)
    latents, images = inputs(plain, 0)
    for pair in (plain, other):
        pair.set_params(*plain.get_params())
    results = [pair.step(latents, images) for pair in (plain, other)]
    np.testing.assert_array_equal(results[0].fake_prediction.asnumpy(), results[1].fake_prediction.asnumpy())
    probability, raw = (result.generator_prediction.asnumpy() for result in results)
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-raw)), rtol=1e-5)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (
            lambda z, x: (z, x[:2]),
            "is NDArray (2, 3, 16, 16) float32; give a float32 mx.nd.NDArray (4, 3, 16, 16)",
        ),
        (lambda z, x: (z[:1], x), "'rand' is NDArray (1, 10, 1, 1) float32"),
        (lambda z, x: (z, x.asnumpy()), "'data' is ndarray (4, 3, 16, 16) float32"),
        (lambda z, x: (z, x.astype("uint8")), "'data' is NDArray (4, 3, 16, 16) uint8"),
        (lambda z, x: (None, x), "'rand' is None; give a float32 mx.nd.NDArray (4, 10, 1, 1)"),
    ],
)
def test_inputs_are_checked_at_the_entrance_and_a_refused_step_leaves_no_trace(spoil, words):
    pair, clean = make_pair(), make_pair()
    with pytest.raises(ShapeError) as caught:
        pair.step(*spoil(*inputs(pair, 0)))
    assert words in str(caught.value)
    for each in (pair, clean):
        train(each, 0, 2)
    assert_same(params_of(pair), params_of(clean))


def test_gradients_of_a_step_that_failed_half_way_do_not_linger():
    pair, clean = make_pair(), make_pair()
    start = pair.get_params()
    pair.accumulate_discriminator(inputs(pair, 5)[1], REAL)  # and then something failed
    for each in (pair, clean):
        each.set_params(*start)
        train(each, 0, 1)
    assert np.array_equal(params_of(pair)["d1_weight"], params_of(clean)["d1_weight"])


def test_a_pair_without_optimisers_says_so():
    pair = mxgan.AdversarialPair(
        *mxgan.make_dcgan_sym(4, 4, 3), latent_shape=(100, 1, 1), image_shape=(3, 64, 64), batch_size=2
    )
    with pytest.raises(ArgumentError, match="call init_params and init_optimizers"):
        pair.step(mx.nd.ones((2, 100, 1, 1)), mx.nd.ones((2, 3, 64, 64)))


def test_labelled_batches_want_a_discriminator_that_classifies():
    with pytest.raises(ArgumentError, match="labelled is True, and the discriminator has no classifier"):
        make_pair(labelled=True)
