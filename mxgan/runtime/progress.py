"""Progress of long work: a bar on a terminal or in a notebook, plain lines in a log.

A bar is drawn where it can be: on standard error if that is a terminal, or in the cell of a notebook. A log that
stands elsewhere, such as a file, has a plain line after 5 seconds of work and then every 10 seconds, or more seldom if
the work is long. So nothing ever writes a carriage return into a file.

`progress` means the same in the whole package: None and True draw the bar if there is a place for it, False does not.
True also shows the lines if there is neither a place for a bar nor a log: they are then written to standard error.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from mxgan.runtime.bars import is_open, kind_of_bar, shows_bars, width

__all__ = ["Progress", "tracked"]

logger = logging.getLogger(__name__)

SHORT = 5.0  # seconds of work before the first line
BETWEEN = 10.0  # seconds between two lines, at least
SHARE = 0.1  # and at least this share of the time so far: 26 minutes have about 40 lines
REFRESH = 0.25  # seconds between two drawings of a bar
OF_TRAINING = "{unit} {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}{postfix}"


class Progress:
    """Progress of one piece of work; use it in a `with` statement, or call `close`.

    Parameters
    ----------
    progress : None, True or False; see the docstring of this module.
    title : what is done, in a word or two; "" for the training itself.
    total : the number of units; None if it is unknown.
    unit : the name of one unit, such as "image"; "B" for bytes.
    initial : the units that were done before.
    timed : whether lines are written by the clock; without it, only `say` writes lines.
    stays : whether the bar stays on the terminal at the end.
    """

    def __init__(
        self,
        progress: Optional[bool],
        title: str,
        total: Optional[int],
        unit: str,
        *,
        initial: int = 0,
        timed: bool = True,
        stays: bool = True,
    ) -> None:
        self.done, self._initial, self._total = initial, initial, total
        self._title, self._unit, self._timed = title, unit, timed
        kind = kind_of_bar() if progress is not False else None
        self._forced = progress is True and kind is None
        self._in_log = kind is None or _log_stands_elsewhere()
        self._begun = self._told = time.monotonic()
        self._told_at: Optional[int] = None
        self._bar = kind and kind(
            desc=title or None,
            total=total,
            initial=initial,
            unit=unit,
            unit_scale=unit == "B",
            mininterval=REFRESH,
            leave=stays,
            bar_format=None if title else OF_TRAINING,
            **width(),
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.close(finished=kind is None)

    def update(self, count: int = 1) -> None:
        """Count further units as done."""
        self.move_to(self.done + count)

    def move_to(self, done: int) -> None:
        """Set the number of units done; it may be smaller than before, as after a rollback."""
        if self._bar is not None:
            self._bar.update(done - self.done)
        self.done = done
        if self._timed and self._in_log and self._line_is_due():
            self.say(self.describe())

    def begin(self, number: int, name: str) -> None:
        """Begin the unit `number`, counted from 1: its name stands behind the bar at once, or in a line."""
        self.move_to(number - 1)
        if self._bar is not None:
            self._bar.set_postfix_str(name)
        self.say(f"{self._title}: {self._unit} {number} of {self._total}, {name}")

    def note(self, text: str) -> None:
        """Show a text behind the bar, from its next drawing on."""
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def say(self, text: str) -> None:
        """Write a line, unless the bar stands in its place."""
        if not self._in_log:
            return
        self._told, self._told_at = time.monotonic(), self.done
        if logger.isEnabledFor(logging.INFO) and logger.hasHandlers():
            logger.info("%s", text)
        elif self._forced and is_open(sys.stderr):
            with contextlib.suppress(OSError):  # a full disk must not end the work
                sys.stderr.write(f"{text}\n")
                sys.stderr.flush()

    def describe(self) -> str:
        """How far the work is, in words: ``classifier: step 1200 of 3752, ETA 01:10``."""
        title = f"{self._title}: " if self._title else ""
        spent = time.monotonic() - self._begun
        if self._total is not None and self.done >= self._total:
            return f"{title}{self._count()}, took {_clock(spent)}"
        return f"{title}{self._count()}{self._time_left(spent)}"

    def _count(self) -> str:
        if self._unit == "B":
            known = [_size(number) for number in (self.done, self._total) if number is not None]
            return " of ".join(known)
        return f"{self._unit} {self.done}" + ("" if self._total is None else f" of {self._total}")

    def _time_left(self, spent: float) -> str:
        new = self.done - self._initial
        if self._total is None or new <= 0:
            return ""
        return f", ETA {_clock(spent / new * (self._total - self.done))}"

    def _line_is_due(self) -> bool:
        now = time.monotonic()
        if self._told_at is None:
            return now - self._begun >= SHORT
        return now - self._told >= max(BETWEEN, SHARE * (now - self._begun))

    def close(self, finished: bool = True) -> None:
        """End the bar; after work that had lines, one line for its end."""
        if self._bar is not None:
            self._bar.close()
        begun = self._told_at is not None or self._forced
        if finished and self._timed and begun and self._told_at != self.done:
            self.say(self.describe())


def tracked(progress: Optional[bool], chunks: Iterable, title: str, total: int, **settings: Any) -> Iterator:
    """The same chunks of images; each is a tuple whose first entry has one row for each image."""
    with Progress(progress, title, total, "image", **settings) as shown:
        for chunk in chunks:
            yield chunk
            shown.update(len(chunk[0]))


def _clock(seconds: float) -> str:
    from tqdm import tqdm

    return tqdm.format_interval(seconds)


def _size(number: int) -> str:
    from tqdm import tqdm

    return tqdm.format_sizeof(number, "B")


def _log_stands_elsewhere() -> bool:
    """Whether a handler of the log writes to a place where the bar is not seen, such as a file."""
    log: Optional[logging.Logger] = logger
    while log is not None:
        streams = [getattr(handler, "stream", None) for handler in log.handlers]
        if any(stream is not None and not shows_bars(stream) for stream in streams):
            return True
        log = log.parent if log.propagate else None
    return False
