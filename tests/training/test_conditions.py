"""Inputs beside latents, images and labels, and losses among the outputs, against steps written in NumPy."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, ShapeError
from mxgan.objectives.penalties import make_penalty
from mxgan.runtime import cpu_features, mx
from mxgan.training.schedule import Schedule
from tests.support import assert_same, params_of
from tests.training.test_step import SGD

N, LATENT, CODE, DIM = 4, 3, 5, 2
WEIGHT = 3.0  # of the losses beside D's
var = functools.cache(mx.sym.var)  # one Variable of each name


def dense(data, name: str, size: int):
    return mx.sym.FullyConnected(data, name=name, num_hidden=size, no_bias=True)


def generator(inputs=("rand", "cond"), loss: bool = False):
    """x = tanh(W₁ [z, c]); with `loss`, a further output WEIGHT ½ ‖x‖²."""
    joined = mx.sym.Concat(*map(var, inputs), dim=1) if len(inputs) > 1 else var(inputs[0])
    image = mx.sym.tanh(dense(joined, "g1", DIM), name="image")
    size = mx.sym.MakeLoss(0.5 * WEIGHT * mx.sym.sum(image**2, axis=1), name="size")
    return mx.sym.Group([image, size]) if loss else image


def score(inputs=("data", "cond")):
    return dense(mx.sym.Concat(*map(var, inputs), dim=1), "d1", 1)


def discriminator(**settings):
    return mx.sym.LogisticRegressionOutput(score(**settings), var("label"), name="dloss")


def head_with_target():
    """D's own head, and WEIGHT ‖x − t‖₁."""
    distance = mx.sym.sum(mx.sym.abs(var("data") - var("target")), axis=1)
    return mx.sym.Group([discriminator(), mx.sym.MakeLoss(WEIGHT * distance)])


CONDITIONS = {"cond": (CODE,), "target": (DIM,)}


def make_pair(*networks, optimizer=SGD, **settings):
    settings = {
        "generator_head": head_with_target(), "latent_shape": (LATENT,), "image_shape": (DIM,), "batch_size": N,
        "conditions": CONDITIONS, **settings,
    }  # fmt: skip
    pair = mxgan.AdversarialPair(*(networks or (generator(loss=True), discriminator())), **settings)
    pair.init_params(mx.init.Uniform(0.5), seed=7)
    pair.init_optimizers(optimizer, optimizer)
    return pair


def arrays(schedule: Schedule, seed: int) -> tuple:
    """(latents, [(images, cond, target), …]) of a step, in NumPy."""
    rng = np.random.default_rng(seed)
    draw = lambda size: rng.standard_normal((N, size)).astype("f")  # noqa: E731
    latents = [draw(LATENT) for _ in range(schedule.latent_batches)]
    return latents, [tuple(map(draw, (DIM, CODE, DIM))) for _ in range(schedule.real_batches)]


def step(pair, seed: int):
    latents, batches = arrays(pair.schedule, seed)
    batches = [mx.io.DataBatch([mx.nd.array(each) for each in batch]) for batch in batches]
    return pair.step([mx.nd.array(z) for z in latents] if pair.takes_latents else None, batches)


class NumpyStep:
    """The same networks in float64, each gradient written out."""

    def __init__(self, pair) -> None:
        values = params_of(pair)
        self.g, self.d, self.schedule = *(values[f"{k}1_weight"].astype("d") for k in "gd"), pair.schedule

    def made(self, z, c):
        return np.tanh(np.hstack([z, c]) @ self.g.T)

    def of_d(self, x, c, label: float):
        seen = np.hstack([x, c])
        return (1 / (1 + np.exp(-seen @ self.d.T)) - label).T @ seen / N

    def step(self, latents: list, batches: list) -> None:
        for z, (x, c, _) in zip(latents, batches):
            self.d -= 0.1 * (self.of_d(self.made(z, c), c, 0.0) + self.of_d(x, c, 1.0))
        _, c, target = batches[-1]
        own = latents[len(batches) :] if self.schedule.fresh_fakes else latents[len(batches) - 1 :]
        for z in own:
            fake = self.made(z, c)
            probability = 1 / (1 + np.exp(-np.hstack([fake, c]) @ self.d.T))
            at_x = (probability - 1) @ self.d[:, :DIM] + WEIGHT * np.sign(fake - target) + WEIGHT * fake
            self.g -= 0.1 * (at_x * (1 - fake**2)).T @ np.hstack([z, c]) / N


