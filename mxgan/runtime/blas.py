"""The kernels of OpenBLAS, by which MXNet computes `dot` on a CPU.

OpenBLAS 0.3.13, which MXNet's wheel brings, gives a processor of Intel's that it does not know the kernels of the
Prescott of 2004. Seen on a Xeon with AVX-512 (family 6, model 167), whose `dot` was 2.4 times slower. Such a processor
gets the kernels for AVX2 here. OPENBLAS_CORETYPE decides if it is set.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Optional

__all__ = ["mend_kernels", "mended_kernels"]

VARIABLE = "OPENBLAS_CORETYPE"
FOR_AVX2 = "Haswell"
# OpenBLAS's names of kernels without AVX2, of which it takes one for a processor that it does not know.
WITHOUT_AVX2 = ("Barcelona", "Core2", "Nehalem", "Prescott", "Sandybridge")

_mended: Optional[str] = None


def mend_kernels(package: Path) -> None:
    """Give this CPU, which has AVX2, the kernels for it, if OpenBLAS in MXNet's folder has taken older ones.

    To be called once, when MXNet has been loaded and has computed nothing. Does nothing for an MXNet with another BLAS.
    """
    global _mended
    library = _loaded(package / "libopenblas.so.0")
    if library is None or VARIABLE in os.environ or _kernels(library) not in WITHOUT_AVX2:
        return
    os.environ[VARIABLE] = FOR_AVX2
    try:
        library.gotoblas_dynamic_quit()
        library.gotoblas_dynamic_init()  # reads the variable
    finally:
        del os.environ[VARIABLE]  # NumPy has an OpenBLAS of its own, which knows newer processors
    _mended = f"{VARIABLE}={_kernels(library)}"


def mended_kernels() -> list[str]:
    """["OPENBLAS_CORETYPE=…"], the setting that gives the bits of this process without `mend_kernels`; [] for none."""
    return [_mended] if _mended else []


def _loaded(path: Path) -> Optional[ctypes.CDLL]:
    """The library, if this process has it and it chooses among kernels."""
    try:
        library = ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except OSError:
        return None
    return library if hasattr(library, "gotoblas_dynamic_init") else None


def _kernels(library: ctypes.CDLL) -> str:
    library.openblas_get_corename.restype = ctypes.c_char_p
    return library.openblas_get_corename().decode()
