"""Agreement of all ranks after a round of callbacks: whether training stops, and whether it has diverged."""

from __future__ import annotations

from typing import Callable, Optional

from mxgan.errors import DivergedError, listed
from mxgan.training.parallel.ranks import Ranks

__all__ = ["agreed"]


def agreed(
    ranks: Ranks,
    stopping: Optional[str],
    error: Optional[DivergedError],
    look: Callable[[], Optional[DivergedError]] = lambda: None,
) -> tuple:
    """(reason to stop or None, DivergedError or None), the same on every rank.

    The reason is that of the lowest rank that has one. The error is the earliest in the order of a step; it names the
    ranks that have it if others have not. All ranks must call this after the same round of callbacks. `look` is called
    on a rank without an error if another rank has one, and returns the error that this rank would have found later.
    """
    if ranks.size == 1 or not ranks.any(stopping is not None or error is not None):
        return stopping, error
    if ranks.any(error is not None):
        error = error or look()
    told = {"stopping": stopping, "error": None if error is None else _values(error), "host": ranks.host}
    everyone = ranks.gathered(told)
    reason = next((each["stopping"] for each in everyone if each["stopping"] is not None), None)
    errors = {rank: each["error"] for rank, each in enumerate(everyone) if each["error"] is not None}
    if not errors:
        return reason, None
    earliest = min(errors.values(), key=_moment)
    those = [rank for rank, each in errors.items() if _moment(each) == _moment(earliest)]
    names = [f"rank {rank} ({everyone[rank]['host']})" for rank in those] if len(those) < ranks.size else []
    return reason, DivergedError(**earliest, where=f"on {listed(names)}" if names else "")


def _moment(values: dict) -> tuple:
    """The step, and the place in it, at which values were not finite."""
    return values["step"] or 0, values["order"]


def _values(error: DivergedError) -> dict:
    return {name: getattr(error, name) for name in ("step", "network", "layer", "what", "remedy", "order")}
