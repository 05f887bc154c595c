import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.runtime.draws import draw_latents, rng_for, truncated

SHUFFLE_0_1 = [2, 6, 7, 3, 5, 1, 0, 4]  # numpy.random.Philox, fixed by its specification


def test_a_draw_depends_on_stream_seed_and_index_alone():
    first = rng_for("latents", 3, 5).standard_normal(4)
    rng_for("latents", 3, 4).standard_normal(1000)
    assert np.array_equal(first, rng_for("latents", 3, 5).standard_normal(4))
    others = [rng_for("shuffle", 3, 5), rng_for("latents", 4, 5), rng_for("latents", 3, 6)]
    for other in others:
        assert not np.any(first == other.standard_normal(4))


def test_draws_stay_what_they_were_in_earlier_releases():
    assert np.array_equal(rng_for("shuffle", 0, 1).permutation(8), SHUFFLE_0_1)


def test_latents_are_standard_normal():
    latents = draw_latents((200, 100, 1, 1), seed=1, index=0)
    assert latents.dtype == np.float32
    assert abs(latents.mean()) < 0.03
    assert abs(latents.std() - 1) < 0.02


@pytest.mark.parametrize("seed, index, name", [(-1, 0, "seed"), (2**63, 0, "seed"), (0, -1, "index")])
def test_numbers_out_of_range(seed, index, name):
    with pytest.raises(ArgumentError, match=rf"{name} -?\d+ is out of range; give a whole number from 0 to"):
        rng_for("latents", seed, index)


def test_truncation_scales_towards_the_mean_and_psi_1_changes_no_bit():
    latents = draw_latents((5, 7), 0, 0)
    np.testing.assert_array_equal(truncated(latents, 1), latents)
    np.testing.assert_allclose(truncated(latents, 0.5), latents / 2)
    np.testing.assert_array_equal(truncated(latents, 0), np.zeros((5, 7)))
    for wrong in (1.1, -0.1, float("nan"), "1", True):
        with pytest.raises(ArgumentError, match=r"psi is .*; give a number from 0 \(the mean latent\) to 1"):
            truncated(latents, wrong)
