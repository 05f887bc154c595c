"""The command `mxgan runs`: the table of all runs, and what differs between two of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import click

from mxgan.cli.flags import debug_option
from mxgan.cli.streams import say, warn
from mxgan.cli.tables import Table, human_duration, human_size
from mxgan.cli.terminal import readable_errors
from mxgan.errors import ArgumentError, RunFolderError, lookup

__all__ = ["runs", "runs_table"]

DEFAULT = "runs"
STYLES = {"training": "green", "died": "red", "failed": "red", "unreadable": "red", "stopped": "yellow"}


@click.command()
@click.argument("folder", default=DEFAULT, type=click.Path())
@click.option("--sort", "field", metavar="FIELD", default="changed", show_default=True,
              help="changed or began, newest first; name, recipe, data or state; step, size or score.")  # fmt: skip
@click.option("--diff", nargs=2, metavar="A B", type=click.Path(), help="The settings in which two runs differ, and "
              "their scores. A run is a folder, or its name in FOLDER.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with more than the table has.")
@debug_option
def runs(folder: str, field: str, diff: Optional[tuple], as_json: bool, debug: bool) -> None:
    """List the runs in FOLDER (default: runs): recipe, data, steps, state, best score, size on disk."""
    with readable_errors(debug):
        if diff:
            _compare([_found(name, folder) for name in diff], as_json)
        else:
            _list(folder, field, as_json)


def _list(folder: str, field: str, as_json: bool) -> None:
    from mxgan.runs.overview import overviews

    lookup("field", field, _FIELDS)
    if not os.path.isdir(folder) and folder != DEFAULT:
        raise ArgumentError(f"{folder} is not a folder; give the one that holds the runs.")
    found = sorted(overviews(folder), key=_FIELDS[field])
    if as_json:
        say(json.dumps([each.as_dict() for each in found], indent=1))
        return
    if not found:
        say(f"There are no runs in {folder}.")
        return
    say(runs_table(found, folder).text())
    for each in found:
        for problem in each.problems:
            warn(f"{each.path}: {problem}")


def _score_order(run: Any) -> tuple:
    """Runs with the same metric together, the best one first; then those without a score."""
    best = run.best
    return (1,) if best is None else (0, best["metric"], best["value"] if best["better"] == "min" else -best["value"])


# The fields of --sort, each with the key by which runs are sorted.
_FIELDS = {
    "changed": lambda run: -(run.changed or 0),
    "began": lambda run: -(run.began or 0),
    "name": lambda run: run.name,
    "recipe": lambda run: (run.recipe is None, run.recipe or ""),
    "data": lambda run: run.dataset,
    "state": lambda run: run.state,
    "step": lambda run: -run.step,
    "size": lambda run: -run.size_bytes,
    "score": _score_order,
}


def runs_table(found: Sequence, folder: Union[str, Path]) -> Table:
    """The table of the overviews of runs in a folder, in their order."""
    head = ["name", "recipe", "data", "step", "state", "best score", "size"]
    rows = [[_name(run, folder), run.recipe or "own", run.dataset or "?", *_progress(run)] for run in found]
    if any(run.eta_seconds is not None for run in found):
        head.append("time left")
        for row, run in zip(rows, found):
            row.append("" if run.eta_seconds is None else human_duration(run.eta_seconds))
    return Table(head, rows, numbers=(3, 6), styles=STYLES)


def _name(run: Any, folder: Union[str, Path]) -> str:
    """The run's path below the folder; its name if it is the folder."""
    below = os.path.relpath(run.path, folder)
    return run.name if below == os.curdir else below


def _progress(run: Any) -> list:
    """The texts of step, state, best score and size."""
    step = str(run.step) if run.last_step is None else f"{run.step} of {run.last_step}"
    state = f"{run.state} at {run.step}" if run.state in ("stopped", "failed", "died") else run.state
    return [step, state, _score(run.best), human_size(run.size_bytes)]


def _score(best: Optional[dict]) -> str:
    if best is None:
        return ""
    at = "" if best["step"] is None else f" at {best['step']}"
    return f"{best['metric']} {best['value']:.4g}{at}"


def _found(name: str, folder: str) -> Path:
    """The run that a name means: a folder, or one of this name in the folder of the runs."""
    for path in (Path(name), Path(folder) / name):
        if path.is_dir():
            return path
    raise RunFolderError(f"{name} is not a folder, and there is none of this name in {folder}. `mxgan runs` lists all.")


def _compare(paths: Sequence[Path], as_json: bool) -> None:
    from mxgan.pictures.report.overlay import run_labels
    from mxgan.runs.comparison import compare
    from mxgan.runs.view import run_view

    views = [run_view(path, pictures=False) for path in paths]
    found = compare(views)
    for path, view in zip(paths, views):
        for problem in view["problems"]:
            warn(f"{path}: {problem}")
    if as_json:
        say(json.dumps(found, indent=1))
        return
    names = run_labels(views)
    settings = [[row["name"], *_values(row)] for row in found["settings"]]
    scores = [[_measured(row), *map(_number, row["values"], row["errors"])] for row in found["scores"]]
    tables = (
        _rows(["setting", *names], settings, "There are no settings in which the runs differ."),
        _rows(["score", *names], scores, "There are no scores."),
    )
    say("\n\n".join(tables))


def _rows(head: list, rows: list, none: str) -> str:
    return Table(head, rows).text() if rows else none


def _values(row: dict) -> list:
    return [
        "(none)" if index in row["missing"] else value if isinstance(value, str) else json.dumps(value)
        for index, value in enumerate(row["values"])
    ]


def _measured(row: dict) -> str:
    """A metric with its unit, weights and number of samples, and what keeps it apart from other rows."""
    samples = f"{row['samples']} samples" if row["samples"] else ""
    told = ", ".join(
        filter(None, (row["unit"], "average" if row["weights"] == "average" else "", samples, row["apart"]))
    )
    return f"{row['metric']} ({told})" if told else row["metric"]


def _number(value: Optional[float], error: Optional[float]) -> str:
    return "" if value is None else f"{value:.5g}{'' if error is None else f' ± {error:.2g}'}"
