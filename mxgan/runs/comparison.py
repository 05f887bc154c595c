"""Comparison of runs: the settings and scores in which they differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
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
        scores : [{metric, title, weights, samples, classifier, data, better, unit, summary, values, errors, steps,
            best, apart}], the newest value of each run and its standard error, None where a run has none. Values in one
            row can be compared; `best` is the position of the best one, None if that is not known. `apart` says in
            words by what the row is kept apart from others of the same metric; "" for the only one.
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
        {
            "recipe": {"value": view["recipe"]["name"] or "own"},
            **{each["name"]: {key: each[key] for key in each if key != "name"} for each in view["configuration"]},
        }
        for view in views
    ]
    if all(view["recipe"]["name"] for view in views):
        columns = [{name: column[name] for name in column if name not in _TEXTS} for column in columns]
    found = []
    for name in dict.fromkeys(name for column in columns for name in column):
        spelt = {json.dumps(column[name], sort_keys=True) if name in column else None for column in columns}
        if len(spelt) > 1:
            missing = [index for index, column in enumerate(columns) if name not in column]
            values = [column.get(name, {}).get("value") for column in columns]
            found.append({"name": name, "values": values, "missing": missing})
    return found


_TEXTS = ("recipe.summary", "recipe.source")  # a published recipe's name says the same


def _scores(views: Sequence[Mapping]) -> list:
    rows: dict = {}  # the values of _ALIKE → {position of the run: its newest score}
    for index, view in enumerate(views):
        for score in sorted(view["scores"], key=lambda each: each["step"] or 0):
            if score["value"] is not None:
                rows.setdefault(tuple(score[key] for key in _ALIKE), {})[index] = score
    return [{**_row(found, len(views)), "apart": _apart(key, rows)} for key, found in rows.items()]


_ALIKE = ("metric", "weights", "samples", "classifier", "data")  # scores that have all of these can be compared


def _apart(key: tuple, rows: Iterable[tuple]) -> str:
    """The classifier and the data of a row, where other rows of the same metric and weights have others."""
    others = [other for other in rows if other[:2] == key[:2]]
    places = [_ALIKE.index(name) for name in ("classifier", "data")]
    told = [place for place in places if len({other[place] for other in others}) > 1]
    return ", ".join(f"{_ALIKE[place]} {key[place] or 'not known'}" for place in told)


def _row(found: Mapping, count: int) -> dict:
    """One row of the table; `found` is {position of the run: score}."""
    some = next(iter(found.values()))
    values = [found[index]["value"] if index in found else None for index in range(count)]
    known = [index for index in found if some["better"]]
    choose = {"min": min, "max": max}.get(some["better"])
    return {
        **{key: some[key] for key in (*_ALIKE, "title", "better", "unit", "summary")},
        "values": values,
        "errors": [found[index]["error"] if index in found else None for index in range(count)],
        "steps": [found[index]["step"] if index in found else None for index in range(count)],
        "best": choose(known, key=values.__getitem__) if choose and len(known) > 1 else None,
    }
