"""The marks of a run's charts: steps at which something happened that the curves alone do not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mxgan.report.values import mapping, number, plain, step_of, text

__all__ = ["MARKS", "marks"]

MOST_MARKS = 500
KINDS = ("resume", "rollback", "diagnosis", "change")


def marks(history: Sequence[dict], events: Sequence[dict], changes: Any) -> list:
    """[{step, kind, text}] in the order of the steps.

    Parameters
    ----------
    history : rows of history.jsonl, whose `diagnoses` and `rollbacks` become marks.
    events : rows of events.jsonl, whose begins after the first one become marks.
    changes : the entry of config.json with the settings that were changed when the run was resumed.
    """
    found = [mark for function, rows in zip(MARKS, (history, events, changes)) for mark in function(rows)]
    known = {
        (mark["step"], mark["kind"], mark["text"]): mark for mark in found if mark["step"] is not None and mark["text"]
    }
    return sorted(known.values(), key=lambda mark: (mark["step"], KINDS.index(mark["kind"])))[:MOST_MARKS]


def _of_history(rows: Sequence[dict]) -> Iterator[dict]:
    for row in rows:
        step = step_of(row.get("step"))
        for each in _objects(row.get("diagnoses")):
            yield _mark(step, "diagnosis", _diagnosis(each))
        for each in _objects(row.get("rollbacks")):
            yield _mark(step_of(each.get("from_step")) or step, "rollback", _rollback(each))


def _diagnosis(entry: dict) -> str:
    name, evidence, remedy = (text(entry.get(key), 600) for key in ("name", "evidence", "remedy"))
    said = [f"{name.replace('_', ' ').capitalize()}: {evidence}", remedy]
    return " ".join(f"{part.rstrip('. ')}." for part in said if part.strip(": "))


def _rollback(entry: dict) -> str:
    cause = text(entry.get("cause"), 200) or "a value not finite"
    where = " ".join(filter(None, (text(entry.get(key), 200) for key in ("network", "layer"))))
    back, scale = step_of(entry.get("to_step")), number(entry.get("learning_rate_scale"))
    said = [f"Rolled back{'' if back is None else f' to step {back}'}: {cause}{f' ({where})' if where else ''}."]
    if scale is not None:
        said.append(f"From there on with {scale:g} times the learning rates.")
    return " ".join(said)


def _of_events(rows: Sequence[dict]) -> Iterator[dict]:
    before = None
    for row in rows:
        step = step_of(row.get("step"))
        if row.get("event") == "begin" and (before is not None or step):
            yield _mark(step, "resume", f"{'Resumed' if step else 'Started again'} at step {step}{_after(before)}.")
        before = row


def _after(before: Any) -> str:
    """What ended the training before, in words."""
    if before is None:
        return ""
    if before.get("event") != "end":
        return "; the process before it had died"
    how, reason = text(before.get("how"), 20), text(before.get("reason"), 300).rstrip(".")
    ways = {
        "stopped": f"been stopped ({reason})",
        "failed": f"failed ({reason})",
        "finished": "finished",
    }
    return f"; it had {ways[how]} before" if how in ways else ""


def _of_changes(entries: Any) -> Iterator[dict]:
    for each in _objects(entries):
        settings = [
            f"{text(name, 200)} {_shown(values[0])} → {_shown(values[1])}"
            for name, values in mapping(each.get("settings")).items()
            if isinstance(values, list) and len(values) == 2
        ]
        said = f"Settings changed: {'; '.join(settings[:20])}." if settings else ""
        yield _mark(step_of(each.get("step")), "change", said)


def _shown(value: Any) -> str:
    shown = plain(value)
    return "none" if shown is None else text(str(shown), 200)


def _objects(entries: Any) -> Iterable[dict]:
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []


def _mark(step: Any, kind: str, said: str) -> dict:
    return {"step": step, "kind": kind, "text": said}


MARKS = (_of_history, _of_events, _of_changes)
