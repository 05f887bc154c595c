"""`Every`: an interval of a run, in steps, epochs or minutes."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, Union

from mxgan.errors import ArgumentError

__all__ = ["Every"]

_MINUTES = re.compile(r"([1-9][0-9]{0,5})min")


@dataclass(frozen=True)
class Every:
    """An interval as settings and flags spell it: 100, "epoch", or "15min".

    Parameters
    ----------
    value : a number of steps above 0; "epoch"; or minutes, "15min".
    """

    value: Union[int, str]

    @classmethod
    def parse(cls, name: str, value: Any, minutes: bool = False, more: str = "") -> Every:
        """The interval of the setting `name`.

        Parameters
        ----------
        minutes : whether minutes are allowed. more : further allowed values, for the error message.

        Raises
        ------
        ArgumentError : the value is not an interval.
        """
        whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
        if not (whole or value == "epoch" or (minutes and _MINUTES.fullmatch(str(value)))):
            also = ", or minutes as in '15min'" if minutes else ""
            raise ArgumentError(f"{name} is {value!r}; give a number of steps above 0, or 'epoch'{also}{more}.")
        return cls(value)

    @property
    def is_epoch(self) -> bool:
        """Whether the interval is one epoch."""
        return self.value == "epoch"

    @property
    def seconds(self) -> float:
        """The length of an interval in minutes; infinite for other intervals."""
        found = _MINUTES.fullmatch(str(self.value))
        return 60.0 * int(found.group(1)) if found else float("inf")

    def is_over(self, step: int, since: float) -> bool:
        """Whether the interval is over after step number `step`; False for "epoch".

        `since` is the value of time.monotonic() at the interval's start.
        """
        if isinstance(self.value, int):
            return step % self.value == 0
        if self.is_epoch:
            return False
        return time.monotonic() - since >= self.seconds

    def names(self, step: int, iteration: int) -> bool:
        """Whether the interval ends at this step by its number alone; never for minutes.

        `iteration` is the number of steps done in this epoch.
        """
        if isinstance(self.value, int):
            return step % self.value == 0
        return self.is_epoch and iteration == 0

    def meets(self, other: Every) -> bool:
        """Whether the two intervals are equal, or one is a multiple of the other; False for minutes."""
        if isinstance(self.value, int) and isinstance(other.value, int):
            return max(self.value, other.value) % min(self.value, other.value) == 0
        return self.is_epoch and other.is_epoch

    def __str__(self) -> str:
        return f"{self.value} steps" if isinstance(self.value, int) else str(self.value)
