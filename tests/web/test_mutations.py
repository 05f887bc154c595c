"""Runs whose files are damaged in every way: each page is there, and says what is wrong."""

from __future__ import annotations

import json
import random

from mxgan.pictures.report.page import render
from mxgan.runs.report import compared_view
from mxgan.runs.view import run_view
from mxgan.web.site import sections
from tests.web.serving import make_run

VALUES = (
    None,
    True,
    -1,
    0,
    10**30,
    1e308,
    "",
    "x",
    "</script>",
    [],
    [[]],
    {},
    {"a": []},
    ["x"] * 300,
    "\ud800",
    "é" * 5000,
)


def places(value, path=()):
    """The paths of all values in a JSON value."""
    yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*path, key))


def changed(record, rng: random.Random):
    """A copy with one value replaced or left out."""
    copy = json.loads(json.dumps(record))
    *above, last = rng.choice(list(places(copy))[1:])
    inner = copy
    for key in above:
        inner = inner[key]
    if rng.random() < 0.3:
        del inner[last]
    else:
        inner[last] = rng.choice(VALUES)
    return copy


def test_a_damaged_run_still_has_its_page(tmp_path):
    """Of configurations, histories and evaluations with one to three values changed, or cut anywhere."""
    rng = random.Random(18)
    whole = make_run(tmp_path / "whole")
    record = json.loads((whole / "config.json").read_text())
    row = {"step": 1, "epoch": 0, "loss_g": 1.0, "diagnoses": [{"name": "x", "evidence": "y", "remedy": "z"}]}
    score = {"step": 1, "frechet": 1.0, "ema_frechet": 2.0, "samples": 10}
    for number in range(25):
        files = {"config.json": record, "history.jsonl": row, "evaluation.jsonl": score}
        for name in rng.choices(list(files), k=rng.randint(1, 3)):
            files[name] = changed(files[name], rng) if files[name] else files[name]
        for name, value in files.items():
            text = json.dumps(value)
            (whole / name).write_text(text[: rng.randint(0, len(text))] if rng.random() < 0.1 else f"{text}\n")
        view = run_view(whole)
        for kind in view["pictures"]:
            for frame in kind["frames"]:
                frame["src"] = frame["file"]
        json.dumps(view, allow_nan=False)
        assert "</main>" in render("live.html", view, inline=False, etag="", address="x", links=[]), number
        assert 'aria-labelledby="scores"' in sections("run.html", view, ""), number
        assert sections("compare.html", compared_view([view, view]), ""), number
