"""The kind of progress bar that can be drawn here: on a terminal, in the cell of a notebook, or none."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from typing import Optional

__all__ = ["is_open", "kind_of_bar", "shows_bars", "width"]

IN_A_CELL = {"ncols": 110, "nrows": 24}
NARROW = {"ncols": 80, "nrows": 24}  # of a terminal that does not tell its size: a serial line, a container


def is_open(stream) -> bool:
    """Whether there is such a stream; a process may have none, or a closed one."""
    return stream is not None and not getattr(stream, "closed", False)


def _is_terminal(stream) -> bool:
    return is_open(stream) and hasattr(stream, "isatty") and stream.isatty()


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython on a terminal is not."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def width() -> dict:
    """The settings of a bar for its place; tqdm draws nothing on a terminal with a width or a height of 0."""
    try:
        known = _in_notebook() or min(os.get_terminal_size(sys.stderr.fileno())) > 0
    except (AttributeError, OSError, ValueError):  # without a standard error, or one that is no file
        known = True
    return {"dynamic_ncols": True} if known else NARROW


def kind_of_bar() -> Optional[type]:
    """The class of the bar that can be seen here; None if there is no place for one."""
    if _in_notebook():
        if importlib.util.find_spec("ipywidgets") is None:
            return _bar_of_text()
        from tqdm.notebook import tqdm as bar_of_widgets

        return bar_of_widgets
    if _is_terminal(sys.stderr):
        from tqdm import tqdm

        return tqdm
    return None


def _bar_of_text() -> type:
    """A bar for a notebook without ipywidgets: a text in the cell, replaced by the next one."""
    from IPython.display import display
    from tqdm import tqdm

    class TextBar(tqdm):
        def __init__(self, **settings) -> None:
            self._cell = None
            super().__init__(**{**settings, "file": io.StringIO(), "ascii": False, "dynamic_ncols": False, **IN_A_CELL})

        def display(self, msg=None, pos=None) -> None:
            content = {"text/plain": str(self) if msg is None else msg}
            if self._cell is None:
                self._cell = display(content, raw=True, display_id=True)
            else:
                self._cell.update(content, raw=True)

        def clear(self, nolock=False) -> None:
            """Nothing: a line of the log stands in another part of the cell."""

    return TextBar


def shows_bars(stream) -> bool:
    """Whether a bar can be seen where a stream is seen."""
    return _is_terminal(stream) or (_in_notebook() and stream in (sys.stdout, sys.stderr))
