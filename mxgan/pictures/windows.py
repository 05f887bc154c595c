"""Live windows for pictures, in a child process whose failures do not stop the run.

The window library ends its process when it cannot reach the X server (abort) or loses it (exit), and a run must
survive both. So a child process owns the windows and gets the pictures through a pipe. The child also keeps the
windows alive between two pictures, and stops when the pipe closes, in whatever way the run ended.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mxgan.errors import DisplayError, lookup
from mxgan.pictures.grid import bgr, checked_grid
from mxgan.runtime import cv2
from mxgan.runtime.x11 import display_problem, lost_x_events

__all__ = ["DISPLAY_MODES", "Display"]

logger = logging.getLogger(__name__)

DISPLAY_MODES = ("auto", "window", "none")
OPEN_SECONDS = 20.0  # a remote X server may need seconds to answer; one that drops packets never answers
NO_PLUGIN = "Qt's X11 plugin lacks a system library; on Debian or Ubuntu: apt-get install libsm6 libice6"
SMALLEST_WINDOW = 384  # pixels; a smaller grid is magnified by a whole number

_PACKAGE = Path(__file__).resolve().parents[1]
_READY = b"mxgan windows ready\n"
_CHILD = "import sys; sys.path[:] = sys.argv[1:]; from mxgan.pictures import windows; windows._serve_windows()"


class Display:
    """Live windows for pictures, if a display is available.

    Parameters
    ----------
    mode : "auto" opens windows if standard output is a terminal and a display answers, else it writes one line to
        the log; "window" raises an error if no window can be opened; "none" never opens windows.
    saved_to : the folder of the saved pictures, named in that line.

    Raises
    ------
    DisplayError : `mode` is "window" and no window can be opened.

    A failure of the windows never stops the caller: `show` never waits for them, a window that the user closes stays
    closed, and if the display is lost, the log has one warning.

    >>> with Display("none") as display:
    ...     display.show("gout", np.zeros((64, 64, 3), np.uint8))
    """

    def __init__(self, mode: str = "auto", saved_to: Union[str, Path, None] = None) -> None:
        lookup("display mode", mode, DISPLAY_MODES)
        self._windows: Optional[_Windows] = None
        self._goes_to = f"pictures go to {saved_to}" if saved_to else "pictures go to files only"
        if mode == "none":
            return
        problem = None if mode == "window" or _on_terminal() else "standard output is not a terminal"
        if problem is None:
            try:
                self._windows = _Windows()
                self._finalizer = weakref.finalize(self, self._windows.stop)
            except _NoDisplay as error:
                problem = str(error)
        if self._windows and lost_x_events():
            logger.warning("%s. %s", *lost_x_events())
        if problem is not None and mode == "window":
            raise DisplayError(
                f"display mode 'window': no window can be opened ({problem}). Start mxgan from a desktop "
                "session or through `ssh -X`, or choose 'none': the pictures are saved as files either way."
            )
        if problem is not None:
            logger.info("No windows (%s); %s.", problem, self._goes_to)

    @property
    def is_open(self) -> bool:
        """Whether pictures given to `show` still go to windows."""
        return self._windows is not None

    def show(self, name: str, grid: np.ndarray) -> None:
        """Show a picture, (H, W, 3) uint8 RGB, in the window `name`; a newer picture replaces one not yet sent."""
        grid = checked_grid(grid)
        if self._windows is None:
            return
        if self._windows.process.poll() is None:
            self._windows.post(name, grid)
        else:
            logger.warning("The windows are gone (%s); %s.", self._windows.last_words(), self._goes_to)
            self.close()

    def close(self) -> None:
        """Close the windows; after this, `show` does nothing."""
        if self._windows is not None:
            self._windows = None
            self._finalizer()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *exception) -> None:
        self.close()


def _on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


class _NoDisplay(Exception):
    """No window can be opened; the text is the reason in a few words."""


class _Windows:
    """The parent's side: starts the child, waits until the child has a display, sends it the newest pictures."""

    def __init__(self) -> None:
        wants_x = sys.platform not in ("darwin", "win32")
        if wants_x and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise _NoDisplay("DISPLAY is not set")
        environment = dict(os.environ)
        if wants_x and os.environ.get("DISPLAY"):
            # The Qt of OpenCV's wheel has no Wayland plugin and would print long warnings; xcb works with XWayland.
            environment.setdefault("QT_QPA_PLATFORM", "xcb")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  a pipe that nobody reads would stop the child when full
        try:
            self.process = subprocess.Popen(
                # This package first: `mxgan run` may run a program with a package `mxgan` of its own.
                [sys.executable, "-c", _CHILD, str(_PACKAGE.parent), *sys.path],
                env=environment,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
            )
        except OSError as error:
            raise _NoDisplay(f"Python cannot be started a second time: {error.strerror}") from error
        self._mail: dict = {}  # window name -> newest picture not yet sent
        self._changed, self._stopping = threading.Condition(), False
        self._answered, self._opened = threading.Event(), False
        self._thread = threading.Thread(target=self._feed, name="mxgan windows", daemon=True)
        self._thread.start()
        in_time = self._answered.wait(OPEN_SECONDS)
        if not self._opened:
            problem = self.last_words() if in_time else f"the display did not answer in {OPEN_SECONDS:g} s"
            self.stop()
            raise _NoDisplay(NO_PLUGIN if "Could not load the Qt platform plugin" in problem else problem)

    def post(self, name: str, grid: np.ndarray) -> None:
        """Leave a picture for the child, without waiting; it replaces a picture not yet sent."""
        header = json.dumps([name, *grid.shape[:2]]).encode() + b"\n"
        with self._changed:
            self._mail[name] = header + grid.tobytes()
            self._changed.notify()

    def _feed(self) -> None:
        """The sending thread; it waits for the child, so that training does not wait."""
        self._opened = _READY in iter(self.process.stdout.readline, b"")
        self._answered.set()
        with contextlib.suppress(OSError):  # the child has ended; `show` notices it and logs it
            while self._opened:
                with self._changed:
                    self._changed.wait_for(lambda: self._mail or self._stopping)
                    if self._stopping:
                        return
                    left = memoryview(self._mail.pop(next(iter(self._mail))))
                while left:
                    left = left[self.process.stdin.write(left) :]

    def last_words(self) -> str:
        """The error output of the child: the first line, or the last line of a traceback."""
        self._end_process()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        if not lines:
            return f"the window process ended with status {self.process.returncode}"
        return lines[-1 if lines[0].startswith("Traceback") else 0].strip()

    def stop(self) -> None:
        """End the child, by force if it hangs, and leave no zombie process."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if not self._opened:
            self.process.kill()
        self._thread.join(1.0)
        if self._thread.is_alive():  # stuck in a write to a child that no longer reads
            self.process.kill()
            self._thread.join()
        self.process.stdin.close()
        self._end_process()
        self.process.stdout.close()
        self._said.close()

    def _end_process(self) -> None:
        try:
            self.process.wait(2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _serve_windows() -> None:
    """The child process: check that a display is available, then show the pictures from standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C stops the training, and then the pipe closes
    parent = os.getppid()
    if display_problem():
        sys.exit(display_problem())
    cv2.namedWindow("mxgan", cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
    cv2.destroyWindow("mxgan")  # visible for about 2 ms
    sys.stdout.buffer.write(_READY)
    sys.stdout.buffer.flush()
    pictures: queue.Queue = queue.Queue()
    threading.Thread(target=_receive, args=(pictures,), daemon=True).start()
    opened: dict = {}  # window name -> width
    # A fork of the parent can keep the pipe open after the parent has ended, so the parent's id is checked too.
    while os.getppid() == parent:
        try:
            picture = pictures.get(timeout=0.05)
        except queue.Empty:
            picture = ()
        if picture is None:
            return
        if picture:
            _draw(*picture, opened)
        cv2.waitKey(1)


def _receive(pictures: queue.Queue) -> None:
    with open(sys.stdin.fileno(), "rb", closefd=False) as pipe:
        for header in iter(pipe.readline, b""):
            name, height, width = json.loads(header)
            data = pipe.read(height * width * 3)
            if len(data) < height * width * 3:
                break
            pictures.put((name, np.frombuffer(data, np.uint8).reshape(height, width, 3)))
    pictures.put(None)


def _draw(name: str, grid: np.ndarray, opened: dict) -> None:
    scale = max(1, SMALLEST_WINDOW // max(grid.shape[:2]))
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    if name in opened and cv2.getWindowProperty(name, cv2.WND_PROP_VISIBLE) < 1:
        return  # the user closed it: do not open it again at the next step
    if name not in opened:
        cv2.namedWindow(name, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
    cv2.imshow(name, bgr(grid))
    if name not in opened:
        cv2.moveWindow(name, sum(opened.values()), 40)  # to the right of the earlier windows
        opened[name] = grid.shape[1] + 20
