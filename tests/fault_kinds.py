"""Faults of ranks: their kinds, those to come, drawn from a seed, and what a job must say of each."""

from __future__ import annotations

import random
import re
import signal
import socket
from typing import NamedTuple, Optional

from tests.rank_jobs import errors_in, without_banners

__all__ = ["REFUSED", "ROUND", "TO_LAUNCHER", "Fault", "codes_of", "draw_faults", "judged", "stopped_at"]

# One round of 22: (kind, when).
ROUND = (
    ("kill", "startup"), ("kill", "training"), ("kill", "save"), ("kill", "save"),
    ("stop", "startup"), ("stop", "training"), ("stop", "save"),
    ("raise", "step"), ("raise", "step"), ("nan", "step"), ("nan", "step"), ("hold", "step"),
    ("slow", "step"), ("slow", "step"), ("disk", "training"),
    ("interrupt", "training"), ("terminate", "training"),
    ("data", "start"), ("code", "start"), ("setting", "start"), ("norm", "start"), ("batch", "start"),
)  # fmt: skip
REFUSED = ("data", "code", "setting", "norm", "batch")
BY_LAUNCH = ("kill", "stop", "raise", "hold", "interrupt", "terminate")
TO_LAUNCHER = ("interrupt", "terminate")
HERE = socket.gethostname()
SAID = {
    "kill": r"rank {rank}\b.*(signal 9|SIGKILL)",
    "stop": r"rank {rank} on {host}: no sign of life for 15 s",
    "hold": r"rank {rank} on {host}: no sign of life for 15 s",
    "raise": r"rank {rank} on {host}: .*no luck in step",
    "nan": r"training has diverged: in step .* on rank {rank} \({host}\)",
    "disk": r"rank 0 on {host}: .*(No space left|disk full|File too large)",
    "data": r"rank 1 on {host} has .*rank 0 on {host}",
    "code": r"rank 1 on {host} has code .*rank 0 on {host}",
    "setting": r"rank 1 on {host} has seed 2, and rank 0 on {host} has 1",
    "norm": r"rank 1 on {host} has sync_batch_norm True, and rank 0 on {host} has False",
    "batch": r"rank 1 on {host} has recipe\.batch_size 24, and rank 0 on {host} has 12",
}
KILLED = 128 + signal.SIGKILL
CODES = {"kill": KILLED, "interrupt": 130, "terminate": 143, **dict.fromkeys(REFUSED, 2)}  # of others 1

# Before a rank has begun, only another one may be there to say that it waits.
SAID_AT_BEGIN = (
    r"rank {rank} on {host}: (no sign of life|it is stopped)|rank \d on {host}: it waits for the other ranks to begin"
)


class Fault(NamedTuple):
    """One fault to come; `fraction` of 0 to 1 says how far into its time, `seconds` how long a slow rank takes."""

    kind: str
    when: str
    ranks: int
    rank: int
    fraction: float
    seconds: float
    by_launch: bool

    @property
    def restarts(self) -> bool:
        """Whether `mxgan launch` starts the run again by itself."""
        return self.by_launch and self.kind not in TO_LAUNCHER

    def __str__(self) -> str:
        way = "mxgan launch" if self.by_launch else "mpirun"
        return f"{self.kind} of rank {self.rank} of {self.ranks}, {self.when} ({self.fraction:.2f}), by {way}"


def draw_faults(count: int, seed: int, through: str = "both", only: Optional[str] = None) -> list:
    """The faults to come, in an order and at times drawn from the seed; each round of 22 has each kind as often."""
    draw, found = random.Random(seed), []
    kinds = [each for each in ROUND if only in (None, each[0])]
    while len(found) < count:
        for kind, when in draw.sample(kinds, len(kinds)):
            ranks = 2 if kind in REFUSED else draw.choice((2, 2, 3))
            rank = 0 if kind == "disk" else 1 if kind in REFUSED else draw.randrange(ranks)
            seconds = {"slow": draw.uniform(5, 10), "hold": 60.0}.get(kind, 0.0)
            by_launch = kind in BY_LAUNCH and {"mpirun": False, "launch": True, "both": draw.random() < 0.5}[through]
            found.append(Fault(kind, when, ranks, rank, draw.random(), seconds, by_launch))
    return found[:count]


def codes_of(fault: Fault) -> set:
    """The exit codes that a job may have after this fault, if it is not started again."""
    if fault.kind in TO_LAUNCHER and not fault.by_launch:
        return {1}  # mpirun's own after a signal
    if (fault.kind, fault.when) == ("stop", "startup"):  # a rank that waits for MPI to begin is killed
        return {1, KILLED}
    return {CODES.get(fault.kind, 1)}


def stopped_at(output: str, fault: Fault) -> Optional[int]:
    """The step after which a job has saved on a signal to its launcher, by what it said; None if it did not say so."""
    name = {"interrupt": "SIGINT", "terminate": "SIGTERM"}[fault.kind]
    found = re.search(rf"^Stopped by {name} after step ([0-9]+), and saved", output, re.MULTILINE)
    return int(found[1]) if found else None


def judged(errors: str, fault: Fault) -> tuple:
    """(problems of what a job has said on standard error, the lines that it has said besides)."""
    lines, told = without_banners(errors), errors_in(errors)
    if fault.kind in TO_LAUNCHER:
        return [f"it said {line}" for line in told], [line for line in lines if line not in told]
    text = SAID_AT_BEGIN if (fault.kind, fault.when) == ("stop", "startup") else SAID[fault.kind]
    wanted = re.compile(text.format(rank=fault.rank, host=re.escape(HERE)))
    if fault.kind == "kill" and not fault.by_launch:  # the notice of mpirun itself, of several lines
        told = [" ".join(errors.split()), *told]
    besides = [line for line in lines if line not in told]
    if len(told) == 1 and wanted.search(told[0]):
        return [], besides
    return [f"not one line of {wanted.pattern!r}, but {told}"], besides
