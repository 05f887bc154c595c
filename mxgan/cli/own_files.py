"""Files that a command replaces without --overwrite, because it has written them itself."""

from __future__ import annotations

import os
from pathlib import Path

from mxgan.errors import ArgumentError, OutputError

__all__ = ["check_ours"]

BEGINNING = 1 << 16  # bytes of a file in which its mark stands


def check_ours(path: Path, mark: str, what: str) -> None:
    """Raise ArgumentError if something is there that mxgan has not written: another file, a folder, a link.

    Parameters
    ----------
    mark : a text that begins every file of this kind. what : the kind, for the message.

    Raises also OutputError if a file is there that cannot be read.
    """
    if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or not _holds(path, mark)):
        raise ArgumentError(f"{path} exists and is not {what}; nothing is changed. Move it away.")


def _holds(path: Path, mark: str) -> bool:
    try:
        with path.open("rb") as stream:
            return mark.encode() in stream.read(BEGINNING)
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror}. Allow reading it.") from error
