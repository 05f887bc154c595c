"""`Fault`: what is wrong with a rank, and the messages in which the watches of ranks tell each other of it."""

from __future__ import annotations

from typing import NamedTuple

from mxgan.errors import RankError

__all__ = ["END", "FAREWELL", "FAULT", "LIFE", "LONGEST", "Fault", "fault_in", "message_of", "one_line"]

LONGEST = 2000  # bytes of a message: MPI sends these at once, whatever the receiver does
# The first byte of a message. END: the main thread is at its end; with what is wrong if others still wait for it.
LIFE, FAULT, END, FAREWELL = b"L", b"F", b"E", b"B"


class Fault(NamedTuple):
    """What is wrong with a rank, or with all of them; `code` is the exit code of the job."""

    rank: int
    host: str
    text: str
    code: int = 1
    remedy: str = ""
    is_shared: bool = False

    @property
    def error(self) -> RankError:
        """It as an exception."""
        return RankError(self.rank, self.host, self.text, self.code, self.remedy)

    @property
    def line(self) -> str:
        """It for standard error."""
        return f"Error: {self.text if self.is_shared else self.error}"


def message_of(kind: bytes, fault: Fault) -> bytes:
    """The message in which a rank tells its fault: FAULT or END, the exit code in a byte, and the text."""
    return (kind + bytes([fault.code]) + fault.text.encode("utf-8", "replace"))[:LONGEST]


def fault_in(message: bytes, rank: int, host: str) -> Fault:
    """The fault of this rank in its message, which may end with zeros."""
    return Fault(rank, host, one_line(message[2:].rstrip(b"\0").decode("utf-8", "replace")), message[1])


def one_line(text: str) -> str:
    """The text on one line, without codes for a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))
