"""Pairs whose D judges changed images: exact gradients, new changes for each batch, and what stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.objectives.augment.table import AUGMENTATIONS
from mxgan.objectives.heads import get_objective, with_heads
from mxgan.objectives.penalties import make_penalty
from mxgan.runtime import cpu_features, mx
from mxgan.training.schedule import Schedule
from tests.support import assert_same, inputs, params_of
from tests.support import make_pair as make_dcgan_pair

ALL = tuple(AUGMENTATIONS)
N, CLASSES = 4, 3
STILL = mxgan.OptimizerConfig("sgd", 1e-30, {})  # leaves every weight as it is


def make_pair(augment=ALL, penalty=None, classifies=False, optimizer=STILL, **settings):
    """A pair without BatchNorm in D, with tanh instead of rectifiers: smooth for finite differences."""
    latent = mx.sym.FullyConnected(mx.sym.Variable("rand"), num_hidden=3 * 6 * 8, name="g1")
    image = mx.sym.tanh(mx.sym.Reshape(latent, shape=(-1, 3, 6, 8)), name="gout")
    data = mx.sym.Variable("data")
    hidden = mx.sym.Convolution(data, kernel=(3, 3), stride=(2, 2), pad=(1, 1), num_filter=4, name="d1")
    hidden = mx.sym.Flatten(mx.sym.tanh(hidden))
    score = mx.sym.FullyConnected(hidden, num_hidden=1, name="d2")
    output = (
        mx.sym.Group([score, mx.sym.FullyConnected(hidden, num_hidden=CLASSES, name="dl")]) if classifies else score
    )
    discriminator, head = with_heads(get_objective("gan"), output)
    pair = mxgan.AdversarialPair(
        image, discriminator, generator_head=head, latent_shape=(5,), image_shape=(3, 6, 8), batch_size=N,
        penalty=(make_penalty(*penalty), score) if penalty else None, augment=augment, **settings,
    )  # fmt: skip
    pair.init_params(mx.init.Uniform(0.4), seed=7)
    pair.init_optimizers(optimizer, optimizer)
    return pair


def moved(pair, half, name, place, by) -> None:
    array = pair.parameters(half)[name]
    content = array.asnumpy()
    content[place] += by
    array[:] = content


def assert_gradients(pair, half, gradients, loss, h=1e-2) -> None:
    """`gradients` are those of `loss()` by central differences, at three places of each parameter."""
    rng = np.random.default_rng(0)
    for name, gradient in gradients.items():
        for _ in range(3):
            place = tuple(rng.integers(size) for size in gradient.shape)
            ends = []
            for by in (h, -h):
                moved(pair, half, name, place, by)
                ends.append(loss())
                moved(pair, half, name, place, -by)
            expected = (ends[0] - ends[1]) / (2 * h)
            assert gradient[place] == pytest.approx(expected, rel=0.02, abs=2e-3 * float(np.abs(gradient).max())), name


def test_the_gradient_is_exact_down_to_the_generators_weights():
    pair = make_pair()
    latents, _ = inputs(pair, 0)

    def loss() -> float:
        fake = pair.generate(latents)
        mx.random.seed(5)
        prediction, _ = pair.update_generator(fake)
        return -np.log(prediction.asnumpy().astype(np.float64)).sum()

    loss()
    gradients = {name: pair.gradients()[name].asnumpy() for name in pair.parameters("generator")}
    assert np.abs(gradients["g1_weight"]).max() > 1e-2
    assert_gradients(pair, "generator", gradients, loss)


@pytest.mark.parametrize("penalty", ["r1", "gradient_penalty"])
def test_a_penalty_is_on_the_gradient_at_the_unchanged_image(penalty):
    pair = make_pair(penalty=(penalty, 10.0))
    _, real = inputs(pair, 0)
    _, fake = inputs(pair, 1)
    arrays = pair._gradient_arrays("discriminator")

    def loss() -> float:
        for array in arrays:
            array[:] = 0
        mx.random.seed(5)
        return pair.accumulate_penalty(real, fake).asnumpy().sum(dtype=np.float64)

    first = loss()
    found = {name: array.asnumpy() for name, array in pair.gradients().items() if name in ("d1_weight", "d2_weight")}
    assert_gradients(pair, "discriminator", found, loss)
    plain = make_pair(augment=(), penalty=(penalty, 10.0))
    mx.random.seed(5)
    assert abs(plain.accumulate_penalty(real, fake).asnumpy().sum() - first) > 1e-3 * abs(first)


def test_changes_of_probability_0_are_the_plain_training_to_the_bit():
    plain, changing = make_dcgan_pair(), make_dcgan_pair(augment=ALL)
    changing.augmenter.probability = 0.0
    for step in range(3):
        for pair in (plain, changing):
            mx.random.seed(step)
            pair.step(*inputs(pair, step))
    assert_same(params_of(changing), params_of(plain))
    changing.augmenter.probability = 1.0
    changing.step(*inputs(changing, 3))
    plain.step(*inputs(plain, 3))
    assert (params_of(changing)["d1_weight"] != params_of(plain)["d1_weight"]).any()


def test_each_judged_batch_has_other_changes_and_the_seed_decides_them():
    pair, drawn = make_pair(schedule=Schedule(discriminator_updates=2, fresh_fakes=True)), []
    real = pair.augmenter.draw
    pair.augmenter.draw = lambda *given: drawn.append(real(*given)) or drawn[-1]
    latents, images = inputs(pair, 0)
    for _ in range(2):
        mx.random.seed(11)
        pair.step([latents] * 3, [images] * 2)
    values = [each["augment"].asnumpy() for each in drawn]
    assert len(values) == 2 * (2 + 2 + 1)
    assert len({value.tobytes() for value in values[:5]}) == 5
    for first, second in zip(values[:5], values[5:]):
        np.testing.assert_array_equal(first, second)


def test_the_saved_symbol_and_the_parameters_are_those_of_d_alone():
    plain, changing = make_dcgan_pair(), make_dcgan_pair(augment=ALL)
    assert changing.symbol_json("discriminator") == plain.symbol_json("discriminator")
    assert changing.parameter_shapes() == plain.parameter_shapes()
    assert_same(params_of(changing), params_of(plain))


def test_classify_sees_images_as_they_are():
    changing, plain = make_pair(classifies=True), make_pair(augment=(), classifies=True)
    _, images = inputs(changing, 0)
    np.testing.assert_array_equal(changing.classify(images).asnumpy(), plain.classify(images).asnumpy())
    seen = changing.accumulate_discriminator(images, 1.0)[1].asnumpy()
    assert np.abs(seen - plain.classify(images).asnumpy()).max() > 1e-3


def test_two_devices_make_the_same_step():
    sgd = mxgan.OptimizerConfig("sgd", 0.1, {})
    one, two = make_pair(optimizer=sgd), make_pair(optimizer=sgd, contexts=[mx.cpu(0), mx.cpu(1)])
    before = params_of(one)
    for pair in (one, two):
        mx.random.seed(3)
        pair.step(*inputs(pair, 0))
    found, expected = params_of(two), params_of(one)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-6, err_msg=name)
        assert np.abs(value - before[name]).max() > 1e-4


def test_bfloat16_passes_take_the_changes():
    if "avx512_bf16" not in cpu_features():
        pytest.skip("this CPU has no AVX512_BF16")
    exact, low = make_dcgan_pair(augment=ALL), make_dcgan_pair(augment=ALL, precision="bfloat16")
    results = []
    for pair in (exact, low):
        mx.random.seed(3)
        results.append(pair.step(*inputs(pair, 0)).real_prediction.asnumpy())
    np.testing.assert_allclose(results[1], results[0], rtol=0, atol=0.02)


@pytest.mark.parametrize("half", ["generator", "discriminator"])
def test_an_input_of_the_same_name_is_refused(half):
    taken, label = mx.sym.Variable("augment"), mx.sym.Variable("label")
    data, latent = mx.sym.Flatten(mx.sym.Variable("data")), mx.sym.Variable("rand")
    if half == "generator":
        latent = mx.sym.concat(latent, taken)
    else:
        data = mx.sym.concat(data, taken)
    score = mx.sym.FullyConnected(data, num_hidden=1)
    image = mx.sym.Reshape(mx.sym.FullyConnected(latent, num_hidden=16), shape=(-1, 1, 4, 4))
    with pytest.raises(ArgumentError, match="an input 'augment', which is one of the augmentations; rename it"):
        mxgan.AdversarialPair(
            image, mx.sym.LogisticRegressionOutput(score, label), latent_shape=(3,), image_shape=(1, 4, 4),
            batch_size=2, augment=("cutout",), conditions={"augment": (2,)},
        )  # fmt: skip
