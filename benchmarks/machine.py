"""The conditions of a benchmark: CPU, threads, versions, and the load of other programs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Optional

from mxgan.runtime import versions
from mxgan.runtime.cpus import usable_cpus

__all__ = ["LOAD_ALLOWED", "busy_cpus", "describe", "machine_in_words"]

LOAD_ALLOWED = 0.15  # number of CPUs that other programs may keep busy
TITLES = {"mxgan": "mxgan", "mxnet": "MXNet", "torch": "PyTorch", "onnxruntime": "onnxruntime", "openvino": "OpenVINO",
          "numpy": "NumPy", "python": "Python"}  # fmt: skip


def busy_cpus(seconds: float = 2.0) -> float:
    """The mean number of busy CPUs over the next `seconds`, while this process sleeps (Linux)."""
    before, began = _busy_ticks(), time.monotonic()
    time.sleep(seconds)
    return (_busy_ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began)


def _busy_ticks() -> int:
    """Ticks of user, nice, system, interrupts and stolen time, summed over all CPUs (proc(5))."""
    user, nice, system, _idle, _wait, irq, soft, stolen = map(int, Path("/proc/stat").read_text().split()[1:9])
    return user + nice + system + irq + soft + stolen


def describe() -> dict:
    """{name: value} for the head of a report."""
    ours = versions()
    found = {"cpu": _cpu(), "cpu_features": " ".join(ours["cpu_features"]), "cpus": usable_cpus()}
    found.update(mxgan_threads=ours["threads"]["count"], torch_threads=_torch_threads())
    found.update({name: ours[name] for name in ("python", "mxgan", "mxnet", "numpy")})
    for name in ("torch", "onnxruntime", "openvino"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def machine_in_words(machine: dict) -> str:
    """The CPU with its instruction sets, the number of its CPUs, and the versions, in one line; of `describe`."""
    features = machine.get("cpu_features") or "no instruction sets known"
    cpu = f"{machine.get('cpu', 'a CPU that was not noted')} ({features})"
    told = [f"{TITLES[name]} {machine[name]}" for name in TITLES if machine.get(name)]
    words = [f"{machine.get('cpus', '?')} CPUs", *told]
    words += [f"{machine['rounds']} rounds"] if machine.get("rounds") else []
    busy = [machine[name] for name in ("busy_cpus_before", "busy_cpus_after") if machine.get(name) is not None]
    words += [f"other programs kept {max(busy):.2f} CPUs busy"] if busy else []
    return "; ".join([cpu, ", ".join(words)])


def _cpu() -> str:
    name = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return name.group(1) if name else platform.machine()


def _torch_threads() -> Optional[int]:
    """The number of threads that PyTorch chooses in its own process; None without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        return None
    told = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.get_num_threads())"], capture_output=True, check=True
    )
    return int(told.stdout)
