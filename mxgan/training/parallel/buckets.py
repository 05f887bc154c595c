"""Buckets: pieces of arrays as one vector, and its sum over the ranks by two calls of MPI."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from mxgan.training.parallel.compression import Bfloat16
from mxgan.training.parallel.host_arrays import read_array, write_array

__all__ = ["Bucket", "MeanBucket", "Piece", "cut"]


class Piece(NamedTuple):
    """`size` elements of the array `number` from the element `start` on."""

    number: int
    start: int
    size: int


def cut(sizes: Sequence, numbers: Sequence, most: int) -> list:
    """The arrays `numbers` of these sizes, in this order, as lists of pieces; each list has `most` elements in all."""
    lists, room = [], 0
    for number in numbers:
        start = 0
        while start < sizes[number]:
            if not room:
                lists.append([])
                room = most
            taken = min(room, sizes[number] - start)
            lists[-1].append(Piece(number, start, taken))
            start, room = start + taken, room - taken
    return lists


class Bucket:
    """One vector of float32 and its buffers; an exchange calls `scatter`, `gather`, `write` in this order.

    Parameters
    ----------
    pieces : what it holds.
    ranks : number of ranks; the vector is cut into as many chunks of one size.
    compression : in which the values are sent; None: as they are.

    Attributes
    ----------
    request : the MPI request that runs.
    bytes_sent : bytes that an exchange sends to other ranks.
    """

    def __init__(self, pieces: Sequence[Piece], ranks: int, compression: Optional[Bfloat16] = None) -> None:
        self.pieces, self._ranks, self._compression = pieces, ranks, compression
        chunk = -(-sum(piece.size for piece in pieces) // ranks)
        self._values = np.zeros(chunk * ranks, np.float32)  # the end of the last chunk stays 0
        self._total = np.empty(chunk, np.float32)
        self._sent, self._own = self._values, self._total
        if compression is not None:
            self._sent, self._own = np.empty(chunk * ranks, compression.dtype), np.empty(chunk, compression.dtype)
        self._received = np.empty((ranks, chunk), self._sent.dtype)
        self.request = None
        self.bytes_sent = 2 * (ranks - 1) * self._own.nbytes

    def wait(self, arrays: Sequence) -> float:
        """Wait until the arrays of the pieces are computed; the seconds that this took."""
        began = time.perf_counter()
        for piece in self.pieces:
            arrays[piece.number].wait_to_read()
        return time.perf_counter() - began

    def scatter(self, arrays: Sequence, communicator) -> None:
        """Copy the pieces from their arrays, and begin to send each rank its chunk."""
        first = 0
        for number, start, size in self.pieces:
            self._values[first : first + size] = read_array(arrays[number])[start : start + size]
            first += size
        if self._compression is not None:
            self._compression.pack(self._values, self._sent)
        self.request = communicator.Ialltoall(self._sent, self._received)

    def gather(self, communicator) -> None:
        """Add the parts of this rank's chunk, which have come, and begin to send the sum to all."""
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinities are for FiniteGuard
            self._add()
        if self._compression is not None:
            self._compression.pack(self._total, self._own)
        self.request = communicator.Iallgather(self._own, self._sent)

    def _add(self) -> None:
        """Sum in the order of the ranks, so that a sum does not depend on which came first."""
        self._total[...] = self._unpacked(0)
        for rank in range(1, self._ranks):
            self._total += self._unpacked(rank)

    def _unpacked(self, rank: int) -> np.ndarray:
        if self._compression is None:
            return self._received[rank]
        free = self._values[: self._total.size]  # the values are packed and sent
        self._compression.unpack(self._received[rank], free)
        return free

    def write(self, arrays: Sequence) -> None:
        """Copy the sums, which have come, to the arrays."""
        if self._compression is not None:
            self._compression.unpack(self._sent, self._values)
        first = 0
        for number, start, size in self.pieces:
            write_array(arrays[number], start, self._values[first : first + size])
            first += size


class MeanBucket(Bucket):
    """A bucket whose result is the mean; values that are equal on all ranks stay as they are, to the bit."""

    def _add(self) -> None:
        total = np.zeros(self._total.size)
        for part in self._received:
            total += part
        self._total[...] = total / self._ranks
