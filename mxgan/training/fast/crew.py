"""The threads that compute an operator of ours, and their working memory."""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Optional

import numpy as np

from mxgan.runtime.cpus import threads

__all__ = ["Crew", "crew", "parts"]

_LINE = 16  # numbers of a cache line


class Crew:
    """The threads of all operators and their working memory, which one operator uses at a time, holding `lock`."""

    def __init__(self) -> None:
        self.lock, self._memory = threading.RLock(), np.empty(0, np.float32)
        self._helpers: Optional[ThreadPoolExecutor] = None

    def arrays(self, *shapes: Sequence[int]) -> list:
        """Arrays of these shapes, float32, whose content is left over from others; each begins a cache line."""
        counts = [math.prod(shape) for shape in shapes]
        sizes = [-(-count // _LINE) * _LINE for count in counts]
        if self._memory.size < sum(sizes):
            self._memory = np.empty(0, np.float32)  # free the old memory first
            self._memory = _room(sum(sizes))
        begin, found = 0, []
        for shape, count, size in zip(shapes, counts, sizes):
            found.append(self._memory[begin : begin + count].reshape(shape))
            begin += size
        return found

    def run(self, calls: Sequence[tuple]) -> None:
        """Call each (function, arguments …) in a thread of its own, and wait for all."""
        if len(calls) > 1 and self._helpers is None:
            self._helpers = _started(max(1, threads().count - 1))
        later = []
        try:
            for call in calls[1:]:
                later.append(self._helpers.submit(*call))
            function, *arguments = calls[0]
            function(*arguments)
        finally:
            wait(later)  # the memory is another operator's as soon as the lock is free
        for each in later:
            each.result()


def _started(count: int) -> ThreadPoolExecutor:
    """Threads that run already: one that the system refuses must not leave a call behind that nobody waits for."""
    pool, together = ThreadPoolExecutor(count, "mxgan operator"), threading.Barrier(count)
    try:
        for _ in range(count):
            pool.submit(together.wait)
    except RuntimeError:
        together.abort()
        pool.shutdown()
        raise
    return pool


def _room(count: int) -> np.ndarray:
    """Memory for `count` float32 numbers, 0 at first, on huge pages where Linux gives them."""
    memory = mmap.mmap(-1, 4 * count, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared memory gets none
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.float32)


_crew = Crew()


def crew() -> Crew:
    """The crew of this process."""
    return _crew


def _begin_again() -> None:
    """In a child process: threads do not live on, and another thread may have held the lock."""
    global _crew
    _crew = Crew()


os.register_at_fork(after_in_child=_begin_again)


def parts(count: int, most: Optional[int] = None) -> list:
    """(first, last) of at most `most` equal parts of range(count), by default one for each thread."""
    most = min(count, most or threads().count)
    return [(count * part // most, count * (part + 1) // most) for part in range(most)]
