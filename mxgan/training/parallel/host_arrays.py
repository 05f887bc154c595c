"""NumPy views of MXNet's arrays: the memory of an array on the CPU, without a copy.

For the thread that pushes MXNet's operations. An array on a GPU is copied through the host; no GPU has been seen here.
"""

from __future__ import annotations

import ctypes

import numpy as np

from mxgan.runtime import mx

__all__ = ["array_memory", "host_view", "read_array", "write_array"]


def host_view(array) -> np.ndarray:
    """An NDArray on the CPU as a NumPy array of the same shape and type over the same memory.

    Waits until no operation of MXNet reads or writes the array. The view is valid as long as the array lives and no
    later operation uses it; what is written to it, later operations see.
    """
    mx.base.check_call(mx.base._LIB.MXNDArrayWaitToWrite(array.handle))
    return array_memory(array)


def read_array(array) -> np.ndarray:
    """The content of an NDArray, flat, when it is computed: on the CPU a view that must not be written to."""
    if not _is_on_host(array):
        return array.asnumpy().reshape(-1)
    array.wait_to_read()
    return array_memory(array).reshape(-1)


def write_array(array, start: int, values: np.ndarray) -> None:
    """Write `values` (n,) into an NDArray, from its element `start` on."""
    if _is_on_host(array):
        host_view(array).reshape(-1)[start : start + values.size] = values
    else:
        array.reshape((-1,))[start : start + values.size] = values


def _is_on_host(array) -> bool:
    return array.context.device_type != "gpu"


def array_memory(array) -> np.ndarray:
    """As `host_view`, without waiting, which takes 0.1 ms: for an operator, as MXNet calls it when they are ready."""
    pointer, kind = ctypes.c_void_p(), np.dtype(array.dtype)
    # MXNet turns an array that oneDNN keeps in a layout of its own into the plain one here.
    mx.base.check_call(mx.base._LIB.MXNDArrayGetData(array.handle, ctypes.byref(pointer)))
    memory = (ctypes.c_char * (array.size * kind.itemsize)).from_address(pointer.value)
    return np.frombuffer(memory, kind).reshape(array.shape)
