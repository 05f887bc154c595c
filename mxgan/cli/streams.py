"""Standard output and standard error of the commands: any text, in any encoding, also on a full disk or closed.

Every command is a `Command` or the `Group`, whose `main` prepares the streams and leaves the process.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, Optional, TextIO

import click

from mxgan.errors import MXGANError, OutputError, first_line
from mxgan.runtime.mpi import leave_to_first
from mxgan.runtime.streams import open_standard_files

__all__ = ["Command", "Group", "drop_unread", "leave", "nowhere", "prepare_streams", "printable", "say", "warn"]

_ANY_TEXT = "mxgan.any_text"  # the name of a handler of errors, as "backslashreplace" is one
# What moves a terminal's cursor, colours it, ends a line, or turns the direction of the text around.
_CODES = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class _Prepared(click.Command):
    """A command of click whose streams take any text, and whose exit code is its own."""

    def main(self, *args: Any, **settings: Any) -> Any:
        prepare_streams()
        try:
            return super().main(*args, **settings)
        except SystemExit as ending:
            return leave(ending.code)
        except OSError as error:  # of a text that click itself prints, such as --help
            if isinstance(error, MXGANError) or error.filename is not None:
                raise  # an error of the command, with --debug
            warn(f"Error: {_unwritable(error)}")
            return leave(1)

    def make_context(self, *args: Any, parent: Optional[click.Context] = None, **settings: Any) -> click.Context:
        with _told_by_first(parent):
            return super().make_context(*args, parent=parent, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        with _told_by_first(ctx.parent):
            return super().invoke(ctx)


@contextmanager
def _told_by_first(parent: Optional[click.Context]) -> Iterator[None]:
    """A usage error in the block, which all ranks of a job have, is told by the first one; see `leave_to_first`."""
    try:
        yield
    except click.ClickException as error:
        if parent is None:  # else a block of the group is around this one
            leave_to_first(error.exit_code)
        raise


class Command(_Prepared):
    """A program of one command."""


class Group(_Prepared, click.Group):
    """A program of several commands."""


def drop_unread() -> None:
    """Lead standard output and standard error nowhere if a write would now wait for their reader.

    For the end at once of a command whose reader has stopped, as `less` does: its last words would wait for ever.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):  # it is closed, or no file
            if not select.select([], [stream], [], 0)[1]:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def prepare_streams() -> None:
    """Make standard output and standard error take any text.

    A stream that is missing (`>&-`, pythonw, a service) leads nowhere. Characters that its encoding lacks are written
    as \\u03bb. Bytes of file names that Python could not decode are written as these bytes, so that a printed path can
    be copied.
    """
    open_standard_files()
    codecs.register_error(_ANY_TEXT, _written)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, nowhere())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ANY_TEXT)


def _written(error: UnicodeError) -> tuple:
    """What stands in a stream for characters that its encoding lacks; a handler of errors for `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    parts = (
        bytes([ord(letter) - 0xDC00]) if "\udc80" <= letter <= "\udcff" else letter.encode("ascii", "backslashreplace")
        for letter in error.object[error.start : error.end]
    )
    return b"".join(parts), error.end


def nowhere() -> TextIO:
    """A stream that takes any text and leads nowhere."""
    return open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")


def say(text: str) -> None:
    """Print a text on standard output at once.

    Raises OutputError if it cannot be written, BrokenPipeError if its reader has gone, as with `| head`.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # ValueError: it was closed
        raise OutputError(_unwritable(error)) from error


def warn(text: str) -> None:
    """Print a text on standard error, without codes; does nothing if that was closed with its terminal."""
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: a signal interrupted another print
        print(printable(text, but="\n\t"), file=sys.stderr, flush=True)


def printable(text: str, but: str = "") -> str:
    """The text with � in place of codes for a terminal, which the files and names of a stranger may hold.

    Characters in `but` stay. So do halves of characters, since the streams write the bytes that they stand for.
    """
    return _CODES.sub(lambda found: found[0] if found[0] in but else "�", text)


def leave(code: Any) -> NoReturn:
    """Exit with this code; 1 instead of 0 if standard output does not take what it still holds.

    Without this, Python ends with 120 and a traceback.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            if stream is sys.stdout and not code:
                code = 1
                warn(f"Error: {_unwritable(error)}")
            with suppress(OSError, ValueError):  # ValueError: no file, or closed
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _unwritable(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or first_line(error)
    return f"standard output cannot be written ({reason})."
