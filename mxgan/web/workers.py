"""Threads for the work that would hold up the server: few of them, with a short queue."""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import suppress
from typing import Any, Callable

from mxgan.errors import MXGANError

__all__ = ["BusyError", "Workers"]


class BusyError(MXGANError):
    """As much work is waiting as the server takes."""


class Workers:
    """Threads that end with the process, even in the middle of their work; they only read.

    Parameters
    ----------
    threads : their number.
    most : the work that may wait; more is refused with BusyError.
    """

    def __init__(self, threads: int = 2, most: int = 64) -> None:
        self._waiting: queue.Queue = queue.Queue(most)
        for _ in range(threads):
            threading.Thread(target=self._work, daemon=True, name="mxgan-web").start()

    async def run(self, function: Callable, *arguments: Any) -> Any:
        """The function's result, computed in one of the threads; its exceptions are raised here."""
        loop = asyncio.get_running_loop()
        result = loop.create_future()
        try:
            self._waiting.put_nowait((loop, result, function, arguments))
        except queue.Full:
            raise BusyError("the server has too much to do. Try again in some seconds.") from None
        return await result

    def _work(self) -> None:
        while True:
            loop, result, function, arguments = self._waiting.get()
            if result.cancelled():
                continue
            try:
                outcome = function(*arguments), None
            except Exception as error:
                outcome = None, error
            with suppress(RuntimeError):  # the loop was closed: the server has ended
                loop.call_soon_threadsafe(_settle, result, *outcome)
            del result, outcome  # nothing of it is kept until the next work comes


def _settle(result: asyncio.Future, value: Any, error: Any) -> None:
    if result.cancelled():
        return
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)
