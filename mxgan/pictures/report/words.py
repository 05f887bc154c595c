"""Values of a view as texts for a reader: the filters of the templates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Optional

__all__ = ["FILTERS", "duration", "number", "setting", "size", "when"]


def number(value: Any, digits: int = 4) -> str:
    """A number with at most so many significant digits, whole numbers with thousands; "–" for None.

    >>> number(0.123456), number(12345), number(None)
    ('0.1235', '12,345', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return setting(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def setting(value: Any) -> str:
    """A setting as it is given on the command line; "none" for None.

    >>> setting(True), setting(None), setting([1, "a"])
    ('true', 'none', '1, a')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ", ".join(map(setting, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {setting(each)}" for name, each in value.items()) or "none"
    return str(value)


def size(count: Optional[int]) -> str:
    """A number of bytes.

    >>> size(1234567), size(12)
    ('1.2 MB', '12 bytes')
    """
    if count is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def when(seconds: Optional[float]) -> str:
    """A time in seconds since 1970 as date and time of this machine."""
    return "–" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def duration(seconds: Optional[float]) -> str:
    """A number of seconds in words.

    >>> duration(42), duration(4000), duration(200_000)
    ('42 s', '1 h 7 min', '2 d 8 h')
    """
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((index for index, (count, _) in enumerate(parts) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count or first == 3)


FILTERS = {"number": number, "setting": setting, "size": size, "when": when, "duration": duration}
