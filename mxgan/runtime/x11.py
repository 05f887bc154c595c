"""X11 for OpenCV's windows: the library that must be loaded first, and an error where there is no display."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from types import ModuleType
from typing import Any, Callable, Optional

from mxgan.errors import DisplayError

__all__ = ["display_problem", "guard_windows", "lost_x_events"]

_OPENING = ("imshow", "namedWindow", "selectROI", "selectROIs")  # functions of OpenCV that open a window


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


def guard_windows(cv2: ModuleType) -> None:
    """Make OpenCV's functions that open a window raise DisplayError where there is no display.

    OpenCV's Qt would end the process by a signal.
    """
    if sys.platform in ("darwin", "win32"):
        return
    for name in _OPENING:
        if hasattr(cv2, name):
            setattr(cv2, name, _guarded(name, getattr(cv2, name)))


def _guarded(name: str, function: Callable) -> Callable:
    @functools.wraps(function)
    def guarded(*arguments: Any, **named: Any) -> Any:
        problem = display_problem()
        if problem:
            raise DisplayError(
                f"cv2.{name}: no window can be opened ({problem}). Write files by cv2.imwrite; an old program runs by "
                "`mxgan run`, which turns windows into files."
            )
        return function(*arguments, **named)

    return guarded


def display_problem() -> str:
    """The reason why no window can be opened; empty if one can."""
    display = os.environ.get("DISPLAY")
    if display:
        return _problem_of(display)
    return "" if os.environ.get("WAYLAND_DISPLAY") else "DISPLAY is not set"


@functools.cache
def _problem_of(display: str) -> str:
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # OpenCV's own copy of the library will try
        return ""
    x11.XOpenDisplay.restype = ctypes.c_void_p
    # The connection stays open: a virtual server starts anew when its last program closes, and refuses the next one
    # that comes at this moment, which would be OpenCV's window.
    return "" if x11.XOpenDisplay(os.fsencode(display)) else f"the display {display} does not answer"
