"""The import of MXNet and OpenCV with its checks; threads, memory, files and settings for the other folders.

MXNet 1.9.1 is retired and will not be adapted to newer versions of Python, NumPy or CUDA. Every module imports it
from here::

    from mxgan.runtime import mx

The first use checks Python, the installed wheel and NumPy, loads CUDA's libraries, sets the number of threads, and
then imports MXNet. Only MXNet's own modules see the old NumPy names that they need. If something is missing, a
:class:`~mxgan.errors.RuntimeUnavailableError` says what to install. ``import mxgan.runtime`` itself loads neither
MXNet nor NumPy. OpenCV is imported in the same way: ``from mxgan.runtime import cv2``.

The files, in reading order::

    __init__.py         `mx` and `cv2` with their checks; GPU contexts; versions
    guarded_import.py   an import whose error says what to install
    mxnet_modules.py    a loader for MXNet's Python modules on any NumPy
    late_imports.py     modules that MXNet imports and hardly uses, imported at the first use
    deconvolution.py    Deconvolutions that a CPU cannot compute, and other ways to compute them
    computable.py       symbols in which they are replaced
    binding.py          MXNet's ways to bind a symbol, which replace them
    rewriting.py        graphs rewritten node by node
    nvidia.py           NVIDIA's driver, CUDA libraries and GPUs
    x11.py              X11 for OpenCV's windows, and an error where there is no display
    mpi.py              the place of this process among the ranks of a job
    rank_limits.py      limits in seconds for the ranks of a job
    blas.py             the kernels of OpenBLAS for processors that it does not know
    cpus.py             the processor: number of threads, instruction sets; a parallel map
    memory.py           the memory available to this process
    config.py           configuration dataclasses
    setting_types.py    types of settings: what fits, errors in words
    documents.py        files of settings in YAML, TOML and JSON
    yaml_text.py        YAML without its traps
    parents.py          a process that ends with the one that has started it
    draws.py            random numbers from (stream, seed, index)
    files.py            files written whole or not at all, and folder locks
    streams.py          standard output and error that are missing
    paths.py            paths as MXNet takes them
    cache.py            the user's cache folder, and JSON files with a checksum
    progress.py         progress of long work: a bar on a terminal, plain lines in a log
    extras.py           optional packages, with an error that names the extra
    onnx_sessions.py    networks in files of ONNX, run by onnxruntime
    bars.py             where a bar can be drawn, and by which class
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import re
import sys
import threading
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, Optional, Union

from mxgan import __version__
from mxgan.errors import ArgumentError, RuntimeUnavailableError, first_line
from mxgan.runtime import binding, mxnet_modules, nvidia
from mxgan.runtime.blas import mend_kernels, mended_kernels
from mxgan.runtime.cpus import (
    Threads,
    cpu_features,
    kernel_variables,
    lacking_instructions,
    thread_environment,
    threads,
)
from mxgan.runtime.guarded_import import guarded_import
from mxgan.runtime.mpi import world
from mxgan.runtime.streams import open_standard_files
from mxgan.runtime.x11 import guard_windows, lost_x_events

__all__ = ["Threads", "contexts", "cpu_features", "cv2", "kernel_variables", "mx", "threads", "versions", "wheel"]

# The oldest versions on which the tests passed. Newer ones are accepted; `mxgan doctor` reports an untested Python.
OLDEST_PYTHON, OLDEST_NUMPY, OLDEST_OPENCV = (3, 9), (1, 22), (4, 5)
NEWEST_TRIED = (3, 14)  # Python
# --no-deps: MXNet's metadata requires NumPy 1 and an old graphviz; its code, as mxgan loads it, needs neither.
INSTALL = {
    "mxnet": "pip install --no-deps mxnet==1.9.1",
    "mxnet-cu112": 'pip install ".[cu112]" in the clone of mxgan, then pip install --no-deps mxnet-cu112==1.9.1',
}
SWITCH_TO_GPU = f"pip uninstall -y mxnet, then {INSTALL['mxnet-cu112']}"
INSTALL_OPENCV = "pip install opencv-python (or opencv-python-headless, which opens no windows)"
OPENCV_WHEELS = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)

_lock = threading.RLock()


def __getattr__(name: str) -> Any:
    loader = {"mx": _import_mxnet, "cv2": _import_opencv}.get(name)
    if loader is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _lock:
        module = globals().get(name) or loader()
        globals()[name] = module
    return module


def wheel() -> Optional[str]:
    """Return the installed wheel of MXNet, "mxnet" or "mxnet-cu112"; None for a copy without a wheel.

    Raises
    ------
    RuntimeUnavailableError : no wheel or both wheels are installed, or the files of the recorded wheel are missing.
    """
    recorded = [name for name in INSTALL if version_of(name)]
    if len(recorded) > 1:
        raise RuntimeUnavailableError(
            "both mxnet and mxnet-cu112 are installed; they overwrite each other's files. "
            f"Repair it: pip uninstall -y mxnet mxnet-cu112, then {' or '.join(INSTALL.values())}."
        )
    spec = importlib.util.find_spec("mxnet")
    present = spec is not None and spec.origin is not None  # a folder without __init__.py has no origin
    if recorded and not present:
        raise RuntimeUnavailableError(
            f"{recorded[0]} is recorded as installed, but its files are gone. Repair it: "
            f"pip uninstall -y {recorded[0]}, then {INSTALL[recorded[0]]}."
        )
    if not present:
        raise RuntimeUnavailableError(
            f"MXNet is not installed. Install it for the CPU: {INSTALL['mxnet']}, "
            f"or for an NVIDIA GPU: {INSTALL['mxnet-cu112']}."
        )
    return recorded[0] if recorded else None


def contexts(gpu: Union[str, Sequence[int], None] = None) -> list[Any]:
    """Turn the value of ``--gpu`` into MXNet contexts.

    Parameters
    ----------
    gpu : None for the CPU, GPU numbers as "0" or "0,1", or a sequence of numbers.

    Returns
    -------
    A list of mx.Context, never empty.

    Raises
    ------
    ArgumentError : `gpu` is anything else, names a GPU twice, or names a GPU that is missing.
    RuntimeUnavailableError : MXNet's wheel has no GPU code, or no code for that GPU.
    """
    indices = [] if gpu is None else nvidia.gpu_indices(gpu)
    asked = f"--gpu {','.join(map(str, indices))}"
    mx = __getattr__("mx")
    if not indices:
        return [mx.cpu()]
    if not mx.runtime.Features().is_enabled("CUDA"):
        raise RuntimeUnavailableError(
            f"{asked} was asked for, but the installed MXNet computes on the CPU only. "
            f"Leave --gpu out, or: {SWITCH_TO_GPU}."
        )
    there = nvidia.gpus()
    for index in indices:
        if index >= len(there):
            have = f"there are {len(there)}: {'; '.join(map(str, there))}" if there else "no GPU was found"
            raise ArgumentError(f"{asked}: there is no GPU {index}; {have}. Leave --gpu out for the CPU.")
        nvidia.require_machine_code(there[index])
    return [mx.gpu(index) for index in indices]


def versions() -> dict[str, Any]:
    """Return the versions and CPU properties that a run's results depend on, for its config.json."""
    opencv = _opencv_wheel()
    name, mx = wheel(), __getattr__("mx")  # its kernels are chosen while it is loaded
    return {
        "mxgan": __version__,
        "mxnet": version_of(name) if name else mx.__version__,
        "wheel": name,
        "numpy": version_of("numpy"),
        "opencv": version_of(opencv) if opencv else None,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": asdict(threads()),
        "cpu_features": cpu_features(),
        "kernel_variables": [*kernel_variables(), *mended_kernels()],
        "numba": version_of("numba"),
        **({"ranks": world().size} if world().size > 1 else {}),
    }


