"""The rows of figures in a file: those of an output folder in full, and those of docs/results.json in brief."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.results.judging import is_by_todays_metrics
from benchmarks.results.page import page, shown_pictures
from benchmarks.results.tables import COLUMNS, joined
from mxgan.runtime.files import write_whole

__all__ = ["RECORD", "check_target", "publish", "rows_in", "write_rows"]

RECORD = "results.json"
_PROTOCOL = ("checkpoint", "samples", "seed", "definitions", "versions")
_DIGITS = 6  # significant ones of a figure that is kept in brief


def rows_in(record: Path) -> list:
    """The rows of earlier commands that are by today's metrics; an earlier version noted one machine, and no clock."""
    known = json.loads(record.read_text()) if record.exists() else {"rows": []}
    rows = [{"machine": known.get("machine"), "clock": "wall", **row} for row in known["rows"]]
    old = _old(rows)
    if old:
        click.echo(f"left out, until they are measured by today's metrics: {', '.join(old)}", err=True)
    return [row for row in rows if row["name"] not in old]


def write_rows(record: Path, rows: Sequence[dict]) -> None:
    """Write the rows, a line for each."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    write_whole(record, f'{{"rows": [\n{lines}\n]}}\n')


def publish(rows: Sequence[dict], output: Path, folder: Path) -> None:
    """Add rows to those that a folder such as docs has, in brief, and write its page and its pictures anew.

    A row replaces the one of the same run. A picture comes from the output folder, if that has the longest run of it.
    """
    whole = joined([_brief(row) for row in rows], rows_in(folder / RECORD))
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for name, plans in shown_pictures().items():
        made = output / "pictures" / name
        if made.is_file() and all(_longest(rows, plan) == _longest(whole, plan) > 0 for plan in plans):
            shutil.copyfile(made, folder / "pictures" / name)
    write_rows(folder / RECORD, whole)
    write_whole(folder / "results.md", page(whole, folder))


def check_target(folder: Path, output: Path) -> None:
    """Raise ClickException, before anything is trained, for a folder to which rows cannot be added."""
    if folder.resolve() == output.resolve():
        raise click.ClickException(f"--publish and --output are both {folder}; give two folders.")
    record = folder / RECORD
    known = json.loads(record.read_text())["rows"] if record.exists() else []
    old = _old(known)
    if old:
        raise click.ClickException(
            f"{record} has rows by earlier metrics, which cannot stand beside today's: {', '.join(old)}. Take them out "
            "of the file, and measure their runs again."
        )


def _old(rows: Sequence[dict]) -> list:
    """The names of rows by other metrics than today's."""
    return list(dict.fromkeys(row["name"] for row in rows if not is_by_todays_metrics(row["evaluation"])))


def _longest(rows: Sequence[dict], plan: str) -> float:
    return max((row["length"] for row in rows if row["name"] == plan), default=0)


def _brief(row: dict) -> dict:
    """A row with nothing of its evaluation but the numbers of the columns, rounded, and what they were measured on."""
    results, protocol = row["evaluation"]["results"], row["evaluation"]["protocol"]
    wanted = [name for name in results if name in COLUMNS]
    numbers = {name: {key: _rounded(value) for key, value in results[name].items() if _is_number(value)}
               for name in wanted}  # fmt: skip
    kept = {key: protocol[key] for key in _PROTOCOL if key in protocol}
    classifier = protocol["reference"].get("classifier") or {}
    classifier = {key: classifier[key] for key in ("fingerprint", "accuracy") if key in classifier}
    kept["reference"] = {"image_shape": protocol["reference"]["image_shape"], "classifier": classifier}
    minutes = row["minutes"] if row["unit"] == "minutes" else None  # an earlier version also noted those of other runs
    return {**row, "folder": None, "minutes": minutes, "evaluation": {"results": numbers, "protocol": kept}}


def _is_number(value) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _rounded(value):
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
