"""A few threads over a long stream, in order and with little in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional

__all__ = ["ordered_map", "usable_cores"]


def usable_cores() -> int:
    """Cores that this process may run on: its affinity where the system has one, else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(function: Callable, items: Iterable, threads: Optional[int] = None) -> Iterator[Any]:
    """`function` of each item, in the items' order, worked out by threads.

    At most four items a thread are under way, so a stream of any length needs little memory. It pays for
    functions that release Python's lock, such as OpenCV's.
    """
    threads = threads or usable_cores()
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
