"""Values from files of a run, which may be a stranger's: finite numbers, texts of bounded length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Optional

__all__ = ["in_utf_8", "mapping", "number", "plain", "step_of", "text"]

LONGEST_TEXT = 2000  # characters of one value
MOST_PARTS = 200  # of a list or an object
DEEPEST = 6


def number(value: Any) -> Optional[float]:
    """The value if it is a finite number; None for anything else, also for true and false."""
    if type(value) not in (float, int):  # not bool, which is an int
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def step_of(value: Any) -> Optional[int]:
    """The value if it is a step: a whole number from 0 to 10^15; else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**15 else None


def text(value: Any, most: int = LONGEST_TEXT) -> str:
    """The value if it is a text, at most `most` characters of it; "" for anything else."""
    if not isinstance(value, str):
        return ""
    return in_utf_8(value if len(value) <= most else f"{value[: most - 1]}…")


def mapping(value: Any) -> Mapping:
    """The value if it is an object with names; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def plain(value: Any, depth: int = DEEPEST) -> Any:
    """A JSON value of bounded size: texts are shortened, long lists cut, what is nested too deeply becomes "…"."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (Mapping, list, tuple)) and not depth:
        return "…"
    if isinstance(value, Mapping):
        return {text(key, 200): plain(each, depth - 1) for key, each in list(value.items())[:MOST_PARTS]}
    if isinstance(value, (list, tuple)):
        return [plain(each, depth - 1) for each in value[:MOST_PARTS]]
    return value if isinstance(value, bool) else number(value)


def in_utf_8(value: Any) -> Any:
    """The value with "�" for halves of characters, which UTF-8 does not have: Python makes them of bytes in names."""
    if isinstance(value, str):
        return value if value.isascii() else "".join("�" if "\ud800" <= each <= "\udfff" else each for each in value)
    if isinstance(value, Mapping):
        return {in_utf_8(key): in_utf_8(each) for key, each in value.items()}
    return [in_utf_8(each) for each in value] if isinstance(value, (list, tuple)) else value
