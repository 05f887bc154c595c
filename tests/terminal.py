"""A terminal for tests: a pseudo-terminal in the place of a standard stream of this process."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
import threading
from contextlib import contextmanager

import pytest


@contextmanager
def terminal_as(*streams: str, size: tuple = (100, 24)):
    """`sys.stdout` or `sys.stderr` as a terminal of (columns, rows); gives a function that returns what it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                part = os.read(ours, 2**16)
            except OSError:  # the other side is closed
                return
            seen.extend(part)

    reader = threading.Thread(target=read)
    reader.start()

    def text() -> str:
        if reader.is_alive() and not stream.closed:
            stream.flush()
            termios.tcdrain(theirs)
        return seen.decode().replace("\r\n", "\n")

    with pytest.MonkeyPatch.context() as patch, os.fdopen(os.dup(theirs), "w", encoding="utf-8") as stream:
        try:
            for name in streams:
                patch.setattr(sys, name, stream)
            yield text
            stream.flush()
            termios.tcdrain(theirs)
        finally:
            stream.close()
            os.close(theirs)
            reader.join(10)
            os.close(ours)
