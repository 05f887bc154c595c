"""What goes where: noise, classes, latents, labelled batches and spectral vectors, seen at the pair's own methods."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mxgan
from mxgan.objectives.heads import IGNORED_CLASS
from mxgan.runs.data import open_sources
from mxgan.runs.pair import build_pair
from mxgan.runtime import mx
from mxgan.runtime.config import override
from tests.test_recipes import small

ACTIONS = ("generate", "accumulate_discriminator", "accumulate_penalty", "update_discriminator", "update_generator")


def record(pair) -> list:
    """Every call of the pair's actions from now on: (name, arguments as arrays)."""
    calls = []

    def spied(name, method):
        def call(*arguments, **named):
            values = [value.asnumpy() if isinstance(value, mx.nd.NDArray) else value for value in arguments]
            calls.append((name, values))
            return method(*arguments, **named)

        return call

    for name in ACTIONS:
        setattr(pair, name, spied(name, getattr(pair, name)))
    return calls


def recorded(config, steps: int = 1) -> tuple:
    """(calls of `steps` steps, pair) of a run's pair on its own data, latents and labels."""
    pair, sources, recipe = build_pair(config), open_sources(config), config.recipe
    calls = record(pair)
    classes = recipe.network.classes if recipe.network.conditional else 0
    latents = mxgan.RandIter(recipe.batch_size, recipe.network.latent_shape, config.seed, classes)
    trainer = mxgan.Trainer(
        pair, sources.images, latents=latents, labelled=sources.labelled, noise=recipe.instance_noise, seed=config.seed
    )
    trainer.fit(steps=steps)
    return calls, pair


def arguments_of(calls: list, name: str) -> list:
    return [values for each, values in calls if each == name]


def test_everything_that_d_sees_of_a_fake_has_the_same_noise():
    config = override(small("wgan-gp", steps=1), {"recipe.instance_noise.sigma": 0.5})
    calls, pair = recorded(config)
    *_, judged = [values[0] for values in arguments_of(calls, "accumulate_discriminator") if values[1] == 0]
    *_, (real, penalized, _) = arguments_of(calls, "accumulate_penalty")
    np.testing.assert_array_equal(penalized, judged)
    reals = [values[0] for values in arguments_of(calls, "accumulate_discriminator") if values[1] == 1]
    np.testing.assert_array_equal(real, reals[-1])
    ((through, _),) = arguments_of(calls, "update_generator")
    fake = pair.generator.get_outputs()[0].asnumpy()  # of the last generate: fresh, for G
    assert 0.4 < (through - fake).std() < 0.6
    assert np.abs(real).max() > 1.2  # reals have noise too


def test_fakes_are_judged_under_the_classes_they_were_asked_for_and_reals_under_their_own():
    calls, _ = recorded(small("cgan", steps=1))
    ((_, asked),) = arguments_of(calls, "generate")
    fake, real = arguments_of(calls, "accumulate_discriminator")
    np.testing.assert_array_equal(fake[2], asked)
    expected = open_sources(small("cgan", steps=1)).images.next().label[0].asnumpy()
    np.testing.assert_array_equal(real[2], expected)
    assert not np.array_equal(asked, expected)
    ((_, through),) = arguments_of(calls, "update_generator")
    np.testing.assert_array_equal(through, asked)


@pytest.mark.parametrize("penalty, of", [("r1", 1), ("r2", 0), ("gradient_penalty", 1)])
def test_a_penalty_on_a_conditional_critic_is_under_the_classes_of_its_points(penalty, of):
    config = override(small("cgan", steps=1), {"recipe.penalty": penalty})
    config = override(override(config, {"discriminator_norm": "none"}), {"discriminator_updates": 2})
    calls, _ = recorded(config)
    judged = arguments_of(calls, "accumulate_discriminator")  # fake, real, fake, real
    fakes, reals = ([values[2] for values in judged[first::2]] for first in (0, 1))
    told = [classes for _, _, classes in arguments_of(calls, "accumulate_penalty")]
    np.testing.assert_array_equal(told, (fakes, reals)[of])
    np.testing.assert_array_equal([values[1] for values in arguments_of(calls, "generate")], fakes)
    assert np.array_equal(fakes, reals) == (penalty == "gradient_penalty")


def test_fresh_fakes_for_g_keep_their_own_classes_under_a_penalty():
    config = override(small("cgan", steps=1), {"recipe.penalty": "gradient_penalty"})
    config = override(override(config, {"discriminator_norm": "none"}), {"fresh_fakes": True})
    calls, _ = recorded(config)
    (_, of_d), (_, of_g) = arguments_of(calls, "generate")
    latents = mxgan.RandIter(8, (10, 1, 1), config.seed, 10)
    drawn = [latents.next().label[0].asnumpy() for _ in range(2)]
    np.testing.assert_array_equal(of_g, drawn[1])
    assert not np.array_equal(of_d, drawn[0])


def test_gradients_are_of_what_is_trained_alone():
    pair = build_pair(small("hinge", steps=1))
    latents, images = mx.nd.random.normal(shape=(8, 10, 1, 1)), mx.nd.random.uniform(-1, 1, (8, 3, 16, 16))
    pair.step(latents, images)
    found = pair.gradients()
    assert {"data", "g1_weight", "d1_weight"} <= set(found)
    assert all(gradient is not None for gradient in found.values())
    assert not any(name.endswith("_u") for name in found)


