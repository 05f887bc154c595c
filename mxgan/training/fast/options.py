"""The decorators by which Numba compiles the functions of the fast operators, and the folder of their compiled code."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Callable

import numba

from mxgan.runtime.cache import cache_folder

__all__ = ["compiled", "keeps_code", "summed"]

logger = logging.getLogger(__name__)

KEPT_DAYS = 30
_OPTIONS = {"nogil": True, "boundscheck": False, "error_model": "numpy"}


def compiled(function: Callable):
    """A decorator: compiled at the first call, without the interpreter's lock; a product and a sum may be one."""
    return _compiled(function, {"contract"})


def summed(function: Callable):
    """A decorator: as `compiled`, and a sum may be one of several parts, in a fixed order."""
    return _compiled(function, {"contract", "reassoc", "nsz"})


def _compiled(function: Callable, liberties: set):
    with _in_our_folder():
        return numba.njit(cache=keeps_code(), fastmath=liberties, **_OPTIONS)(function)


@cache
def keeps_code() -> bool:
    """Whether Numba has a folder for compiled code."""
    with _in_our_folder():
        try:
            numba.njit(cache=True)(_nothing)
        except RuntimeError as error:
            logger.warning(
                "Numba cannot keep compiled code (%s), so that it compiles anew for each training. Set XDG_CACHE_HOME "
                "to a folder that can be written to.",
                error,
            )
            return False
    return True


def _nothing() -> None:
    """A function to try the folder with."""


@contextlib.contextmanager
def _in_our_folder() -> Iterator[None]:
    """Functions that are decorated in this context keep their code in mxgan's cache; those of others do not."""
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(_folder())
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


@cache
def _folder() -> Path:
    """A folder for these sources alone: Numba itself compares only the file of each function."""
    sources = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))
    folder = cache_folder("compiled", sources.hexdigest()[:16])
    _delete_unused(folder)
    return folder


def _delete_unused(used: Path) -> None:
    """Delete the code of other versions of the sources that no process has asked for in KEPT_DAYS."""
    with contextlib.suppress(OSError):  # a folder that is another user's, or not there yet; the code is made anew
        os.utime(used)
        for other in used.parent.iterdir():
            if other.is_dir() and time.time() - other.stat().st_mtime > 86_400 * KEPT_DAYS:
                shutil.rmtree(other, ignore_errors=True)
