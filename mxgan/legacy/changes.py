"""The list of what was changed for a program, with the places in it that asked for each change."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional

__all__ = ["Changes"]

MOST_PLACES = 4  # listed for one change


@dataclass
class _Change:
    what: str
    remedy: str
    places: dict = field(default_factory=dict)  # "file.py:12" → None, in the order of their first use


class Changes:
    """What was changed for a program.

    Parameters
    ----------
    folder : the program's folder; a place is named relative to it.
    is_own : whether a file belongs to the program.
    say : prints a text at once.
    """

    def __init__(self, folder: Path, is_own: Callable[[str], bool], say: Callable[[str], None]) -> None:
        self._folder, self._is_own, self._say = folder, is_own, say
        self._changes: dict = {}

    def note(self, what: str, remedy: str, now: bool = False, place: Optional[str] = None) -> None:
        """Add a change that the program's current line asked for.

        Parameters
        ----------
        what : what was done, in a few words; one text is one change, however often it happens.
        remedy : what to write in the program instead.
        now : print it also at once, the first time.
        place : "FILE:LINE" of the program; None: the line that runs now.
        """
        change = self._changes.get(what)
        if change is None:
            change = self._changes[what] = _Change(what, remedy)
            if now:
                self._say(f"mxgan run: {what}.")
        place = place or self._current_line()
        if place:
            change.places[place] = None

    def place(self, file: str, line: int) -> str:
        """FILE:LINE, the file relative to the program's folder if it is in it."""
        path = Path(file)
        name = path.relative_to(self._folder) if path.is_relative_to(self._folder) else path
        return f"{name}:{line}"

    def _current_line(self) -> Optional[str]:
        frame = sys._getframe(1)
        while frame is not None:
            if self._is_own(frame.f_code.co_filename):
                return self.place(frame.f_code.co_filename, frame.f_lineno)
            frame = frame.f_back
        return None

    def lines(self) -> list:
        """The changes as lines of text, in the order in which they were first needed; empty if there were none."""
        found = []
        for change in self._changes.values():
            places = list(change.places)
            more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
            where = f" ({', '.join(places[:MOST_PLACES])}{more})" if places else ""
            found += [f"  - {change.what}{where}.", f"    To make it permanent: {change.remedy}."]
        return found
