"""`Options`: the options of `mxgan launch`, and the command that gives them again."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import NamedTuple, Optional

__all__ = ["LAUNCHED", "RESTARTED", "Options", "launched_command", "was_restarted"]

# In the environment of the ranks: the words of `mxgan launch` before "-- train", and the number of restarts.
LAUNCHED, RESTARTED = "MXGAN_LAUNCHED", "MXGAN_RESTARTED"


class Options(NamedTuple):
    """The flags of `mxgan launch`, and of the training that it starts.

    Parameters
    ----------
    ranks : the number of processes.
    flags : the words after `train`.
    hosts : a file of hosts; None: this machine, or what a scheduler has allotted.
    restarts : how often a job that failed is started again.
    mpirun : the program; None: it is looked for.
    mpirun_options : further words for it.
    """

    ranks: int
    flags: Sequence[str]
    hosts: Optional[str] = None
    restarts: int = 0
    mpirun: Optional[str] = None
    mpirun_options: Sequence[str] = ()

    def command(self) -> str:
        """The command for a shell, as far as the words of the training."""
        given = [
            *(["--hosts", self.hosts] if self.hosts else []),
            *(["--restarts", str(self.restarts)] if self.restarts else []),
            *(["--mpirun", self.mpirun] if self.mpirun else []),
            *(word for option in self.mpirun_options for word in ("--mpirun-option", option)),
        ]
        return shlex.join(["mxgan", "launch", "-n", str(self.ranks), *given])

    def again(self, run: str) -> str:
        """The command, for a shell, that continues a run in the same way."""
        return f"{self.command()} -- {shlex.join(['train', '--resume', run])}"


def launched_command(ranks: int) -> str:
    """The command that starts so many ranks, up to the words of the training; the user's own under mxgan launch."""
    return os.environ.get(LAUNCHED) or Options(ranks, []).command()


def was_restarted() -> bool:
    """Whether this process is a rank of a job that `mxgan launch` has started again."""
    return RESTARTED in os.environ
