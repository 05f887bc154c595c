"""MPI: the place of this process among the ranks that a launcher has started together.

Rank and size come from MPI alone. The launcher's environment only decides whether MPI is begun at all: an ordinary
process loads no mpi4py.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from mxgan.errors import RuntimeUnavailableError, first_line
from mxgan.runtime.parents import end_with
from mxgan.runtime.rank_limits import limited
from mxgan.runtime.signals import ENDING, handled

__all__ = ["World", "is_launched", "leave_to_first", "world"]

logger = logging.getLogger(__name__)

# Set for each rank: by Open MPI 5 and `srun --mpi=pmix`; by MPICH, Intel MPI and `srun --mpi=pmi2`; by Open MPI 4.
_RANK_OF_OPEN_MPI = "OMPI_COMM_WORLD_RANK"
_RANKS = ("PMIX_RANK", "PMI_RANK", _RANK_OF_OPEN_MPI)
# The number of ranks, where the launcher tells it. One rank trains as an ordinary process, also without mpi4py: a shell
# of `srun --pty bash` is such a rank.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
# Messages up to this size go both ways of a TCP connection at once; Open MPI's default, 64 kB, sends longer ones in one
# direction at a time. On a link of 1 Gbit/s a sum of 24 MB then takes 201 ms and not 230 ms; the wire needs 192 ms.
_EAGER_LIMIT = ("OMPI_MCA_btl_tcp_eager_limit", "1100000")
FIRST_TELLS = 8.0  # seconds by which rank 0 may begin later than another rank, and still tell an error for all
_MOST_CPUS = 8192  # bits of the CPU sets that the ranks of one machine compare


class World(NamedTuple):
    """All ranks of a job, seen from this one.

    Attributes
    ----------
    rank, size : this rank's number, 0 … size - 1, and the number of ranks.
    local_rank, local_size : the same among the ranks of this machine.
    sharers : the number of ranks of this machine, this one included, that may run on this rank's CPUs.
    host : the machine's name.
    communicator : mpi4py's COMM_WORLD; None for a single process.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    sharers: int = 1
    host: str = socket.gethostname()
    communicator: Any = None


def is_launched(environment: Mapping = os.environ) -> bool:
    """Whether a launcher (mpirun, srun) has started this process as one of several ranks."""
    sizes = [environment[name] for name in _SIZES if environment.get(name)]
    return any(name in environment for name in _RANKS) and sizes[:1] != ["1"]


@functools.cache
def world() -> World:
    """The ranks of this process's job; begins MPI at the first call, if a launcher has started the process.

    Raises
    ------
    RuntimeUnavailableError : a launcher has started this process, and mpi4py cannot be imported.
    """
    if not is_launched():
        _warn_of_tasks_without_mpi()
        return World()
    with limited(_launched_rank(), socket.gethostname(), "begin"):
        return _begun()


def _launched_rank() -> int:
    """This rank's number, as the launcher has told it; 0 for a process that no launcher has started."""
    return next((int(os.environ[name]) for name in _RANKS if name in os.environ), 0) if is_launched() else 0


def leave_to_first(code: int) -> None:
    """Wait whether rank 0 tells the error that this rank has before MPI has begun, and ends the job by its exit.

    All ranks have the same command and the same environment as a rule, so all of them find the same wrong flag, and
    cannot ask each other yet. If this process is still there after FIRST_TELLS seconds, the error is its own, and it
    must tell it. Rank 0, and a process that no launcher has started, do not wait.

    Parameters
    ----------
    code : the exit code of this process, if the launcher ends it meanwhile.
    """
    if _launched_rank() > 0:
        with handled(ENDING, lambda *_: os._exit(code)):
            time.sleep(FIRST_TELLS)


def _begun() -> World:
    """The ranks of a job, when MPI has begun on all of them."""
    os.environ.setdefault(*_EAGER_LIMIT)
    try:
        mpi = importlib.import_module("mpi4py.MPI")
    except Exception as error:  # missing, built for another MPI, or an MPI that cannot begin
        raise RuntimeUnavailableError(
            "a launcher of MPI has started this process, and mpi4py, through which ranks talk, cannot be imported "
            f"({first_line(error)}). Install it on every machine: pip install '.[mpi]' in a clone of mxgan."
        ) from error
    everyone = mpi.COMM_WORLD
    if everyone.Get_size() == 1:
        return World()
    if _RANK_OF_OPEN_MPI in os.environ:
        end_with(os.getppid())  # mpirun, which leaves its ranks behind when it is killed
    machine = everyone.Split_type(mpi.COMM_TYPE_SHARED)
    return World(
        everyone.Get_rank(),
        everyone.Get_size(),
        machine.Get_rank(),
        machine.Get_size(),
        _sharers(machine),
        socket.gethostname(),
        everyone,
    )


def _sharers(machine) -> int:
    """The number of ranks of this machine whose CPU sets meet this rank's; all of them where there are no such sets."""
    own = sum(1 << cpu for cpu in os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    length = _MOST_CPUS // 8
    found = bytearray(length * machine.Get_size())
    machine.Allgather(own.to_bytes(length, "little"), found)
    sets = [int.from_bytes(found[first : first + length], "little") for first in range(0, len(found), length)]
    return sum(bool(own & each) for each in sets)


def _warn_of_tasks_without_mpi() -> None:
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if tasks != "1" and not any(name in os.environ for name in _RANKS):
        logger.warning(
            "srun has started %s tasks without MPI: each of them trains by itself. For one training on all of them, "
            "give srun --mpi=pmix.",
            tasks,
        )
