"""Agreement of all ranks after a round of callbacks: whether training stops, and whether it has diverged."""

from __future__ import annotations

from typing import Optional

from mxgan.errors import DivergedError
from mxgan.training.parallel.ranks import Ranks

__all__ = ["agreed"]


def agreed(ranks: Ranks, stopping: Optional[str], error: Optional[DivergedError]) -> tuple:
    """(reason to stop or None, DivergedError or None), the same on every rank: those of the lowest rank that has one.

    All ranks must call this after the same round of callbacks.
    """
    if ranks.size == 1 or not ranks.any(stopping is not None or error is not None):
        return stopping, error
    told = {"stopping": stopping, "error": None if error is None else _values(error)}
    everyone = ranks.gathered(told)
    reason = next((each["stopping"] for each in everyone if each["stopping"] is not None), None)
    found = next((each["error"] for each in everyone if each["error"] is not None), None)
    if found is None:
        return reason, None
    return reason, error if told["error"] == found else DivergedError(**found)


def _values(error: DivergedError) -> dict:
    return {name: getattr(error, name) for name in ("step", "network", "layer", "what", "remedy")}
