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


@pytest.mark.parametrize("batch_size, ndim", [(0, 5), (5, 0), (-1, 5)])
def test_rand_iter_refuses_empty_batches(batch_size, ndim):
    with pytest.raises(ArgumentError, match="give a whole number from 1 to"):
        RandIter(batch_size, ndim)
