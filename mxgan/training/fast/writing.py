"""Results of an operator of ours, written as MXNet asks for."""

from __future__ import annotations

from typing import Callable

import numpy as np

from mxgan.training.parallel.host_arrays import array_memory

__all__ = ["write"]


def write(request: str, target, compute: Callable, *arrays) -> None:
    """Call compute(*arrays, results) for the NDArray `target`: "write", "inplace", "add" to it, or nothing ("null")."""
    if request == "null":
        return
    results = array_memory(target)
    if request == "add":
        own = np.empty_like(results)
        compute(*arrays, own)
        results += own
    else:
        compute(*arrays, results)
