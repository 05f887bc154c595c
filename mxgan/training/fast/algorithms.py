"""The matrices of Winograd's minimal filtering F(4, r), and the convolutions that it is used for.

Four outputs of a filter with r taps take r + 3 products. In one dimension, for the inputs d (r + 3,), the
taps g (r,) and the outputs y (4,) with y[i] = Σⱼ d[i + j] g[j]::

    y = outputs · ((taps · g) ∘ (inputs · d))

In two dimensions each matrix P is used on both sides: P X Pᵀ. The gradients use the transposed matrices.
"""

from __future__ import annotations

from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

__all__ = [
    "AUGMENTATION",
    "CONVOLUTION",
    "FILTERS",
    "KERNELS",
    "OUTPUTS",
    "RESAMPLING",
    "MinimalFilter",
    "fits",
    "has_whole_tiles",
]

OUTPUTS = 4  # of a tile, in each dimension
KERNELS = MappingProxyType({4: 2, 3: 1})  # {side of a kernel: its stride}; the padding is 1
# op_types of Custom operators
CONVOLUTION, RESAMPLING, AUGMENTATION = "mxgan_convolution", "mxgan_resampling", "mxgan_augmentation"
_LEAST_CHANNELS = 8  # of the input: with 3 it is slower; with 3 filters, 32 → 3 at 32×32, twice to five times as fast


class MinimalFilter(NamedTuple):
    """F(4, r) as three matrices of exact numbers, each a tuple of rows.

    Attributes
    ----------
    inputs : (r + 3, r + 3). taps : (r + 3, r). outputs : (4, r + 3).
    """

    inputs: tuple
    taps: tuple
    outputs: tuple


def _matrix(*rows: str) -> tuple:
    return tuple(tuple(map(Fraction, row.split())) for row in rows)


# {number of taps: F(4, taps)}, of the points 0, 1, -1, 2, ∞, and with three taps also -2 (Lavin and Gray 2016, 4.3).
FILTERS = MappingProxyType({
    2: MinimalFilter(
        inputs=_matrix("2 -1 -2 1 0", "0 2 1 -1 0", "0 -2 3 -1 0", "0 -1 0 1 0", "0 2 -1 -2 1"),
        taps=_matrix("1/2 0", "1/2 1/2", "1/6 -1/6", "1/6 1/3", "0 1"),
        outputs=_matrix("1 1 1 1 0", "0 1 -1 2 0", "0 1 1 4 0", "0 1 -1 8 1"),
    ),
    3: MinimalFilter(
        inputs=_matrix("4 0 -5 0 1 0", "0 -4 -4 1 1 0", "0 4 -4 -1 1 0", "0 -2 -1 2 1 0", "0 2 -1 -2 1 0",
                       "0 4 0 -5 0 1"),
        taps=_matrix("1/4 0 0", "-1/6 -1/6 -1/6", "-1/6 1/6 -1/6", "1/24 1/12 1/6", "1/24 -1/12 1/6", "0 0 1"),
        outputs=_matrix("1 1 1 1 1 0", "0 1 -1 2 -2 0", "0 1 1 4 4 0", "0 1 -1 8 -8 1"),
    ),
})  # fmt: skip


def fits(side: int, stride: int, padding: int, channels: int, height: int, width: int) -> bool:
    """Whether a convolution is faster here: its kind has an algorithm, enough channels, whole tiles of 4×4 outputs."""
    known = KERNELS.get(side) == stride and padding == 1
    return known and channels >= _LEAST_CHANNELS and has_whole_tiles(stride, height, width)


def has_whole_tiles(stride: int, height: int, width: int) -> bool:
    """Whether the outputs of images (height, width) are tiles of 4×4."""
    return height % (OUTPUTS * stride) == width % (OUTPUTS * stride) == 0
