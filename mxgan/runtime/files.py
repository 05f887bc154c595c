"""Files that are there whole or not at all, and folders that one process uses at a time."""

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
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Optional, Union

from mxgan.errors import CheckpointError, CorruptFileError, OutputError, RunFolderError

__all__ = [
    "FolderLock",
    "LineFile",
    "clear_leftovers",
    "new_folder",
    "one_at_a_time",
    "open_plain",
    "read_json",
    "remove_folder",
    "sync",
    "write_whole",
]

logger = logging.getLogger(__name__)


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
            sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}. Check that its folder exists, that you may write there, and "
            "that the disk has room."
        ) from error


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` to write into, which gets that name once the block has ended well; else nothing is left.

    OSError where it cannot be made, or where something is under that name already. Files in it are to be synced.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.writing")
    try:
        beside.mkdir(parents=True)
        yield beside
        os.rename(beside, target)
        sync(target.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_plain(path: Path) -> BinaryIO:
    """A file opened for reading; CheckpointError for what is not there and for what would hang or have no end."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            raise CheckpointError(f"{path} is {kind}, not a file. Give the path of a file.")
        # Not blocking, should a pipe have taken the file's place by now.
        return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}. Give the path of a file.") from error
    except ValueError as error:  # each Python words it otherwise
        raise CheckpointError(f"{str(path)!r} holds a zero byte, as no path of a file does. Give another.") from error


def read_json(path: Path, most: int = 1 << 24, remedy: str = "") -> Any:
    """The JSON value in a plain file of at most `most` bytes.

    Raises CorruptFileError, with the remedy, for anything else; also where there is no such file.
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
    """Delete a folder so that it is whole or gone under its name, however the process ends; of a link, the link alone.

    Raises OutputError where it cannot be deleted.
    """
    doomed = path.with_name(f".{path.name}.{secrets.token_hex(4)}.deleting")
    try:
        os.replace(path, doomed)
        sync(path.parent)
        _delete(doomed)
    except OSError as error:
        raise OutputError(f"{path} cannot be deleted: {error.strerror}. Allow writing in its folder.") from error


def clear_leftovers(folder: Path) -> None:
    """Delete what a process that was killed left of its `.writing` and `.deleting` entries in a folder."""
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


class LineFile:
    """A text file that grows by lines, and can be cut back to where it was.

    Attributes
    ----------
    path : the file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: Optional[int] = None

    @property
    def kept(self) -> int:
        """Bytes up to the end of the last line that is to stay when a resumed run cuts back."""
        if self._kept is None:
            self._kept = self._size()
        return self._kept

    def append(self, line: str, stays: bool = True) -> None:
        """Add one line; OutputError when it cannot be written, and then the file is as it was."""
        before, _ = self._size(), self.kept
        try:
            try:
                with open_own(self.path) as file:
                    file.write((line + "\n").encode())
            except OSError:
                if self._size() > before:
                    os.truncate(self.path, before)
                raise
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written: {error.strerror}. Free space or allow writing."
            ) from error
        if stays:
            self._kept = self._size()

    def cut(self, kept: int) -> int:
        """Drop everything after the first `kept` bytes; returns how many of those are missing, 0 as a rule."""
        missing = kept - self._size()
        try:
            if missing < 0:
                with open_own(self.path) as file:
                    file.truncate(kept)
            elif missing > 0 and self.path.exists():
                self._drop_half_a_line()
        except OSError as error:
            raise OutputError(f"{self.path} cannot be cut back: {error.strerror}. Allow writing it.") from error
        self._kept = kept if missing <= 0 else self._size()
        return max(0, missing)

    def settled(self) -> int:
        """`kept`, once what was appended is on the disk."""
        if self.path.exists():
            sync(self.path)
        return self.kept

    def _drop_half_a_line(self) -> None:
        with open_plain(self.path) as stream:
            whole = stream.read().rfind(b"\n") + 1
        with open_own(self.path) as file:
            file.truncate(whole)

    def _size(self) -> int:
        """0 where there is no file; OutputError for a link, which `open_own` refuses anyway."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return 0
        if stat.S_ISLNK(found.st_mode):
            raise OutputError(f"{self.path} is a link, and what a run writes stays in its folder. Remove it.")
        return found.st_size


def open_own(path: Path):
    """A file of a run opened to be appended to, made where it is not there.

    OSError where it is anything but a plain file: a link would lead out of the run's folder, a pipe would hang.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags, 0o644)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a plain file", str(path))
    return os.fdopen(handle, "ab")


class FolderLock:
    """Holds a folder for this process until `release`, or until the process ends, however it does.

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
        """Let others have the folder."""
        self._file.close()


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process is in here with this folder; where the file system has no locks, the log says so."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("another process is writing into %s; waiting for it", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:  # some network file systems have none
            logger.info("%s cannot be locked (%s)", folder, error)
        yield
    finally:
        os.close(handle)
