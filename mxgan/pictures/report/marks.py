"""The marks of a run's charts: steps at which something happened that the curves alone do not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mxgan.pictures.report.values import mapping, number, plain, step_of, text

__all__ = ["MARKS", "changes_in", "marks"]

MOST_MARKS = 500
MOST_CHANGES = 200  # times at which settings were changed
MOST_SAID = 20  # settings of one of them
KINDS = ("resume", "rollback", "diagnosis", "change")


def marks(history: Sequence[dict], events: Sequence[dict], changes: Any) -> list:
    """[{step, kind, text}] in the order of the steps; of many the newest MOST_MARKS, and the first of them says so.

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
    ordered = sorted(known.values(), key=lambda mark: (mark["step"], KINDS.index(mark["kind"])))
    first, *others = ordered[-MOST_MARKS:] or [None]
    if len(ordered) > MOST_MARKS:
        first = {**first, "text": f"{first['text']} {len(ordered) - MOST_MARKS:,} earlier marks are not shown."}
    return [first, *others] if first else []


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
    for each in changes_in(entries):
        settings = [f"{one['name']} {_shown(one['before'])} → {_shown(one['after'])}" for one in each["settings"]]
        more = f"; and {len(settings) - MOST_SAID} more" if len(settings) > MOST_SAID else ""
        yield _mark(
            each["step"], "change", f"Settings changed: {'; '.join(settings[:MOST_SAID])}{more}." if settings else ""
        )


def changes_in(entries: Any) -> list:
    """[{step, settings: [{name, before, after}]}]: the newest MOST_CHANGES of the entry `changes` of a config.json."""
    return [
        {
            "step": step_of(each.get("step")),
            "settings": [
                {"name": text(name, 200), "before": plain(values[0]), "after": plain(values[1])}
                for name, values in mapping(each.get("settings")).items()
                if isinstance(values, list) and len(values) == 2
            ],
        }
        for each in _objects(entries)[-MOST_CHANGES:]
    ]


def _shown(value: Any) -> str:
    return "none" if value is None else text(str(value), 200)


def _objects(entries: Any) -> list:
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []


def _mark(step: Any, kind: str, said: str) -> dict:
    return {"step": step, "kind": kind, "text": said}


MARKS = (_of_history, _of_events, _of_changes)