SCHEDULES = {
    "original": Schedule(),
    "two rounds, fresh fakes": Schedule(2, fresh_fakes=True),
    "three updates of G": Schedule(generator_updates=3),
    "all": Schedule(2, 2, fresh_fakes=True),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_steps_with_conditions_and_further_losses_are_those_of_numpy(name):
    pair = make_pair(schedule=SCHEDULES[name])
    plain = NumpyStep(pair)
    for seed in range(3):
        plain.step(*arrays(pair.schedule, seed))
        result = step(pair, seed)
        assert result.fake.shape == (N, DIM)
        assert result.generator_prediction.shape == (N, 1)
    found = params_of(pair)
    np.testing.assert_allclose(found["g1_weight"], plain.g, atol=2e-6)
    np.testing.assert_allclose(found["d1_weight"], plain.d, atol=2e-6)


def test_the_actions_take_conditions_by_name():
    pair, whole = make_pair(), make_pair()
    (z,), ((x, c, target),) = arrays(pair.schedule, 0)
    told = {"cond": mx.nd.array(c), "target": mx.nd.array(target)}
    fake = pair.generate(mx.nd.array(z), conditions=told)
    pair.accumulate_discriminator(fake, 0.0, conditions=told)
    pair.accumulate_discriminator(mx.nd.array(x), 1.0, conditions={"cond": told["cond"]})
    pair.update_discriminator()
    pair.update_generator(fake, conditions=told)
    step(whole, 0)
    assert_same(params_of(pair), params_of(whole))
    for action in (
        lambda: pair.generate(mx.nd.array(z)),
        lambda: pair.accumulate_discriminator(fake, 0.0, conditions={"target": told["target"]}),
    ):
        with pytest.raises(ShapeError, match=r"'cond' is None; give a float32 mx.nd.NDArray \(4, 5\)"):
            action()
    with pytest.raises(ShapeError, match=r"'target' is None; give a float32 mx.nd.NDArray \(4, 2\)"):
        pair.update_generator(fake, conditions={"cond": told["cond"]})


@pytest.mark.parametrize(
    "given, words",
    [
        ({"label": 0}, "unknown condition 'label'"),
        ({"rand": 0}, "unknown condition 'rand'"),
        ({"conb": 0}, "unknown condition 'conb'; did you mean 'cond'? Known: cond, target. They were named by cond"),
        (["cond"], "conditions is ['cond']; give {'cond': values}: each condition with its values; or None"),
    ],
)
def test_conditions_of_an_action_are_those_of_the_pair(given, words):
    """A name such as `label` would take the place of the argument itself."""
    pair = make_pair()
    (z,), ((x, c, target),) = arrays(pair.schedule, 0)
    right = {"cond": mx.nd.array(c), "target": mx.nd.array(target)}
    z, x = mx.nd.array(z), mx.nd.array(x)
    fake = pair.generate(z, conditions=right)
    wrong = {**right, **dict.fromkeys(given, x)} if isinstance(given, dict) else given
    for action in (
        lambda: pair.generate(z, conditions=wrong),
        lambda: pair.accumulate_discriminator(x, 1.0, conditions=wrong),
        lambda: pair.update_generator(fake, conditions=wrong),
    ):
        with pytest.raises(ArgumentError) as caught:
            action()
        assert words in str(caught.value)


def test_a_network_without_conditions_takes_none():
    plain = make_pair(
        dense(var("rand"), "g1", DIM), mx.sym.LogisticRegressionOutput(dense(var("data"), "d1", 1), var("label")),
        generator_head=None, conditions=None,
    )  # fmt: skip
    latents = mx.nd.zeros((N, LATENT))
    assert plain.generate(latents, conditions=None).shape == (N, DIM)
    with pytest.raises(ArgumentError, match="conditions has 'cond', and this network takes none; leave conditions out"):
        plain.generate(latents, conditions={"cond": latents})


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), "x", None, True])
def test_a_weight_is_a_finite_number(weight):
    with pytest.raises(ArgumentError, match=f"weight is {weight!r}; give a finite number, the factor on this batch's"):
        make_pair().accumulate_discriminator(mx.nd.zeros((N, DIM)), 1.0, weight=weight)


def test_no_gradient_is_computed_for_conditions():
    pair = make_pair()
    for module, trained in ((pair.generator, "g1_weight"), (pair.discriminator, "d1_weight")):
        (executor,) = module._exec_group.execs
        assert [name for name, gradient in executor.grad_dict.items() if gradient is not None] == [trained]
    (executor,) = pair.critic_for_inputs._exec_group.execs
    assert [name for name, gradient in executor.grad_dict.items() if gradient is not None] == ["data"]


def test_two_devices_split_the_conditions_as_they_split_the_images():
    one, two = make_pair(), make_pair(contexts=[mx.cpu(0), mx.cpu(1)])
    for seed in range(2):
        step(one, seed), step(two, seed)
    for name, value in params_of(one).items():
        np.testing.assert_allclose(params_of(two)[name], value, atol=1e-6, err_msg=name)


