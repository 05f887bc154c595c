"""Instance noise: its deviation at each step, and the numbers of its pool."""

from types import SimpleNamespace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from mxgan.training.noise import PLACES, NoisePool
from mxgan.training.schedule import InstanceNoise
from tests.support import assert_same, inputs, make_pair, params_of

UNIT = InstanceNoise(1.0)


def test_noise_fades_linearly_to_nothing():
    noise = InstanceNoise(0.5, steps=1000)
    assert [noise.sigma_at(step) for step in (0, 250, 500, 1000, 5000)] == [0.5, 0.375, 0.25, 0.0, 0.0]


def test_noise_without_an_end_stays():
    assert InstanceNoise(0.3).sigma_at(10**9) == 0.3
    assert InstanceNoise().sigma_at(0) == 0


@pytest.mark.parametrize("arguments", [(-0.1,), (float("nan"),), (float("inf"),), (0.1, 0)])
def test_noise_that_cannot_be(arguments):
    with pytest.raises(ArgumentError, match="the instance noise's"):
        InstanceNoise(*arguments)


def test_noise_too_small_to_change_a_pixel_is_none():
    """MXNet refuses a deviation below float32's range, in the middle of a step."""
    assert InstanceNoise(1e-300).sigma_at(0) == 0
    assert InstanceNoise(1e-9, steps=4).sigma_at(0) == 1e-9
    assert InstanceNoise(1e-9, steps=4).sigma_at(1) == 0


SHAPE = (64, 3, 32, 32)  # 196,608 numbers


def pool(seed: int = 0, rows: slice = slice(0, SHAPE[0])) -> NoisePool:
    """The pool of the `rows` of a batch of SHAPE."""
    return NoisePool(SimpleNamespace(whole_batch_size=SHAPE[0], image_shape=SHAPE[1:], rows=rows), seed)


def drawn(of: NoisePool, step: int, count: int = 1, noise: InstanceNoise = UNIT, rows: int = SHAPE[0]) -> list:
    """The noise of the first `count` batches of a step, as NumPy arrays."""
    add, zeros = of.at(step, noise), mx.nd.zeros((rows, *SHAPE[1:]))
    return [add(zeros).asnumpy() for _ in range(count)]


def correlation(first, second) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


@pytest.fixture(scope="module")
def whole() -> NoisePool:
    return pool()


def test_the_noise_is_normal_and_independent_between_batches_steps_and_pixels(whole):
    batches = [*drawn(whole, 0, 3), *drawn(whole, 1, 2), *drawn(pool(seed=1), 0)]
    close = 5 / np.sqrt(batches[0].size)  # five standard errors of a mean, or of a correlation
    for number, batch in enumerate(batches):
        assert (batch.shape, batch.dtype) == (SHAPE, np.float32)
        assert abs(batch.mean()) < close
        assert abs(batch.std() - 1) < close
        assert abs((batch**3).mean()) < close * np.sqrt(15)  # the standard deviation of a normal number's cube
        assert abs((batch**4).mean() - 3) < close * np.sqrt(96)
        for axis in range(4):  # neighbouring samples, channels, rows, columns
            first, second = (np.delete(batch, end, axis) for end in (-1, 0))
            assert abs(correlation(first, second)) < close * np.sqrt(batch.size / first.size)
        for other in batches[:number]:
            assert abs(correlation(batch, other)) < close


def test_neighbouring_places_have_nothing_in_common_pixel_by_pixel(whole):
    zeros = mx.nd.zeros(SHAPE)
    first, second, third = (whole._read(zeros, 1.0, place).asnumpy() for place in (PLACES - 3, PLACES - 2, PLACES - 1))
    np.testing.assert_array_equal(first.ravel()[1:], second.ravel()[:-1])  # the same numbers, at other pixels
    assert max(abs(correlation(first, other)) for other in (second, third)) < 5 / np.sqrt(first.size)


def test_it_depends_on_the_seed_the_step_and_the_batch_alone(whole):
    batches = [*drawn(whole, 4, 3), *drawn(whole, 5, 3), *drawn(pool(seed=1), 4, 3)]
    assert len({batch.tobytes() for batch in batches}) == len(batches)
    mx.random.seed(1)
    mx.nd.random.normal(shape=(5,))
    other = pool()
    drawn(other, 9, 2, InstanceNoise(0.7, steps=100))
    np.testing.assert_array_equal(drawn(other, 4, 3), batches[:3])
    add, _ = whole.at(4, UNIT), whole.at(5, UNIT)(mx.nd.ones(SHAPE))  # the steps of two runs, one within the other
    np.testing.assert_array_equal(add(mx.nd.zeros(SHAPE)).asnumpy(), batches[0])


