"""What must be loaded before OpenCV opens a window on X11, so that the window is drawn."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from typing import Optional

__all__ = ["lost_x_events"]


@functools.cache
def lost_x_events() -> Optional[tuple[str, str]]:
    """Keep OpenCV's windows from losing X events; where that cannot be had, return what is wrong and the remedy.

    Qt tells Xlib not to take events off their common connection, by a write of libX11-xcb into a structure that
    is private to libX11: at byte 0x40 in the copy inside OpenCV's wheel, at 0x48 in libX11 1.8's own. With the
    wheel's, Xlib goes on taking events, a window's first "mapped" or "exposed" among them, and that window stays
    black for good, at random and the oftener the busier the machine. The system's own, loaded first, is used in
    its place.
    """
    if sys.platform in ("darwin", "win32") or os.environ.get("QT_QPA_PLATFORM", "xcb") != "xcb":
        return None
    try:
        ctypes.CDLL("libX11-xcb.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        problem = "libX11-xcb.so.1 is missing, without which a window may stay black on a busy machine"
        return problem, "On Debian or Ubuntu: apt-get install libx11-xcb1."
    return None
