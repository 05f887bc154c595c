"""`Ranks`: what the processes that train one run together say to each other; `ALONE` for a single process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Optional

from mxgan.runtime.mpi import World

__all__ = ["ALONE", "Ranks"]


class Ranks:
    """A process that trains alone: the only rank, so nothing is sent. `MPIRanks` has the same methods for several.

    Attributes
    ----------
    rank, size : this rank's number, 0 … size - 1, and the number of ranks.
    local_rank : this rank's number among those of its machine.
    host : the machine's name.
    traffic : bytes and seconds of the sums so far, a `Traffic` of exchange.py; None for a single process.
    """

    rank, size, local_rank, host = 0, 1, 0, World().host
    traffic = None

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which alone writes files and draws pictures."""
        return self.rank == 0

    def rows(self, batch_size: int) -> slice:
        """This rank's rows of a whole batch; ArgumentError if the batch cannot be shared evenly."""
        return slice(0, batch_size)

    def barrier(self) -> None:
        """Wait until every rank is here."""

    def from_first(self, value: Any) -> Any:
        """The JSON value of rank 0, on every rank."""
        return value

    def gathered(self, value: Any) -> list:
        """The JSON values of all ranks, in their order, on every rank."""
        return [value]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank."""
        return flag

    def arrays_from_first(self, arrays: Optional[Mapping]) -> Mapping:
        """{name: NumPy array} of rank 0, on every rank; the others give None."""
        return arrays

    def whole(self, arrays: list) -> list:
        """NDArrays (n, …) of each rank as NDArrays (N, …), in the order of the ranks, on every rank; float32."""
        return arrays

    def compress(self, compression: Optional[str]) -> None:
        """Choose the compression of gradients, before the first `exchange`: None or "bf16"."""

    def exchange(self, gradients: list, statistics: list) -> None:
        """Sum gradients over the ranks, and take the mean of statistics: NDArrays, changed in place.

        Statistics are read when all gradients are computed.
        """

    @contextmanager
    def first_of_machine_before_others(self) -> Iterator[None]:
        """The block runs on the first rank of each machine, and then on its other ranks."""
        yield

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """An exception in the block ends the job on every rank; see `MPIRanks`."""
        yield

    def take_line(self) -> bool:
        """Whether the caller is the first to ask for the one line of a fault on standard error, and may print it."""
        return True


ALONE = Ranks()
