"""`mxgan plot`: the curves of runs as pictures."""

from __future__ import annotations

import io
import logging
import time

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mxgan
from mxgan.cli import main
from mxgan.errors import ArgumentError
from mxgan.pictures.report.plots import charts_figure
from mxgan.runs.view import run_view
from tests.made_run import made_run, row
from tests.support import SMALLER


def run_mxgan(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)


@pytest.fixture
def run(tmp_path):
    return made_run(tmp_path / "a $run$ _of_ mine", history=[row(step) for step in range(10, 101, 10)])


def test_the_picture_of_a_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two = ("--charts", "losses,speed")
    assert run_mxgan("plot", run, *two).stdout == "written: losses.png\n"
    before = (tmp_path / "losses.png").read_bytes()
    assert Image.open(io.BytesIO(before)).size[0] > 1000
    again = run_mxgan("plot", run)
    assert again.exit_code == 2
    assert "losses.png exists; give another name, or replace it (--overwrite)" in again.stderr
    assert run_mxgan("plot", run, "--overwrite", "--smooth", 5, *two).exit_code == 0
    assert (tmp_path / "losses.png").read_bytes() != before


@pytest.mark.parametrize("ending, start", [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_the_ending_decides_the_format(run, tmp_path, ending, start):
    target = tmp_path / f"x.{ending}"
    assert run_mxgan("plot", run, "-o", target, "--charts", "losses").exit_code == 0
    assert target.read_bytes().startswith(start)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["-o", "x.gif"], "--output x.gif: give a name that ends in .png, .svg, .pdf."),
        (["-o", "none/x.png"], "none is not a folder"),
        (["--charts", "lossess"], "unknown chart 'lossess'; did you mean 'losses'?"),
        (["--charts", "losses,,"], "give names of charts with commas between"),
        (["--smooth", "0"], "0 is not in the range"),
    ],
)
def test_a_bad_call_writes_nothing(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = run_mxgan("plot", run, *arguments)
    assert result.exit_code != 0
    assert said in " ".join(result.stderr.split())
    assert not list(tmp_path.glob("*.*g*"))


def test_more_charts_than_a_picture_has_are_named(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("mxgan.pictures.report.plots.MOST_PANELS", 1)
    view = run_view(made_run(tmp_path / "run", history=[{"step": 1, "a": 1.0, "b": 2.0, "c": 3.0}]))
    with caplog.at_level(logging.WARNING):
        first = charts_figure([view])
    assert "1 of 3 charts are drawn, as many as a picture has; --charts NAME,… draws others: b, c." in caplog.text
    assert first == charts_figure([view], ["a"])
    with pytest.raises(ArgumentError, match=r"3 charts; one picture has at most 1. Name fewer \(--charts\)."):
        charts_figure([view], ["a", "b", "c"])


def test_what_cannot_be_drawn_says_so(tmp_path):
    gone = run_mxgan("plot", tmp_path / "gone", "-o", tmp_path / "x.png")
    assert (gone.exit_code, "is not a folder; give the folder of a run" in gone.stderr) == (1, True)
    empty = run_mxgan("plot", made_run(tmp_path / "empty"), "-o", tmp_path / "x.png")
    assert (empty.exit_code, "empty: the history has no values to draw" in empty.stderr) == (2, True)


def colours_in(picture: bytes) -> set:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).reshape(-1, 3)
    numbers = np.unique(pixels.astype(int) @ (1 << 16, 1 << 8, 1))
    return {(number >> 16, number >> 8 & 255, number & 255) for number in numbers.tolist()}


BLUE, RED, ORANGE = (31, 119, 180), (214, 39, 40), (255, 127, 14)


def test_one_run_has_g_blue_and_d_red_and_several_have_a_colour_each(tmp_path):
    views = [
        run_view(made_run(tmp_path / name, history=[row(step, loss_g=level) for step in range(9)]))
        for name, level in (("a", 0), ("b", 1))
    ]
    one, both = colours_in(charts_figure(views[:1], ["losses"])), colours_in(charts_figure(views, ["losses"]))
    assert {BLUE, RED} <= one
    assert ORANGE not in one
    assert {BLUE, ORANGE} <= both
    assert RED not in both


def test_hundreds_of_marks_are_drawn_in_a_moment(tmp_path):
    view = run_view(made_run(tmp_path / "run", history=[row(1), row(9)]))
    view["marks"] = [{"step": step, "kind": "resume", "text": "x"} for step in range(500)]
    charts_figure([view], ["losses"])
    began = time.process_time()
    charts_figure([view], ["losses"])
    assert time.process_time() - began < 1  # 2 s, were each a line of its own


def test_a_diagnosis_is_a_vertical_line(tmp_path):
    views = [
        run_view(made_run(tmp_path / name, history=[row(1), {**row(5), **more}, row(9)]))
        for name, more in (("plain", {}), ("marked", {"diagnoses": [{"name": "x", "evidence": "y", "remedy": "z"}]}))
    ]
    plain, marked = (np.asarray(Image.open(io.BytesIO(charts_figure([view], ["losses"])))) for view in views)
    columns = np.unique(np.nonzero((plain[60:] != marked[60:]).any(axis=2))[1])  # below the title
    assert 1 <= len(columns) <= 4


@pytest.mark.parametrize("name", mxgan.RECIPES)
def test_the_history_of_every_recipe_can_be_drawn(tmp_path, name):
    """Its rows have the names that the recipe's own metrics have."""
    from mxgan.objectives.heads import get_objective
    from mxgan.training.metrics import AdversarialMetrics

    recipe = mxgan.RECIPES[name]
    assert recipe.network.name in SMALLER
    names = AdversarialMetrics(get_objective(recipe.objective)).names()
    rows = [{"step": step, "epoch": 0, **dict.fromkeys(names, step / 10)} for step in (1, 2)]
    view = run_view(made_run(tmp_path / "run", history=rows, config=mxgan.RunConfig(recipe=recipe, steps=2)))
    assert {series["name"] for chart in view["charts"] for series in chart["series"]} == set(names)
    assert all(chart["title"] != chart["series"][0]["name"] for chart in view["charts"])
