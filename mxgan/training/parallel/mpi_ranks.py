"""`MPIRanks`: several ranks, and what they say to each other over MPI; `all_ranks`: those of this process's job."""

from __future__ import annotations

import atexit
import functools
import json
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import numpy as np

from mxgan.errors import (
    DivergedError,
    MXGANError,
    RankError,
    RanksDifferError,
    RanksPartedError,
    RunFinishedError,
    exit_code_after,
    first_line,
)
from mxgan.runtime.mpi import World, world
from mxgan.runtime.rank_limits import limited
from mxgan.training.parallel.ranks import ALONE, Ranks
from mxgan.training.parallel.shares import share_of
from mxgan.training.parallel.watch import Watch

__all__ = ["MPIRanks", "all_ranks"]

LEAST_NAP, MOST_NAP = 2e-5, 2e-3  # seconds between two looks at a request; longer waits look less often
SHARED = (DivergedError, RanksDifferError, RanksPartedError)  # raised on all ranks together, after an agreement


class MPIRanks(Ranks):
    """One of several ranks, over MPI.

    Values go as JSON and as the bytes of arrays, never as pickles. While a rank waits, it looks for faults of others:
    see watch.py. An exception that nobody catches is a fault, too.

    Parameters
    ----------
    place : the result of `mxgan.runtime.mpi.world()`, with more than one rank.
    """

    def __init__(self, place: World) -> None:
        self.rank, self.size, self.local_rank, self.host = place.rank, place.size, place.local_rank, place.host
        self._everyone = place.communicator
        self._communicators: dict = {}
        self._exchange = self._compression = None
        self.watch: Optional[Watch] = None
        with limited(self.rank, self.host, "begin"):
            self._own = self.communicator("ranks")
            self.watch = Watch(self.communicator("watch"), self.rank, self.size, self.gathered(self.host))
        self._failed: Optional[int] = None  # the exit code after a fault
        self._line: Optional[str] = None  # what is to be told of it at the exit
        self._show, sys.excepthook = sys.excepthook, self._uncaught
        atexit.register(self._leave)

    def communicator(self, user: str):
        """The communicator of one user; collectives on two of them never mix. All ranks ask in the same order."""
        if user not in self._communicators:
            made, request = self._everyone.Idup()
            self.wait(request)
            self._communicators[user] = made
        return self._communicators[user]

    def rows(self, batch_size: int) -> slice:
        share = share_of(batch_size, self.size)
        return slice(self.rank * share, (self.rank + 1) * share)

    def wait(self, request) -> None:
        """Wait for a request of MPI; RankError if another rank has a fault."""
        began, nap = time.monotonic(), LEAST_NAP
        while not request.Test():
            waited = time.monotonic() - began
            if self.watch is not None:
                self.watch.check(waited)
            time.sleep(nap)
            nap = min(MOST_NAP, max(LEAST_NAP, waited / 50))

    def barrier(self) -> None:
        self.wait(self._own.Ibarrier())

    def from_first(self, value: Any) -> Any:
        return json.loads(self._bytes_from_first(json.dumps(value).encode() if self.is_first else None))

    def _bytes_from_first(self, given: Optional[bytes]) -> bytes:
        length = np.array([len(given or b"")], np.int64)
        self.wait(self._own.Ibcast(length, root=0))
        content = np.frombuffer(given, np.uint8).copy() if self.is_first else np.empty(length[0], np.uint8)
        self.wait(self._own.Ibcast(content, root=0))
        return content.tobytes()

    def gathered(self, value: Any) -> list:
        own = np.frombuffer(json.dumps(value).encode(), np.uint8)
        lengths = np.empty(self.size, np.int64)
        self.wait(self._own.Iallgather(np.array([len(own)], np.int64), lengths))
        content, ends = np.empty(lengths.sum(), np.uint8), np.cumsum(lengths)
        self.wait(self._own.Iallgatherv(own, [content, (lengths, ends - lengths)]))
        return [json.loads(content[end - length : end].tobytes()) for end, length in zip(ends, lengths)]

    def any(self, flag: bool) -> bool:
        flags = np.empty(self.size, np.uint8)
        self.wait(self._own.Iallgather(np.array([flag], np.uint8), flags))
        return bool(flags.any())

    def arrays_from_first(self, arrays: Optional[Mapping]) -> Mapping:
        found = {}
        described = [(name, array.shape, array.dtype.str) for name, array in (arrays or {}).items()]
        for name, shape, kind in self.from_first(described):
            found[name] = np.ascontiguousarray(arrays[name]) if self.is_first else np.empty(shape, kind)
            self.wait(self._own.Ibcast(found[name].reshape(-1).view(np.uint8), root=0))
        return found

    def whole(self, arrays: list) -> list:
        from mxgan.runtime import mx

        own = np.concatenate([array.asnumpy().ravel() for array in arrays], dtype=np.float32)  # one message for all
        found = np.empty((self.size, own.size), np.float32)
        self.wait(self._own.Iallgather(own, found))
        columns = np.split(found, np.cumsum([array.size for array in arrays])[:-1], axis=1)
        return [
            mx.nd.array(values.reshape(-1, *array.shape[1:]), ctx=array.context)
            for array, values in zip(arrays, columns)
        ]

    def compress(self, compression: Optional[str]) -> None:
        self._compression, self._exchange = compression, None  # and the traffic is that of a new run

    def exchange(self, gradients: list, statistics: list) -> None:
        if self._exchange is None:
            from mxgan.training.parallel.exchange import Exchange

            self._exchange = Exchange(self.communicator("exchange"), self.wait, self._compression)
        self._exchange.total(gradients, statistics)

    @property
    def traffic(self):
        """Bytes and seconds of the sums so far, a `Traffic`; None before the first one."""
        return self._exchange and self._exchange.traffic

    @contextmanager
    def first_of_machine_before_others(self) -> Iterator[None]:
        if self.local_rank:
            self.barrier()
        yield
        if not self.local_rank:
            self.barrier()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """An exception in the block ends the job on every rank.

        On rank 0 it goes on as usual, and the job ends when the process does, with the exception's exit code. Another
        rank tells rank 0, and is ended by it; of an error that all ranks share, rank 0 knows already. A run that is at
        its end already is no fault: every rank finds the same.
        """
        try:
            yield
        except RunFinishedError:
            raise
        except BaseException as error:
            self._fail(error)
            raise

    def take_line(self) -> bool:
        return self.watch.take_line()

    def _fail(self, error: BaseException) -> None:
        """Tell an error of this rank; only rank 0 returns from here."""
        # Of the signal that has ended this command.
        number = getattr(error, "number", signal.SIGINT if isinstance(error, KeyboardInterrupt) else None)
        self._failed = getattr(error, "exit_code", 1) if number is None else exit_code_after(number)
        if not isinstance(error, RankError):
            self.watch.report(_in_words(error), self._failed, isinstance(error, SHARED))

    def _uncaught(self, kind, error: BaseException, trace) -> None:
        """The hook for exceptions of the main thread that nobody has caught: outside `guarded` they are faults too.

        Without this the rank would come to its end in order, and the others would wait for it.
        """
        self._show(kind, error, trace)
        if self._failed is None and not isinstance(error, RunFinishedError):
            self._fail(error)
            if not isinstance(error, RankError):  # it names a rank, unlike other tracebacks
                self._line = self.watch.fault.line

    def _leave(self) -> None:
        """At the exit of the process: wait for the others, or end the job after a fault."""
        if self._failed is not None:
            self.watch.end_job(self._failed, self._line)
        try:
            self.watch.close()
        except RankError as error:
            self.watch.end_job(error.exit_code, f"Error: {error}")
        with limited(self.rank, self.host, "end"):
            sys.modules["mpi4py.MPI"].Finalize()


def _in_words(error: BaseException) -> str:
    """An error on one line: of one that is none of mxgan, its class, its text and the line of code that raised it."""
    if isinstance(error, KeyboardInterrupt):
        return f"ended by {signal.Signals(getattr(error, 'number', signal.SIGINT)).name}."
    if isinstance(error, MXGANError):
        return " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {first_line(error)}{place}."


@functools.cache
def all_ranks() -> Ranks:
    """The ranks of this process's job; `ALONE` for a process that no launcher of MPI has started."""
    place = world()
    return ALONE if place.size == 1 else MPIRanks(place)
