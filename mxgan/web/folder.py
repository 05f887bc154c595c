"""The folder that is served: its runs by id, and their pictures, opened without following a link."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from mxgan.errors import MXGANError
from mxgan.runs.overview import find_runs
from mxgan.runtime.inside import open_inside

__all__ = ["NotServedError", "ServedFolder", "address_of", "root_of"]

MOST_RUNS = 2000
LOOK_EVERY = 0.2  # seconds for which the list of runs is taken as it is, at least; SHARE times what a look takes
SHARE = 50
LARGEST_PICTURE = 64 << 20  # bytes
_PICTURE = re.compile(r"[^/\\\x00-\x1f]{1,200}\.png")


class NotServedError(MXGANError):
    """A run or a file that is not there, or that is not served; the text says which, in words."""


def address_of(run_id: str) -> str:
    """An id as a part of an address."""
    return quote(os.fsencode(run_id), safe="")


def root_of(scope: Mapping) -> str:
    """The way from the address of a request (ASGI) to the pages' root: "../" for each part of it.

    An address need not be encoded as `address_of` does it: the id "group/a" makes two parts or one.
    """
    return "../" * (scope["raw_path"].partition(b"?")[0].count(b"/") - 1)


class ServedFolder:
    """The folder of `mxgan serve`, which may be a link; nothing below it may. Runs come and go while it is served."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()
        self._lock, self._runs, self._problems, self._next_look = threading.Lock(), {}, [], 0.0

    def look(self) -> tuple:
        """({id: path}, problems in words) of the runs; see `mxgan.runs.overview.find_runs`.

        An id is the path below the folder; that of a folder that is a run itself is its name.
        """
        with self._lock:
            began = time.monotonic()
            if began > self._next_look:
                found = find_runs(self.path)
                self._problems = _problems(self.path, len(found))
                self._runs = {self._id(each): each for each in found[:MOST_RUNS]}
                self._next_look = time.monotonic() + max(LOOK_EVERY, SHARE * (time.monotonic() - began))
            return self._runs, self._problems

    def _id(self, path: Path) -> str:
        below = path.relative_to(self.path)
        return "/".join(below.parts) or self.path.name or "run"

    def run(self, run_id: str) -> Path:
        """The path of a run; NotServedError unless `look` finds it and it is still there. It may vanish at any time."""
        found = self._runs.get(run_id) or self.look()[0].get(run_id)
        if found is None or not os.path.isdir(found):
            raise NotServedError("There is no such run. It may have been deleted or renamed.")
        return found

    def picture(self, run_id: str, name: str) -> BinaryIO:
        """A picture of the run's samples/, open for reading; NotServedError for all that is not a plain file in it."""
        run = self.run(run_id)
        if not _PICTURE.fullmatch(name):
            raise NotServedError("There is no such picture.")
        try:
            stream = open_inside(self.path, *run.relative_to(self.path).parts, "samples", name)
        except (OSError, ValueError) as error:
            raise NotServedError("There is no such picture.") from error
        if os.fstat(stream.fileno()).st_size > LARGEST_PICTURE:
            stream.close()
            raise NotServedError(f"The picture is larger than {LARGEST_PICTURE >> 20} MB.")
        return stream


def _problems(folder: Path, found: int) -> list:
    """What the list of runs says of the folder."""
    problems = [f"Only {MOST_RUNS:,} of {found:,} runs are shown."] if found > MOST_RUNS else []
    try:
        with os.scandir(folder) as entries:
            links = sorted(entry.name for entry in entries if entry.is_symlink())
    except OSError as error:
        return [f"{folder} cannot be read: {error.strerror}."]
    if links:
        problems.append(f"Links are not followed: {', '.join(links[:6])}{', …' if len(links) > 6 else ''}.")
    return problems
