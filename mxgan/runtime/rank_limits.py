"""Limits in seconds for the ranks of an MPI job: for a rank's silence, and for its begin and its end.

While MPI begins or ends, a rank waits for all others in one call that keeps Python's lock (the GIL), so that no thread
can look at a clock. A small process does: this file, run as a program.
"""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["limited", "rank_silence"]

SILENCE, BEGIN = "MXGAN_RANK_SILENCE", "MXGAN_RANK_BEGIN"
DEFAULTS = {SILENCE: 15.0, BEGIN: 600.0}
LEAST, MOST = 3.0, 86400.0
LONGER = 5.0  # seconds more than a silence for an end, and for a stop in a begin or an end
LOOK = 1.0  # seconds between two looks whether the rank is stopped
TURN, MOST_TURNS = 2.0, 3  # a rank that waits speaks later than one that is stopped, and than the ranks before it


def rank_silence() -> float:
    """Seconds without a sign of life after which a rank has a fault: MXGAN_RANK_SILENCE, or 15.

    Raises ArgumentError for a value that is no number from 3 to 86400.
    """
    return _seconds_of(SILENCE)


def _seconds_of(variable: str) -> float:
    text = os.environ.get(variable, "").strip()
    try:
        seconds = float(text) if text else DEFAULTS[variable]
    except ValueError:
        seconds = math.nan
    if not LEAST <= seconds <= MOST:
        from mxgan.errors import ArgumentError, shown  # here: the program below imports nothing of mxgan

        raise ArgumentError(
            f"the environment variable {variable} is {shown(text)}; give seconds from {LEAST:g} to {MOST:g}, or leave "
            f"it out for {DEFAULTS[variable]:g}."
        )
    return seconds


_ELSEWHERE = "one of them is stopped, or its machine or the network is down or slow"
_REASONS = {
    "begin": f"{_ELSEWHERE}, or it does something else before mxgan.start, or has ended. A longer time is {BEGIN}",
    "end": f"{_ELSEWHERE}. A longer time is {SILENCE}",
}


@contextmanager
def limited(rank: int, host: str, act: str) -> Iterator[None]:
    """A block in which this rank waits for all others; if they are too late, one line says so, and the rank is killed.

    Then the launcher ends the job. At the begin the limit is MXGAN_RANK_BEGIN, or 10 minutes: another rank may prepare
    its data first. At the end it is `rank_silence` and 5 s, and so it always is for a rank that is itself stopped.

    Parameters
    ----------
    rank, host : this rank's number, and its machine, for that line.
    act : what the ranks do in the block: "begin" or "end".
    """
    stopped = rank_silence() + LONGER
    waits = _seconds_of(BEGIN) if act == "begin" else stopped
    command = [sys.executable, "-I", "-S", __file__, str(stopped), str(waits), str(rank), host, act]
    # At the end its pipe is closed, and it ends; so it does when this process ends in any way.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL):
        yield


def _watch(most_stopped: float, most: float, rank: int, host: str, act: str) -> None:
    """The program: wait until the parent closes the pipe, or a limit is over."""
    parent, until = os.getppid(), most + TURN * (1 + min(rank, MOST_TURNS))
    passed = stopped = 0.0  # counted by looks: a job that is stopped as a whole loses no time
    while stopped < most_stopped and passed < until:
        if _closed_within(LOOK):
            return
        passed += LOOK
        stopped = stopped + LOOK if _is_stopped(parent) else 0.0
    if stopped:
        text = f"it is stopped, and did not {act}."
    else:
        text = f"it waits for the other ranks to {act}, for {most:g} s now; {_REASONS[act]}=SECONDS."
    os.write(2, f"Error: rank {rank} on {host}: {text}\n".encode("utf-8", "replace"))
    os.kill(parent, signal.SIGKILL)


def _closed_within(seconds: float) -> bool:
    return bool(select.select([0], [], [], seconds)[0])


def _is_stopped(process: int) -> bool:
    """Whether a process is stopped by a signal, as far as the system tells that."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in ("T", "t")
    except OSError:  # no Linux, or it has ended
        return False


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # meant for the rank, with which it ends
        signal.signal(number, signal.SIG_IGN)
    _watch(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
