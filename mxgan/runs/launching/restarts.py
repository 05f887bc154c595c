"""A job that is started again when it has failed, to continue its run."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import NamedTuple, Optional

from mxgan.errors import exit_code_after
from mxgan.runs.launching.banners import signal_in_words
from mxgan.runs.launching.job import Ending, Job
from mxgan.runs.launching.options import Options
from mxgan.runtime.signals import FORWARDED
from mxgan.training.run_folder import RunFolder, is_run

__all__ = ["Launch"]

REFUSED = 2  # the exit code of a bad call: the same call is refused again


class _Fault(NamedTuple):
    """What must not be the same twice: the failure, and the newest checkpoint at that time."""

    text: str
    checkpoint: Optional[int]


class Launch:
    """A training by `ranks` processes, with its restarts.

    Parameters
    ----------
    options : what the user has given.
    run : the run folder, as far as the flags of the training name it.
    job_of : the flags of a training, and the number of restarts before it → its `Job`.
    tell : gets lines for the user.

    Attributes
    ----------
    stopping : the name of the signal that the user has sent; None without one.
    """

    def __init__(self, options: Options, run: Optional[str], job_of: Callable, tell: Callable) -> None:
        self.stopping: Optional[str] = None
        self._options, self._run, self._job_of, self._tell = options, run, job_of, tell
        self._job: Optional[Job] = None

    def stop(self, name: str) -> None:
        """Let the ranks save and end, and start them no more; for a handler of signals."""
        self.stopping = name
        if self._job is not None:
            self._job.stop(name)

    def run(self) -> int:
        """Run the job, and again as often as it may be restarted; the exit code."""
        flags, before = list(self._options.flags), None
        for restarts in range(self._options.restarts + 1):
            ending = self._once(flags, restarts)
            if self.stopping:
                return self._stopped(ending)
            if ending.code == 0 or (ending.stopped and not ending.error):
                return ending.code
            left = self._options.restarts - restarts if ending.code != REFUSED else 0
            fault = _Fault(_text(ending), self._checkpoint())
            again = left > 0 and fault != before
            self._tell_failure(ending, again)
            if left and not again:
                self._tell("It is not started again: the same failure came twice without a new checkpoint.")
            if not again:
                return ending.code
            self._tell(f"Restart {restarts + 1} of {self._options.restarts}: {self._place(fault.checkpoint)}")
            flags, before = _again(flags, ending), fault
        return ending.code

    def _once(self, flags: list, restarts: int) -> Ending:
        self._job = self._job_of(flags, restarts)
        if self.stopping:  # the signal came between two jobs
            return Ending(exit_code_after(signal.Signals[self.stopping]))
        ending = self._job.run()
        self._run = ending.run or self._run
        return ending

    def _stopped(self, ending: Ending) -> int:
        """The exit code after a signal of the user: as `mxgan train` has it, unless an error came."""
        if ending.code == 0 or ending.error:
            return ending.code
        if ending.code not in map(exit_code_after, FORWARDED.values()):
            self._tell("Ended at once; everything since the last save is lost.")
        return exit_code_after(signal.Signals[self.stopping])

    def _checkpoint(self) -> Optional[int]:
        """The step of the run's newest checkpoint; None without one."""
        steps = RunFolder(self._run).checkpoint_steps() if self._run else []
        return steps[-1] if steps else None

    def _place(self, checkpoint: Optional[int]) -> str:
        run = self._run or "the run"
        return f"{run} continues from step {checkpoint}." if checkpoint else f"{run} has no checkpoint; it begins anew."

    def _tell_failure(self, ending: Ending, again: bool) -> None:
        """Tell the failure in one line, unless a rank has told it."""
        if ending.error:
            return
        remedy = ""
        if self._run and is_run(self._run) and not again:
            remedy = f" Continue with: {self._options.again(self._run)}"
        above = " What it says is above." if ending.explained and ending.failure is None else ""
        self._tell(f"Error: {_text(ending, pid=True)}.{above}{remedy}")


def _again(flags: list, ending: Ending) -> list:
    """The flags that continue the run of these flags.

    A job that has told an error before it told its run folder may have no run there, and must not continue another's.
    """
    resumes = any(flag == "--resume" or flag.startswith("--resume=") for flag in flags)
    has_run = ending.run or not ending.error  # it told the folder, or was killed
    return [*flags, "--resume", "auto"] if has_run and not resumes else flags


def _text(ending: Ending, pid: bool = False) -> str:
    """The failure in words; without the id of a process it is the same for the same failure."""
    if ending.error:
        return ending.error
    if ending.failure:
        return (ending.failure if pid else ending.failure._replace(pid=None)).sentence()
    if ending.killed_by:
        return f"mpirun was killed by {signal_in_words(ending.killed_by)}"
    return f"mpirun ended with exit code {ending.code}"
