"""Where a user's machine keeps what can be fetched or worked out again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(*parts: str) -> Path:
    """The per-user cache folder of mxgan, or a folder in it; nothing is created.

    ``$XDG_CACHE_HOME/mxgan`` where that variable holds an absolute path, else what the platform keeps for it:
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
