"""How many threads MXNet computes with: decided here, and handed to it while it is loaded.

Only :mod:`mxgan.runtime` uses :func:`thread_environment`; the library and its users ask :func:`threads`.
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

__all__ = ["Threads", "ordered_map", "thread_environment", "threads", "usable_cpus"]

logger = logging.getLogger(__name__)

# How often an idle thread looks for work before it sleeps. libgomp's own number, 300,000, is ruinous where
# other programs compute too; this one costs nothing where none does (see `thread_environment`).
SPIN_COUNT = "10000"

_chosen: Optional[Threads] = None  # set once MXNet has been loaded with it


@dataclass(frozen=True)
class Threads:
    """How many OpenMP threads MXNet computes with, and why that many."""

    count: int
    reason: str


def threads() -> Threads:
    """Tell the number of threads: what the user set, else the CPUs that this process may use.

    MXNet alone would take half of them, because it supposes two hardware threads on each core.

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
    cpus, quota = usable_cpus(), _cgroup_quota()
    if quota is not None and math.ceil(quota) < cpus:
        return Threads(max(1, math.ceil(quota)), f"the control group allows {quota:g} of {cpus} CPUs")
    return Threads(cpus, f"this process may run on {cpus} CPU{'s' * (cpus != 1)}")


def usable_cpus() -> int:
    """CPUs that this process may run on: its affinity where the system has one, else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cgroup_quota(root: Path = Path("/")) -> Optional[float]:
    """Return the smallest CPU quota from this process's control group up to the root, in CPUs; v1 and v2."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for _, controllers, group in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers and "cpu" not in controllers.split(","):
            continue
        # v2 has no controller in its line; under a container's own mount the group's path may not exist.
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
    """Give MXNet its number of threads while it is loaded, and leave the environment as it was.

    libgomp reads OMP_NUM_THREADS once, when the first library brings it in; MXNet reads
    MXNET_OMP_MAX_THREADS when it is loaded itself, but only where OMP_NUM_THREADS is not set. So the second
    is what works in every order of imports, and no other library's threads change.

    Measured on two cores, a discriminator's step at width 32: 0.036 s with SPIN_COUNT as without it; beside
    two busy processes 0.07 to 0.12 s with it and 0.62 to 0.64 s without. OMP_WAIT_POLICY=passive: 0.040 s,
    and 0.09 to 0.16 s.
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
    """Return the thread count of the libgomp that MXNet will share, None when it is not loaded yet."""
    try:
        library = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except (OSError, AttributeError):
        return None
    return int(library.omp_get_max_threads())


def ordered_map(function: Callable, items: Iterable, threads: Optional[int] = None) -> Iterator[Any]:
    """`function` of each item, in the items' order, worked out by threads.

    At most four items a thread are under way, so a stream of any length needs little memory. It pays for
    functions that release Python's lock, such as OpenCV's.
    """
    threads = threads or usable_cpus()
    failure = None
    with ThreadPoolExecutor(threads) as pool:
        pending: deque = deque()
        items = iter(items)
        try:
            while failure is None:
                try:
                    pending.append(pool.submit(function, next(items)))
                except StopIteration:
                    break
                except Exception as error:  # the items before the fault come first, and their own faults
                    failure = error
                if len(pending) >= 4 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
    if failure is not None:
        raise failure
