"""`FastLayer`: one convolution by minimal filtering, its outputs and its gradients on several threads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ShapeError
from mxgan.runtime.cpus import threads
from mxgan.training.fast import filtering, weight_filtering
from mxgan.training.fast.algorithms import KERNELS, OUTPUTS, has_whole_tiles
from mxgan.training.fast.crew import crew, parts
from mxgan.training.fast.instructions import LANES
from mxgan.training.fast.tiles import GAP

__all__ = ["FastLayer"]

_MOST_SPREAD = 2**24  # numbers of transformed images at a time, for the gradient of the weights: 64 MB
_LEAST_SHARED = 2**16  # weights that several threads transform: to ask them takes as long as for so many
_TILES = 8  # of 16 images, transformed at a time by a thread: they should stay in the processor's second cache


def _in_blocks(count: int) -> int:
    return -(-count // LANES)


class FastLayer(NamedTuple):
    """A convolution of images (N, C, H, W) float32 with weights (K, C, side, side), for N, C, K, H and W of `fits`.

    The results are those of the definition up to rounding: about 10⁻⁵ of the largest value.

    Parameters
    ----------
    images : (N, C, H, W). filters : K. side : a key of KERNELS, which gives the stride.
    slope : the convolution is of an activation of the images that multiplies numbers below 0 by it; 1: of the images.
    """

    images: tuple
    filters: int
    side: int
    slope: float = 1.0

    @classmethod
    def checked(cls, images: tuple, filters: int, side: int, slope: float = 1.0) -> FastLayer:
        """The layer; ShapeError unless its images are whole tiles: nothing behind this checks where it writes."""
        if not has_whole_tiles(KERNELS[side], *images[2:]):
            raise ShapeError(
                f"a fast convolution of {side}×{side} was bound for images of {images[2]}×{images[3]}; their sides "
                f"must be multiples of {OUTPUTS * KERNELS[side]}. Rewrite the symbol for these shapes."
            )
        return cls(tuple(images), filters, side, slope)

    @property
    def stride(self) -> int:
        """The distance between two outputs, in pixels."""
        return KERNELS[self.side]

    @property
    def _taps(self) -> int:
        return self.side // self.stride

    @property
    def _planes(self) -> int:
        return (self._taps + OUTPUTS - 1) ** 2

    @property
    def _columns(self) -> int:
        """Phases of all blocks of channels, in channels."""
        return self.stride**2 * self._blocks[0] * LANES

    @property
    def _blocks(self) -> tuple:
        """Blocks of 16: (of channels, of filters); the last of each may be smaller."""
        return _in_blocks(self.images[1]), _in_blocks(self.filters)

    @property
    def _tiles(self) -> tuple:
        """Tiles of an image: (down, across)."""
        return tuple(size // (OUTPUTS * self.stride) for size in self.images[2:])

    @property
    def _groups(self) -> int:
        """Groups of 16 images; the last may be smaller."""
        return _in_blocks(self.images[0])

    def outputs(self, images: np.ndarray, weights: np.ndarray, bias: Optional[np.ndarray], results: np.ndarray) -> None:
        """Write the outputs (N, K, H/stride, W/stride) into `results`; bias : (K,) or None."""
        ranges = list(self._ranges(self._tiles[0] * self._groups, self._blocks[1]))
        tiles = self._at_once(max(last - first for (first, last), _ in ranges))
        rows = (self.stride**2 * self.images[1], self._blocks[1] * LANES)
        rooms = [(tiles, self._planes, each * LANES + GAP) for each in rows]
        with crew().lock:
            packed, *arrays = crew().arrays(self._packed, *rooms * len(ranges))
            self._pack(weights, False, packed)
            bias = np.zeros(self.filters, np.float32) if bias is None else bias
            given = images, np.float32(self.slope), self._taps, packed, bias, results
            crew().run([(filtering.outputs, *given, *arrays[2 * part : 2 * part + 2], *each)
                        for part, each in enumerate(ranges)])  # fmt: skip

    def data_gradients(
        self, gradients: np.ndarray, images: np.ndarray, weights: np.ndarray, results: np.ndarray
    ) -> None:
        """Write the gradient (N, C, H, W) of the images into `results`.

        gradients : (N, K, H/stride, W/stride), of the output.
        """
        self._back(gradients, images, np.float32(self.slope), weights, None, results)

    def transposed(
        self, gradients: np.ndarray, weights: np.ndarray, bias: Optional[np.ndarray], results: np.ndarray
    ) -> None:
        """Write the transposed convolution (N, C, H, W) of (N, K, H/stride, W/stride) plus a bias (C,) or None."""
        self._back(gradients, results, np.float32(1), weights, bias, results)

    def _back(self, gradients, images, slope, weights, bias, results) -> None:
        ranges = list(self._ranges(self._groups, self._blocks[0]))
        tiles = self._at_once(self._tiles[0] * max(last - first for (first, last), _ in ranges))
        rows = (self.stride**2 * LANES, self.filters)
        rooms = [(tiles, self._planes, each * LANES + GAP) for each in rows]
        with crew().lock:
            packed, *arrays = crew().arrays(self._packed, *rooms * len(ranges))
            self._pack(weights, True, packed)
            bias = np.zeros(self.images[1], np.float32) if bias is None else bias
            given = gradients, images, slope, self._taps, packed, bias, results
            crew().run([(filtering.data_gradients, *given, *arrays[2 * part : 2 * part + 2], *each)
                        for part, each in enumerate(ranges)])  # fmt: skip

    def weight_gradients(self, images: np.ndarray, gradients: np.ndarray, results: np.ndarray) -> None:
        """Write the gradient (K, C, side, side) of the weights into `results`, summed over the images."""
        rows, tiles = (self._blocks[1] * LANES, self._columns), math.prod(self._tiles)
        count = max(1, min(self.images[0], _MOST_SPREAD // (self._planes * sum(rows) * tiles)))
        rooms = [(self._planes, each * tiles * count + GAP) for each in rows]
        with crew().lock:
            outputs, inputs, sums = crew().arrays(*rooms, self._packed)
            for first in range(0, self.images[0], count):
                given = images[first : first + count], np.float32(self.slope), gradients[first : first + count]
                crew().run([(weight_filtering.spread, *given, self._taps, inputs, outputs, *part)
                            for part in parts(len(given[0]))])  # fmt: skip
                shape = (*rows, tiles * len(given[0]), first > 0)
                crew().run([(weight_filtering.products, inputs, outputs, sums, *shape, *part)
                            for part in parts(self._planes)])  # fmt: skip
            crew().run([(weight_filtering.weight_gradients, sums, self._taps, results, *part)
                        for part in parts(self.filters)])  # fmt: skip

    @staticmethod
    def bias_gradients(gradients: np.ndarray, results: np.ndarray) -> None:
        """Write the gradient (K,) of the bias into `results`."""
        with crew().lock:
            crew().run([(weight_filtering.bias_gradients, gradients, results, *part) for part in parts(len(results))])

    def _at_once(self, strips: int) -> int:
        """The number of tiles that a thread with so many strips transforms at a time."""
        across = self._tiles[1]
        return min(strips, max(1, _TILES // across)) * across

    @property
    def _packed(self) -> tuple:
        return self._planes, self._blocks[1] * LANES * self._columns + GAP

    def _pack(self, weights: np.ndarray, by_input: bool, packed: np.ndarray) -> None:
        blocks = self._blocks[0 if by_input else 1]
        ranges = parts(blocks, None if weights.size >= _LEAST_SHARED else 1)
        crew().run([(filtering.packed_weights, weights, self._taps, by_input, packed, *each) for each in ranges])

    @staticmethod
    def _ranges(units: int, blocks: int) -> Iterator[tuple]:
        """A (range of units, range of blocks) for each thread: by units, and if they are too few by blocks too.

        Threads with the same units repeat their transforms, about a sixth of the work.
        """
        shares = max(1, min(blocks, threads().count // units))
        for part in parts(units, max(1, threads().count // shares)):
            for each in parts(blocks, shares):
                yield part, each