def _import_mxnet() -> ModuleType:
    if "mxnet" in sys.modules:  # already imported, without an error: use it as it is
        return sys.modules["mxnet"]
    if any(name.startswith("mxnet.") for name in sys.modules):
        raise RuntimeUnavailableError(
            "an `import mxnet` has failed in this process and left half of MXNet loaded. Begin a new process, and "
            "write `from mxgan.runtime import mx` in place of `import mxnet as mx`."
        )
    open_standard_files()
    check_python()
    name = wheel()
    check_numpy()
    mxnet_modules.install(
        {
            "mxnet._ctypes.ndarray": binding.mend_cached_operator,
            "mxnet.executor": binding.mend_executor,
            "mxnet.symbol.symbol": binding.mend_symbol,
        }
    )
    if name == "mxnet-cu112":
        nvidia.driver()
        nvidia.preload_libraries()
    # Otherwise MXNet prints a line on stderr for each bind; a user who wants these lines sets the variable to 1.
    os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")
    with thread_environment(), warnings.catch_warnings():
        # With -W error, MXNet's deprecated calls and escapes would make the import fail.
        for category in (DeprecationWarning, SyntaxWarning):
            warnings.simplefilter("ignore", category)
        mxnet = guarded_import("mxnet", "MXNet", f"pip install --force-reinstall --no-deps {name or 'mxnet'}==1.9.1")
    if not lacking_instructions():
        mend_kernels(Path(mxnet.__file__).parent)
    return mxnet


