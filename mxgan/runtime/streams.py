"""Descriptors 0, 1 and 2 of a process that began without them."""

from __future__ import annotations

import os

__all__ = ["open_standard_files"]


def open_standard_files() -> None:
    """Open the null device on each of the descriptors 0, 1 and 2 that is closed.

    Otherwise the next file that is opened, a checkpoint for example, would get that number, and C libraries would print
    into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
