"""bfloat16 against values known by hand, and against the nearest of both neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.training.parallel.compression import Bfloat16, check_compression


def packed(values) -> np.ndarray:
    values = np.asarray(values, np.float32)
    bits = np.empty(values.size, np.uint16)
    Bfloat16().pack(values, bits)
    return bits


def unpacked(bits) -> np.ndarray:
    values = np.empty(len(bits), np.float32)
    Bfloat16().unpack(np.asarray(bits, np.uint16), values)
    return values


def from_bits(*bits: int) -> np.ndarray:
    return np.array(bits, np.uint32).view(np.float32)


@pytest.mark.parametrize(
    "value, bits",
    [
        (0.0, 0x0000),
        (-0.0, 0x8000),
        (1.0, 0x3F80),
        (-2.5, 0xC020),
        (1 + 2**-8, 0x3F80),  # a tie: down to the even one
        (1 + 3 * 2**-8, 0x3F82),  # a tie: up to the even one
        (1 + 2**-8 + 2**-20, 0x3F81),
        (np.inf, 0x7F80),
        (-np.inf, 0xFF80),
        (3.4e38, 0x7F80),  # above the largest bfloat16
        (1e-45, 0x0000),
    ],
)
def test_known_values(value, bits):
    assert packed([value]).tolist() == [bits]


def test_nan_stays_nan():
    given = from_bits(0x7FC00000, 0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0xFF800001)
    assert np.isnan([given, unpacked(packed(given))]).all()


def test_each_value_becomes_the_nearest():
    bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    given = bits.view(np.float32)
    given = given[np.isfinite(given) & (np.abs(given) < 3e38)]
    below = (given.view(np.uint32) >> 16 << 16).view(np.float32).astype(np.float64)  # nearer to zero
    above = ((given.view(np.uint32) >> 16) + 1 << 16).astype(np.uint32).view(np.float32).astype(np.float64)
    exact = given.astype(np.float64)
    expected = np.where(np.abs(exact - below) < np.abs(above - exact), below, above)
    ties = np.abs(exact - below) == np.abs(above - exact)
    found = unpacked(packed(given))
    np.testing.assert_array_equal(found[~ties], expected[~ties].astype(np.float32))


def test_what_is_bfloat16_already_stays_as_it_is():
    bits = np.arange(2**16, dtype=np.uint16)
    bits = bits[~np.isnan(unpacked(bits))]
    np.testing.assert_array_equal(packed(unpacked(bits)), bits)


def test_a_shorter_vector_after_a_longer_one():
    codec = Bfloat16()
    for size in (5, 2, 7):
        bits = np.empty(size, np.uint16)
        codec.pack(np.ones(size, np.float32), bits)
        assert bits.tolist() == [0x3F80] * size


def test_a_compression_is_known_or_none():
    check_compression(None)
    check_compression("bf16")
    with pytest.raises(ArgumentError, match="Known: bf16"):
        check_compression("fp8")
