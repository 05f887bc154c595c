"""The memory of MXNet's arrays as NumPy arrays, to be read and written without a copy.

Only for a thread that pushes no operation of MXNet on these arrays meanwhile. An array on a GPU is copied through the
host; no GPU has been seen here.
"""

from __future__ import annotations

import ctypes

import numpy as np

from mxgan.runtime import mx

__all__ = ["host_view", "read_array", "write_array"]


def host_view(array) -> np.ndarray:
    """The memory of an NDArray on the CPU as a NumPy array of its shape and type, when all that uses it is done.

    What is written to it, MXNet's later operations see. Ask for it anew each time, and drop it before the NDArray: the
    memory moves when oneDNN's own layout is turned into the plain one, as here.
    """
    mx.base.check_call(mx.base._LIB.MXNDArrayWaitToWrite(array.handle))  # until nothing writes or reads it
    return _memory(array)


def read_array(array) -> np.ndarray:
    """The content of an NDArray, flat, when it is computed: on the CPU a view, only to be read."""
    if not _is_on_host(array):
        return array.asnumpy().reshape(-1)
    array.wait_to_read()
    return _memory(array).reshape(-1)


def write_array(array, start: int, values: np.ndarray) -> None:
    """Write flat `values` into an NDArray, from its element `start` on."""
    if _is_on_host(array):
        host_view(array).reshape(-1)[start : start + values.size] = values
    else:
        array.reshape((-1,))[start : start + values.size] = values


def _is_on_host(array) -> bool:
    return array.context.device_type != "gpu"


def _memory(array) -> np.ndarray:
    pointer, kind = ctypes.c_void_p(), np.dtype(array.dtype)
    mx.base.check_call(mx.base._LIB.MXNDArrayGetData(array.handle, ctypes.byref(pointer)))
    memory = (ctypes.c_char * (array.size * kind.itemsize)).from_address(pointer.value)
    return np.frombuffer(memory, kind).reshape(array.shape)
