"""What the user gives to `mxgan launch`, and how it is written again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple, Optional

__all__ = ["Options"]


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

    def again(self, run: str) -> str:
        """The command, for a shell, that continues a run in the same way."""
        given = [
            *(["--hosts", self.hosts] if self.hosts else []),
            *(["--restarts", str(self.restarts)] if self.restarts else []),
            *(["--mpirun", self.mpirun] if self.mpirun else []),
            *(word for option in self.mpirun_options for word in ("--mpirun-option", option)),
        ]
        return shlex.join(["mxgan", "launch", "-n", str(self.ranks), *given, "--", "train", "--resume", run])
