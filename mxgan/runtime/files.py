"""Files written whole or not at all, safe reading and deleting, and folder locks."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Union

from mxgan.errors import CheckpointError, CorruptFileError, OutputError, RunFolderError
from mxgan.runtime.paths import checked_path, fault_of_path

__all__ = [
    "FolderLock",
    "clear_leftovers",
    "is_current",
    "new_folder",
    "one_at_a_time",
    "open_own",
    "open_plain",
    "read_json",
    "remove_folder",
    "sync",
    "write_whole",
]

logger = logging.getLogger(__name__)


def write_whole(path: Union[str, Path], content: Union[str, bytes]) -> None:
    """Write a file whole or not at all: under a temporary name first, renamed when it is on the disk.

    Raises
    ------
    OutputError : the file cannot be written; an old file is unchanged, and no temporary file is left.
    ArgumentError : the path can name no file.
    """
    path = checked_path("the path", path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.writing")
    try:
        try:
            beside.write_bytes(content.encode() if isinstance(content, str) else content)
            sync(beside)
            os.replace(beside, path)
            sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}. Check that its folder exists, that you may write there, and "
            "that the disk has room."
        ) from error


@contextmanager
def new_folder(target: Path, replace: bool = False) -> Iterator[Path]:
    """Create a folder whole or not at all; the block writes into a temporary folder beside `target`.

    If the block ends without an error, the folder is renamed to `target`; otherwise it is deleted. The block must sync
    the files that it writes. With `replace`, a folder that is there is deleted after that; for a link, the folder that
    it leads to is replaced. Raises OSError if the folder cannot be created, or if `target` exists without `replace`.
    """
    target = target.resolve() if replace else target
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.writing")
    try:
        beside.mkdir(parents=True)
        yield beside
        with _set_aside(target) if replace and target.is_dir() else nullcontext():
            os.rename(beside, target)
        sync(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def is_current(folder: Path) -> bool:
    """Whether this process works in a folder, or below it.

    If `new_folder` replaced it, the process and its shell would stay in a folder that is deleted.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it is deleted already
        return False
    return folder.is_dir() and folder.resolve() in (here, *here.parents)


@contextmanager
def _set_aside(folder: Path) -> Iterator[None]:
    """Rename a folder during the block; delete it then, or give it its name again after an error."""
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.deleting")
    os.rename(folder, aside)
    try:
        yield
    except BaseException:
        os.rename(aside, folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading; CheckpointError if it is missing, a folder, a pipe or a device."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            raise CheckpointError(f"{path} is {kind}, not a file. Give the path of a file.")
        # Non-blocking, in case a pipe has replaced the file since the check.
        return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}. Give the path of a file.") from error
    except ValueError as error:
        raise CheckpointError(fault_of_path(path) or f"{path} cannot be read: {error}.") from error


def read_json(path: Path, most: int = 1 << 24, remedy: str = "") -> Any:
    """The JSON value in a plain file of at most `most` bytes.

    Raises CorruptFileError, with the remedy, for any other content and if the file is missing.
    """
    try:
        with open_plain(path) as stream:
            content = stream.read(most + 1)
        if len(content) > most:
            raise CorruptFileError(path, f"is larger than {most >> 20} MB", remedy=remedy)
        return json.loads(content.decode())
    except (OSError, CheckpointError) as error:
        raise CorruptFileError(path, f"cannot be read as JSON: {str(error).rstrip('.')}", remedy=remedy) from error
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(path, f"cannot be read as JSON ({error})", remedy=remedy) from error


def remove_folder(path: Path) -> None:
    """Delete a folder; under its name it is whole or gone, even if the process is killed. For a link, delete the link.

    Raises OutputError if it cannot be deleted.
    """
    doomed = path.with_name(f".{path.name}.{secrets.token_hex(4)}.deleting")
    try:
        os.replace(path, doomed)
        sync(path.parent)
        _delete(doomed)
    except OSError as error:
        raise OutputError(f"{path} cannot be deleted: {error.strerror}. Allow writing in its folder.") from error


def clear_leftovers(folder: Path) -> None:
    """Delete the hidden `.writing` and `.deleting` entries that a killed process left in a folder."""
    try:
        entries = list(folder.iterdir()) if folder.is_dir() else []
        for entry in entries:
            if entry.name.startswith(".") and entry.suffix in (".writing", ".deleting"):
                _delete(entry)
    except OSError as error:
        raise OutputError(f"{folder} cannot be tidied: {error.strerror}. Allow writing there.") from error


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def open_own(path: Path):
    """Open a file of a run for appending; create it if it is missing.

    Raises OSError if it is not a plain file: a link would lead out of the run's folder, a pipe would hang.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags, 0o644)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a plain file", str(path))
    return os.fdopen(handle, "ab")


class FolderLock:
    """A lock on a folder, held by this process until `release` or until the process ends in any way.

    Raises
    ------
    RunFolderError : another process holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._file = open_own(folder / ".lock")
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
        """Release the lock."""
        self._file.close()


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder during the block; wait while another process holds it.

    If the folder cannot be locked, the log says so and the block runs without a lock.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("another process is writing into %s; waiting for it", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:  # some network file systems have no locks
            logger.info("%s cannot be locked (%s)", folder, error)
        yield
    finally:
        os.close(handle)
