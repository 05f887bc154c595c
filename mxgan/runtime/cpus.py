"""The processor: the number of threads that MXNet uses, its instruction sets, and a parallel map.

The number of threads is decided here and given to MXNet while it is loaded. Only :mod:`mxgan.runtime` uses
:func:`thread_environment`; other code calls :func:`threads`.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mxgan.errors import ArgumentError
from mxgan.runtime.mpi import world

__all__ = [
    "KERNEL_VARIABLES",
    "Threads",
    "cpu_features",
    "kernel_variables",
    "lacking_instructions",
    "ordered_map",
    "thread_environment",
    "threads",
    "usable_cpus",
]

logger = logging.getLogger(__name__)

# Instruction sets that decide which code MXNet runs, and so the exact bits of a run's results.
CPU_FEATURES = (
    "avx",
    "fma",
    "avx2",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_bf16",
)

# Beginnings of environment variables by which libraries choose other code than the instruction sets would, and ends of
# those that choose none.
KERNEL_VARIABLES = ("DNNL_", "MKL_", "MXNET_MKLDNN", "MXNET_ONEDNN", "NUMBA_", "ONEDNN_", "OPENBLAS_")
WITHOUT_EFFECT = ("_VERBOSE", "_DIR")

# The number of times an idle thread looks for work before it sleeps. libgomp's default, 300,000, makes MXNet very slow
# if other programs compute too, and keeps a core from the threads of our own operators (see `thread_environment`).
SPIN_COUNT = "1000"
IN_PROGRESS = 32 * 2**20  # bytes of the items that `ordered_map` has read ahead

_chosen: Optional[Threads] = None  # set after MXNet has been loaded with it


@dataclass(frozen=True)
class Threads:
    """The number of OpenMP threads that MXNet uses, and the reason for it."""

    count: int
    reason: str


def threads() -> Threads:
    """Return the number of threads: the user's setting, else the number of CPUs that this process may use.

    Ranks of MPI on one machine share its CPUs evenly. By default MXNet would use half of these CPUs, because it assumes
    two hardware threads per core.

    Raises
    ------
    ArgumentError : OMP_NUM_THREADS or MXNET_OMP_MAX_THREADS is not a whole number above 0.
    """
    if _chosen is not None:
        return _chosen
    for variable in ("OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS"):
        text = os.environ.get(variable, "").strip()
        if text:
            if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
                raise ArgumentError(
                    f"{variable}={text!r}: MXNet takes one whole number from 1 to 9999. Set one, or unset it."
                )
            return Threads(int(text), f"{variable} is set")
    cpus, quota, place = _all_cpus(), _cgroup_quota(), world()
    count, reason = cpus // place.sharers, f"this process may run on {cpus} CPU{'s' * (cpus != 1)}"
    shared = f", which {place.sharers} ranks share" if place.sharers > 1 else ""
    if quota is not None and math.ceil(quota) // place.local_size < count:
        count, reason = math.ceil(quota) // place.local_size, f"the control group allows {quota:g} of {cpus} CPUs"
        shared = f", which {place.local_size} ranks share" if place.local_size > 1 else ""
    return Threads(max(1, count), reason + shared)


def usable_cpus() -> int:
    """The number of CPUs for this process, at least 1: those that it may run on, shared out among ranks of MPI."""
    return max(1, _all_cpus() // world().sharers)


def _all_cpus() -> int:
    """The number of CPUs that this process may run on: its CPU affinity if the system has one, else all CPUs."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cgroup_quota(root: Path = Path("/")) -> Optional[float]:
    """Return the smallest CPU quota of this process's control group and all groups above it, in CPUs; v1 and v2."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for _, controllers, group in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers and "cpu" not in controllers.split(","):
            continue
        # A v2 line names no controller. In a container with its own mount, the group's path may be missing.
        for mount in ("cgroup", "cgroup/unified") if not controllers else (f"cgroup/{controllers}", "cgroup/cpu"):
            base = root / "sys/fs" / mount
            folder = base / group.strip("/")
            quotas += [_quota(each) for each in (folder, *folder.parents) if each == base or base in each.parents]
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota(folder: Path) -> Optional[float]:
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError):  # absent, or "max": no limit
            quota, period = " ".join((folder / name).read_text() for name in names).split()
            return int(quota) / int(period) if int(quota) > 0 else None
    return None


@contextlib.contextmanager
def thread_environment() -> Iterator[None]:
    """Give MXNet its number of threads while it is loaded, then restore the environment.

    libgomp reads OMP_NUM_THREADS once, when the first library loads it. MXNet reads MXNET_OMP_MAX_THREADS when MXNet
    itself is loaded, but only if OMP_NUM_THREADS is not set. So MXNET_OMP_MAX_THREADS works in every order of
    imports, and the threads of other libraries do not change.

    Measured on two cores, one discriminator step of MXNet's operators at width 32: 0.036 s with a count of 10,000 as
    with libgomp's own; beside two busy processes 0.07 to 0.12 s with it and 0.62 to 0.64 s without it. With
    OMP_WAIT_POLICY=passive instead: 0.040 s alone, and 0.09 to 0.16 s beside two busy processes.

    An operator of ours often follows one of MXNet's, whose idle thread still holds the second core. Images per second
    of `sngan` (32×32, width 32, medians of three reports of one run): 494 with 50,000, 517 with 10,000, 572 with 3,000,
    574 with 1,000, 486 with 100. `dcgan` has 190 with 10,000 and 189 with 1,000, `mlp-gan` 6,926 and 7,625, each within
    5 % from run to run. Beside two busy processes, 1,000 was as fast as 10,000.
    """
    global _chosen
    chosen, loaded = threads(), _loaded_openmp()
    changes: dict[str, Optional[str]] = {}
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ):
        changes["GOMP_SPINCOUNT"] = SPIN_COUNT
    if "OMP_NUM_THREADS" not in os.environ or loaded not in (None, chosen.count):
        changes.update(OMP_NUM_THREADS=None, MXNET_OMP_MAX_THREADS=str(chosen.count))
        limit = loaded or usable_cpus()
        if chosen.count > limit:
            reason = f"{chosen.reason}, but OpenMP was already started with {limit}"
            chosen = Threads(limit, reason)
            logger.warning("MXNet gets %d threads: %s.", limit, reason)
    before = {name: os.environ.get(name) for name in changes}
    _set_environment(changes)
    try:
        yield
        _chosen = chosen
    finally:
        _set_environment(before)


def _set_environment(values: dict[str, Optional[str]]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _loaded_openmp() -> Optional[int]:
    """Return the thread count of the libgomp that MXNet will share; None if it is not loaded yet."""
    try:
        library = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except (OSError, AttributeError):
        return None
    return int(library.omp_get_max_threads())


def ordered_map(
    function: Callable, items: Iterable, threads: Optional[int] = None, size: Callable[[Any], int] = lambda _: 0
) -> Iterator[Any]:
    """Apply `function` to each item in several threads; yield the results in the order of the items.

    At most four items per thread are in progress, or fewer if their sizes in bytes come to more than IN_PROGRESS, so a
    stream of any length needs little memory. It is useful for functions that release Python's global lock, for example
    OpenCV's.
    """
    threads = threads or usable_cpus()
    failure = None
    with ThreadPoolExecutor(threads) as pool:
        pending: deque = deque()
        items = iter(items)
        try:
            while failure is None:
                try:
                    item = next(items)
                    pending.append((pool.submit(function, item), size(item)))
                    del item  # its thread has it alone, and drops it at its end
                except StopIteration:
                    break
                except Exception as error:  # raised at the end, after the results of the earlier items
                    failure = error
                while len(pending) >= 4 * threads or (len(pending) > 1 and sum(s for _, s in pending) > IN_PROGRESS):
                    yield pending.popleft()[0].result()
            while pending:
                yield pending.popleft()[0].result()
        finally:
            for future, _ in pending:
                future.cancel()
    if failure is not None:
        raise failure


def lacking_instructions() -> list[str]:
    """The instruction sets that this CPU has not and the fast operators need, to be faster than MXNet's."""
    return [name for name in ("fma", "avx2") if name not in cpu_features()]


def cpu_features() -> list[str]:
    """Return those CPU_FEATURES that this processor has; empty if /proc/cpuinfo cannot be read."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return []
    line = re.search(r"^flags\s*:(.*)$", text, flags=re.MULTILINE)
    flags = set(line.group(1).split()) if line else set()
    return [name for name in CPU_FEATURES if name in flags]


def kernel_variables() -> list[str]:
    """Return the environment variables that choose kernels and so change the bits, as "OPENBLAS_CORETYPE=Haswell"."""
    chosen = [name for name in os.environ if name.startswith(KERNEL_VARIABLES) and not name.endswith(WITHOUT_EFFECT)]
    return [f"{name}={os.environ[name]}" for name in sorted(chosen)]
