"""The X11 library that must be loaded before OpenCV opens a window, so that the window is drawn."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from typing import Optional

__all__ = ["lost_x_events"]


@functools.cache
def lost_x_events() -> Optional[tuple[str, str]]:
    """Keep OpenCV's windows from losing X events; if that is impossible, return the problem and the remedy.

    Qt tells Xlib not to take events from their common connection. For this, libX11-xcb writes into a structure that
    is private to libX11: at byte 0x40 in the copy of libX11-xcb inside OpenCV's wheel, at byte 0x48 in the copy of
    libX11 1.8. With the wheel's copy, Xlib continues to take events, for example a window's first "mapped" or
    "exposed" event, and that window stays black. This happens at random, and more often on a busy machine. If the
    system's libX11-xcb is loaded first, it is used instead of the wheel's copy.
    """
    if sys.platform in ("darwin", "win32") or os.environ.get("QT_QPA_PLATFORM", "xcb") != "xcb":
        return None
    try:
        ctypes.CDLL("libX11-xcb.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        problem = "libX11-xcb.so.1 is missing; without it, a window may stay black on a busy machine"
        return problem, "On Debian or Ubuntu: apt-get install libx11-xcb1."
    return None
