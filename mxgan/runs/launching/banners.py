"""Notices of mpirun about a rank or a host that failed, each turned into one sentence.

Open MPI 5 and its launcher PRRTE write blocks between lines of dashes. Those of a rank that failed are read and not
passed on, since several of them come for one fault; all others are passed on as they are.
"""

from __future__ import annotations

import re
import signal
from typing import NamedTuple, Optional

__all__ = ["Banners", "Failure", "signal_in_words"]

_DASHES = re.compile(rb"[\s\0]*-{50,}\s*")  # PRRTE writes a zero byte after a block on standard error
_BEGIN = re.compile(
    rb"(prterun|mpirun|mpiexec|prte) (noticed|detected|has exited)|MPI_ABORT was invoked|Primary job  ?terminated"
    rb"|PR[RT]+E has lost communication|A daemon failed to report back|An MPI communication peer process"
)
# Single lines that come with such blocks, or mean nothing.
_NOISE = re.compile(
    rb"\[[^\]\s]+\] (PMIX ERROR: PMIX_ERR_(UNREACH|LOST_CONNECTION)|plm:ssh: Warning: setpgid"
    rb"|\d+ more process(es)? ha(s|ve) sent help message|Set MCA parameter)"
)
_HANDLER = re.compile(rb"\[[^\]\s]+\] \*\*\* ")  # MPI's handler of errors, after a rank that is gone
_CLOSED = re.compile(rb"\[[^\]\s]+\] \*\*\* An error occurred in Socket closed")
_GONE = "is gone: it was killed, has ended, or cannot be reached any more"
MOST_LINES = 60  # of a block
_PROGRAM = "(?:prterun|mpirun|mpiexec|prte)"
_KILLED = re.compile(rf"{_PROGRAM} noticed that process rank (\d+) with PID (\d+) on node (\S+) exited on signal (\d+)")
_ENDED = re.compile(
    r"one or more processes exited with non-zero status.* Process name: \[\S+?,(\d+)\] Exit code: (\d+)"
)
_LEFT = re.compile(rf"{_PROGRAM} has exited due to process rank (\d+) with PID \d+ on node (\S+) (calling|exiting)")
_ABORT = re.compile(r"MPI_ABORT was invoked on rank (\d+) .*?Errorcode: (\d+)")
_PEER = re.compile(r"communication peer process has unexpectedly disconnected.* Peer host: (\S+)")
_UNREACHED = re.compile(r"A daemon failed to report back.* Remote host: (\S+)")
_LOST = re.compile(r"has lost communication with a remote daemon.*Remote daemon: \S+ on node (\S+)")


class Failure(NamedTuple):
    """What mpirun knows of the first rank that failed.

    Parameters
    ----------
    who : "rank 1 on HOST". how : "was killed by SIGKILL (9)". rank : its number; None for a host that was lost.
    """

    who: str
    how: str
    rank: Optional[int] = None
    pid: Optional[int] = None

    def sentence(self) -> str:
        """The failure in words, without a full stop."""
        return f"{self.who}{f' (PID {self.pid})' if self.pid else ''} {self.how}"


class Banners:
    """The lines of standard error, or of standard output before a rank begins, one after another.

    Attributes
    ----------
    failure : of the rank that mpirun names; None as long as it names none.
    passed_on : whether a block that is not known has been passed on.
    """

    def __init__(self) -> None:
        self.failure: Optional[Failure] = None
        self.passed_on = False
        self._certainty = 0
        self._held: list = []  # lines of a block that is not at its end
        self._after = False  # whether a block has ended just now

    def pass_on(self, line: bytes) -> bytes:
        """What of the output so far is to be shown, after one more line with its end."""
        if not self._held:
            return self._outside(line)
        self._held.append(line)
        if _DASHES.fullmatch(line):
            if len(self._held) == 2:  # the end of one block that was not known, and the begin of another
                before, self._held = self._held[0], [line.lstrip(b"\0")]
                self.passed_on = True
                return before
            return self._ended()
        if len(self._held) == 2 and not _BEGIN.match(line.lstrip()):
            self.passed_on = True
            return self._released()
        return self._released() if len(self._held) > MOST_LINES else b""

    def rest(self) -> bytes:
        """What is still held back, at the end of the output."""
        return self._released()

    def _outside(self, line: bytes) -> bytes:
        if _DASHES.fullmatch(line):
            self._held = [line]
            return b""
        after, self._after = self._after, False
        line = line.lstrip(b"\0") if after else line
        if _CLOSED.match(line):  # the block that names the host may come after it, or get lost
            self._learn(2, Failure("a rank on another host", _GONE))
        if _NOISE.match(line) or (self.failure and _HANDLER.match(line)) or (after and not line.strip()):
            self._after = after
            return b""
        return line

    def _ended(self) -> bytes:
        text = " ".join(b"".join(self._held[1:-1]).decode("utf-8", "replace").split())
        found = _failure_in(text)
        if found is None and not text.startswith("Primary job"):
            return self._released()
        if found is not None:
            self._learn(*found)
        self._held, self._after = [], True
        return b""

    def _learn(self, certainty: int, found: Failure) -> None:
        """Keep what is most certain, and of that the first."""
        if certainty > self._certainty:
            self.failure, self._certainty = found, certainty
        elif certainty == self._certainty and found.rank == self.failure.rank and " on " in found.who:
            self.failure = self.failure._replace(who=found.who)  # MPI_ABORT tells no host; the block after it does

    def _released(self) -> bytes:
        """What is held, without the zero byte after the block that may have ended in its first line."""
        first, rest, self._held = self._held[:1], b"".join(self._held[1:]), []
        return b"".join(first) + rest.lstrip(b"\0")


def _failure_in(text: str) -> Optional[tuple]:
    """(how certain it is, the failure) that a block tells, as one line; None if it tells none.

    A rank that is gone is the cause. That others cannot reach it, and that one of these ends the job, follows from it.
    """
    killed, ended, left = _KILLED.search(text), _ENDED.search(text), _LEFT.search(text)
    abort, lost, peer, unreached = (each.search(text) for each in (_ABORT, _LOST, _PEER, _UNREACHED))
    if killed:
        rank, pid, host, number = killed.groups()
        return 4, Failure(
            f"rank {rank} on {host}", f"was killed by {signal_in_words(int(number))}", int(rank), int(pid)
        )
    if ended:
        return 4, Failure(f"rank {ended[1]}", f"ended with exit code {ended[2]}", int(ended[1]))
    if unreached:
        how = "does not answer mpirun: ssh fails, Open MPI is missing there, or a firewall stands between"
        return 3, Failure(f"the host {unreached[1]}", f"{how}; try ssh {unreached[1]} true")
    if lost:
        return 3, Failure(f"the host {lost[1]}", "cannot be reached any more")
    if peer:
        return 3, Failure(f"a rank on {peer[1]}", _GONE)
    if abort:
        return 1, Failure(f"rank {abort[1]}", f"ended the job by MPI_Abort, with code {abort[2]}", int(abort[1]))
    if left:
        how = "ended the job by MPI_Abort" if left[3] == "calling" else "ended before the others"
        return 1, Failure(f"rank {left[1]} on {left[2]}", how, int(left[1]))
    return None


def signal_in_words(number: int) -> str:
    """A signal by its name; of SIGKILL it is told who else sends it."""
    try:
        name = f"{signal.Signals(number).name} ({number})"
    except ValueError:
        name = f"signal {number}"
    return f"{name}; the kernel does that too when memory runs out" if number == signal.SIGKILL else name
