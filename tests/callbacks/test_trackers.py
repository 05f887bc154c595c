"""The callbacks for other trackers, as docs/runs.md shows them."""

from __future__ import annotations

import ast
import csv
import json
import math

import pytest

import mxgan
from tests.support import StopAt, tiny_config
from tests.test_readme import blocks

CODE = {
    tree.body[-1].name if isinstance(tree.body[-1], (ast.ClassDef, ast.FunctionDef)) else tree.body[-2].name: content
    for content, _ in blocks("docs/runs.md", "python")
    if (tree := ast.parse(content)) and ("logged" in content or "ToCsv" in content)
}


def defined(name: str) -> ast.stmt:
    return next(each for each in ast.parse(CODE[name]).body if getattr(each, "name", None) == name)


def shown(name: str, **names):
    """What the page defines under a name."""
    found = {"mxgan": mxgan, "json": json, "csv": csv, "math": math, **names}
    exec(compile(ast.Module([defined(name)], []), "docs/runs.md", "exec"), found)
    return found[name]


@pytest.mark.parametrize("name", ["ToCsv", "ToWandb", "ToMlflow"])
def test_each_is_a_callback_of_ten_lines(name):
    lines = [line for line in ast.unparse(defined(name)).splitlines() if line.strip()]
    assert len(lines) <= 10


def test_the_table_has_each_line_of_the_history_once_also_after_a_resume(tmp_path):
    run, table = tmp_path / "run", shown("ToCsv")
    mxgan.start(
        tiny_config(steps=8, log_every=2, checkpoint_every=3), run, "none", False, [table(run), StopAt(5)]
    ).run()
    assert [row["step"] for row in table_of(run)] == [2, 4, 5]
    mxgan.resume(run, display="none", progress=False, callbacks=[table(run)]).run()
    assert table_of(run) == [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def table_of(run) -> list:
    with open(run / "history.csv", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_what_was_logged_is_the_line_of_the_step(tmp_path):
    logged, seen = shown("logged"), []

    class Keep(mxgan.Callback):
        def on_step_end(self, trainer, batch, result):
            seen.append(logged(trainer))
            if trainer.step == 4:
                logger = next(each for each in trainer.callbacks if each.name == "Logger")
                strange = {"loss_g": math.nan, "loss_d": math.inf, "penalty": None, "diagnoses": [{"name": "collapse"}]}
                logger.latest = {**logger.latest, **strange}
                seen.append(logged(trainer))

    mxgan.start(tiny_config(steps=4, log_every=2), tmp_path / "run", "none", False, [Keep()]).run()
    lines = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    finite = {name: value for name, value in lines[1].items() if name not in ("loss_g", "loss_d", "penalty")}
    assert seen == [{}, lines[0], {}, lines[1], finite]


def test_the_table_takes_a_diagnosis_and_a_value_that_is_not_finite(tmp_path):
    (tmp_path / "history.jsonl").write_text('{"step": 1, "loss_g": null, "diagnoses": ["collapse"]}\n{"step": 2}\n')
    shown("ToCsv")(tmp_path).close(None)
    assert (tmp_path / "history.csv").read_text().split() == ["step,loss_g,diagnoses", "1,,['collapse']", "2,,"]
