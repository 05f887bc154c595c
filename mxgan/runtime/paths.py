"""Paths as MXNet takes them: MXNet encodes every path in UTF-8, whatever the names on the disk are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, OutputError

__all__ = ["checked_path", "fault_of_path", "path_for_mxnet", "readable"]


def checked_path(what: str, path: Union[str, Path]) -> Path:
    """The path, if it can name a file on this system.

    Parameters
    ----------
    what : the argument's name, for the message.

    Raises
    ------
    ArgumentError : it holds a zero byte, or a character that Python's encoding of file names does not have.
    """
    fault = fault_of_path(path)
    if fault:
        raise ArgumentError(f"{what} {fault}")
    return Path(path)


def fault_of_path(path: Union[str, Path]) -> Optional[str]:
    """The reason why a path can name no file, with a remedy; None if it can."""
    try:
        zero = b"\0" in os.fsencode(path)
    except UnicodeEncodeError:
        return (
            f"{str(path)!a:.200} has a character that Python's encoding of file names ({sys.getfilesystemencoding()}) "
            "does not have. Set PYTHONUTF8=1, or a locale of UTF-8 such as LC_ALL=C.UTF-8."
        )
    return f"{str(path)!a:.200} holds a zero byte, which no path may contain. Give another." if zero else None


@contextmanager
def path_for_mxnet(path: Path) -> Iterator[str]:
    """A path by which MXNet opens this file; valid during the block.

    It is the path itself, unless a folder on it has bytes that are not UTF-8. Then it leads to the folder through its
    descriptor, in ASCII: /proc/self/fd/7/NAME. The file's own name must be ASCII; mxgan chooses the names of the files
    that MXNet opens.

    Raises
    ------
    OutputError : this system has no /proc. OSError : the folder cannot be opened.
    """
    if _in_utf_8(path):
        yield str(path)
        return
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        folder = Path(f"/proc/self/fd/{handle}")
        if not folder.is_dir():
            raise OutputError(
                f"{path.parent} has bytes that are not UTF-8, and MXNet cannot open such a path without /proc. Give a "
                "folder with another name."
            )
        yield str(folder / path.name)
    finally:
        os.close(handle)


def _in_utf_8(path: Path) -> bool:
    """Whether MXNet, which encodes the text in UTF-8, gets the bytes that the path has on the disk."""
    try:
        return str(path).encode() == os.fsencode(path)
    except UnicodeEncodeError:
        return False


def readable(name: str) -> str:
    """A file's name as a text that can be drawn and written anywhere: bytes that are not UTF-8 become "�"."""
    return os.fsencode(name).decode("utf-8", "replace")
