"""Trainings as processes, several at a time: started, watched, stopped, and none of them left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from mxgan.errors import RunFolderError, exit_code_after
from mxgan.runtime.files import FolderLock, open_own
from mxgan.runtime.parents import command_of

__all__ = ["Job", "Jobs"]

LOOK = 0.1  # seconds between two looks at the processes
BETWEEN = 10.0  # seconds between two lines of progress, at least
SHARE = 0.1  # and at least this share of the time so far
PATIENCE = 60.0  # seconds in which a process of an earlier call must have saved and ended
TAIL = 1 << 14  # bytes at the end of a log that are read
_PROGRESS = re.compile(r"^step [0-9]+ of [0-9]+.*$", re.MULTILINE)
_STOPPED = tuple(map(exit_code_after, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))


class Job(NamedTuple):
    """One call of mxgan: its name, its arguments, the file that gets its output, the run folder that it writes."""

    name: str
    arguments: Sequence[str]
    log: Path
    folder: Path


class _Running(NamedTuple):
    job: Job
    process: subprocess.Popen
    begin: int  # the size of the log before it


class Jobs:
    """Jobs that run as processes, at most `most` at a time, in their order.

    Parameters
    ----------
    tell : gets the lines of progress. environment : variables in addition to those of this process.

    Attributes
    ----------
    failed : {name: why} of those that failed. finished : the names of those that did not.
    stopping : the reason given to `stop`; None: go on to the end.
    """

    def __init__(self, jobs: Sequence[Job], most: int, tell: Callable, environment: Mapping[str, str]) -> None:
        self.failed: dict = {}
        self.finished: list = []
        self.stopping: Optional[str] = None
        self._waiting, self._most, self._tell = deque(jobs), most, tell
        self._environment = {**os.environ, **environment}
        self._titles = {job.name: f"{job.name} ({number} of {len(jobs)})" for number, job in enumerate(jobs, 1)}
        self._running: list = []
        self._told: dict = {}  # name → its last line of progress
        self._waits: dict = {}  # name → since when it waits for a process of an earlier call
        self._signalled = False

    def stop(self, reason: str) -> None:
        """Start no more jobs, and let those that run save and end; it may be called from a handler of signals."""
        self.stopping = reason

    def run(self) -> None:
        """Run all jobs.

        On KeyboardInterrupt, a second signal, the processes are killed; on any other exception they save and end first.
        """
        try:
            self._run()
        except Exception:
            self._terminate()
            for each in self._running:
                each.process.wait()
            raise
        finally:
            for each in self._running:
                each.process.kill()
            for each in self._running:
                each.process.wait()

    def _run(self) -> None:
        began = told = time.monotonic()
        while self._running or (self._waiting and not self.stopping):
            if self.stopping and not self._signalled:
                self._signalled = True
                self._terminate()
            self._end_what_is_over()
            self._start_what_may()
            now = time.monotonic()
            if now - told >= max(BETWEEN, SHARE * (now - began)):
                told = now
                self._tell_progress()
            time.sleep(LOOK)

    def _terminate(self) -> None:
        for each in self._running:
            each.process.terminate()

    def _start_what_may(self) -> None:
        while self._waiting and len(self._running) < self._most and not self.stopping:
            if self._is_in_use(self._waiting[0]):
                return
            self._start(self._waiting.popleft())

    def _start(self, job: Job) -> None:
        """Start a job; one that cannot be started has failed, and the others go on."""
        try:
            output = open_own(job.log)
        except OSError as error:
            self._fail(job, f"{job.log} cannot be written: {error.strerror}. Take it away, or allow writing there.")
            return
        with output:
            begin = output.seek(0, os.SEEK_END)
            try:
                process = subprocess.Popen(
                    command_of(job.arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=self._environment,
                    start_new_session=True,  # Ctrl-C reaches this process alone, which tells the others
                )
            except OSError as error:
                self._fail(job, f"its process cannot be started: {error.strerror}. Give fewer --jobs, or try again.")
                return
        self._running.append(_Running(job, process, begin))
        self._tell(f"{self._titles[job.name]} begins; its output is in {job.log}")

    def _fail(self, job: Job, reason: str) -> None:
        self.failed[job.name] = reason
        self._tell(f"{self._titles[job.name]}: failed: {reason}")

    def _is_in_use(self, job: Job) -> bool:
        """Whether a process still saves in the job's folder; after PATIENCE, the job itself says so and fails."""
        if not job.folder.is_dir():
            return False
        try:
            FolderLock(job.folder).release()
            return False
        except RunFolderError:
            if job.name not in self._waits:
                self._waits[job.name] = time.monotonic()
                self._tell(f"{self._titles[job.name]} waits for another process in {job.folder}")
            return time.monotonic() - self._waits[job.name] < PATIENCE

    def _end_what_is_over(self) -> None:
        for each in [each for each in self._running if each.process.poll() is not None]:
            self._running.remove(each)
            name, code = each.job.name, each.process.returncode
            if code == 0:
                self.finished.append(name)
                self._tell(f"{self._titles[name]}: finished")
            elif self.stopping and (code in _STOPPED or code == -signal.SIGTERM):
                self._tell(f"{self._titles[name]}: stopped")
            else:
                self._fail(each.job, _reason(each))

    def _tell_progress(self) -> None:
        for each in self._running:
            found = _PROGRESS.findall(_tail(each))
            name = each.job.name
            if found and found[-1] != self._told.get(name):
                self._told[name] = found[-1]
                self._tell(f"{self._titles[name]}: {found[-1]}")


def _tail(running: _Running) -> str:
    """The end of what a job has written, without what earlier calls wrote into the same file."""
    try:
        with open(running.job.log, "rb") as stream:
            stream.seek(max(running.begin, stream.seek(0, os.SEEK_END) - TAIL))
            return stream.read().decode("utf-8", "replace")
    except OSError:  # the user has taken it away
        return ""


def _reason(running: _Running) -> str:
    """Why a job failed: its error, or its last line and how it ended."""
    lines = [line.strip() for line in _tail(running).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error: ")]
    if errors:
        return errors[-1][len("Error: ") :]
    code = running.process.returncode
    how = f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with {code}"
    return f"{how}; its last line: {lines[-1]}" if lines else how
