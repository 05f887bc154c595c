"""Handlers of signals for the time of a block."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Callable

__all__ = ["ENDING", "FORWARDED", "handled"]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill`, a closed terminal
# What `mxgan launch` sends to mpirun for a signal of the user: mpirun forwards these to the ranks, and takes ENDING for
# itself. What no rank handles yet ends the job.
FORWARDED = {signal.SIGINT: signal.SIGUSR1, signal.SIGTERM: signal.SIGUSR2, signal.SIGHUP: signal.SIGALRM}


@contextmanager
def handled(numbers: Iterable, handler: Callable) -> Iterator[None]:
    """Call `handler` on these signals during the block, except on those that this process ignores already.

    In a thread that is not the main one it changes nothing: only the main thread may set handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