def test_it_is_added_to_a_new_array_from_the_places_of_seed_and_step():
    own, images = pool(seed=1), mx.nd.random.uniform(-1, 1, SHAPE)
    before, size = images.asnumpy(), images.size
    numbers = rng_for("instance noise", 1, 0).standard_normal(PLACES + size, dtype=np.float32)
    places, add = rng_for("places of the instance noise", 1, 3).integers(PLACES, size=2), own.at(3, UNIT)
    for place in places:
        noise = numbers[place : place + size].reshape(SHAPE)
        np.testing.assert_array_equal(add(images).asnumpy(), before + noise)
    np.testing.assert_array_equal(images.asnumpy(), before)
    np.testing.assert_array_equal(own._numbers[images.context][1].asnumpy(), numbers)


@pytest.mark.parametrize(
    "noise, sigma", [(InstanceNoise(0.3), 0.3), (InstanceNoise(0.4, steps=12), 0.3), (InstanceNoise(0.4, steps=4), 0.1)]
)
def test_its_deviation_is_that_of_the_step(whole, noise, sigma):
    (unit,), (found,) = drawn(whole, 3), drawn(whole, 3, noise=noise)
    np.testing.assert_allclose(found, np.float32(sigma) * unit, rtol=1e-6)


@pytest.mark.parametrize("noise", [InstanceNoise(0.3), InstanceNoise(0.4, steps=12)])
def test_the_numbers_are_drawn_once(noise):
    own = pool()
    drawn(own, 0, noise=noise)
    (numbers,) = own._numbers.values()
    drawn(own, 1, noise=noise)
    assert [each is numbers for each in own._numbers.values()] == [True]


def test_noise_at_its_end_costs_nothing():
    silent = pool()
    assert silent.at(0, InstanceNoise()) == 0
    assert silent.at(100, InstanceNoise(0.5, steps=100)) == 0
    assert not silent._numbers


def test_each_rank_has_its_rows_of_the_noise_of_one_process(whole):
    together, cut = drawn(whole, 2, 2), [0, 16, 48, 64]
    for first, end in zip(cut, cut[1:]):
        own = drawn(pool(rows=slice(first, end)), 2, 2, rows=end - first)
        for batch, rows in zip(together, own):
            np.testing.assert_array_equal(rows, batch[first:end])


def test_a_pair_takes_a_function_of_noise():
    """The noisy batches are what D sees; G's own images stay as they are, in whatever layout MXNet keeps them."""
    pair, given, made = make_pair(), [], []
    add = NoisePool(pair, 0).at(0, UNIT)
    seen, judge = [], pair.accumulate_discriminator
    pair.accumulate_discriminator = lambda images, *more, **named: (
        seen.append(images.asnumpy()) or judge(images, *more, **named)
    )

    def noise(images):
        given.append(images.asnumpy())
        made.append(add(images))
        return made[-1]

    result = pair.step(*inputs(pair, 0), noise=noise)
    np.testing.assert_array_equal(result.fake.asnumpy(), given[0])
    np.testing.assert_array_equal(inputs(pair, 0)[1].asnumpy(), given[1])
    assert len(seen) == len(made) == 2
    for images, before in zip(seen, given):
        assert 0.9 < (images - before).std() < 1.1
        np.testing.assert_array_equal(images, made.pop(0).asnumpy())


@pytest.mark.parametrize("noise", [InstanceNoise(0.3), InstanceNoise(0.5, steps=8)])
def test_a_resumed_run_has_the_noise_of_an_uninterrupted_one(noise):
    def trainer(pair):
        data = mxgan.open_dataset("digits", batch_size=4, image_size=16)
        return mxgan.Trainer(pair, data, noise=noise, seed=5)

    whole, first = trainer(make_pair()), trainer(make_pair())
    whole.fit(steps=5)
    first.fit(steps=3)
    mx.random.seed(2)
    second = trainer(first.pair)
    second.restore({"step": 3, "epoch": first.epoch, "iteration": first.iteration, "callbacks": {}})
    second.fit(steps=5)
    assert_same(params_of(second.pair), params_of(whole.pair))
    silent = mxgan.Trainer(make_pair(), mxgan.open_dataset("digits", batch_size=4, image_size=16), seed=5)
    silent.fit(steps=5)
    assert (params_of(silent.pair)["d1_weight"] != params_of(whole.pair)["d1_weight"]).any()