def test_labelled_batches_go_round_and_the_others_tell_no_class():
    config = small("ssgan", steps=1)
    calls, _ = recorded(config, steps=14)  # 100 labelled images in batches of 8: 13 an epoch
    judged = arguments_of(calls, "accumulate_discriminator")
    labelled = [values for values in judged if values[1] == -1]
    assert len(labelled) == 14
    assert len({values[0].tobytes() for values in labelled}) == 14  # noise makes each its own
    assert sum(len(np.unique(values[2])) > 1 for values in labelled) > 10
    assert len({values[2].tobytes() for values in labelled}) > 10
    assert all(values[2] is None for values in judged if values[1] in (0, 1))
    assert all(values[3] == 1.0 for values in labelled)
    assert IGNORED_CLASS == -1


def test_the_mean_of_the_losses_leaves_the_classifiers_loss_whole():
    config = override(small("ssgan", steps=1), {"mean_of_losses": True})
    calls, _ = recorded(config)
    assert {values[1]: values[3] for values in arguments_of(calls, "accumulate_discriminator")} == {
        0: 0.5,
        1: 0.5,
        -1: 1.0,
    }


def test_no_two_steps_share_latents():
    config = small("wgan", steps=1)
    calls, _ = recorded(config, steps=3)
    latents = [values[0].tobytes() for values in arguments_of(calls, "generate")]
    assert len(latents) == len(set(latents)) == 18


def test_a_class_is_told_of_one_image_whatever_the_others_are():
    """As BatchNorm does by its moving statistics, not by those of the batch."""
    pair = build_pair(small("acgan", steps=1))
    first, second = (np.random.default_rng(seed).uniform(-1, 1, (8, 3, 16, 16)).astype(np.float32) for seed in (1, 2))
    first = first[:, : pair.image_shape[0]]
    mixed = np.concatenate([first[:1], second[:7, : pair.image_shape[0]]])
    found = [pair.classify(mx.nd.array(images)).asnumpy()[0] for images in (first, mixed)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


def power_iteration(weight: np.ndarray, u: np.ndarray) -> np.ndarray:
    matrix = weight.reshape(len(weight), -1)
    v = matrix.T @ u
    left = matrix @ (v / np.linalg.norm(v))
    return left / np.linalg.norm(left)


def test_a_spectral_vector_makes_one_power_iteration_for_each_pass_of_d():
    pair = build_pair(small("hinge", steps=1))
    before = {name: value.asnumpy().ravel() for name, value in pair.get_params()[1][0].items()}
    latents, images = mx.nd.random.normal(shape=(8, 10, 1, 1)), mx.nd.random.uniform(-1, 1, (8, 3, 16, 16))
    weight = pair.get_params()[1][0]["d2_weight"].asnumpy()
    result = pair.step(latents, images)
    assert result.fake.shape == images.shape
    after = {name: value.asnumpy() for name, value in pair.get_params()[1][0].items()}
    (name,) = [key for key in before if key.startswith("d2") and key.endswith("_u")]
    expected = power_iteration(weight, power_iteration(weight, before[name]))  # fake, real
    expected = power_iteration(after["d2_weight"], expected)  # G's pass, after D's update
    np.testing.assert_allclose(after[name].ravel(), expected, atol=2e-6)
    twice = power_iteration(weight, power_iteration(weight, before[name]))
    assert np.abs(after[name].ravel() - twice).max() > 1e-4  # so the third pass was one


def test_g_is_trained_through_its_own_head():
    pair = build_pair(small("hinge", steps=1))
    operators = [
        {node["op"] for node in json.loads(module.symbol.tojson())["nodes"]}
        for module in (pair.discriminator, pair.critic_for_inputs)
    ]
    assert "relu" in operators[0]  # max(0, 1 − s)
    assert "relu" not in operators[1]  # −s


def test_the_initializer_is_the_recipes():
    (generator, _), _ = build_pair(small("mlp-gan", steps=1)).get_params()
    weight, bias = generator["g1_weight"].asnumpy(), generator["g1_bias"].asnumpy()
    bound = 1 / np.sqrt(weight.shape[1])
    assert 0.9 * bound < np.abs(weight).max() <= bound
    assert 0.5 * bound < np.abs(bias).max() <= bound


def test_batches_are_drawn_as_the_recipe_says():
    assert open_sources(small("encoder-decoder-gan", steps=1)).images.sampling == "replacement"
    assert open_sources(small("dcgan", steps=1)).images.sampling == "shuffle"


def test_scores_stand_over_their_own_images(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("mxgan.callbacks.pictures.scored_figure", lambda rows: figures.append(rows) or b"PNG")
    seen = []
    config = small("encoder-decoder-gan", steps=1)
    session = mxgan.start(config, tmp_path / "run", display="none", progress=False)
    trainer = session.trainer
    step = trainer.pair.step
    trainer.pair.step = lambda *arguments, **settings: seen.append(step(*arguments, **settings)) or seen[-1]
    session.run()
    (rows,) = figures
    np.testing.assert_array_equal(rows["fake"][0], seen[0].fake.asnumpy()[:8])
    np.testing.assert_array_equal(rows["fake"][1], seen[0].generator_prediction.asnumpy()[:8])
    np.testing.assert_array_equal(rows["real"][1], seen[0].real_prediction.asnumpy()[:8])


@pytest.mark.parametrize("predictions, error", [(([0.1, 0.3], [0.9, 0.5]), (0.1 + 0.3 + 0.1 + 0.5) / 4)])
def test_mean_absolute_error_is_its_closed_form(predictions, error):
    fake, real = (mx.nd.array(np.array(values).reshape(-1, 1)) for values in predictions)
    metrics = mxgan.AdversarialMetrics()
    metrics.update(mxgan.StepResult(None, fake, real, real, None))
    assert metrics.values()["mae_d"] == pytest.approx(error)
