"""The processes of a session, found in /proc and killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["kill_session", "processes_of"]

_ENDED = ("Z", "X")  # states: waited for by their parent, and gone


def processes_of(session: int) -> list:
    """The ids of the processes of a session that still run, without the process that has begun it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != session:
            with suppress(OSError):  # it has ended meanwhile
                state, _, _, its = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
                if int(its) == session and state not in _ENDED:
                    found.append(int(entry.name))
    return found


def kill_session(session: int, patience: float = 5.0) -> None:
    """Send SIGKILL to all processes of a session, except the one that has begun it, until none is left.

    Call it before the end of that one is waited for: so long, no other process can get its id. One that still runs
    after `patience` seconds waits for a disk or a device, and ends after that.
    """
    until = time.monotonic() + patience
    while True:
        left = processes_of(session)
        for each in left:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        if not left or time.monotonic() > until:
            return
        time.sleep(0.01)
