import numpy as np
import pytest

from mxgan.data.latents import RandIter, draw_latents, generator
from mxgan.errors import ArgumentError

SHUFFLE_0_1 = [2, 6, 7, 3, 5, 1, 0, 4]  # numpy.random.Philox, fixed by its specification


def test_a_draw_depends_on_stream_seed_and_index_alone():
    first = generator("latents", 3, 5).standard_normal(4)
    generator("latents", 3, 4).standard_normal(1000)
    assert np.array_equal(first, generator("latents", 3, 5).standard_normal(4))
    others = [generator("shuffle", 3, 5), generator("latents", 4, 5), generator("latents", 3, 6)]
    for other in others:
        assert not np.any(first == other.standard_normal(4))


def test_draws_stay_what_they_were_in_earlier_releases():
    assert np.array_equal(generator("shuffle", 0, 1).permutation(8), SHUFFLE_0_1)


def test_latents_are_standard_normal():
    latents = draw_latents((200, 100, 1, 1), seed=1, index=0)
    assert latents.dtype == np.float32
    assert abs(latents.mean()) < 0.03
    assert abs(latents.std() - 1) < 0.02


@pytest.mark.parametrize("seed, index, name", [(-1, 0, "seed"), (2**63, 0, "seed"), (0, -1, "index")])
def test_numbers_out_of_range(seed, index, name):
    with pytest.raises(ArgumentError, match=rf"{name} -?\d+ is out of range; give a whole number from 0 to"):
        generator("latents", seed, index)


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
