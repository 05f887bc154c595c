"""The thread in which the explorer uses MXNet: requests wait in a short queue, and newer ones replace older ones."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import Future
from contextlib import suppress
from typing import Callable, Optional

from mxgan.errors import MXGANError
from mxgan.web.workers import BusyError

__all__ = ["ReplacedError", "Worker"]

MOST_WAITING = 32
IDLE = 300.0  # seconds without a request, after which the memory is given back
NICE = 10  # a training on the same machine goes first
ENDING = 0.4  # seconds that `close` waits for the job in work


class ReplacedError(MXGANError):
    """A newer request of the same viewer took the place of this one."""


class Worker:
    """A thread that does one job after another. It starts with the first job.

    Parameters
    ----------
    idle : seconds without a job, after which `when_idle` is called, in the thread.
    most : the most jobs that may wait.
    """

    def __init__(self, when_idle: Callable[[], None], idle: float = IDLE, most: int = MOST_WAITING) -> None:
        self._when_idle, self._idle, self._most = when_idle, idle, most
        self._waiting: OrderedDict = OrderedDict()  # {key: (job, future)}
        self._changed = threading.Condition()
        self._thread: Optional[threading.Thread] = None
        self._closed = False

    def submit(self, job: Callable, key: Optional[Hashable] = None) -> Future:
        """The result of `job()` in the future. A job that waits under the same key is replaced, in its place.

        Raises BusyError if too many jobs wait, or the worker is closed.
        """
        future: Future = Future()
        key = object() if key is None else key
        with self._changed:
            older = self._waiting.get(key)
            if self._closed or (older is None and len(self._waiting) >= self._most):
                raise BusyError("the explorer has too much to draw. Try again in some seconds.")
            self._waiting[key] = (job, future)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mxgan-explorer", daemon=True)
                self._thread.start()
            self._changed.notify()
        if older is not None and older[1].set_running_or_notify_cancel():
            older[1].set_exception(ReplacedError("A newer request took the place of this one."))
        return future

    def close(self) -> None:
        """End the thread; jobs that wait are cancelled."""
        with self._changed:
            self._closed = True
            for _, future in self._waiting.values():
                future.cancel()
            self._waiting.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(ENDING)

    def _work(self) -> None:
        with suppress(OSError, AttributeError):  # of this thread alone, and of those that it starts
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
        while (found := self._next()) is not None:
            job, future = found
            if future.set_running_or_notify_cancel():
                _do(job, future)
            del found, job, future  # nothing is kept while it waits

    def _next(self) -> Optional[tuple]:
        """The next job and its future; None at the end. Calls `when_idle` after each long pause."""
        while True:
            with self._changed:
                came = self._changed.wait_for(lambda: self._waiting or self._closed, self._idle)
                if self._closed:
                    return None
                if came:
                    return self._waiting.popitem(last=False)[1]
            self._when_idle()


def _do(job: Callable, future: Future) -> None:
    try:
        result = job()
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)
