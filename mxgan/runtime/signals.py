"""Handlers of signals for the time of a block."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Callable

__all__ = ["ENDING", "FORWARDED", "handled"]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill`, a closed terminal
# Signals that mpirun forwards to all ranks: `mxgan launch` sends them in place of those that it gets. SIGHUP goes as
# SIGTERM does. mpirun takes ENDING for itself, and a rank that does not handle these yet is ended by them.
FORWARDED = {signal.SIGUSR1: signal.SIGINT, signal.SIGUSR2: signal.SIGTERM}


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
