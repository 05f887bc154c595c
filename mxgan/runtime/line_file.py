"""Files of a run that grow at their end: histories, line by line; event files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Optional

from mxgan.errors import OutputError
from mxgan.runtime.files import open_own, open_plain, sync

__all__ = ["GrowingFile", "LineFile"]


class GrowingFile:
    """A file to which bytes are appended, all of them or none.

    Attributes
    ----------
    path : the file; it may be missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def extend(self, content: bytes) -> None:
        """Append `content`; OutputError if it cannot be written, and then the file is unchanged."""
        before = self._size()
        try:
            try:
                with open_own(self.path) as file:
                    file.write(content)
            except OSError:
                if self._size() > before:
                    os.truncate(self.path, before)
                raise
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written: {error.strerror}. Free space or allow writing."
            ) from error

    def sync(self) -> None:
        """Wait until what was appended is on the disk."""
        if self.path.exists():
            sync(self.path)

    def _size(self) -> int:
        """The size in bytes, 0 if the file is missing; OutputError for a link, which `open_own` refuses too."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return 0
        if stat.S_ISLNK(found.st_mode):
            raise OutputError(f"{self.path} is a link, but a run writes only inside its folder. Remove the link.")
        return found.st_size


class LineFile(GrowingFile):
    """A text file to which lines are appended, and which can be cut back to an earlier length."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._kept: Optional[int] = None

    @property
    def kept(self) -> int:
        """The number of bytes up to the end of the last line that a resumed run keeps."""
        if self._kept is None:
            self._kept = self._size()
        return self._kept

    def append(self, line: str, stays: bool = True) -> None:
        """Append one line; OutputError if it cannot be written, and then the file is unchanged."""
        _ = self.kept  # as it was before this line
        self.extend((line + "\n").encode())
        if stays:
            self._kept = self._size()

    def cut(self, kept: int) -> int:
        """Drop everything after the first `kept` bytes; return the number of missing bytes among them, normally 0."""
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
        """Wait until the appended lines are on the disk, then return `kept`."""
        self.sync()
        return self.kept

    def _drop_half_a_line(self) -> None:
        with open_plain(self.path) as stream:
            whole = stream.read().rfind(b"\n") + 1
        with open_own(self.path) as file:
            file.truncate(whole)
