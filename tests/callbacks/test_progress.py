"""How far a training is: a bar on a terminal, a line beside the original's in a log, cells in a notebook."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import mxgan
from mxgan.cli.terminal import show_log
from tests.support import tiny_config
from tests.terminal import terminal_as
from tests.test_recipes import small

CLOCK = r"(\d+:)?\d\d:\d\d"
LINE = re.compile(
    rf"step (\d+) of (\d+), (ETA|took) {CLOCK}, [\d.e+]+ images/s, facc [\d.]+, fentropy_g [\d.]+, fentropy_d [\d.]+"
)
ORIGINAL = re.compile(r"epoch: \d+ iter: \d+ metric: \('facc', [\d.]+\) \('fentropy', [\d.]+\) \('fentropy', [\d.]+\)")


@contextlib.contextmanager
def file_as(path: Path, *streams: str):
    """`sys.stdout` or `sys.stderr` as a file; gives a function that returns its text, with every carriage return."""
    with pytest.MonkeyPatch.context() as patch, path.open("w", encoding="utf-8", newline="") as stream:
        for name in streams:
            patch.setattr(sys, name, stream)
        yield lambda: (stream.closed or stream.flush(), path.read_bytes().decode())[1]


def train(folder: Path, progress=None, **settings) -> None:
    """Train with the log that `mxgan train` has."""
    show_log()
    mxgan.start(tiny_config(**{"steps": 9, **settings}), folder, "none", progress=progress).run()


def test_a_log_file_has_a_line_beside_each_of_the_originals(tmp_path):
    with file_as(tmp_path / "log", "stdout", "stderr") as text:
        train(tmp_path / "run")
        lines = text().splitlines()
        assert "\r" not in text()
    assert [line for line in lines if line.startswith("epoch")] == [line for line in lines if ORIGINAL.fullmatch(line)]
    places = [place for place, line in enumerate(lines) if ORIGINAL.fullmatch(line)]
    beside = [LINE.fullmatch(lines[place + 1]) for place in places]
    assert [(found[1], found[2], found[3]) for found in beside] == [
        ("4", "9", "ETA"), ("8", "9", "ETA"), ("9", "9", "took"),
    ]  # fmt: skip
    history = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert f"fentropy_g {history[0]['fentropy_g']:.3g}, fentropy_d {history[0]['fentropy_d']:.3g}" in beside[0].string


def test_a_terminal_has_a_bar_below_the_lines(tmp_path):
    with terminal_as("stdout", "stderr", size=(80, 24)) as seen:
        train(tmp_path / "run")
    parts = re.split(r"[\r\n]+", seen())
    assert len([part for part in parts if ORIGINAL.fullmatch(part)]) == 3
    assert not [part for part in parts if LINE.fullmatch(part)]
    bars = [part for part in parts if part.startswith("step ")]
    assert bars[0].startswith("step 0/9 |")
    last = re.fullmatch(
        rf"step 9/9 \|█+\| {CLOCK}<{CLOCK}, \d+ img/s, facc [\d.]+, loss G [\d.]+, D [\d.]+", bars[-1].strip()
    )
    assert last, bars
    assert len(bars[-1]) <= 80


def test_a_resumed_run_begins_the_bar_at_its_step(tmp_path):
    train(tmp_path / "run")
    with terminal_as("stdout", "stderr") as seen:
        mxgan.resume(tmp_path / "run", steps=12, display="none").run()
    bars = [part for part in re.split(r"[\r\n]+", seen()) if part.startswith("step ")]
    assert bars[0].startswith("step 9/12 |")
    assert bars[-1].startswith("step 12/12 |")


@pytest.mark.parametrize("terminal, file", [("stderr", "stdout"), ("stdout", "stderr")])
def test_one_of_the_streams_is_a_file(tmp_path, terminal, file):
    with terminal_as(terminal) as seen, file_as(tmp_path / "file", file) as text:
        train(tmp_path / "run")
        written, shown = text(), seen()
    assert "\r" not in written
    log = written if file == "stdout" else shown
    assert len([line for line in log.splitlines() if LINE.fullmatch(line)]) == 3
    assert ("step 9/9 |" in shown) == (terminal == "stderr")


@pytest.mark.parametrize("progress", [True, False])
def test_true_and_false_decide_on_a_terminal(tmp_path, progress):
    with terminal_as("stdout", "stderr") as seen:
        train(tmp_path / "run", progress, steps=4)
    assert ("step 4/4 |" in seen()) == progress
    assert bool([line for line in seen().splitlines() if LINE.fullmatch(line)]) != progress


def test_true_draws_nothing_into_a_file(tmp_path):
    with file_as(tmp_path / "log", "stdout", "stderr") as text:
        train(tmp_path / "run", progress=True, steps=4)
        assert "\r" not in text()
    assert len([line for line in (tmp_path / "log").read_text().splitlines() if LINE.fullmatch(line)]) == 1


def test_in_a_script_without_a_log_true_writes_the_lines(tmp_path, capsys):
    mxgan.start(tiny_config(steps=4), tmp_path / "run", "none", progress=True).run()
    assert [bool(LINE.fullmatch(line)) for line in capsys.readouterr().err.splitlines()] == [True]


def test_without_standard_streams_it_trains(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    mxgan.start(tiny_config(steps=4), tmp_path / "run", "none").run()
    assert (tmp_path / "run" / "checkpoints" / "000004").is_dir()


def test_a_critics_line_has_its_losses_and_its_estimate(tmp_path, caplog):
    config = replace(small("wgan", steps=1), log_every=1)
    with caplog.at_level("INFO", "mxgan"):
        mxgan.start(config, tmp_path / "run", "none").run()
    line = next(text for text in caplog.messages if text.startswith("step 1 of 1, took "))
    assert re.search(r" images/s, loss_g \S+, loss_d \S+, wasserstein \S+$", line)


NOTEBOOK = """
import warnings, sys
sys.path.insert(0, {place!r})
import mxgan
from tests.support import tiny_config
warnings.simplefilter("error")
mxgan.start(tiny_config(steps=8), {run!r}, display="none").run()
"""


def test_a_notebook_shows_a_bar(tmp_path):
    for name in ("nbclient", "nbformat", "ipykernel"):
        pytest.importorskip(name, reason="pip install nbclient nbformat ipykernel, to train in a notebook")
    import nbclient
    import nbformat

    place = str(Path(mxgan.__file__).parents[1])
    cell = nbformat.v4.new_code_cell(NOTEBOOK.format(place=place, run=str(tmp_path / "run")))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (shown,) = notebook.cells[0].outputs
    assert shown.output_type == "display_data"  # neither a warning nor the text of a terminal
    assert re.match(r"step [08]/8 \|", shown.data["text/plain"])
    assert "\\r" not in nbformat.writes(notebook)
