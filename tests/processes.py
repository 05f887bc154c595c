"""Processes found in /proc by their environment, and waits for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["all_gone", "processes_with", "ranks_with", "wait_until"]

PATIENCE = 120.0


def wait_until(happened: Callable) -> None:
    """Look again and again whether it has happened; an AssertionError after two minutes."""
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


def all_gone(pids: list) -> bool:
    """Whether none of these processes runs any more."""
    return not any(Path(f"/proc/{pid}/cwd").exists() for pid in pids)  # one that nobody has waited for has none


def processes_with(variable: str) -> set:
    """The processes that have NAME=VALUE in their environment and have not ended."""
    return {pid for pid, variables in _environments() if variable in variables}


def ranks_with(variable: str) -> dict:
    """{rank: its process} of those, as far as they have begun."""
    found: dict = {}
    for pid, variables in sorted(_environments(), reverse=True):  # a child of a rank has a higher number, mostly
        number = next((each[10:] for each in variables if each.startswith("PMIX_RANK=")), None)
        if number is not None and variable in variables:
            found[int(number)] = pid
    return found


def _environments() -> Iterator[tuple]:
    """(its number, its environment as a list) of each process that may be looked at; one that has ended has none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "environ").read_bytes().decode(errors="replace").split("\0")
            except (OSError, ProcessLookupError):
                continue
