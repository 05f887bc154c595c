"""A process that ends with the one that has started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

from mxgan.errors import RuntimeUnavailableError

__all__ = ["command_of", "end_with", "program_of"]

_PR_SET_PDEATHSIG = 1
# The module path of the parent, not the working folder's: a file that lies there must not take a module's place.
_BEGIN = (
    "import os, sys; sys.path[:] = sys.argv.pop(1).split('\\n'); from mxgan.runtime.parents import end_with; "
    "end_with(int(sys.argv.pop(1))); "
)
_CODE = f"{_BEGIN}from mxgan.cli import main; main(prog_name='mxgan')"
_PROGRAM = f"{_BEGIN}os.execv(sys.argv[1], sys.argv[1:])"


def command_of(arguments: Sequence[str]) -> list:
    """The command of `mxgan` with these arguments, as a process that ends when this one ends in any way.

    Start it from a thread that lives as long as the process must: Linux takes the end of a thread for that of its
    process.
    """
    return [sys.executable, "-c", _CODE, "\n".join(sys.path), str(os.getpid()), *arguments]


def program_of(command: Sequence[str]) -> list:
    """The command of another program, whose path comes first, as a process that ends when this one ends in any way.

    It gets SIGTERM then. Start it from a thread that lives as long as it must, see `command_of`.
    """
    return [sys.executable, "-c", _PROGRAM, "\n".join(sys.path), str(os.getpid()), *command]


def end_with(parent: int) -> None:
    """Let this process get SIGTERM when the process `parent`, which has started it, ends, even by SIGKILL.

    Raises RuntimeUnavailableError if the system cannot do that. Ends this process if `parent` has ended already.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        raise RuntimeUnavailableError(f"prctl failed: {os.strerror(ctypes.get_errno())}. Use Linux.")
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
