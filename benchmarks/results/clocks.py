"""The clocks of a training that ends after a time: that of the wall, or that of its own CPUs."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import MappingProxyType

from mxgan.runtime.cpus import threads

__all__ = ["CLOCKS"]


def _cpu() -> Callable[[], float]:
    """Seconds of CPU of this process for each thread that it may have: other programs make it hardly slower."""
    count = threads().count
    return lambda: time.process_time() / count


CLOCKS = MappingProxyType({"wall": lambda: time.monotonic, "cpu": _cpu})  # {name: makes a clock, in seconds}
