"""Feature matching: its loss against NumPy, its gradient against one made by hand, in whole steps of a pair too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.objectives.augment.augmenter import Augmenter
from mxgan.objectives.feature_matching import REAL_IMAGES, matched
from mxgan.objectives.heads import OBJECTIVES, get_objective, with_heads
from mxgan.runs.pair import build_pair
from mxgan.runtime import mx
from mxgan.runtime.config import override
from mxgan.training.discriminator import discriminator_output
from tests.test_recipes import small

N = 5


def plain_d():
    """A raw score (N, 1) over tanh features of points (N, 3)."""
    hidden = mx.sym.tanh(mx.sym.FullyConnected(mx.sym.var("data"), name="d1", num_hidden=4), name="dact1")
    return mx.sym.FullyConnected(hidden, name="d2", num_hidden=1)


def drawn(symbol, seed: int = 0, **shapes) -> dict:
    """{argument: normal numbers} for these shapes of the inputs."""
    rng = np.random.default_rng(seed)
    names = symbol.list_arguments()  # a head that shows the score itself takes no label
    found, _, _ = symbol.infer_shape(**{name: shape for name, shape in shapes.items() if name in names})
    return {name: rng.normal(size=shape) for name, shape in zip(names, found)}


def ran(symbol, values, dtype="float64", gradients=("data",)):
    """The executor of a symbol in training, after its forward pass."""
    arrays = {name: mx.nd.array(value, dtype=dtype) for name, value in values.items()}
    kept = {name: mx.nd.zeros(arrays[name].shape, dtype=dtype) for name in gradients}
    shapes = {name: array.shape for name, array in arrays.items()}
    states = dict(zip(symbol.list_auxiliary_states(), symbol.infer_shape(**shapes)[2]))
    states = {name: mx.nd.ones(shape, dtype=dtype) for name, shape in states.items()}
    executor = symbol.bind(mx.cpu(), arrays, kept, aux_states=states)
    executor.forward(is_train=True)
    return executor


def squared_distance(values, data) -> float:
    first, second = (
        np.tanh(images @ values["d1_weight"].T + values["d1_bias"]).mean(0) for images in (data, values[REAL_IMAGES])
    )
    return float(((first - second) ** 2).sum())


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_the_gradient_is_that_of_the_distance_by_finite_differences(objective):
    with mx.name.NameManager():  # which numbers the nodes without a name
        trains_d, head = with_heads(get_objective(objective), plain_d(), feature_matching=True)
    with mx.name.NameManager():
        plain = with_heads(get_objective(objective), plain_d())
    assert trains_d.tojson() == plain[0].tojson()
    values = drawn(head, data=(N, 3), real_data=(N, 3), label=(N,))
    executor = ran(head, values, gradients=("data", "d2_weight"))
    executor.backward()
    assert head.list_outputs() == ["dloss_output", "dmatching_output"]
    distance = squared_distance(values, values["data"])
    np.testing.assert_allclose(executor.outputs[1].asnumpy(), np.full((N, 1), distance), rtol=1e-9)
    own = {"label": np.ones(N), **{name: value for name, value in values.items() if name != REAL_IMAGES}}
    np.testing.assert_allclose(executor.outputs[0].asnumpy(), ran(plain[1], own).outputs[0].asnumpy(), rtol=1e-9)
    expected, step = np.zeros((N, 3)), 1e-6
    for place in np.ndindex(N, 3):
        moved = np.zeros((N, 3))
        moved[place] = step
        both = [squared_distance(values, values["data"] + sign * moved) for sign in (1, -1)]
        expected[place] = N * (both[0] - both[1]) / (2 * step)  # the optimiser divides by N
    np.testing.assert_allclose(executor.grad_dict["data"].asnumpy(), expected, rtol=1e-6, atol=1e-9)
    assert np.abs(expected).max() > 1e-3
    assert not executor.grad_dict["d2_weight"].asnumpy().any()  # the score is only shown


def test_the_gradient_through_a_batch_norm_of_both_halves_by_finite_differences():
    hidden = mx.sym.FullyConnected(mx.sym.var("data"), name="d1", num_hidden=4)
    features = mx.sym.tanh(mx.sym.BatchNorm(hidden, fix_gamma=False, name="dbn1"))
    score = mx.sym.FullyConnected(features, name="d2", num_hidden=1)
    _, head = with_heads(get_objective("gan"), score, feature_matching=True)
    values = drawn(head, data=(N, 3), real_data=(N, 3), label=(N,))
    executor = ran(head, values)
    executor.backward()
    expected, step = np.zeros((N, 3)), 1e-5
    for place in np.ndindex(N, 3):
        both = []
        for sign in (1, -1):
            moved = values["data"].copy()
            moved[place] += sign * step
            both.append(ran(head, {**values, "data": moved}).outputs[1].asnumpy().sum())
        expected[place] = (both[0] - both[1]) / (2 * step)
    np.testing.assert_allclose(executor.grad_dict["data"].asnumpy(), expected, rtol=1e-5, atol=1e-8)
    assert np.abs(expected).max() > 1e-3


def gradient_by_hand(output, values) -> np.ndarray:
    """The gradient at `data` by an executor of the features alone: ±2 (mean fake − mean real) goes back from them."""
    internals = output.get_internals()
    last = max(name for name in internals.list_outputs() if name.startswith("dact"))  # before the logits
    features = mx.sym.Flatten(internals[last])
    both = np.concatenate([values["data"], values[REAL_IMAGES]])
    own = {name: values[name] for name in features.list_arguments() if name != "data"}
    executor = ran(features, {**own, "data": both}, "float32")
    found = executor.outputs[0].asnumpy()
    count = len(values["data"])
    wanted = np.empty_like(found)
    wanted[:count] = 2 * (found[:count].mean(0) - found[count:].mean(0))
    wanted[count:] = -wanted[0]  # BatchNorm carries it over to the first half
    executor.backward(mx.nd.array(wanted))
    return executor.grad_dict["data"].asnumpy()[:count]


def test_a_step_matches_the_real_images_that_d_has_seen():
    config = override(small("ssgan", steps=1), {"feature_matching": True})
    pair = build_pair(config)
    rng = np.random.default_rng(0)
    shape = (8, *config.recipe.network.image_shape)
    real, labelled = (mx.nd.array(rng.uniform(-1, 1, shape)) for _ in range(2))
    labelled = mx.io.DataBatch([labelled], [mx.nd.array(np.arange(8) % 10)])
    seen = []

    def noise(images):
        seen.append(images + 0.1)
        return seen[-1]

    latents = mx.nd.array(rng.normal(size=(8, *config.recipe.network.latent_shape)))
    result = pair.step(latents, real, noise, labelled)
    fake, shown = seen[0].asnumpy(), seen[1].asnumpy()
    np.testing.assert_array_equal(shown, (real + 0.1).asnumpy())
    arguments, _ = pair.get_params()[1]  # G's update changes no weight of D
    values = {"data": fake, REAL_IMAGES: shown, **{name: value.asnumpy() for name, value in arguments.items()}}
    expected = gradient_by_hand(discriminator_output(config.recipe), values)
    np.testing.assert_allclose(result.input_gradient.asnumpy(), expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_the_classes_still_train_the_generator_of_an_auxiliary_classifier():
    recipe = mxgan.RECIPES["acgan"]
    output = discriminator_output(replace(recipe, network=replace(recipe.network, ndf=4, image_size=16)))
    _, head = with_heads(get_objective("gan"), output, feature_matching=True)
    assert head.list_outputs() == ["dloss_output", "closs_output", "dmatching_output"]
    _, made, _ = head.infer_shape(data=(N, 1, 16, 16), real_data=(N, 1, 16, 16))
    assert made == [(N, 1), (N, 10), (N, 1)]


@pytest.mark.parametrize(
    "name, settings, words",
    [
        ("cgan", {}, "D takes the class of an image as an input"),
        ("ssgan", {"minibatch_kernels": 3}, "minibatch discrimination (minibatch_kernels), which would mix"),
        ("dcgan", {"feature_matching": 1}, "feature_matching is 1"),
    ],
)
def test_what_cannot_be_matched_is_refused(name, settings, words):
    with pytest.raises(ArgumentError) as caught:
        build_pair(override(small(name, steps=1), {"feature_matching": True, **settings}))
    assert words in str(caught.value)


def test_d_is_composed_once_so_that_no_parameter_is_there_twice():
    outputs, loss = matched(discriminator_output(small("ssgan", steps=1).recipe))
    arguments = mx.sym.Group([*outputs, loss]).list_arguments()
    assert len(arguments) == len(set(arguments))


def test_augmentations_change_both_halves_by_the_same_numbers():
    """Equal images have equal features after the changes."""
    recipe = override(small("ssgan", steps=1), {"augment": ["colour", "translation"]}).recipe
    _, head = with_heads(get_objective("gan"), discriminator_output(recipe), feature_matching=True)
    shape = recipe.network.image_shape
    augmenter = Augmenter(recipe.augment, shape)
    changed = augmenter.before(head)
    numbers = augmenter.draw(lambda size: mx.nd.array(np.random.default_rng(1).uniform(size=size)), N)
    sizes = dict.fromkeys(("data", REAL_IMAGES), (N, *shape))
    values = drawn(head, label=(N,), class_label=(N,), **sizes)
    same = {**values, REAL_IMAGES: values["data"]}
    given = {"augment": numbers["augment"].asnumpy()}
    none, some = (ran(changed, {**each, **given}, "float32").outputs[2].asnumpy() for each in (same, values))
    assert np.abs(none).max() < 1e-5 < some.min()
    neutral = {"augment": augmenter.neutral(N)["augment"].asnumpy()}
    plain = ran(head, values, "float32").outputs[2].asnumpy()
    np.testing.assert_allclose(ran(changed, {**values, **neutral}, "float32").outputs[2].asnumpy(), plain, rtol=1e-4)
    assert np.abs(some - plain).max() > 1e-3 * plain.max()


def test_features_are_found_behind_a_layer_of_several_outputs_and_at_the_input():
    halves = mx.sym.split(mx.sym.var("data"), num_outputs=2, axis=1)
    for features, own in ((halves[1], slice(2, 4)), (mx.sym.var("data"), slice(4))):
        score = mx.sym.FullyConnected(features, name="d1", num_hidden=1)
        _, head = with_heads(get_objective("gan"), score, feature_matching=True)
        values = drawn(head, data=(N, 4), real_data=(N, 4), label=(N,))
        expected = ((values["data"] - values[REAL_IMAGES]).mean(0)[own] ** 2).sum()
        np.testing.assert_allclose(ran(head, values).outputs[1].asnumpy(), np.full((N, 1), expected), rtol=1e-9)


def test_a_score_without_a_layer_of_weights_has_no_features():
    with pytest.raises(ArgumentError, match="between D's score and its input 'data' is no layer of Convolution or"):
        matched(mx.sym.sum(mx.sym.var("data"), axis=1, keepdims=True))
