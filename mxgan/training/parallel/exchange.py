"""Sums of gradients and means of statistics over the ranks, in buckets, while the rest is computed.

Each bucket is a vector of 4 MB, cut into a chunk for each rank. Every rank sends its part of chunk k to rank k
(Ialltoall); rank k adds the parts in the order of the ranks, and sends the sum to all (Iallgather). So all ranks get
the same bits, and these depend on the number of ranks alone: not on the MPI, its choice of an algorithm, or which ranks
share a machine. Each rank sends 2 (n − 1) / n times the bytes of the arrays, as in a ring, in two rounds and not in
2 (n − 1).

The backward pass computes the last layer's gradients first, so the buckets go from the last array to the first. A
thread waits for the arrays of the next bucket and copies them, while this one keeps the earlier sums going: MPI moves
data only when it is called.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.training.parallel.buckets import Bucket, MeanBucket, cut
from mxgan.training.parallel.compression import COMPRESSIONS, check_compression

__all__ = ["BUCKET_BYTES", "Exchange", "Traffic"]

BUCKET_BYTES = 4 << 20
_NAP = 5e-4  # seconds between two calls of MPI while gradients are computed


class Traffic(NamedTuple):
    """What one rank has exchanged since it began.

    Attributes
    ----------
    exchanges : number of calls of `Exchange.total`.
    bytes_sent : bytes sent to other ranks.
    computing : seconds in which this rank waited for its own arrays.
    exchanging : seconds after that, until the sums were written.
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
        # All ranks must call the collectives of one communicator in one order. Scattering is in the order of the
        # buckets, and so is gathering; but when one is gathered, between the others' scattering, each rank decides.
        self._scattering, self._gathering = communicator, communicator.Dup()
        self._plans: dict = {}  # {(sizes of the gradients, of the statistics): buckets}, kept with their buffers
        self._filler = ThreadPoolExecutor(1, "mxgan-exchange")

    def total(self, gradients: Sequence, statistics: Sequence = ()) -> None:
        """Change NDArrays in place: the gradients become their sums over all ranks, the statistics their means.

        Every rank gives arrays of the same sizes, in the order of the network's layers. The statistics are read when
        all gradients are computed: MXNet's backward pass writes BatchNorm's moving statistics, and its engine does not
        know. A NaN on one rank is a NaN on all.

        Raises
        ------
        ArgumentError : an array is not float32.
        """
        arrays, ranks = [*gradients, *statistics], self._scattering.size
        buckets = self._plan(arrays, len(gradients)) if ranks > 1 else []
        began = time.perf_counter()
        self._begin(buckets, arrays)
        computed = time.perf_counter()
        self._complete(buckets, arrays)
        added = (1, sum(each.bytes_sent for each in buckets), computed - began, time.perf_counter() - computed)
        self.traffic = Traffic(*(before + more for before, more in zip(self.traffic, added)))

    def _begin(self, buckets: list, arrays: list) -> None:
        """Scatter each bucket as soon as its arrays are computed; gather those that have come meanwhile."""
        filled, gathered = [self._filler.submit(bucket.fill, arrays) for bucket in buckets], 0
        for number, bucket in enumerate(buckets):
            while not filled[number].done():
                if gathered < number and buckets[gathered].request.Test():
                    buckets[gathered].gather(self._gathering)
                    gathered += 1
                elif number:
                    buckets[0].request.Test()  # a call for one request moves the data of all
                wait_for([filled[number]], _NAP if number else None)
            filled[number].result()
            bucket.scatter(self._scattering)

    def _complete(self, buckets: list, arrays: list) -> None:
        for bucket in buckets:
            if not bucket.is_gathering:
                self._wait(bucket.request)
                bucket.gather(self._gathering)
        for bucket in buckets:
            self._wait(bucket.request)
            bucket.write(arrays)

    def _plan(self, arrays: list, gradients: int) -> list:
        """The buckets of these arrays, from the last gradient to the first, and then the statistics."""
        for array in arrays:
            if array.dtype != np.float32:
                raise ArgumentError(f"an array to be summed over the ranks is {np.dtype(array.dtype)}; give float32.")
        sizes = tuple(array.size for array in arrays)
        if (sizes, gradients) not in self._plans:
            ranks, most = self._scattering.size, self._bucket_size
            sums = cut(sizes, range(gradients)[::-1], most)
            means = cut(sizes, range(gradients, len(sizes)), most)
            self._plans[sizes, gradients] = [
                *(Bucket(pieces, ranks, self._compression) for pieces in sums),
                *(MeanBucket(pieces, ranks) for pieces in means),
            ]
        return self._plans[sizes, gradients]
