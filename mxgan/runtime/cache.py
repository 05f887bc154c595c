"""The user's cache folder, and JSON files with a checksum."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, Callable

from mxgan.errors import MXGANError
from mxgan.runtime.files import write_whole

__all__ = ["cache_folder", "read_checked", "recall", "write_checked"]

logger = logging.getLogger(__name__)


def cache_folder(*parts: str) -> Path:
    """The path of mxgan's cache folder for this user, or a path below it; nothing is created.

    ``$XDG_CACHE_HOME/mxgan`` if that variable holds an absolute path, else the platform's cache folder:
    ``~/.cache/mxgan``, ``~/Library/Caches/mxgan`` (macOS), ``%LOCALAPPDATA%\\mxgan`` (Windows).
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(chosen):  # the XDG specification says to ignore a relative one
        base = Path(chosen)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path.home() / ".cache"
    return base.joinpath("mxgan", *parts)


def write_checked(path: Path, values: Any) -> None:
    """Write JSON values and their sha256 to a file, whole or not at all; create its folder.

    Raises
    ------
    OutputError : the file cannot be written.
    OSError : its folder cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values)
    write_whole(path, f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}")


def read_checked(path: Path) -> Any:
    """Read the values that `write_checked` wrote.

    Raises
    ------
    OSError : the file is missing or cannot be read.
    ValueError : it holds anything else.
    """
    text, _, check = path.read_text(encoding="utf-8").rpartition("\n")
    if hashlib.sha256(text.encode()).hexdigest() != check:
        raise ValueError("its checksum is wrong")
    return json.loads(text)


def recall(path: Path, load: Callable[[Path], Any], lost: str) -> Any:
    """Load what an earlier run has kept at `path`; None if it is missing, or damaged, which is logged.

    Parameters
    ----------
    load : called with the path. lost : what happens instead, for the log.
    """
    if not path.exists():
        return None
    try:
        return load(path)
    except (OSError, ValueError, TypeError, KeyError, MXGANError) as error:
        logger.warning("%s cannot be used (%s): %s", path, error, lost)
        return None
