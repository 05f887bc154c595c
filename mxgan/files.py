"""Files that are there whole or not at all, and folders that one process uses at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Union

from mxgan.errors import OutputError, RunFolderError

__all__ = ["FolderLock", "sync", "write_whole"]


def write_whole(path: Union[str, Path], content: Union[str, bytes]) -> None:
    """Write a file beside its place, and rename it there once it is on the disk.

    Raises
    ------
    OutputError : the file cannot be written; what was there before is untouched, and nothing is left beside it.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.writing")
    try:
        try:
            beside.write_bytes(content.encode() if isinstance(content, str) else content)
            sync(beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}. Check that its folder exists, that you may write there, and "
            "that the disk has room."
        ) from error


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FolderLock:
    """Holds a folder for this process until `release`, or until the process ends, however it does.

    Raises
    ------
    RunFolderError : another process holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._file = (folder / ".lock").open("w")
        except OSError as error:
            raise RunFolderError(
                f"the run folder {folder} cannot be written: {error.strerror}. Allow writing there, or copy the run."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise RunFolderError(
                f"the run folder {folder} is in use by another process; wait for it to end, or stop it."
            ) from error

    def release(self) -> None:
        """Let others have the folder."""
        self._file.close()
