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

SILENCE = "MXGAN_RANK_SILENCE"
DEFAULT_SILENCE, LEAST_SILENCE, MOST_SILENCE = 15.0, 3.0, 3600.0
LONGER = 5.0  # seconds more than a silence for a begin or an end
TURN, MOST_TURNS = 2.0, 3  # a rank that waits speaks later than one that is stopped, and than the ranks before it


def rank_silence() -> float:
    """Seconds without a sign of life after which a rank has a fault: MXGAN_RANK_SILENCE, or 15.

    Raises ArgumentError for a value that is no number from 3 to 3600.
    """
    text = os.environ.get(SILENCE, "").strip()
    try:
        seconds = float(text) if text else DEFAULT_SILENCE
    except ValueError:
        seconds = math.nan
    if not LEAST_SILENCE <= seconds <= MOST_SILENCE:
        from mxgan.errors import ArgumentError, shown  # here: the program below imports nothing of mxgan

        raise ArgumentError(
            f"the environment variable {SILENCE} is {shown(text)}; give seconds from {LEAST_SILENCE:g} to "
            f"{MOST_SILENCE:g}, or leave it out for {DEFAULT_SILENCE:g}."
        )
    return seconds


@contextmanager
def limited(rank: int, host: str, act: str) -> Iterator[None]:
    """A block in which this rank waits for all others; if they are too late, one line says so, and the rank is killed.

    Then the launcher ends the job. The limit is `rank_silence` and 5 s.

    Parameters
    ----------
    rank, host : this rank's number, and its machine, for that line.
    act : what the ranks do in the block: "begin" or "end".
    """
    seconds = rank_silence() + LONGER
    command = [sys.executable, "-I", "-S", __file__, str(seconds), str(rank), host, act]
    # At the end its pipe is closed, and it ends; so it does when this process ends in any way.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL):
        yield


def _watch(seconds: float, rank: int, host: str, act: str) -> None:
    """The program: wait until the parent closes the pipe, or the limit is over."""
    parent = os.getppid()
    if _closed_within(seconds):
        return
    if _is_stopped(parent):
        text = f"it is stopped, and did not {act}."
    elif _closed_within(TURN * (1 + min(rank, MOST_TURNS))):
        return
    else:
        text = (
            f"it waits for the other ranks to {act}, for {seconds:g} s now; one of them is stopped, or its machine or "
            f"the network is down or slow. A longer time is {SILENCE}=SECONDS."
        )
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
    _watch(float(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