def test_a_generator_of_a_condition_alone_needs_no_latents():
    pair = make_pair(generator(("cond",)), discriminator(), latent_shape=None)
    before = params_of(pair)
    step(pair, 0)
    assert not np.array_equal(before["g1_weight"], params_of(pair)["g1_weight"])
    with pytest.raises(ArgumentError, match="the generator takes no 'rand'; give None as latents"):
        pair.step(mx.nd.zeros((N, LATENT)), mx.nd.zeros((N, DIM)))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"conditions": {"cond": (CODE,)}}, "generator_head has target, which the discriminator does not have; it tak"),
        ({"conditions": {**CONDITIONS, "tarket": (2,)}}, "unknown condition 'tarket'; did you mean 'target'?"),
        ({"conditions": {**CONDITIONS, "data": (2,)}}, "a condition has the name 'data', which is an input of its own"),
        ({"conditions": {**CONDITIONS, "cond": 5}}, "the condition 'cond' is 5; give the shape of one sample, such as"),
        ({"conditions": {**CONDITIONS, "cond": (0,)}}, "the condition 'cond' is (0,); give the shape of one sample"),
        ({"conditions": {**CONDITIONS, "cond": (True,)}}, "the condition 'cond' is (True,); give the shape of one sam"),
        ({"conditions": ["cond"]}, "conditions is ['cond']; give {'cond': (10,)}: each input with the shape of one"),
        ({"latent_shape": None}, "latent_shape is None, and the generator takes 'rand'; give the shape of one latent"),
    ],
)
def test_conditions_that_do_not_fit_are_refused(settings, words):
    with pytest.raises(ArgumentError) as caught:
        make_pair(**settings)
    assert words in str(caught.value)


def test_two_variables_of_one_name_are_refused():
    """MXNet's own words for it: Input argument NDArray cannot be un-allocated."""
    twice = mx.sym.Concat(mx.sym.var("rand"), mx.sym.var("rand"), dim=1)
    with pytest.raises(
        ArgumentError, match=r"several Variables 'rand'; make it once, x = mx.sym.var\('rand'\), and us"
    ):
        make_pair(dense(twice, "g1", DIM), discriminator())


def test_class_labels_without_latents_are_refused():
    joined = mx.sym.Concat(var("cond"), mx.sym.Reshape(var("class_label"), shape=(-1, 1)), dim=1)
    with pytest.raises(ArgumentError, match="takes 'class_label' and no 'rand'; give the class as a condition"):
        make_pair(dense(joined, "g1", DIM), discriminator(), latent_shape=None)


def test_batches_of_other_arrays_are_refused_and_leave_no_trace():
    pair, clean = make_pair(), make_pair()
    z, x = mx.nd.zeros((N, LATENT)), mx.nd.zeros((N, DIM))
    right = [x, mx.nd.zeros((N, CODE)), mx.nd.zeros((N, DIM))]
    for data, words in (
        ([x], r"a batch of 'data' has 1 arrays, and the pair takes 3 \(data, cond, target\)"),
        ([*right, x], "a batch of 'data' has 4 arrays, and the pair takes 3"),
        ([x, *right[:0:-1]], r"'cond' is NDArray \(4, 2\) float32; give a float32 mx.nd.NDArray \(4, 5\)"),
        ([x, right[1].astype("int32"), x], r"'cond' is NDArray \(4, 5\) int32"),
    ):
        with pytest.raises(ArgumentError, match=words):
            pair.step(z, mx.io.DataBatch(data))
    for each in (pair, clean):
        step(each, 0)
    assert_same(params_of(pair), params_of(clean))


def test_a_penalty_is_under_the_conditions_of_its_points():
    """D's score is linear in x with a slope that the condition decides, so R1 is known."""
    slope = mx.sym.broadcast_mul(dense(var("data"), "d1", 1), mx.sym.slice_axis(var("cond"), axis=1, begin=0, end=1))
    settings = {"generator_head": None, "conditions": {"cond": (CODE,)}, "penalty": (make_penalty("r1", 2.0), slope)}
    pair = make_pair(generator(), mx.sym.LogisticRegressionOutput(slope, var("label")), **settings)
    weight = params_of(pair)["d1_weight"]
    (z,), ((x, c, _),) = arrays(pair.schedule, 0)
    result = pair.step(mx.nd.array(z), mx.io.DataBatch([mx.nd.array(x), mx.nd.array(c)]))
    np.testing.assert_allclose(result.penalty.asnumpy(), (weight**2).sum() * c[:, 0] ** 2, rtol=1e-5)


