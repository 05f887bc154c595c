"""`Watch`: signs of life and messages of faults between rank 0 and the others, and the end of a job after a fault.

Every rank sends a sign of life to rank 0 each second, and rank 0 to every rank, from a thread of its own. Thus a long
computation of the main thread is no fault, and a process that is stopped, or whose machine is gone, is one. So is a
rank whose program ends in order while others wait for it. A process that has died is noticed by the launcher of MPI.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import NoReturn, Optional

from mxgan.errors import first_line
from mxgan.runtime.rank_limits import rank_silence
from mxgan.runtime.signals import ENDING, handled
from mxgan.training.parallel.faults import (
    END,
    FAREWELL,
    FAULT,
    LIFE,
    LONGEST,
    Fault,
    fault_in,
    message_of,
    one_line,
)

__all__ = ["Watch"]

BEAT = 1.0  # seconds between two signs of life
LOOK = 0.1  # seconds between two looks at what has come
LONGEST_LOOK = 1.0  # more seconds between two looks count as this many: this process was stopped, or had no CPU
GRACE = 8.0  # seconds from a fault in which the main thread of rank 0 may end the job by itself
OWN = 2.5  # times as long for a fault of rank 0 itself, before which there was no silence: it writes its report
SHARED_GRACE = 60.0  # seconds in which rank 0 must have ended the job for an error that all ranks have
MOST_ALONE = 10.0  # seconds for which a rank waits for one whose program has ended
TURN, MOST_TURNS = 2.0, 6  # seconds by which each rank waits longer than the rank before it, so that one of them speaks
PATIENCE = 5  # whole seconds in which the end of a job must be under way

_TAG = 1
_ENDED = "its program has ended, and other ranks wait for it. Let all ranks make the same calls of mxgan."


class _Peer:
    """Another rank, its silence in seconds, what is to be sent to it, and who of both has said farewell."""

    def __init__(self, rank: int) -> None:
        self.rank, self.silent, self.unsent, self.request = rank, 0.0, deque(), None
        self.told_end = self.told_farewell = self.said_farewell = False
        self.end: Optional[Fault] = None  # when its main thread is at its end: what is wrong if others wait for it
        self.since_end = 0.0
        self.problem = ""  # of MPI with this peer; no fault yet: so it is, too, while the launcher ends the job

    @property
    def is_done(self) -> bool:
        """Whether both have said farewell and nothing is under way to it: its silence is no fault any more."""
        return self.told_farewell and self.said_farewell and not self.unsent and self.request is None


class Watch:
    """A thread that watches rank 0 from every other rank, and every other rank from rank 0.

    A rank is silent if its watch's thread does not run. That is so in a stopped process, on a machine that is down,
    and also while one call in its main thread holds Python's lock (the GIL) all the time. MXNet, NumPy's and OpenCV's
    long operations give it back, so 15 s are a compromise; the environment variable MXGAN_RANK_SILENCE sets others.
    Time in which the watching process itself did not run counts for at most a second.

    Parameters
    ----------
    communicator : of mpi4py, which nothing else uses.
    rank, size : this rank's number, and the number of ranks, at least 2.
    hosts : the name of each rank's machine.
    silence : seconds without a sign of life after which a rank has a fault; None: `rank_silence()`.
    grace : seconds from a fault of another rank in which the main thread of rank 0 may end the job; then this thread
        does. After a fault of rank 0 itself it is OWN times as long.

    Attributes
    ----------
    fault : the first `Fault` that rank 0 knows of, or None. On other ranks None: rank 0 or the thread ends their job.

    Raises
    ------
    ArgumentError : MXGAN_RANK_SILENCE is no number of seconds.
    """

    def __init__(
        self,
        communicator,
        rank: int,
        size: int,
        hosts: Sequence[str],
        silence: Optional[float] = None,
        grace: float = GRACE,
    ) -> None:
        self.rank, self.hosts, self.grace = rank, tuple(hosts), grace
        self.silence = rank_silence() if silence is None else silence
        self.fault: Optional[Fault] = None
        self._communicator, self._closing, self._woken = communicator, False, threading.Event()
        self._peers = [_Peer(each) for each in (range(1, size) if rank == 0 else (0,))]
        self._since_fault, self._since_beat = 0.0, BEAT
        self._lock, self._line_is_taken = threading.Lock(), False
        self._thread = threading.Thread(target=self._run, name="mxgan watch of ranks", daemon=True)
        self._thread.start()

    def check(self, waited: float = 0.0) -> None:
        """Raise RankError if rank 0 knows of a fault; cheap, to be called whenever the main thread waits.

        Parameters
        ----------
        waited : seconds for which the main thread has waited for others by now. If that is long, and one of them has
            come to its end that long ago, this is a fault: rank 0 raises it, another rank ends the job.
        """
        least = MOST_ALONE + self._turn()
        for peer in self._peers if waited >= least else ():
            if peer.end is not None and peer.since_end >= least:
                self._learn(peer.end)
                if self.rank != 0:
                    self.end_job(peer.end.code, peer.end.line)
        if self.fault is not None:
            raise self.fault.error

    def report(self, text: str, code: int = 1, is_shared: bool = False) -> None:
        """Tell that this rank has a fault.

        Another rank than rank 0 waits here to be ended by rank 0; if that takes too long, it ends the job itself. On
        rank 0 it returns at once, and the thread ends the job if the main thread does not.

        Parameters
        ----------
        text : what is wrong, in one line; without the rank.
        code : the exit code of the job, 1 … 255.
        is_shared : whether every rank has the same error. Then rank 0 tells its own, and has SHARED_GRACE to end the
            job; the fault is this rank's only if rank 0 waits for it, and thus does not have the error.
        """
        fault = Fault(self.rank, self.hosts[self.rank], one_line(text), code, is_shared=is_shared)
        if self.rank == 0:
            self._learn(fault)
            return
        with handled(ENDING, lambda *_: os._exit(code)):  # the launcher ends this rank: its line is told by rank 0
            if self._thread.is_alive():
                self._peers[0].told_end = True
                self._peers[0].unsent.append(message_of(END if is_shared else FAULT, fault))
                self._woken.set()
                time.sleep((SHARED_GRACE if is_shared else self.grace + 2 * TURN) + self._turn())
            self.end_job(code, fault.line)

    def take_line(self) -> bool:
        """Whether the caller is the first to ask for the one line on standard error; only then it may print it.

        For the main thread of rank 0, so that the thread does not tell the same fault again.
        """
        with self._lock:
            taken, self._line_is_taken = self._line_is_taken, True
        return not taken

    def end_job(self, code: int, line: Optional[str] = None) -> NoReturn:
        """End all ranks now, with this exit code; `line` goes to standard error, if none has gone before."""
        signal.alarm(PATIENCE)  # ends this process where the launcher, or who reads the output, is stopped
        if line is not None and self.take_line():
            # Not by sys.stderr, which the main thread may have locked.
            os.write(2, f"{one_line(line)}\n".encode("utf-8", "replace"))
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except (OSError, ValueError):  # closed, or a full disk: the end must come all the same
                continue
        self._communicator.Abort(code)
        os._exit(code)

    def close(self) -> None:
        """Say farewell, and wait until the others have done so too; later, silence is no fault.

        Raises RankError if one of them has a fault before that.
        """
        self._closing = True
        self._woken.set()
        while self._thread.is_alive():
            self.check()
            self._thread.join(LOOK)
        self.check()

    def _run(self) -> None:
        try:
            before = time.monotonic()
            while not self._closing or not all(peer.is_done for peer in self._peers):
                self._woken.wait(LOOK)
                self._woken.clear()
                now = time.monotonic()
                self._look(min(now - before, LONGEST_LOOK))
                before = now
        except Exception as error:  # nobody would watch any more
            self.end_job(1, f"Error: rank {self.rank} on {self.hosts[self.rank]}: the watch failed: {error!r}")

    def _look(self, passed: float) -> None:
        """Send and receive what there is, and judge; `passed` seconds have gone since the last look."""
        self._since_beat += passed
        beats = self._since_beat >= BEAT
        if beats:
            self._since_beat = 0.0
        for peer in self._peers:
            peer.silent += passed
            peer.since_end += 0.0 if peer.end is None else passed
            try:
                self._receive(peer)
                self._send(peer, beats)
            except RuntimeError as error:  # MPI.Exception is one
                peer.problem = f"MPI cannot reach it ({first_line(error)})"
        self._judge(passed)

    def _receive(self, peer: _Peer) -> None:
        while self._communicator.Iprobe(source=peer.rank, tag=_TAG):
            message = bytearray(LONGEST)  # a shorter message leaves zeros at its end
            self._communicator.Recv(message, source=peer.rank, tag=_TAG)
            peer.silent, kind = 0.0, bytes(message[:1])
            peer.said_farewell |= kind == FAREWELL
            if kind in (FAULT, END):
                fault = fault_in(bytes(message), peer.rank, self.hosts[peer.rank])
                if kind == FAULT:
                    self._learn(fault)
                else:
                    peer.end = fault

    def _send(self, peer: _Peer, beats: bool) -> None:
        if self._closing and not peer.told_end:
            peer.told_end = True
            peer.unsent.append(message_of(END, Fault(self.rank, self.hosts[self.rank], _ENDED)))
        if self._closing and not peer.told_farewell and self._may_leave():
            peer.told_farewell = True
            peer.unsent.append(FAREWELL)
        if beats and not peer.unsent and not (peer.told_farewell and peer.said_farewell):
            peer.unsent.append(LIFE)
        if peer.request is not None and peer.request.Test():
            peer.request = None
        if peer.request is None and peer.unsent:
            peer.request = self._communicator.Isend(peer.unsent.popleft(), dest=peer.rank, tag=_TAG)

    def _may_leave(self) -> bool:
        """Rank 0 goes last, so that everyone is watched until all are there."""
        return self.rank != 0 or all(peer.said_farewell for peer in self._peers)

    def _judge(self, passed: float) -> None:
        for peer in self._peers:
            if peer.silent >= self.silence + self._turn() and not peer.is_done:
                self._lost(peer)
        if self.fault is not None:
            self._since_fault += passed
            if self._since_fault >= self.grace * (OWN if self.fault.rank == 0 else 1):
                self.end_job(self.fault.code, self.fault.line)

    def _lost(self, peer: _Peer) -> None:
        text = peer.problem or (
            f"no sign of life for {self.silence:g} s; it is stopped, or its machine or the network is down."
        )
        fault = Fault(peer.rank, self.hosts[peer.rank], text, remedy="Continue the run with --resume.")
        self._learn(fault)
        if self.rank != 0:
            self.end_job(fault.code, fault.line)

    def _learn(self, fault: Fault) -> None:
        if self.fault is None and self.rank == 0:
            self.fault = fault

    def _turn(self) -> float:
        """Seconds by which this rank lets others go first."""
        return TURN * min(max(self.rank - 1, 0), MOST_TURNS)
