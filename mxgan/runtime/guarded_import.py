"""An import whose error says what to install: a shared library of the system, or the wheel anew."""

from __future__ import annotations

import importlib
import re
from types import ModuleType

from mxgan.errors import RuntimeUnavailableError, first_line

__all__ = ["guarded_import"]

# Shared libraries that the wheels of MXNet and OpenCV take from the system, and their Debian packages.
DEBIAN_PACKAGES = {
    "libgomp": "libgomp1",
    "libquadmath": "libquadmath0",
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libgthread-2.0": "libglib2.0-0",
    "libglib-2.0": "libglib2.0-0",
    "libSM": "libsm6",
    "libICE": "libice6",
    "libX11": "libx11-6",
    "libXext": "libxext6",
    "libXrender": "libxrender1",
    "libstdc++": "libstdc++6",
}


def guarded_import(module: str, title: str, install: str) -> ModuleType:
    """Import a module; RuntimeUnavailableError with the package of Debian that is missing, or the command `install`."""
    try:
        return importlib.import_module(module)
    except Exception as error:
        missing = re.search(r"(lib[^\s:/]+?)\.so[.\d]*: cannot open shared object file", str(error))
        if missing is None:
            remedy = f"Install it again: {install}."
        elif missing.group(1) in DEBIAN_PACKAGES:
            remedy = f"On Debian or Ubuntu: apt-get install {DEBIAN_PACKAGES[missing.group(1)]}."
        else:
            remedy = f"Install the package that holds {missing.group(1)}.so."
        raise RuntimeUnavailableError(f"{title} cannot be imported: {first_line(error)}. {remedy}") from error
