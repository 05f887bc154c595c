"""A program of several ranks: sums of `arrays_of` by `Exchange`, saved as FOLDER/RANK.npz.

Its names are CASE/NUMBER; test_exchange.py says what they must be.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.mpi import world
from mxgan.training.parallel.exchange import Exchange
from mxgan.training.parallel.mpi_ranks import MPIRanks

# case → (shapes of the gradients, of the statistics, bytes of a bucket)
CASES = {
    "odd": ([(1,), (7,), (3, 5), (1001,), (2, 3, 4, 5)], [(3,), (1,)], 64),
    "layers": ([(64, 32, 4, 4), (64,), (128, 64, 4, 4), (1, 128, 4, 4)], [(64,), (64,)], 1 << 18),
    "whole": ([(50, 40)], [], 4 << 20),
    "small": ([(1 + number % 3,) for number in range(300)], [], 4 << 20),
    "statistics": ([], [(5,), (2, 2)], 4 << 20),
    "none": ([], [], 4 << 20),
}
NOT_FINITE = (np.nan, np.inf, -np.inf)
ROUNDS = 20


def arrays_of(case: str, rank: int) -> list:
    """This rank's gradients and statistics: NumPy arrays of normal numbers."""
    rng = np.random.default_rng([zlib.crc32(case.encode()), rank])
    gradients, statistics, _ = CASES[case]
    return [rng.standard_normal(shape, np.float32) for shape in (*gradients, *statistics)]


def main() -> None:
    ranks, found = MPIRanks(world()), {}

    def total(exchange: Exchange, arrays: list, gradients: int) -> list:
        given = [mx.nd.array(array) * 1 for array in arrays]  # an operation that may not be computed yet
        exchange.total(given[:gradients], given[gradients:])
        return [(array + 0).asnumpy() for array in given]  # as MXNet's next operation sees it

    def keep(name: str, arrays: list) -> None:
        found.update({f"{name}/{number}": array for number, array in enumerate(arrays)})

    for compression in (None, "bf16"):
        for case, (gradients, _, size) in CASES.items():
            exchange = Exchange(ranks.communicator(f"{case} {compression}"), ranks.wait, compression, size)
            arrays = arrays_of(case, ranks.rank)
            total(exchange, arrays_of(case, ranks.rank + 100), len(gradients))  # what is left in the buffers
            sums = total(exchange, arrays, len(gradients))
            keep(f"{case} {compression}", sums)
            found[f"{case} {compression}/traffic"] = np.array(exchange.traffic)
            if case == "layers":
                again = [total(exchange, arrays, len(gradients)) for _ in range(ROUNDS)]
                found[f"again {compression}"] = all(
                    np.array_equal(*each) for found in again for each in zip(found, sums)
                )
    exchange = Exchange(ranks.communicator("others"), ranks.wait)
    for number, value in enumerate(NOT_FINITE):  # on the last rank alone
        spoilt = np.array([1, value if ranks.rank == ranks.size - 1 else 1, 2], np.float32)
        keep(f"not finite {number}", total(exchange, [spoilt, spoilt], 1))
    equal = np.random.default_rng(1).standard_normal(1000, np.float32)
    keep("equal", [equal, *total(exchange, [equal], 0)])
    try:
        exchange.total([mx.nd.zeros(3, dtype="float64")])
    except ArgumentError as error:
        found["refused"] = str(error)
    np.savez(Path(sys.argv[1]) / f"{ranks.rank}.npz", **found)


if __name__ == "__main__":
    main()