def _import_opencv() -> ModuleType:
    spec = importlib.util.find_spec("cv2")
    if spec is None or spec.origin is None:  # an empty folder, left by a second wheel of OpenCV, has no origin
        raise RuntimeUnavailableError(f"OpenCV is not installed. Install it: {INSTALL_OPENCV}.")
    lost_x_events()
    name = _opencv_wheel() or "opencv-python"  # another wheel would overwrite the installed one
    cv2 = guarded_import("cv2", "OpenCV", f"pip install --force-reinstall --no-deps {name}")
    _check_age("OpenCV", cv2.__version__, OLDEST_OPENCV, f"Update it: pip install --upgrade {name}")
    guard_windows(cv2)
    return cv2


def _opencv_wheel() -> Optional[str]:
    return next((name for name in OPENCV_WHEELS if version_of(name)), None)


def check_python() -> None:
    """Raise RuntimeUnavailableError if this Python is too old, or has no distutils for MXNet."""
    _check_age("Python", platform.python_version(), OLDEST_PYTHON, "Make an environment with a newer one")
    if sys.version_info[:2] >= (3, 12):
        # Importing setuptools restores distutils, even if the .pth files of site-packages are not read.
        try:
            importlib.import_module("setuptools")
            importlib.import_module("distutils.version")
        except ImportError as error:
            raise RuntimeUnavailableError(
                "MXNet imports distutils, which Python 3.12 has removed and setuptools provides. "
                "Install it: pip install setuptools."
            ) from error


def check_numpy() -> str:
    """Return NumPy's version; raise RuntimeUnavailableError if NumPy is missing or too old."""
    try:
        import numpy as np
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"NumPy cannot be imported: {first_line(error)}. Install it: pip install numpy."
        ) from error
    _check_age("NumPy", np.__version__, OLDEST_NUMPY, "Update it: pip install --upgrade numpy")
    return np.__version__


def _check_age(title: str, given: str, oldest: tuple, remedy: str) -> None:
    if tuple(int(number) for number in re.findall(r"\d+", given)[:2]) < oldest:
        raise RuntimeUnavailableError(
            f"{title} {given} is too old: mxgan runs with {title} {'.'.join(map(str, oldest))} and newer. {remedy}."
        )


def version_of(distribution: str) -> Optional[str]:
    """Return the version of an installed distribution; None if it is not installed."""
    from importlib import metadata  # imported here: it would take a third of this module's import time

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
