import pytest

from mxgan.errors import ArgumentError
from mxgan.training.schedule import InstanceNoise


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
