"""A job of mpirun: started, heard, stopped, and none of its processes left behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, Optional

from mxgan.errors import exit_code_after
from mxgan.runs.launching.banners import Failure
from mxgan.runs.launching.output import ErrorLines, Lines, Passed
from mxgan.runs.launching.sessions import kill_session
from mxgan.runtime.parents import program_of

__all__ = ["Ending", "Job"]

LOOK = 0.05  # seconds between two looks at mpirun
PATIENCE = 25.0  # seconds in which a job that has not begun to train must have ended after a signal
AFTER_FAILURE = 8.0  # seconds in which mpirun must have ended after it has told that a rank failed
MORE_PATIENCE = 5.0  # seconds in which mpirun must have ended its ranks after SIGTERM
LAST_LINES = 10.0  # seconds in which the output must come to its end after the job
# Open MPI 5 takes parameters from the environment: the place of mpirun's own files, for all hosts and for this one.
PLACES = "PRTE_MCA_prte_tmpdir_base", "PRTE_MCA_prte_local_tmpdir_base"


class Ending(NamedTuple):
    """How a job ended.

    Parameters
    ----------
    code : the exit code of mpirun, which is that of the first rank that failed; 128 + N if signal N has ended mpirun.
    killed_by : the number of the signal that has ended mpirun itself; None if none has.
    failure : the rank that failed, by mpirun; None if it names none. error : the error that a rank has told itself.
    run : the run folder; None if the job ended before it told one.
    explained : whether mpirun has told something else, which was passed on.
    stopped : whether the training has told that it saved and ended on a signal; it may have been sent to a rank.
    """

    code: int
    killed_by: Optional[int] = None
    failure: Optional[Failure] = None
    error: Optional[str] = None
    run: Optional[str] = None
    explained: bool = False
    stopped: bool = False


class Job:
    """A command of mpirun as a process with a session of its own, so that Ctrl-C reaches this process alone.

    It ends when this process ends in any way. Call `run` from the main thread of a process without other threads: if
    one of several threads has started mpirun and all are killed, Linux may tell mpirun twice that its parent has ended,
    and a second SIGTERM makes it leave its ranks behind.

    Parameters
    ----------
    command, environment : of mpirun. out, err : binary streams for what the ranks write.
    tell : gets lines for the user.

    Attributes
    ----------
    stopping : the name of the signal that the user has sent; None without one.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], out: BinaryIO, err: BinaryIO, tell: Callable
    ) -> None:
        self.stopping: Optional[str] = None
        self._command, self._environment, self._streams, self._tell = command, environment, (out, err), tell
        self._lines, self._errors = Lines(), ErrorLines()
        self._mpirun: Optional[int] = None  # its process, as long as its id is not free again
        self._has_failed = False  # by what mpirun has told
        self._forwarded_early = False  # a signal of the user before the training has begun
        self._end_by = float("inf")

    def stop(self, name: str) -> None:
        """Let the ranks save and end; for a handler of signals. mpirun forwards what stands for it: FORWARDED.

        A training takes as long as its step, evaluation or save; ranks that hang are ended by their own watch. A job
        that has not begun to train has nothing to save, and little time.
        """
        self.stopping = name
        self._errors.stopping = True
        if self._lines.run is None:
            self._forwarded_early = True
            self._end_by = time.monotonic() + PATIENCE
        self._forward()

    def _forward(self) -> None:
        if self._mpirun is not None:
            os.kill(self._mpirun, signal.SIGUSR1 if self.stopping == "SIGINT" else signal.SIGUSR2)

    def run(self) -> Ending:
        """Run the job to its end.

        On any exception, as KeyboardInterrupt of a second signal, it is ended at once, and its output is no longer
        passed on.
        """
        with own_place(self._environment) as environment:
            return self._run(environment)

    def _run(self, environment: Mapping[str, str]) -> Ending:
        process = subprocess.Popen(
            program_of(self._command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._mpirun = process.pid
        out = Passed(process.stdout, self._lines, self._streams[0], self._output_failed)
        err = Passed(process.stderr, self._errors, self._streams[1], lambda reason: None)
        with selectors.DefaultSelector() as readable:
            for each in (out, err):
                readable.register(each.pipe, selectors.EVENT_READ, each)
            try:
                self._wait(readable)
            except BaseException:
                out.mute()
                err.mute()
                self._end(readable)
                raise
            finally:
                kill_session(process.pid)
                self._mpirun = None
                process.wait()
                _read_to_the_end(readable)
                out.finish()
                err.finish()
        return self._ending(process.returncode)

    def _wait(self, readable: selectors.BaseSelector) -> None:
        if self.stopping:  # the signal came while the process was being made
            self.stop(self.stopping)
        while not self._has_ended():
            if time.monotonic() > self._end_by:
                if self._forwarded_early and not self._has_failed:
                    self._tell(f"The job has not begun to train and not ended {PATIENCE:g} s after {self.stopping}.")
                self._end(readable)
                return
            if self._forwarded_early and self._lines.run:
                self._forwarded_early = False
                self._end_by = self._end_by if self._has_failed else float("inf")
                self._forward()  # mpirun may have had no ranks when the first one came
            if self._failure() and not self._has_failed:
                self._has_failed = True  # mpirun may still wait for hosts that it cannot reach any more
                self._end_by = min(self._end_by, time.monotonic() + AFTER_FAILURE)
            _pass_on(readable, LOOK)

    def _failure(self) -> Optional[Failure]:
        return self._errors.banners.failure or self._lines.banners.failure

    def _has_ended(self) -> bool:
        """Whether mpirun has ended; its id is not free yet, since nobody has waited for it."""
        return os.waitid(os.P_PID, self._mpirun, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _end(self, readable: selectors.BaseSelector) -> None:
        """Let mpirun end the ranks, also those on other hosts; if it does not, kill it."""
        os.kill(self._mpirun, signal.SIGTERM)
        until = time.monotonic() + MORE_PATIENCE
        while not self._has_ended():
            if time.monotonic() > until:
                os.kill(self._mpirun, signal.SIGKILL)
                return
            _pass_on(readable, LOOK)

    def _output_failed(self, reason: str) -> None:
        self._tell(f"Standard output cannot be written ({reason}); the training continues.")

    def _ending(self, code: int) -> Ending:
        failure = self._failure()
        if failure and not self.stopping:
            code = max(code, 1)  # 0: mpirun has lost a host; below 0: it was ended here
        killed = code < 0
        return Ending(
            exit_code_after(-code) if killed else code,
            -code if killed else None,
            failure,
            self._errors.error,
            self._lines.run,
            self._errors.banners.passed_on,
            self._lines.stopped,
        )


@contextmanager
def own_place(environment: Mapping[str, str]) -> Iterator[dict]:
    """The environment, with a new folder for the files of one mpirun; the folder is removed at the end.

    By default they are in ompi.PID, in the folder for temporary files. A killed mpirun leaves this folder behind, and a
    later one that gets the same process id then refuses to start ("The PMIx server's listener thread failed to start").
    A place that the user has chosen stays.
    """
    if any(place in environment for place in PLACES):
        yield dict(environment)
        return
    with tempfile.TemporaryDirectory(prefix="mxgan-launch-") as folder:
        yield {**environment, PLACES[1]: folder}


def _pass_on(readable: selectors.BaseSelector, seconds: float) -> None:
    """Pass on what the job writes within this time, as soon as it comes."""
    if not readable.get_map():  # both pipes are at their end
        time.sleep(seconds)
    for key, _ in readable.select(seconds):
        if not key.data.read():
            readable.unregister(key.fileobj)


def _read_to_the_end(readable: selectors.BaseSelector) -> None:
    """Pass on the last lines; not for ever, since a process that has left the session may still hold a pipe."""
    until = time.monotonic() + LAST_LINES
    while readable.get_map() and time.monotonic() < until:
        _pass_on(readable, LOOK)
