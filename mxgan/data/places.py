"""Places with files: a folder, or a zip archive (`archives.py`); both have the same attributes and methods."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Union

from mxgan.data.archives import Archive, is_archive, unreadable_archive
from mxgan.errors import DatasetError, DatasetNotFoundError

__all__ = [
    "Folder",
    "Place",
    "list_files",
    "opened_place",
    "read_plain",
    "remedy_without_images",
]

logger = logging.getLogger(__name__)


class Folder:
    """The files in a folder and its subfolders; `archives.Archive` has the same for an archive.

    Attributes
    ----------
    path, top : the folder.
    files : see `list_files`.
    """

    def __init__(self, path: Path, leave_out: Collection[Path] = ()) -> None:
        self.path = self.top = path
        self.files = list_files(path, leave_out)

    def state(self, file: Path) -> tuple:
        """What tells that a file has changed, for the key of a cache."""
        try:
            status = os.stat(file)
        except OSError as error:
            return (error.errno,)
        return status.st_size, status.st_mtime_ns, status.st_mode

    def source(self, file: Path, most: int) -> Path:
        """What `read_header` reads: the file, of any size; DatasetError with the reason if it is no file."""
        if not file.is_file():
            raise DatasetError("not a regular file")
        return file

    def read(self, file: Path, most: int) -> bytes:
        """See `read_plain`."""
        return read_plain(file, most)

    def close(self) -> None:
        """Nothing is open."""


def read_plain(file: Path, most: int) -> bytes:
    """The bytes of a file, at most `most`; DatasetError with the reason, or OSError, if it cannot be read."""
    if not file.is_file():
        raise DatasetError("not a regular file")
    with file.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise DatasetError(f"larger than {most / 1e6:.0f} MB")
    return content


Place = Union[Folder, Archive]


@contextmanager
def opened_place(path: Path, leave_out: Collection[Path] = ()) -> Iterator[Place]:
    """A folder, without the files of `leave_out`, or a zip archive; closed at the end of the block.

    Raises
    ------
    DatasetNotFoundError : it is neither, or cannot be opened.
    CorruptFileError : the archive is broken.
    """
    with closing(Archive(path) if is_archive(path) else Folder(path, leave_out)) as place:
        yield place


def list_files(folder: Path, leave_out: Collection[Path] = ()) -> list:
    """Every file under `folder`, sorted by the parts of its path; hidden files and folders are left out.

    Links are followed, but each folder is entered once, by its shortest path, so a cycle of links ends.

    Raises
    ------
    DatasetNotFoundError : `folder` is not a folder.
    """
    if not folder.is_dir():
        remedy = unreadable_archive(folder) or "Give one with images in it (--data-dir), or a zip archive of them."
        fault = "is not a folder" if folder.exists() else "does not exist"
        raise DatasetNotFoundError(f"{folder} {fault}. {remedy}")
    root = folder.resolve()
    entered, files, level = {root, *root.parents}, [], [folder]  # a link upwards would bring in the whole disk
    while level:
        below = []
        for place in level:
            here = _entries(place)
            below += [entry for entry in here if _is_folder(entry)]
            files += [Path(entry.path) for entry in here if not _is_folder(entry)]
        level = []
        for entry in sorted(below, key=lambda entry: (entry.is_symlink(), entry.path)):
            real = Path(entry.path).resolve()
            if real in entered:
                logger.info("%s leads to a folder that is listed already: it is not entered again", entry.path)
                continue
            entered.add(real)
            level.append(Path(entry.path))
    return sorted(path for path in files if not leave_out or Path(os.path.realpath(path)) not in leave_out)


def _entries(place: Path) -> list:
    try:
        with os.scandir(place) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        logger.warning("%s cannot be read (%s): its files are left out", place, error.strerror)
        return []


def _is_folder(entry: os.DirEntry) -> bool:
    # entry.is_dir() costs nothing if the entry is not a link, but raises for a link to itself.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def remedy_without_images(files: list) -> str:
    """What to do if none of these files is an image: a sentence."""
    for path in files:
        if is_archive(path):
            return f"Give the archive in it, {path}, by itself."
        if unreadable_archive(path):
            return f"It holds {path.name}. {unreadable_archive(path)}"
    return "Give a folder or a zip archive with images in it."
