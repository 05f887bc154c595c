"""What differs between runs: their settings and their scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Union

from mxgan.runs.view import run_view

__all__ = ["compare"]


def compare(runs: Sequence[Union[str, Path, Mapping]]) -> dict:
    """What differs between runs, given as folders or as views of `run_view`.

    Returns
    -------
    dict with the keys
        runs : [{name, path, recipe, state, step}], in the given order.
        settings : [{name, values, missing}], the settings that are not the same in all runs; a value is None where a
            run has no such setting, and `missing` lists the positions of these runs. "recipe" is the published one.
        scores : [{metric, title, weights, samples, better, unit, summary, values, steps, best}], the newest value of
            each run, None where a run has none; `best` is the position of the best value, None if that is not known.
    """
    views = [run if isinstance(run, Mapping) else run_view(run, pictures=False) for run in runs]
    keys = ("name", "path", "recipe", "state", "step")
    return {
        "runs": [{key: view["overview"][key] for key in keys} for view in views],
        "settings": _settings(views),
        "scores": _scores(views),
    }


def _settings(views: Sequence[Mapping]) -> list:
    columns = [
        {"recipe": view["recipe"]["name"] or "own", **{each["name"]: each["value"] for each in view["configuration"]}}
        for view in views
    ]
    if all(view["recipe"]["name"] for view in views):
        columns = [{name: column[name] for name in column if name not in _TEXTS} for column in columns]
    found = []
    for name in dict.fromkeys(name for column in columns for name in column):
        spelt = {json.dumps(column[name], sort_keys=True) if name in column else None for column in columns}
        if len(spelt) > 1:
            missing = [index for index, column in enumerate(columns) if name not in column]
            found.append({"name": name, "values": [column.get(name) for column in columns], "missing": missing})
    return found


_TEXTS = ("recipe.summary", "recipe.source")  # a published recipe's name says the same


def _scores(views: Sequence[Mapping]) -> list:
    rows: dict = {}  # (metric, weights, samples) → {position of the run: its newest score}
    for index, view in enumerate(views):
        for score in sorted(view["scores"], key=lambda each: each["step"] or 0):
            if score["value"] is not None:
                key = (score["metric"], score["weights"], score["samples"])
                rows.setdefault(key, {})[index] = score
    return [_row(found, len(views)) for found in rows.values()]


def _row(found: Mapping, count: int) -> dict:
    """One row of the table; `found` is {position of the run: score}."""
    some = next(iter(found.values()))
    values = [found[index]["value"] if index in found else None for index in range(count)]
    known = [index for index in found if some["better"]]
    choose = {"min": min, "max": max}.get(some["better"])
    return {
        **{key: some[key] for key in ("metric", "title", "weights", "samples", "better", "unit", "summary")},
        "values": values,
        "steps": [found[index]["step"] if index in found else None for index in range(count)],
        "best": choose(known, key=values.__getitem__) if choose and len(known) > 1 else None,
    }
