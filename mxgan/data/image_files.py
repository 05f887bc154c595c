"""The image files in a folder or archive: their content, their classes, and the reasons why some cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Optional

from mxgan.data.archives import has_image_suffix
from mxgan.data.decoding import MAX_BYTES, ImageHeader, read_header
from mxgan.data.places import Place
from mxgan.errors import DatasetError

__all__ = ["ClassFolders", "ImageFile", "class_names", "class_of", "read_image_file", "reasons_text", "size_of_job"]


class ImageFile(NamedTuple):
    """A file that was opened: its bytes and header, or the reason why it cannot be read."""

    path: Path
    content: Optional[bytes]
    header: Optional[ImageHeader]
    reason: Optional[str]

    @property
    def is_broken(self) -> bool:
        """Whether the file cannot be read, although its suffix says that it is an image."""
        return self.reason is not None and has_image_suffix(self.path)


def class_of(path: Path, folder: Path) -> str:
    """The first subfolder on the path of a file; "" for a file in `folder` itself."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else ""


def class_names(place: Place, paths: list) -> list:
    """The sorted names of the subfolders that hold an image; "" comes first if the top itself holds an image."""
    found: set = set()
    for path in paths:
        name = class_of(path, place.top)
        if name not in found and read_image_file(place, path).reason is None:
            found.add(name)
    return sorted(found)


class ClassFolders:
    """Classes by the first subfolder on the way to each file.

    Attributes
    ----------
    names : the sorted names of the subfolders that hold an image; "" for the top itself.
    """

    def __init__(self, place: Place, paths: list) -> None:
        self._top, self.names = place.top, class_names(place, paths)

    def number(self, path: Path) -> int:
        """The class of a file that holds an image."""
        return self.names.index(class_of(path, self._top))


def read_image_file(place: Place, path: Path) -> ImageFile:
    """Read the bytes of a file if it has an image header, else the reason. Call it from one thread only."""
    try:
        source = place.source(path, MAX_BYTES)
        header = read_header(source)
        return ImageFile(path, source if isinstance(source, bytes) else source.read_bytes(), header, None)
    except DatasetError as error:
        return ImageFile(path, None, None, str(error))
    except OSError as error:
        return ImageFile(path, None, None, error.strerror or str(error))


def size_of_job(job: tuple) -> int:
    """The bytes that a job for a thread holds: a tuple that begins with an `ImageFile`."""
    return len(job[0].content or b"")


def reasons_text(skipped: list, most: int = 5) -> str:
    """The first `most` (path, reason) pairs, one line each, for the end of a message."""
    lines = [f"\n  {path}: {reason}" for path, reason in skipped[:most]]
    return "".join(lines) + (f"\n  … and {len(skipped) - most} more" if len(skipped) > most else "")
