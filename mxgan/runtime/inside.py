"""Reading inside a folder that may be a stranger's: no link is followed, sizes are bounded, pipes do not hang."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Optional

from mxgan.errors import CorruptFileError

__all__ = ["Entry", "entries_inside", "json_inside", "open_inside", "refuse_links", "tree_inside"]

MOST_ENTRIES = 100_000  # of one folder, and of one run: a listing must end
DEEPEST = 64  # levels of a file of JSON
DEEPEST_FOLDER = 32  # levels of folders in a run; the way to each is opened anew, so time grows with their square
_LONGEST_NUMBER = 300  # digits of a whole number; Python takes quadratic time for more


class Entry(NamedTuple):
    """A plain file or a folder inside a folder; links and devices are neither."""

    name: str
    is_folder: bool
    size: int
    changed: float


@contextmanager
def _descriptor(folder: Path, names: tuple) -> Iterator[int]:
    """A descriptor of the folder NAMES below `folder`; OSError for a link on the way. `folder` itself may be a link."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            inner = os.open(_part(name), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _part(name: str) -> str:
    """The name of one file or folder; OSError for a path, which could lead out of the folder."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise OSError(errno.EINVAL, "it is not the name of one file", name)
    return name


def open_inside(folder: Path, *names: str) -> BinaryIO:
    """Open the file NAMES below `folder` for reading.

    Raises OSError (FileNotFoundError if it is missing) for a link, a folder, a pipe and a device.
    """
    with _descriptor(folder, names[:-1]) as parent:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(_part(names[-1]), flags, dir_fd=parent)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, "it is a link, which may lead out of the run", names[-1]) from error
            raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a plain file", names[-1])
    return os.fdopen(handle, "rb")


def json_inside(folder: Path, *names: str, most: int = 1 << 24) -> Any:
    """The JSON value in the file NAMES below `folder`; NaN and infinities are None.

    Raises CorruptFileError for any other content, more than DEEPEST levels, a file above `most` bytes, a link, and if
    the file is missing.
    """
    path = folder.joinpath(*names)
    try:
        with open_inside(folder, *names) as stream:
            content = stream.read(most + 1)
        if len(content) > most:
            raise CorruptFileError(path, f"is larger than {most >> 20} MB")
        value = DECODER.decode(content.decode())
        if _is_deep(value):
            raise CorruptFileError(path, f"is nested in more than {DEEPEST} levels")
        return value
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CorruptFileError(path, f"cannot be read as JSON: {reason}") from error


def _is_deep(value: Any) -> bool:
    """Whether a value has more than DEEPEST levels: whoever walks it would run out of stack."""
    level = [value]
    for _ in range(DEEPEST):
        groups = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, (dict, list)))
        level = [each for group in groups for each in group]
    return any(isinstance(each, (dict, list)) for each in level)


def _whole_number(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


DECODER = json.JSONDecoder(parse_constant=lambda name: None, parse_int=_whole_number)


def entries_inside(folder: Path, *names: str) -> list:
    """The files and folders in the folder NAMES below `folder`, at most MOST_ENTRIES; [] if it is missing or a link."""
    try:
        with _descriptor(folder, names) as handle, os.scandir(handle) as found:
            return [entry for each, _ in zip(found, range(MOST_ENTRIES)) for entry in [_entry(each)] if entry]
    except OSError:
        return []


def _entry(found: os.DirEntry) -> Optional[Entry]:
    """The entry; None for a link, a pipe, a device, and for what has vanished since the folder was listed."""
    try:
        is_folder = found.is_dir(follow_symlinks=False)
        told = found.stat(follow_symlinks=False) if is_folder or found.is_file(follow_symlinks=False) else None
    except OSError:
        return None
    return told and Entry(found.name, is_folder, told.st_size, told.st_mtime)


def refuse_links(folder: Path, *names: str) -> None:
    """For code that opens files by their paths: refuse what could lead it out of `folder`, or hold it up.

    Raises CorruptFileError if a part of the path NAMES below `folder` is a link, a pipe or a device, or an entry of the
    folder there; and if that cannot be told.
    """
    path = folder
    try:
        for name in names:
            path = path / _part(name)
            if path.is_symlink() or (path.exists() and not (path.is_file() or path.is_dir())):
                raise CorruptFileError(path, _NOT_PLAIN)
        if path.is_dir():
            with os.scandir(path) as found:
                for each in found:
                    if not (each.is_file(follow_symlinks=False) or each.is_dir(follow_symlinks=False)):
                        raise CorruptFileError(each.path, _NOT_PLAIN)
    except OSError as error:
        raise CorruptFileError(path, f"cannot be read: {error.strerror}") from error


_NOT_PLAIN = "is a link or a device, which may lead out of the run; put the file itself there"


def tree_inside(folder: Path) -> dict:
    """{names of a folder below `folder`: its entries, see `entries_inside`}, with () for `folder` itself.

    It ends at MOST_ENTRIES entries in all, and does not go below DEEPEST_FOLDER levels.
    """
    found, seen, waiting = {}, 0, [()]
    while waiting and seen < MOST_ENTRIES:
        names = waiting.pop()
        found[names] = entries_inside(folder, *names)
        seen += len(found[names])
        if len(names) < DEEPEST_FOLDER:
            waiting += [(*names, entry.name) for entry in found[names] if entry.is_folder]
    return found
