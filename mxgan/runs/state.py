"""The state of a run's training, from its events: training, finished, stopped, failed, died or new."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

from mxgan.pictures.report.values import step_of, text
from mxgan.runs.events import process_identity

__all__ = ["STATES", "Known", "state_of"]

STATES = ("new", "training", "finished", "stopped", "failed", "died", "unreadable")
LONGEST_SILENCE = 15 * 60  # seconds after which a training on another machine counts as dead


class Known(NamedTuple):
    """What the files of a run tell of its training, besides its events.

    Attributes
    ----------
    step : the last step in history.jsonl, 0 without one. saved : the step of the newest checkpoint, 0 without one.
    at_end : whether the newest checkpoint is at the run's end. has_history : whether there is a line in history.jsonl.
    changed : the time at which config.json or history.jsonl was written last.
    """

    step: int
    saved: int
    at_end: bool
    has_history: bool
    changed: float


def state_of(events: Sequence[dict], known: Known) -> tuple:
    """(state, reason in words or "") of a run; `events` are rows of events.jsonl, of which the last one decides."""
    last = next((row for row in reversed(events) if row.get("event") in ("begin", "end")), None)
    if last is None:
        return _without_events(known)
    if last["event"] == "end":
        how = text(last.get("how"), 20)
        return (how, text(last.get("reason"), 500)) if how in ("finished", "stopped", "failed") else ("died", "")
    return _of_begin(last, known)


def _without_events(known: Known) -> tuple:
    """The state of a run of an older version, which has recorded no events."""
    if not known.has_history:
        return "finished" if known.saved and known.at_end else "stopped" if known.saved else "new", ""
    if known.at_end:
        return "finished", ""
    return ("stopped", "") if known.saved >= known.step else ("died", "")


def _of_begin(begin: dict, known: Known) -> tuple:
    """The state of a training that has begun and has recorded no end."""
    pid, host, began = begin.get("pid"), text(begin.get("host"), 300), begin.get("began")
    dead = f"no end is recorded, and its process {pid} on {host or 'an unknown host'} is gone"
    if host == socket.gethostname() and isinstance(began, str) and step_of(pid) is not None:
        alive = pid < 2**31 and process_identity(pid)["began"] == began
        return ("training", "") if alive else ("died", dead)
    quiet = time.time() - known.changed
    if quiet <= LONGEST_SILENCE:
        return "training", ""
    return "died", f"no end is recorded, and {host or 'its host'} has written nothing for {quiet / 60:.0f} minutes"
