"""The layout of error messages: one line, or what happened, an empty line, and what to do."""

from __future__ import annotations

import os
import re
import sys
import textwrap

from mxgan.errors import MXGANError, first_line
from mxgan.runtime.bars import shows_bars

__all__ = ["in_words", "laid_out"]

LONGEST_LINE = 240  # characters of a message in a log file; longer ones are taken apart
NARROWEST = 40

# What must stay on one line, to be copied: a text in quotes or backticks, a flag with its value, a command of pip.
_WHOLE = re.compile(r"`[^`]*`|'[^']*'|--[\w-]+ [^\s.,;:)]+|pip (?:un)?install(?: [^\s,;)]+)+|apt-get install \S+")


def in_words(error: Exception) -> tuple:
    """(what happened, what to do) of any error; the second may be empty."""
    if isinstance(error, MXGANError):
        return error.fact, error.remedy
    if isinstance(error, MemoryError) or re.search(r"bad_alloc|out of memory|allocate", str(error), re.IGNORECASE):
        return "out of memory.", "Give a smaller batch, narrower networks or fewer samples."
    return (
        f"{type(error).__name__}: {first_line(error)}\n"
        "This error is unexpected: a fault of mxgan, or of MXNet below it. --debug shows where it happened."
    ), ""


def laid_out(fact: str, remedy: str) -> str:
    """A message for standard error.

    It is one line if it fits into one line of the terminal, or of LONGEST_LINE characters in a file. Otherwise fact and
    remedy are apart, and on a terminal they are wrapped. Facts of several lines stay as they are.
    """
    whole = f"{fact} {remedy}".strip()
    on_terminal = shows_bars(sys.stderr)
    width = max(_columns(), NARROWEST) if on_terminal else LONGEST_LINE
    if len(whole) <= width or "\n" in whole:
        return whole
    return "\n\n".join(_wrapped(part, width) if on_terminal else part for part in (fact, remedy) if part)


def _wrapped(text: str, width: int) -> str:
    """Lines of at most `width` characters; what is to be copied is never broken."""
    glued = _WHOLE.sub(lambda found: found[0].replace(" ", "\0"), text)
    return textwrap.fill(glued, width, break_long_words=False, break_on_hyphens=False).replace("\0", " ")


def _columns() -> int:
    try:
        found = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        found = 0
    return found or 80  # a terminal without a size says 0
