"""A few threads over a long stream, in order and with little in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

from mxgan.openmp import usable_cpus

__all__ = ["ordered_map"]


def ordered_map(function: Callable, items: Iterable, threads: Optional[int] = None) -> Iterator[Any]:
    """`function` of each item, in the items' order, worked out by threads.

    At most four items a thread are under way, so a stream of any length needs little memory. It pays for
    functions that release Python's lock, such as OpenCV's.
    """
    threads = threads or usable_cpus()
    failure = None
    with ThreadPoolExecutor(threads) as pool:
        pending: deque = deque()
        items = iter(items)
        try:
            while failure is None:
                try:
                    pending.append(pool.submit(function, next(items)))
                except StopIteration:
                    break
                except Exception as error:  # the items before the fault come first, and their own faults
                    failure = error
                if len(pending) >= 4 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
    if failure is not None:
        raise failure
