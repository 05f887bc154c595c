"""Programs of several ranks under mpirun, for tests of what needs MPI."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Union

from mxgan.runs.launching.job import own_place
from tests.optional import missing, needed
from tests.tiny_run import environment

__all__ = ["mpirun", "run_ranks", "said_by"]

GRACE = 10.0  # seconds that mpirun has to end its ranks


def mpirun() -> str:
    """The mpirun beside this Python, or on the PATH; without it, or without mpi4py, the test is skipped."""
    needed("mpi4py", "mpi")  # not mpi4py.MPI: that would make this process a rank
    found = shutil.which(str(Path(sys.executable).with_name("mpirun"))) or shutil.which("mpirun")
    return found or missing("there is no mpirun: pip install '.[mpi]'")


def run_ranks(
    count: int, code_or_path: Union[str, Path], *arguments: object, timeout: float = 120.0, **variables: str
) -> subprocess.CompletedProcess:
    """Run a Python program as so many ranks on this machine; its exit code, standard output and error as text.

    Parameters
    ----------
    code_or_path : the program's text, indented as you like, or the file with it.
    arguments : what it finds in sys.argv[1:].
    timeout : seconds after which all ranks are ended; then subprocess.TimeoutExpired is raised.
    variables : further environment variables of the ranks.
    """
    program = [str(code_or_path)] if isinstance(code_or_path, Path) else ["-c", textwrap.dedent(code_or_path)]
    # --bind-to none: several tests share the cores; --oversubscribe: so do the ranks.
    flags = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(count)]
    command = [mpirun(), *flags, sys.executable, *program, *map(str, arguments)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        own_place(environment(**variables)) as own,
        subprocess.Popen(command, **pipes, text=True, errors="replace", env=own, start_new_session=True) as process,
    ):
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            _end(process)
            raise
    # mpirun ends a notice of its own with a byte 0, which may stand before a line that it passes on.
    return subprocess.CompletedProcess(command, process.returncode, out.replace("\0", ""), err.replace("\0", ""))


def said_by(result: subprocess.CompletedProcess) -> list:
    """The lines of standard output of ranks that must have succeeded, sorted: mpirun mixes the ranks' lines."""
    assert result.returncode == 0, f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
    return sorted(result.stdout.splitlines())


def _end(process: subprocess.Popen) -> None:
    """End mpirun, which ends its ranks; by force if it does not."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
