"""Memory worked out before MXNet takes it: a batch that cannot fit is a sentence, not the end of the process.

What a graph will take is the sum of all outputs in it, which MXNet keeps from the forward to the backward pass (what
it works out in place, and the gradients that it needs besides, about cancel out), and its parameters, each several
times. Against real bindings and steps of the recipes see tests/test_memory.py.
"""

from __future__ import annotations

import math
import os
import re
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mxgan.errors import ArgumentError
from mxgan.shapes import infer

__all__ = ["Graph", "available_bytes", "check_memory", "check_room", "needed_bytes"]

# How often a parameter is in memory: the device's, its gradient and the Module's copy, and the optimiser's two states.
COPIES_TRAINING, COPIES_BOUND = 5, 3
FLOAT = 4  # bytes; everything here is float32
MOST_NUMBERS = 2**31 - 1  # in one array: what MXNet's wheels can index

_CGROUPS = Path("/sys/fs/cgroup")


class Graph(NamedTuple):
    """A symbol that is to be bound, {input: shape} of it with the batch, and how many executors there will be."""

    symbol: object
    inputs: Mapping
    executors: float = 1.0


def needed_bytes(graphs: Mapping[str, Graph], training: bool) -> int:
    """About what binding graphs that share their parameters by name, and running them once, will take.

    Parameters
    ----------
    graphs : {what a person calls it: Graph}.
    training : whether an optimiser is to follow.

    Raises
    ------
    ArgumentError : one array alone has more numbers than MXNet can index. ShapeError : shapes that do not fit.
    """
    parameters, outputs = {}, 0.0
    for title, graph in graphs.items():
        internals = graph.symbol.get_internals()
        arguments, shapes, auxiliary = infer(internals, graph.inputs)
        kept = {**arguments, **auxiliary}
        for name, shape in zip(internals.list_outputs(), shapes):
            _check_indexable(title, name, shape)
            if name not in kept or name in graph.inputs:
                outputs += graph.executors * math.prod(shape)
        parameters.update({name: math.prod(shape) for name, shape in kept.items() if name not in graph.inputs})
    copies = COPIES_TRAINING if training else COPIES_BOUND
    return int(FLOAT * (copies * sum(parameters.values()) + outputs))


def _check_indexable(title: str, name: str, shape: tuple) -> None:
    if math.prod(shape) > MOST_NUMBERS:
        raise ArgumentError(
            f"{name} of the {title} would be {'×'.join(map(str, shape))} numbers, more than the {MOST_NUMBERS:,} that "
            "MXNet can index. Give a smaller batch_size or narrower networks."
        )


def check_memory(graphs: Mapping[str, Graph], training: bool) -> None:
    """Raise ArgumentError where `needed_bytes` of the graphs are more than this process may still have."""
    needed = needed_bytes(graphs, training)
    check_room(f"the {' and the '.join(graphs)}", needed, "Give a smaller batch_size or narrower networks.")


def check_room(what: str, needed: int, remedy: str) -> None:
    """Raise ArgumentError where so many bytes are more than this process may still have."""
    available = available_bytes()
    if needed > available:
        raise ArgumentError(
            f"{what} need about {_in_words(needed)} of memory, and {_in_words(available)} are available. {remedy}"
        )


def _in_words(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 10**8 else f"{size / 1e6:.0f} MB"


def available_bytes() -> int:
    """What this process may still take: of the machine's memory, its cgroup's, and its limit of address space."""
    return max(0, min([_of_machine(), _of_address_space(), *_of_cgroups()]))


def _of_machine() -> int:
    return _kilobytes(Path("/proc/meminfo"), "MemAvailable") or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _of_address_space() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return 2**62 if limit == resource.RLIM_INFINITY else limit - _kilobytes(Path("/proc/self/status"), "VmSize")


def _of_cgroups() -> list:
    """What is left in this process's cgroup and in each above it, as far as the system tells."""
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
    """What a file of the system says; nothing where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""
