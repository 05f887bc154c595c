"""Trainings in several processes by MPI, as one job of mpirun.

::

    options.py      Options: what the user gives, and the flags of the training
    hosts.py        the file of hosts, checked
    mpirun.py       mpirun: where it is, and its command
    banners.py      what mpirun tells of a rank that failed → one sentence
    output.py       standard output and standard error of the job, passed on
    sessions.py     the processes of a session, killed
    job.py          a job: started, heard, stopped; none of its processes is left behind
    restarts.py     a job that failed, started again to continue its run

Nothing here imports MXNet: the process that starts the ranks stays small.
"""

from __future__ import annotations

__all__: list = []
