"""bfloat16 as the number type in which gradients are sent, half the bytes of float32.

Source: Kalamkar et al. 2019 (bfloat16: 8 bits of exponent as float32, 8 bits of precision). The values are rounded to
nearest, ties to even, as in IEEE 754. No error feedback (Karimireddy et al. 2019) is kept. That is for compressions
whose error is as large as the gradient, or has a sign (one bit a value, the largest values alone). Here the error is at
most 2⁻⁸ of each value, it has no preferred sign, and no value is left out. The feedback would be one more state of the
training for each rank, to be saved with it, and a run could not be resumed by another number of ranks.
"""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.errors import lookup

__all__ = ["COMPRESSIONS", "Bfloat16", "check_compression"]


class Bfloat16:
    """float32 to the 16 bits of bfloat16, and back; NaN, infinities and signed zeros stay what they are."""

    dtype = np.dtype(np.uint16)

    def __init__(self) -> None:
        self._scratch = np.empty(0, np.uint32)  # as long as the longest vector so far

    def pack(self, values: np.ndarray, out: np.ndarray) -> None:
        """Write float32 `values` (N,) as bfloat16 into `out`, uint16 (N,); a number above its range is infinite."""
        bits = values.view(np.uint32)
        rounded = self._scratch_of(bits.size)
        np.right_shift(bits, 16, out=rounded)
        rounded &= 1  # the last bit that stays: a tie is rounded up if it is 1
        rounded += 0x7FFF
        rounded += bits  # of a NaN this may be an infinity, or zero
        rounded >>= 16
        out[...] = rounded
        not_numbers = np.isnan(values)
        if not_numbers.any():
            out[not_numbers] = (bits[not_numbers] >> 16) | 0x40

    def unpack(self, bits: np.ndarray, out: np.ndarray) -> None:
        """Write bfloat16 `bits`, uint16 (N,), as float32 into `out` (N,); exact."""
        np.left_shift(bits, 16, out=out.view(np.uint32), dtype=np.uint32)

    def _scratch_of(self, size: int) -> np.ndarray:
        if self._scratch.size < size:
            self._scratch = np.empty(size, np.uint32)
        return self._scratch[:size]


COMPRESSIONS = {"bf16": Bfloat16}


def check_compression(name: Optional[str]) -> None:
    """Raise ArgumentError unless it is the name of a compression, or None."""
    if name is not None:
        lookup("gradient compression", name, COMPRESSIONS, "null (the default) sends float32.")
