"""Windows of OpenCV and Matplotlib as PNG files, where there is no display.

OpenCV's windows end the process where there is no display. Nothing is changed where there is one.
"""

from __future__ import annotations

import functools
import itertools
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Optional

import numpy as np

from mxgan.errors import DisplayError
from mxgan.legacy.changes import Changes
from mxgan.pictures.windows import Display
from mxgan.runtime.files import write_whole
from mxgan.runtime.x11 import display_problem

__all__ = ["Gallery", "mend_matplotlib", "mend_opencv", "mend_pyplot"]

NO_KEY = -1  # what cv2.waitKey gives if no key was pressed
# waitKey without a time waits for a key. A program may wait for a certain one, so these come in turn: Esc, q, Enter, …
KEYS = (27, ord("q"), 13, ord(" "), ord("n"), ord("y"))
# Functions of OpenCV that only move, make or close windows.
_IDLE = ("namedWindow", "moveWindow", "resizeWindow", "setWindowTitle", "destroyWindow", "destroyAllWindows",
         "startWindowThread", "setWindowProperty", "setMouseCallback", "createTrackbar", "setTrackbarPos",
         "displayOverlay", "displayStatusBar")  # fmt: skip
# Functions that ask for something of a window, and what they give if there is none.
_ASKING = {"getWindowProperty": -1.0, "getTrackbarPos": 0, "getWindowImageRect": (0, 0, 0, 0)}
_REMEDY = "write cv2.imwrite(…) or pyplot.savefig(…)"


class Gallery:
    """The folder of the pictures; it is made with the first picture.

    Parameters
    ----------
    folder : where the pictures go.
    changes : gets a line when the first picture is written.

    Attributes
    ----------
    folder : where the pictures go.
    count : the number of pictures.
    """

    def __init__(self, folder: Path, changes: Changes) -> None:
        self.folder, self._changes, self.count = folder, changes, 0
        self._numbers: dict = {}

    @functools.cached_property
    def is_needed(self) -> bool:
        """Whether there is no display; asked when the program first imports a package that opens windows."""
        try:
            with Display("window"):
                return bool(display_problem())  # it also keeps a connection, see there, for the program's own windows
        except DisplayError:
            return True

    def save(self, title: Any, write: Callable[[Path], object]) -> None:
        """Write the next picture of a window, TITLE-000001.png, by `write(path)`."""
        name = re.sub(r"[^\w.-]+", "_", str(title)).strip("._") or "window"
        self._numbers[name] = self._numbers.get(name, 0) + 1
        self.folder.mkdir(parents=True, exist_ok=True)
        self._changes.note("windows became PNG files, because there is no display", _REMEDY)
        write(self.folder / f"{name}-{self._numbers[name]:06d}.png")
        self.count += 1


def mend_opencv(gallery: Gallery) -> Callable[[ModuleType], None]:
    """Make `imshow` write files, and the functions around it do nothing."""

    def mend(cv2: ModuleType) -> None:
        if not gallery.is_needed:
            return

        def imshow(title: Any, picture: Any) -> None:
            encoded, data = cv2.imencode(".png", _as_shown(picture))
            if encoded:
                gallery.save(title, lambda path: write_whole(path, data.tobytes()))

        def idle(*_: Any, **__: Any) -> None:
            return None

        keys = itertools.cycle(KEYS)

        def wait_key(delay: int = 0) -> int:
            return NO_KEY if delay > 0 else next(keys)

        for name in _IDLE:
            setattr(cv2, name, idle)
        for name, value in _ASKING.items():
            setattr(cv2, name, functools.partial(_always, value))
        cv2.imshow, cv2.waitKey, cv2.waitKeyEx = imshow, wait_key, wait_key
        cv2.pollKey = functools.partial(_always, NO_KEY)

    return mend


def _always(value: Any, *_: Any, **__: Any) -> Any:
    return value


# Type of a picture → (factor, summand) with which imshow makes bytes of it.
_SCALES = {"f": (255, 0), "uint16": (1 / 256, 0), "int16": (1 / 256, 128), "int32": (1 / 256, 0), "int8": (1, 128)}


def _as_shown(picture: Any) -> np.ndarray:
    """The bytes that imshow shows, without an alpha channel, which it does not show."""
    picture = np.asarray(picture)
    picture = picture[..., :3] if picture.ndim == 3 and picture.shape[2] == 4 else picture
    factor, summand = _SCALES.get(picture.dtype.name) or _SCALES.get(picture.dtype.kind) or (1, 0)
    if (factor, summand) == (1, 0):
        return picture.astype(np.uint8)
    return np.clip(np.nan_to_num(picture.astype(float)) * factor + summand, 0, 255).round().astype(np.uint8)


def mend_matplotlib(gallery: Gallery) -> Callable[[ModuleType], None]:
    """Choose the backend without windows, also if the program chooses another."""

    def mend(matplotlib: ModuleType) -> None:
        if not gallery.is_needed:
            return
        use = matplotlib.use
        use("Agg", force=True)

        @functools.wraps(use)
        def only_agg(backend: str, *_: Any, **__: Any) -> None:
            use("Agg", force=True)

        matplotlib.use = only_agg

    return mend


def mend_pyplot(gallery: Gallery) -> Callable[[ModuleType], None]:
    """Make `show` and `pause` write every open figure; `show` also closes them, as the user would."""

    def mend(pyplot: ModuleType) -> None:
        if not gallery.is_needed:
            return
        from matplotlib._pylab_helpers import Gcf

        def write(figure: Any, *_: Any, **__: Any) -> None:
            if figure.get_axes():
                gallery.save(figure.get_label() or f"figure-{getattr(figure, 'number', 1)}", figure.savefig)

        def write_all() -> None:
            for manager in Gcf.get_all_fig_managers():  # without a change of the current figure
                write(manager.canvas.figure)

        def show(*_: Any, block: Optional[bool] = None, **__: Any) -> None:
            write_all()
            if block is not False and not pyplot.isinteractive():
                pyplot.close("all")

        def pause(interval: float) -> None:
            write_all()

        switch = pyplot.switch_backend
        pyplot.show, pyplot.pause, pyplot.Figure.show = show, pause, write
        pyplot.switch_backend = lambda backend: switch("Agg")

    return mend
