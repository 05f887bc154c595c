"""`overview`: one run as a row of a table, from the ends of its files; nothing is written, and no lock is taken."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Optional, Union

from mxgan.errors import CorruptFileError
from mxgan.pictures.report.lines import last_rows
from mxgan.pictures.report.values import in_utf_8, mapping, number, step_of, text
from mxgan.runs.published import published_name
from mxgan.runs.scores import best_score, kept_scores
from mxgan.runs.state import Known, state_of
from mxgan.runtime.inside import entries_inside, json_inside, tree_inside
from mxgan.training.picture_files import newest_picture, pictures_among
from mxgan.training.run_folder import BEST, RunFolder

__all__ = ["Overview", "ReadRun", "find_runs", "overview", "overview_of", "overviews", "read_run"]

EVALUATION_BYTES = 1 << 19  # of evaluation.jsonl: some hundred lines


@dataclass(frozen=True)
class Overview:
    """One run in a few JSON values.

    Attributes
    ----------
    path, name : the folder and its name.
    recipe : the name of the published recipe; None for one of the user's own.
    dataset : its name; "" if it is not known.
    step, last_step, epoch : how far it is; None if it is not known.
    state, reason : one of `mxgan.runs.state.STATES`, and why, in words.
    eta_seconds : the time that is left, while it trains. images_per_second : of the newest line of the history.
    best : {metric, value, step, better, source}; None without a score. See `mxgan.runs.scores.best_score`.
    size_bytes : of all files in the folder.
    latest_picture : the path of the newest picture, below the folder; None without one.
    began, changed : seconds since 1970.
    problems : what cannot be read, in words.
    """

    path: str
    name: str
    recipe: Optional[str] = None
    dataset: str = ""
    step: int = 0
    last_step: Optional[int] = None
    epoch: Optional[int] = None
    state: str = "unreadable"
    reason: str = ""
    eta_seconds: Optional[float] = None
    images_per_second: Optional[float] = None
    best: Optional[dict] = None
    size_bytes: int = 0
    latest_picture: Optional[str] = None
    began: Optional[float] = None
    changed: Optional[float] = None
    problems: list = field(default_factory=list)

    def as_dict(self) -> dict:
        """The attributes as JSON values."""
        return asdict(self)


def overviews(folder: Union[str, Path]) -> list:
    """The overviews of all runs of a folder, newest first; see `find_runs`."""
    found = [overview(path) for path in find_runs(folder)]
    return sorted(found, key=lambda each: each.changed or 0, reverse=True)


def find_runs(folder: Union[str, Path]) -> list:
    """The paths of the runs in a folder: its subfolders with a config.json, and one level below; or the folder itself.

    A subfolder that has files of a run and no config.json is a run too, an unreadable one. Links are not followed.
    """
    folder = Path(folder)
    inner = entries_inside(folder)
    if _is_run(inner):
        return [folder]
    found = []
    for child in sorted(each.name for each in inner if each.is_folder and not each.name.startswith(".")):
        entries = entries_inside(folder, child)
        if _is_run(entries):
            found.append(folder / child)
            continue
        below = sorted(each.name for each in entries if each.is_folder and not each.name.startswith("."))
        found += [folder / child / name for name in below if _is_run(entries_inside(folder, child, name))]
    return found


def _is_run(entries: Sequence) -> bool:
    names = {each.name for each in entries}
    return "config.json" in names or {"samples", "checkpoints"} <= names or "history.jsonl" in names


def overview(path: Union[str, Path]) -> Overview:
    """The overview of the run in a folder; never raises for what is in it: `problems` says what is wrong."""
    return overview_of(read_run(Path(path)))


class ReadRun(NamedTuple):
    """What is read of a run for its overview and for its view.

    Attributes
    ----------
    record : the content of config.json; {} if it cannot be read as that of a run.
    kept : the scores of the files in evaluation/. problems : what cannot be read, in words.
    """

    path: Path
    record: dict
    kept: list
    problems: list


def read_run(path: Path) -> ReadRun:
    """Read config.json and evaluation/ of a run."""
    record, problems = _record(path)
    kept, more = kept_scores(path)
    return ReadRun(path, record, kept, [*problems, *more] if path.is_dir() else ["the folder does not exist."])


def overview_of(read: ReadRun) -> Overview:
    """The overview of a run that has been read; its other files are read here."""
    path, record = read.path, read.record
    tree = tree_inside(path)
    run, folder = mapping(record.get("run")), RunFolder(path)
    history, events = last_rows(folder.history_path), last_rows(folder.events_path)
    evaluation = last_rows(folder.evaluation_path, EVALUATION_BYTES)
    saved = _saved(path, tree.get(("checkpoints",), ()))
    last = next((row for row in reversed(history) if step_of(row.get("step")) is not None), {})
    ends = [step_of(row.get("step")) for row in events[-1:]]
    newest = max(saved, {"step": 0, "epoch": None, **last}, key=lambda each: each["step"])
    step = max(newest["step"], *(each or 0 for each in ends), 0)
    changed = max((each.changed for each in tree[()] if each.name in _WRITTEN), default=0.0)
    last_step = _last_step(run, events)
    at_end = bool(saved["step"]) and (saved["step"] == last_step or saved["epoch"] == step_of(run.get("epochs")))
    known = Known(step, saved["step"], at_end, bool(history), changed)
    state, reason = state_of(events, known) if record else ("unreadable", "")
    return Overview(
        path=in_utf_8(str(path)),
        name=in_utf_8(path.resolve().name),
        recipe=published_name(mapping(run.get("recipe"))),
        dataset=text(run.get("dataset"), 200),
        step=step,
        last_step=last_step,
        epoch=step_of(newest["epoch"]),
        state=state,
        reason=reason,
        eta_seconds=_seconds_left(events[-1], step, last_step, changed) if state == "training" and events else None,
        images_per_second=number(last.get("images_per_second")),
        best=best_score(evaluation, read.kept, _wanted(run)),
        size_bytes=sum(each.size for entries in tree.values() for each in entries if not each.is_folder),
        latest_picture=_latest(tree.get(("samples",), ())),
        began=_began(events, record),
        changed=changed or None,
        problems=read.problems,
    )


_STEP = re.compile(r"[0-9]{1,15}")
_WRITTEN = ("config.json", "history.jsonl", "events.jsonl", "evaluation.jsonl")


def _record(path: Path) -> tuple:
    """(content of config.json, problems); ({}, why) if it cannot be read as that of a run."""
    try:
        record = json_inside(path, "config.json")
    except CorruptFileError as error:
        return {}, [f"config.json {error.problem}."]
    if not isinstance(record, dict) or not isinstance(record.get("run"), dict):
        return {}, ["config.json is not the configuration of a run: it has no 'run'."]
    return record, []


def _latest(entries: Sequence) -> Optional[str]:
    name = newest_picture(pictures_among(entries))
    return f"samples/{name}" if name and name == in_utf_8(name) else None


def _saved(path: Path, entries: Sequence) -> dict:
    """{"step", "epoch"} of the newest checkpoint; step 0 and epoch None without one."""
    names = [each.name for each in entries if each.is_folder and _STEP.fullmatch(each.name)]
    newest = max(names, key=int, default=None)
    if newest is None:
        return {"step": 0, "epoch": None}
    try:
        state = mapping(json_inside(path, "checkpoints", newest, "state.json", most=1 << 20))
    except CorruptFileError:
        state = {}
    return {"step": int(newest), "epoch": step_of(state.get("epoch"))}


def _last_step(run: Mapping, events: Sequence[dict]) -> Optional[int]:
    """The step at which the run ends: as its last training has recorded it, or as its settings say."""
    told = next((row.get("last_step") for row in reversed(events) if row.get("event") == "begin"), None)
    return step_of(run.get("steps")) or step_of(told)


def _wanted(run: Mapping) -> Optional[tuple]:
    rule = BEST.fullmatch(text(run.get("keep_best"), 200))
    return rule.groups() if rule else None


def _seconds_left(begin: Mapping, step: int, last_step: Optional[int], changed: float) -> Optional[float]:
    """The time to the end, by the mean time of a step since this training began; pictures and checkpoints count."""
    began, first = number(begin.get("time")), step_of(begin.get("step"))
    if began is None or first is None or last_step is None or step <= first or changed <= began:
        return None
    ahead = (last_step - step) * (changed - began) / (step - first)
    return round(max(0.0, ahead - max(0.0, time.time() - changed)), 1)


def _began(events: Sequence[dict], record: Mapping) -> Optional[float]:
    """The time at which the run was made, by its stamp; else that of its first event."""
    try:
        return datetime.strptime(text(record.get("stamp"), 40), "%Y_%m_%d-%H_%M").timestamp()
    except (ValueError, OverflowError, OSError):
        return next((number(row.get("time")) for row in events), None)
