"""Each diagnosis on numbers made by hand: just inside its threshold and just outside; the arithmetic by brute force."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import mxgan
from mxgan.callbacks.diagnosis import DIAGNOSES
from mxgan.callbacks.diagnosis.base import MOST_NUMBERS, first_numbers
from mxgan.callbacks.diagnosis.collapse import distances, spread
from mxgan.callbacks.diagnosis.oscillation import swings
from mxgan.runtime import mx


def make(name, objective="gan", readings=()):
    made = DIAGNOSES[name](10, mxgan.OBJECTIVES[objective])
    made._readings.extend(readings)
    return made, np.array([np.atleast_1d(reading) for reading in readings], np.float64)


def evidence(name, readings, objective="gan"):
    made, window = make(name, objective, readings)
    return made.evidence(window)


def test_every_row_says_what_it_is_and_what_to_do():
    for name, row in DIAGNOSES.items():
        assert row.fault == name
        assert row.remedy.endswith(".")
        assert "\n" not in row.remedy
        assert len(row.__doc__.splitlines()[0]) > 40


@pytest.mark.parametrize(
    "log_every, every, window", [(1, 10, 10), (3, 12, 9), (10, 10, 10), (25, 25, 5), (1000, 1000, 5)]
)
def test_readings_are_ten_steps_apart_and_a_window_has_a_hundred(log_every, every, window):
    made = DIAGNOSES["generator_frozen"](log_every, mxgan.OBJECTIVES["gan"])
    assert (made.every, made.window) == (every, window)
    assert DIAGNOSES["oscillation"](log_every, mxgan.OBJECTIVES["gan"]).window == 3 * window


def test_a_saturated_discriminator():
    sure = [[1.0, 0.003]] * 10
    assert (
        "right on at least 100.0% of the images (limit 99%), and its loss on fakes is at most 0.3% of the loss of"
        in evidence("discriminator_saturated", sure)
    )
    assert evidence("discriminator_saturated", sure[1:]) is None  # the window is not full
    assert evidence("discriminator_saturated", [*sure[1:], [0.98, 0.003]]) is None
    assert evidence("discriminator_saturated", [*sure[1:], [1.0, 0.004]]) is None


@pytest.mark.parametrize("objective", sorted(mxgan.OBJECTIVES))
def test_an_undecided_discriminator_is_the_measure_of_a_sure_one(objective):
    row = mxgan.OBJECTIVES[objective]
    made, _ = make("discriminator_saturated", objective)
    predictions = np.full((8, 1), 0.0 if row.threshold is None else row.threshold, np.float32)
    accuracy, loss = made.reading([predictions], {"facc": 0.5})
    if row.threshold is None:
        assert np.isnan([accuracy, loss]).all()
        assert evidence("discriminator_saturated", [[np.nan, np.nan]] * 10, objective) is None
    else:
        assert (accuracy, loss) == (0.5, pytest.approx(1))


def test_a_frozen_generator():
    assert "no weight of G has changed by more than 1.0e-06" in evidence("generator_frozen", [1e-6] * 10)
    assert evidence("generator_frozen", [1e-6] * 9) is None
    assert evidence("generator_frozen", [*[1e-9] * 9, 1.1e-6]) is None


def test_the_change_of_a_weight_is_that_of_one_step():
    made, _ = make("generator_frozen")
    weights = {
        "g1_weight": mx.nd.ones((3, 4)),
        "g2_weight": mx.nd.ones((MOST_NUMBERS + 5,)),
        "gbn1_beta": mx.nd.ones(3),
    }
    trainer = SimpleNamespace(step=9, pair=SimpleNamespace(parameters=lambda half: weights))
    made.on_step_begin(trainer)
    weights["g1_weight"][0, 0] = 3
    weights["g2_weight"][-1] = 100  # behind the part that is looked at
    weights["gbn1_beta"][:] = 9
    trainer.step = 10
    made.on_step_end(trainer, None, None)
    assert made.conclude(10, {}) is None
    assert made._readings[0] == [pytest.approx(2 / np.sqrt(12))]


def test_a_collapsed_generator():
    alike = [[0.1, 0.9]] * 10
    assert "at most 0.1 times as far apart on average as the real images" in evidence("mode_collapse", alike)
    assert evidence("mode_collapse", [*alike[1:], [0.11, 0.9]]) is None
    several = [[0.9, 0.05]] * 10
    assert "at most 0.05 times as far apart from the nearest neighbour" in evidence("mode_collapse", several)
    assert evidence("mode_collapse", [*several[1:], [0.9, 0.06]]) is None
    assert evidence("mode_collapse", [[np.nan, np.nan]] * 10) is None


def test_distances_and_contrast_are_those_of_brute_force():
    images = np.random.default_rng(0).normal(0.3, 0.5, (7, 20)).astype(np.float32)
    pairs = np.array([[np.linalg.norm(a - b) for b in images] for a in images])
    products = images @ images.T
    np.testing.assert_allclose(distances(products), pairs, atol=2e-3)
    contrast = np.sqrt(np.mean([((image - image.mean()) ** 2).sum() for image in images]))
    apart, nearest = spread(products, images.sum(axis=1), np.array([20.0]))
    away = pairs + np.diag(np.full(7, np.inf))
    assert apart == pytest.approx(pairs.sum() / 42 / contrast, rel=1e-4)
    assert nearest == pytest.approx(np.median(away.min(axis=1)) / contrast, rel=1e-4)


def test_flat_images_are_collapsed_only_where_they_are_all_the_same():
    def flat(shades):
        images = np.repeat(np.array(shades, np.float32)[:, None], 300, axis=1)
        return spread(images @ images.T, images.sum(axis=1), np.array([300.0]))

    assert flat([0.3, 0.3, 0.3]) == (0, 0)
    assert np.isnan(flat([0.3, 0.31, 0.7, -0.2])).all()


@pytest.mark.parametrize("shape", [(80, 1, 4, 4), (5, 3, 4, 4), (1, 1, 4, 4)])
def test_images_from_the_device_of_any_number(shape):
    made, _ = make("mode_collapse")
    rng = np.random.default_rng(1)
    fake, real = (mx.nd.array(rng.normal(size=shape)) for _ in "fr")
    seen = made.look(None, SimpleNamespace(data=[real]), SimpleNamespace(fake=fake))
    apart, nearest = made.reading([array.asnumpy() for array in seen], {})
    if shape[0] == 1:
        assert np.isnan([apart, nearest]).all()
    else:
        assert 0.5 < apart < 2
        assert 0.3 < nearest < 3
    scaled = made.look(None, SimpleNamespace(data=[real]), SimpleNamespace(fake=fake * 0.01))
    found = made.reading([array.asnumpy() for array in scaled], {})
    np.testing.assert_allclose(found, [apart, nearest], rtol=1e-2)  # faint images are not taken for like ones


def test_images_that_are_all_the_same():
    made, _ = make("mode_collapse")
    same = mx.nd.ones((6, 1, 4, 4)) * mx.nd.arange(16).reshape((1, 1, 4, 4))
    other = mx.nd.random.normal(shape=(6, 1, 4, 4))
    for fake, real, expected in ((same, other, 0), (mx.nd.zeros((6, 1, 4, 4)), other, 0), (other, same, np.nan)):
        seen = made.look(None, SimpleNamespace(data=[real]), SimpleNamespace(fake=fake))
        found = made.reading([array.asnumpy() for array in seen], {})
        np.testing.assert_allclose(found, [expected] * 2, atol=1e-3)


def test_gradients_that_vanish():
    assert "has a norm of 1.0e-06" in evidence("vanishing_gradient", [1e-6] * 3)
    assert evidence("vanishing_gradient", [1e-6] * 2) is None
    assert evidence("vanishing_gradient", [1e-6, 1e-6, 2e-6]) is None
    assert "of 1.0e-03; it was 1.0e+00 before" in evidence("vanishing_gradient", [1.0] * 7 + [1e-3] * 3)
    assert evidence("vanishing_gradient", [1.0] * 7 + [2e-3] * 3) is None
    assert evidence("vanishing_gradient", [1.0] * 8 + [1e-3] * 2) is None


def test_gradients_that_explode():
    assert "has a norm of 1.0e+04" in evidence("exploding_gradient", [1e4] * 3)
    assert evidence("exploding_gradient", [1e4, 1e4, 9e3]) is None
    assert "of 1.0e+02; it was 1.0e+00 before" in evidence("exploding_gradient", [1.0] * 7 + [100.0] * 3)
    assert evidence("exploding_gradient", [1.0] * 7 + [99.0] * 3) is None
    assert evidence("exploding_gradient", [0.0] * 10) is None


def test_the_norm_is_of_one_image():
    made, _ = make("vanishing_gradient")
    gradient = np.random.default_rng(2).normal(size=(6, 3, 8, 8)).astype(np.float32)
    seen = made.look(None, None, SimpleNamespace(input_gradient=mx.nd.array(gradient)))
    (norm,) = made.reading([array.asnumpy() for array in seen], {})
    assert norm == pytest.approx(np.sqrt(np.mean([(image**2).sum() for image in gradient])), rel=1e-5)


@pytest.mark.parametrize(
    "values, least, count",
    [
        ([0, 1, 0, 1, 0], 1, 4),
        ([0, 1, 0, 1, 0], 1.1, 0),
        ([0, 1, 2, 3, 4], 1, 1),
        ([0, 0.6, 1.2, 0.6, 0], 1, 2),
        ([0, 2, 1.5, 3, 2.5, 4], 1, 1),  # turns too small to count
        ([5, 5, 5], 1, 0),
        ([4, 0, 4], 4, 2),
    ],
)
def test_swings_are_counted(values, least, count):
    assert swings(np.array(values, float), least) == count
    assert swings(-np.array(values, float), least) == count


def test_losses_that_swing():
    to_and_fro = [[0.5 + 1.5 * (step % 4 // 2), 0.5] for step in range(20)]
    assert "the loss of G has swung" in evidence("oscillation", to_and_fro)
    assert "the loss of D has swung" in evidence("oscillation", [reading[::-1] for reading in to_and_fro])
    assert evidence("oscillation", to_and_fro[:8]) is None
    assert evidence("oscillation", [[6 + reading[0], 0.5] for reading in to_and_fro]) is None  # small beside its level
    assert evidence("oscillation", [*to_and_fro, [np.nan, 0.5]]) is None
    noise = np.random.default_rng(3).normal(0, 0.01, (30, 2))
    assert evidence("oscillation", [each - [0.0, 0.5] for each in noise], "wasserstein") is None
    assert evidence("oscillation", [[0.0, 0.0]] * 30, "wasserstein") is None


def test_numbers_on_their_way_out():
    assert "have reached 1.0e+06" in evidence("nan_near", [1.0, 1e6])
    assert evidence("nan_near", [1e6, 9e5]) is None
    doubling = [40.0 * 2**step for step in range(6)]
    assert "in 50 steps weights, predictions or losses have gone from 4.0e+01 to 1.3e+03" in evidence(
        "nan_near", doubling
    )
    assert evidence("nan_near", doubling[1:]) is None  # not long enough
    assert evidence("nan_near", [value / 2 for value in doubling]) is None  # still small
    assert evidence("nan_near", [*doubling[:-1], 1.9 * doubling[-2]]) is None


def test_the_largest_of_all_numbers_is_seen():
    made, _ = make("nan_near", "wasserstein")
    parameters = {"generator": {"a": mx.nd.ones((4,))}, "discriminator": {"b": mx.nd.full((2, 3), -7)}}
    trainer = SimpleNamespace(pair=SimpleNamespace(parameters=parameters.get))
    ones = mx.nd.ones((5, 1))
    for factor, losses, expected in ((1, (0.5, 0.5), 7), (30, (0.5, 0.5), 30), (1, (0.5, -50), 50)):
        result = SimpleNamespace(fake_prediction=ones, real_prediction=ones * -factor, generator_prediction=ones)
        seen = [array.asnumpy() for array in made.look(trainer, None, result)]
        assert made.reading(seen, dict(zip(("loss_g", "loss_d"), losses))) == [pytest.approx(expected)]


def test_the_first_numbers_are_no_copy():
    array = mx.nd.zeros((3, MOST_NUMBERS))
    part = first_numbers(array)
    array[:] = 1
    assert part.shape == (MOST_NUMBERS,)
    assert part.asnumpy().all()
    assert first_numbers(mx.nd.zeros((2, 3))).shape == (6,)