@pytest.mark.skipif("avx512_bf16" not in cpu_features(), reason="bfloat16 is for CPUs with AVX512_BF16")
def test_bfloat16_takes_conditions_and_further_losses():
    """Convolutions of one pixel; the last layers stay float32, so only the first ones round."""

    def hidden(inputs, name):
        joined = mx.sym.Reshape(mx.sym.Concat(*map(var, inputs), dim=1), shape=(0, 0, 1, 1))
        return mx.sym.tanh(mx.sym.Flatten(mx.sym.Convolution(joined, kernel=(1, 1), num_filter=8, name=name)))

    image = mx.sym.tanh(dense(hidden(("rand", "cond"), "g0"), "g1", DIM))
    networks = (
        mx.sym.Group([image, mx.sym.MakeLoss(mx.sym.sum(image**2, axis=1))]),
        dense(hidden(("data", "cond"), "d0"), "d1", 1),
    )
    head = mx.sym.LogisticRegressionOutput(networks[1], var("label"), name="dloss")
    both = mx.sym.Group([head, mx.sym.MakeLoss(mx.sym.sum(mx.sym.abs(var("data") - var("target")), axis=1))])
    pairs = [make_pair(networks[0], head, generator_head=both, precision=p) for p in ("float32", "bfloat16")]
    start = params_of(pairs[0])
    for seed in range(3):
        for pair in pairs:
            step(pair, seed)
    full, low = map(params_of, pairs)
    for name, value in full.items():
        moved = np.abs(value - start[name]).max()
        assert 0 < np.abs(low[name] - value).max() < 0.1 * moved, name


# ---- further outputs of the generator ----


def test_an_output_that_is_no_loss_is_refused_and_a_value_may_stand_under_blockgrad():
    image = generator()
    with pytest.raises(ArgumentError, match="the output '.*' of the generator is a square, which is no loss"):
        make_pair(mx.sym.Group([image, mx.sym.square(image)]), discriminator())
    plain, valued = (
        make_pair(symbol, discriminator())
        for symbol in (image, mx.sym.Group([image, mx.sym.BlockGrad(mx.sym.square(image))]))
    )
    for pair in (plain, valued):
        step(pair, 0)
    assert_same(params_of(valued), params_of(plain))


def test_a_loss_of_g_is_the_gradient_of_its_mean():
    """D's gradient is 0 where its weights are 0: what moves G is its own loss, by finite differences."""
    pair = make_pair(generator(loss=True), discriminator(), generator_head=None, conditions={"cond": (CODE,)})
    (weights, states), (judge, none) = pair.get_params()
    pair.set_params((weights, states), ({name: 0 * value for name, value in judge.items()}, none))
    (z,), ((_, c, _),) = arrays(pair.schedule, 0)
    told = {"cond": mx.nd.array(c)}
    pair.update_generator(pair.generate(mx.nd.array(z), conditions=told), conditions=told)
    before, moved = weights["g1_weight"].asnumpy().astype("d"), params_of(pair)["g1_weight"]
    loss = lambda w: 0.5 * WEIGHT * (np.tanh(np.hstack([z, c]) @ w.T) ** 2).sum(axis=1).mean()  # noqa: E731
    found = np.zeros_like(before)
    for place in np.ndindex(before.shape):
        nudge = np.zeros_like(before)
        nudge[place] = 1e-5
        found[place] = (loss(before + nudge) - loss(before - nudge)) / 2e-5
    np.testing.assert_allclose((before - moved) / 0.1, found, atol=2e-5)


# ---- further outputs of D and of generator_head ----


def test_the_first_output_of_the_head_is_d_s_prediction():
    prediction, distance = head_with_target()
    probabilities = mx.sym.SoftmaxOutput(dense(var("data"), "d2", 3), var("class_label"), name="closs")
    for head, words in (
        (
            [distance, prediction],
            f"and the first one, ({N},), is not D's prediction (dloss_output, ({N}, 1)); give tha",
        ),
        (
            [mx.sym.MakeLoss(mx.sym.expand_dims(distance, axis=1))],
            f"and the first one, ({N}, 1), is not D's prediction",
        ),
    ):
        with pytest.raises(ArgumentError) as caught:
            make_pair(generator_head=mx.sym.Group(head))
        assert words in str(caught.value)
    first = mx.sym.Group([probabilities, prediction])
    with pytest.raises(ArgumentError, match="outputs closs_output, dloss_output; give the prediction first, then 'clo"):
        make_pair(generator(), first, generator_head=None, conditions={"cond": (CODE,)})
    other = mx.sym.LinearRegressionOutput(score(), var("label"), name="of_g")  # another loss over D's score
    pair = make_pair(generator_head=mx.sym.Group([other, distance]))
    result = step(pair, 0)
    assert result.generator_prediction.shape == (N, 1)
    assert (result.fake_prediction.asnumpy() > 0).all()
    assert (result.generator_prediction.asnumpy() < 0).any()  # scores, no probabilities
