"""Arguments checked where they enter."""

from __future__ import annotations

import operator
from typing import Any

from mxgan.errors import ArgumentError

__all__ = ["FLOAT32_MAX", "check_switch", "fits_float32", "whole_number"]

FLOAT32_MIN, FLOAT32_MAX = 1.2e-38, 3.4e38  # MXNet refuses what lies beyond in an operator, in the middle of a step


def whole_number(name: str, value: Any, minimum: int = 1, maximum: int = 2**31 - 1) -> int:
    """`value` as an int, or an ArgumentError that names the argument and its range."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not minimum <= number <= maximum:
        raise ArgumentError(f"{name} is {value!r}; give a whole number from {minimum} to {maximum}.")
    return number


def fits_float32(value: Any) -> bool:
    """Whether a number above 0 is one that MXNet's operators take."""
    return FLOAT32_MIN <= value <= FLOAT32_MAX


def check_switch(name: str, value: Any) -> None:
    """Raise ArgumentError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{name} is {value!r}; give True or False.")
