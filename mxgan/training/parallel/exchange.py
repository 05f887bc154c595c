"""Sums of gradients and means of statistics over the ranks, in buckets.

Each bucket is a vector of 2 MB, cut into a chunk for each rank. Every rank sends its part of chunk k to rank k
(Ialltoall); rank k adds the parts in the order of the ranks, and sends the sum to all (Iallgather). So all ranks get
the same bits, and these depend on the number of ranks alone: not on the MPI, its choice of an algorithm, or which ranks
share a machine. Each rank sends 2 (n − 1) / n times the bytes of the arrays, as in a ring, in two rounds and not in
2 (n − 1). Two ranks of one machine sum 24 MB in 9 ms (Open MPI's Iallreduce: 21 ms), and over a link of 1 Gbit/s in
0.24 s (0.45 s; the bytes alone take 0.19 s). Buckets of 1 and 4 MB are about as fast, larger ones are slower.

The backward pass computes the last layer's gradients first, so the buckets go from the last array to the first, and the
first of them are on their way while the others are computed. Little is won by that: MXNet's engine runs up to 15
operations as one (MXNET_EXEC_BULK_EXEC_TRAIN), so that all gradients of a DCGAN are there at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.training.parallel.buckets import Bucket, MeanBucket, cut
from mxgan.training.parallel.compression import COMPRESSIONS, check_compression

__all__ = ["BUCKET_BYTES", "Exchange", "Traffic"]

BUCKET_BYTES = 2 << 20


class Traffic(NamedTuple):
    """What one rank has exchanged since it began.

    Attributes
    ----------
    exchanges : number of calls of `Exchange.total`.
    bytes_sent : bytes sent to other ranks.
    computing : seconds in which this rank waited for its own arrays.
    exchanging : seconds in which it copied, added, and waited for other ranks, a slower one's computing included.
    """

    exchanges: int = 0
    bytes_sent: int = 0
    computing: float = 0.0
    exchanging: float = 0.0


class Exchange:
    """The sums over all ranks of a communicator; every rank makes one, at the same time.

    Parameters
    ----------
    communicator : an MPI communicator of mpi4py that nothing else uses.
    wait : wait(request): returns when a request is done, or raises if another rank has failed.
    compression : None: float32; "bf16": the gradients are sent as bfloat16, and added in float32.
    bucket_bytes : bytes of float32 in one bucket.

    Attributes
    ----------
    traffic : bytes and seconds so far.
    """

    def __init__(
        self, communicator, wait: Callable, compression: Optional[str] = None, bucket_bytes: int = BUCKET_BYTES
    ) -> None:
        check_compression(compression)
        self.traffic, self._wait, self._bucket_size = Traffic(), wait, max(1, bucket_bytes // 4)
        self._compression = None if compression is None else COMPRESSIONS[compression]()
        self._communicator = communicator
        self._plans: dict = {}  # {(sizes of all arrays, number of gradients): buckets}, kept with their buffers

    def total(self, gradients: Sequence, statistics: Sequence = ()) -> None:
        """Change NDArrays in place: the gradients become their sums over all ranks, the statistics their means.

        Every rank gives arrays of the same sizes, in the order of the network's layers. The statistics are read when
        all gradients are computed: MXNet's backward pass writes BatchNorm's moving statistics, and its engine does not
        know. A NaN on one rank is a NaN on all.

        Raises
        ------
        ArgumentError : an array is not float32.
        """
        if self._communicator.size == 1:
            return
        began, arrays = time.perf_counter(), [*gradients, *statistics]
        buckets, computing = self._plan(arrays, len(gradients)), 0.0
        for bucket in buckets:  # all ranks call MPI in this order
            computing += bucket.wait(arrays)
            bucket.scatter(arrays, self._communicator)
        for bucket in buckets:
            self._wait(bucket.request)
            bucket.gather(self._communicator)
        for bucket in buckets:
            self._wait(bucket.request)
            bucket.write(arrays)
        self._count(sum(each.bytes_sent for each in buckets), computing, time.perf_counter() - began - computing)

    def _count(self, *added: float) -> None:
        self.traffic = Traffic(*(before + more for before, more in zip(self.traffic, (1, *added))))

    def _plan(self, arrays: list, gradients: int) -> list:
        """The buckets of these arrays, from the last gradient to the first, and then the statistics."""
        for array in arrays:
            if array.dtype != np.float32:
                raise ArgumentError(f"an array to be summed over the ranks is {np.dtype(array.dtype)}; give float32.")
        sizes = tuple(array.size for array in arrays)
        if (sizes, gradients) not in self._plans:
            ranks, most = self._communicator.size, self._bucket_size
            sums = cut(sizes, range(gradients)[::-1], most)
            means = cut(sizes, range(gradients, len(sizes)), most)
            self._plans[sizes, gradients] = [
                *(Bucket(pieces, ranks, self._compression) for pieces in sums),
                *(MeanBucket(pieces, ranks) for pieces in means),
            ]
        return self._plans[sizes, gradients]
