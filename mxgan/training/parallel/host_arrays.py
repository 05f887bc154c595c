"""NumPy views of MXNet's arrays: the memory of an array on the CPU, without a copy."""

from __future__ import annotations

import ctypes

import numpy as np

from mxgan.runtime import mx

__all__ = ["host_view"]


def host_view(array) -> np.ndarray:
    """A float32 NDArray on the CPU as a NumPy array of the same shape over the same memory.

    Waits until no operation of MXNet reads or writes the array. The view is valid as long as the array lives and no
    later operation uses it; what is written to it, later operations see.
    """
    library, pointer = mx.base._LIB, ctypes.c_void_p()
    mx.base.check_call(library.MXNDArrayWaitToWrite(array.handle))
    # MXNet turns an array that oneDNN keeps in a layout of its own into the plain one here.
    mx.base.check_call(library.MXNDArrayGetData(array.handle, ctypes.byref(pointer)))
    values = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float))
    return np.ctypeslib.as_array(values, (array.size,)).reshape(array.shape)
