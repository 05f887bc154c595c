"""The memory available to this process, and a check before MXNet allocates it."""

from __future__ import annotations

import os
import re
import resource
from pathlib import Path

from mxgan.errors import ArgumentError

__all__ = ["available_bytes", "check_room"]

_CGROUPS = Path("/sys/fs/cgroup")


def check_room(what: str, needed: int, remedy: str) -> None:
    """Raise ArgumentError if `needed` bytes are more than `available_bytes`."""
    available = available_bytes()
    if needed > available:
        raise ArgumentError(
            f"{what} need about {_in_words(needed)} of memory, and {_in_words(available)} are available. {remedy}"
        )


def _in_words(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 10**8 else f"{size / 1e6:.0f} MB"


def available_bytes() -> int:
    """The bytes that this process may still allocate: the least of free memory, cgroup and address-space limits."""
    return max(0, min([_of_machine(), _of_address_space(), *_of_cgroups()]))


def _of_machine() -> int:
    return _kilobytes(Path("/proc/meminfo"), "MemAvailable") or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_address_space() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return 2**62 if limit == resource.RLIM_INFINITY else limit - _kilobytes(Path("/proc/self/status"), "VmSize")


def _of_cgroups() -> list:
    """The bytes left in this process's cgroup and in each cgroup above it, as far as the system reports them."""
    own = _text(Path("/proc/self/cgroup"))
    unified = re.search(r"^0::/(.*)$", own, re.MULTILINE)
    split = re.search(r"^\d+:(?:\w+,)*memory(?:,\w+)*:/(.*)$", own, re.MULTILINE)  # version 1
    left = []
    for found, root, most, now in (
        (unified, _CGROUPS, "memory.max", "memory.current"),
        (split, _CGROUPS / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        below = Path(found.group(1)) if found else None
        for part in (below, *below.parents) if found else ():
            limit, used = _text(root / part / most).strip(), _text(root / part / now).strip()
            if limit.isdigit() and used.isdigit():
                given_back = re.search(
                    r"^(?:total_)?inactive_file (\d+)$", _text(root / part / "memory.stat"), re.MULTILINE
                )
                left.append(int(limit) - int(used) + (int(given_back.group(1)) if given_back else 0))
    return left


def _kilobytes(path: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB$", _text(path), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def _text(path: Path) -> str:
    """The text of a system file; "" if it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""
