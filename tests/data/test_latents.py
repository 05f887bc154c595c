import numpy as np
import pytest

from mxgan.data.latents import RandIter
from mxgan.errors import ArgumentError

SHUFFLE_0_1 = [2, 6, 7, 3, 5, 1, 0, 4]  # numpy.random.Philox, fixed by its specification


def test_rand_iter_gives_what_its_step_says():
    rand = RandIter(4, 7, seed=2)
    assert rand.provide_data[0].name == "rand"
    assert rand.provide_data[0].shape == (4, 7, 1, 1)
    batches = [rand.next().data[0].asnumpy() for _ in range(3)]
    assert batches[0].shape == (4, 7, 1, 1)
    assert not np.array_equal(batches[0], batches[1])
    rand.seek(2)
    assert np.array_equal(rand.next().data[0].asnumpy(), batches[2])
    rand.reset()
    assert np.array_equal(rand.next().data[0].asnumpy(), batches[0])


def test_uniform_latents_fill_the_interval_evenly():
    """Mean 0, variance 1/3, each tenth of [-1, 1] equally often, within five standard errors."""
    drawn = RandIter(1000, 100, seed=2, distribution="uniform").next().data[0].asnumpy()
    assert drawn.min() >= -1
    assert drawn.max() <= 1
    assert abs(drawn.mean()) < 5 * np.sqrt(1 / 3 / drawn.size)
    counts, _ = np.histogram(drawn, 10, (-1, 1))
    np.testing.assert_allclose(counts, drawn.size / 10, atol=5 * np.sqrt(drawn.size * 0.09))
    normal = RandIter(1000, 100, seed=2).next().data[0].asnumpy()
    assert 3 < np.abs(normal).max() < 6
    with pytest.raises(ArgumentError, match="unknown distribution of latents 'unifrom'; did you mean 'uniform'"):
        RandIter(4, 7, distribution="unifrom")


@pytest.mark.parametrize("batch_size, ndim", [(0, 5), (5, 0), (-1, 5)])
def test_rand_iter_refuses_empty_batches(batch_size, ndim):
    with pytest.raises(ArgumentError, match="give a whole number from 1 to"):
        RandIter(batch_size, ndim)
