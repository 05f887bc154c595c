"""Standard output and standard error of a job, passed on at once and as they are, and what is read in them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import BinaryIO, Optional

from mxgan.runs.launching.banners import Banners

__all__ = ["ErrorLines", "Lines", "Passed"]

CHUNK = 1 << 16  # bytes read at a time; a longer line is passed on in parts
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)")
_STOPPED = re.compile(rb"^Stopped by \w+ after step [0-9]+, and saved", re.MULTILINE)
_RUN = re.compile(rb"^run folder: (.+?); (?:from step [0-9]+ to [0-9]+|the classifier of .*)\r?$", re.MULTILINE)


class Lines:
    """The lines of standard output.

    Attributes
    ----------
    run : the run folder that the training has told; None before. stopped : whether it has told that it was stopped.
    banners : what mpirun has told here, which it does before it starts the ranks: that a host does not answer.
    """

    def __init__(self) -> None:
        self.banners = Banners()
        self.run: Optional[str] = None
        self.stopped = False

    def pass_on(self, lines: bytes) -> bytes:
        """What is to be shown after these lines: all of those of the ranks."""
        self.stopped = self.stopped or bool(_STOPPED.search(lines))
        if self.run:
            return lines
        found = _RUN.search(lines)
        shown = b"".join(map(self.banners.pass_on, _LINE.findall(lines) or [lines]))
        if found:
            self.run = os.fsdecode(found[1])
            shown += self.banners.rest()
        return shown

    def rest(self) -> bytes:
        """What is still held back, at the end."""
        return self.banners.rest()


class ErrorLines:
    """The lines of standard error, without what mpirun tells of a rank that failed.

    Attributes
    ----------
    banners : what mpirun has told. error : the first error that a rank has told itself; None without one.
    stopping : set it when the user has been told that the job ends; what ranks tell of it is then left out.
    """

    def __init__(self) -> None:
        self.banners = Banners()
        self.error: Optional[str] = None
        self.stopping = False
        self._errors: set = set()

    def pass_on(self, lines: bytes) -> bytes:
        """What is to be shown after these lines."""
        return b"".join(self._one(line) for line in _LINE.findall(lines) or [lines])

    def rest(self) -> bytes:
        """What is still held back, at the end."""
        return self.banners.rest()

    def _one(self, line: bytes) -> bytes:
        if self.stopping and line.startswith((b"Ending after this step", b"Ended at once")):
            return b""
        told = line.lstrip(b"\0")  # that of a block before it
        if told.startswith(b"Error: "):
            if told in self._errors:  # several ranks have the same one
                return b""
            self._errors.add(told)
            self.error = self.error or told.decode("utf-8", "replace").strip()
        return self.banners.pass_on(line)


class Passed:
    """A pipe that is passed on to a stream, whole lines at a time. Close `pipe` when it is no longer read.

    Parameters
    ----------
    lines : `Lines` or `ErrorLines`. stream : an open file of the system; what it holds back is written first.
    failed : called once with the reason when the stream takes no more; the pipe is then read on, so that the job does
        not wait for it.
    """

    def __init__(self, pipe: BinaryIO, lines: object, stream: BinaryIO, failed: Callable) -> None:
        self.pipe = pipe
        self._lines, self._stream, self._failed = lines, stream, failed
        self._held, self._open = b"", True

    def read(self) -> bool:
        """Pass on what is there, which must be something or the end; False at the end."""
        read = os.read(self.pipe.fileno(), CHUNK)
        held = self._held + read
        end = max(held.rfind(b"\n"), held.rfind(b"\r")) + 1
        if not read or (not end and len(held) >= CHUNK):
            end = len(held)
        self._held = held[end:]
        if end:
            self._write(self._lines.pass_on(held[:end]))
        return bool(read)

    def finish(self) -> None:
        """Pass on what is held back, and close the pipe."""
        self._write((self._lines.pass_on(self._held) if self._held else b"") + self._lines.rest())
        self._held = b""
        self.pipe.close()

    def mute(self) -> None:
        """Pass nothing on any more: whoever reads the stream may have stopped, and a write would wait for that."""
        self._open = False

    def _write(self, text: bytes) -> None:
        if not text or not self._open:
            return
        try:
            self._stream.flush()
            while text:  # not by the stream: what a signal keeps from being written would wait in it for the end
                text = text[os.write(self._stream.fileno(), text) :]
        except (OSError, ValueError) as error:  # a closed pipe, a full disk; ValueError: it was closed
            self._open = False
            self._failed(getattr(error, "strerror", None) or "it is closed")
