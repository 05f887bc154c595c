"""The image files in a folder: their paths, their classes, and the reasons why some cannot be read."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple, Optional

from mxgan.data.decoding import ImageHeader, read_header
from mxgan.errors import DatasetError, DatasetNotFoundError

__all__ = ["ImageFile", "class_names", "class_of", "list_files", "read_image_file", "reasons_text"]

logger = logging.getLogger(__name__)

# An unreadable file with one of these suffixes is broken; with another suffix it is ignored (notes, labels, an index).
_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "bmp", "dib", "gif", "webp", "tif", "tiff"),
        *("ppm", "pgm", "pbm", "pnm", "jp2", "j2k", "jxl", "avif", "heic", "heif", "tga", "psd", "exr", "hdr"),
    )
)


class ImageFile(NamedTuple):
    """A file that was opened: its bytes and header, or the reason why it cannot be read."""

    path: Path
    content: Optional[bytes]
    header: Optional[ImageHeader]
    reason: Optional[str]

    @property
    def is_broken(self) -> bool:
        """Whether the file cannot be read, although its suffix says that it is an image."""
        return self.reason is not None and self.path.suffix.lower() in _SUFFIXES


def list_files(folder: Path, leave_out: Collection[Path] = ()) -> list:
    """Every file under `folder`, sorted by the parts of its path; hidden files and folders are left out.

    Links are followed, but each folder is entered once, by its shortest path, so a cycle of links ends.

    Raises
    ------
    DatasetNotFoundError : `folder` is not a folder.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(f"{folder} is not a folder; give one with images in it.")
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


def class_of(path: Path, folder: Path) -> str:
    """The first subfolder on the path of a file; "" for a file in `folder` itself."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else ""


def class_names(paths: list, folder: Path) -> list:
    """The sorted names of the subfolders that hold an image; "" comes first if `folder` itself holds an image."""
    found: set = set()
    for path in paths:
        name = class_of(path, folder)
        if name not in found and _has_header(path):
            found.add(name)
    return sorted(found)


def _has_header(path: Path) -> bool:
    try:
        return path.is_file() and read_header(path) is not None
    except (DatasetError, OSError):
        return False


def read_image_file(path: Path) -> ImageFile:
    """Read the bytes of a file if it has an image header, else the reason. Call it from one thread only."""
    try:
        if not path.is_file():
            return ImageFile(path, None, None, "not a regular file")
        header = read_header(path)
        return ImageFile(path, path.read_bytes(), header, None)
    except DatasetError as error:
        return ImageFile(path, None, None, str(error))
    except OSError as error:
        return ImageFile(path, None, None, error.strerror or str(error))


def reasons_text(skipped: list, most: int = 5) -> str:
    """The first `most` (path, reason) pairs, one line each, for the end of a message."""
    lines = [f"\n  {path}: {reason}" for path, reason in skipped[:most]]
    return "".join(lines) + (f"\n  … and {len(skipped) - most} more" if len(skipped) > most else "")
