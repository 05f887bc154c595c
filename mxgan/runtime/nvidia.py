"""NVIDIA's driver, CUDA libraries and GPUs, which mxnet-cu112 needs.

Only :mod:`mxgan.runtime` and :mod:`mxgan.cli.doctor` use this module. It calls the driver directly through ctypes, so
it can report the fault even if MXNet cannot be imported.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from mxgan.errors import ArgumentError, RuntimeUnavailableError

__all__ = ["MACHINE_CODE", "Gpu", "driver", "gpu_indices", "gpus", "preload_libraries", "require_machine_code"]

# Compute capabilities for which the wheel's libmxnet.so holds machine code. It holds no PTX, so no code can be
# compiled for a newer major version at run time.
MACHINE_CODE = ((5, 0), (6, 0), (7, 0), (8, 0), (8, 6))

# In this order each library finds the libraries that it needs already loaded, for every LD_LIBRARY_PATH.
LIBRARIES = (
    "cuda_runtime/lib/libcudart.so.11.0",
    "cublas/lib/libcublasLt.so.11",
    "cublas/lib/libcublas.so.11",
    "cufft/lib/libcufft.so.10",
    "curand/lib/libcurand.so.10",
    "cusolver/lib/libcusolver.so.11",
    "cuda_nvrtc/lib/libnvrtc.so.11.2",
    "nvtx/lib/libnvToolsExt.so.1",
    "nccl/lib/libnccl.so.2",
    "cudnn/lib/libcudnn.so.8",
)

CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
OLDEST_DRIVER = 11000  # in the format of cuDriverGetVersion: CUDA 11.0, which came with driver 450


@dataclass(frozen=True)
class Gpu:
    """One GPU; `index` is the driver's number."""

    index: int
    name: str
    capability: tuple[int, int]

    @property
    def supported(self) -> bool:
        """Whether the wheel has code for it: code runs on its own major version, from its own minor version up."""
        major, minor = self.capability
        return any(major == has_major and minor >= has_minor for has_major, has_minor in MACHINE_CODE)

    def __str__(self) -> str:
        return f"{self.index}: {self.name} (compute capability {self.capability[0]}.{self.capability[1]})"


def driver() -> ctypes.CDLL:
    """Load the driver's library.

    Raises
    ------
    RuntimeUnavailableError : the driver is missing; mxnet-cu112 then cannot be imported, not even for the CPU.
    """
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise RuntimeUnavailableError(
            "mxnet-cu112 is installed, but NVIDIA's driver is not: libcuda.so.1 cannot be loaded. "
            "Install the driver, or use the CPU: pip uninstall -y mxnet-cu112, "
            "then pip install --no-deps mxnet==1.9.1."
        ) from error


def gpus() -> list[Gpu]:
    """List the GPUs that the driver shows this process (CUDA_VISIBLE_DEVICES applies).

    Raises
    ------
    RuntimeUnavailableError : the driver is missing, cannot start, or is too old.
    """
    cuda = driver()
    version, count = ctypes.c_int(), ctypes.c_int()
    _check(cuda, "cuDriverGetVersion", ctypes.byref(version))
    if version.value < OLDEST_DRIVER:
        raise RuntimeUnavailableError(
            f"NVIDIA's driver knows CUDA {version.value // 1000}.{version.value % 1000 // 10}; "
            "mxnet-cu112 needs CUDA 11 or later. Install driver 450 or a later one."
        )
    if cuda.cuInit(0) == 100:  # CUDA_ERROR_NO_DEVICE: a driver, but no visible GPU
        return []
    _check(cuda, "cuInit", 0)
    _check(cuda, "cuDeviceGetCount", ctypes.byref(count))
    return [_gpu(cuda, index) for index in range(count.value)]


def preload_libraries() -> list[Path]:
    """Load CUDA's libraries from the nvidia-*-cu11 wheels by full path; return the paths of the libraries found.

    A missing wheel is skipped: the system may have its own CUDA 11.
    """
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    found = [folder / name for name in LIBRARIES for folder in folders if (folder / name).exists()]
    for path in found:
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            raise RuntimeUnavailableError(
                f"the CUDA library {path.name} cannot be loaded: {error}. "
                'Install it again: pip install --force-reinstall ".[cu112]" in the clone of mxgan.'
            ) from error
    return found


def require_machine_code(gpu: Gpu) -> None:
    """Raise an error if the wheel has no code for a GPU; MXNet would fail later with "no kernel image".

    Raises
    ------
    RuntimeUnavailableError : the message names the GPU and its compute capability.
    """
    if not gpu.supported:
        raise RuntimeUnavailableError(
            f"GPU {gpu} cannot be used: mxnet-cu112 has code for compute capability 5.x to 8.x only. "
            "Use a GPU from Maxwell to Ada (GTX 900 to RTX 40, V100, T4, A100, L4), or leave --gpu out."
        )


def _gpu(cuda: ctypes.CDLL, index: int) -> Gpu:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    _check(cuda, "cuDeviceGet", ctypes.byref(device), index)
    _check(cuda, "cuDeviceGetName", name, len(name), device)
    _check(cuda, "cuDeviceGetAttribute", ctypes.byref(major), CAPABILITY_MAJOR, device)
    _check(cuda, "cuDeviceGetAttribute", ctypes.byref(minor), CAPABILITY_MINOR, device)
    return Gpu(index, name.value.decode(errors="replace"), (major.value, minor.value))


def _check(cuda: ctypes.CDLL, function: str, *arguments: object) -> None:
    code = getattr(cuda, function)(*arguments)
    if code != 0:
        raise RuntimeUnavailableError(
            f"NVIDIA's driver is installed but does not work: {function} returned CUDA error {code}. "
            "See what nvidia-smi says; after an update of the driver the machine must be restarted."
        )


def gpu_indices(gpu: Union[str, Sequence[int]]) -> list[int]:
    """The numbers of the GPUs in "0" or "0,1", or in a sequence; ArgumentError for anything else."""
    given = gpu.split(",") if isinstance(gpu, str) else list(gpu) if isinstance(gpu, Sequence) else [gpu]
    texts = [str(each).strip() for each in given]
    if not isinstance(gpu, (str, Sequence)) or not texts or not all(re.fullmatch(r"[0-9]{1,3}", t) for t in texts):
        raise ArgumentError(f"--gpu {gpu!r}: give GPU numbers from 0 with commas between them, such as 0 or 0,1.")
    indices = [int(text) for text in texts]
    if len(set(indices)) < len(indices):
        raise ArgumentError(f"--gpu {gpu!r}: a GPU is named twice. Name each once, such as 0,1.")
    return indices
