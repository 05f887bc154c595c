"""`mxgan runs`: the table, its order, JSON, and what differs between two runs."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from mxgan.cli import main
from mxgan.cli.tables import Table, human_duration, human_size
from mxgan.runs.events import process_identity
from mxgan.runs.overview import overview
from tests.made_run import made_evaluation, made_run, row
from tests.support import tiny_config
from tests.tiny_run import ROOT, environment


def run_mxgan(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path):
    """Three runs: one that trains, an older one with a score, and one whose config.json is broken."""
    folder = tmp_path / "runs"
    begin = {"event": "begin", "time": time.time() - 100, "step": 0, "last_step": 100}
    made_run(folder / "now", history=[row(40)], events=[{**begin, **process_identity(os.getpid())}])
    scores = [{"step": 50, "swd": 3.25}, {"step": 100, "swd": 4.0}]
    older = made_run(
        folder / "older", history=[row(100)], evaluation=scores, saved=100, config=tiny_config(steps=100, seed=5)
    )
    broken = made_run(folder / "broken-with-a-name-that-is-longer-than-the-others")
    (broken / "config.json").write_text("{")
    for path, age in ((older, 1000), (broken, 2000)):
        for each in path.iterdir():
            os.utime(each, (time.time() - age,) * 2)
    return folder


def test_the_table_in_a_pipe_is_plain_aligned_and_whole(folder):
    result = run_mxgan("runs", folder)
    head, *lines = result.stdout.splitlines()
    names = ["now", "older", "broken-with-a-name-that-is-longer-than-the-others"]
    assert [line.split()[0] for line in lines] == names  # the newest first
    assert lines[0].split("  ")[0] == "now"
    place = head.index("state")
    assert [line[place:].split("  ")[0] for line in lines] == ["training", "finished", "unreadable"]
    assert "40 of 100" in lines[0]
    assert lines[0].split("  ")[-1] in ("2 min 30 s", "2 min 29 s", "2 min 31 s")
    assert "swd 3.25 at 50" in lines[1]
    assert "\x1b" not in result.stdout
    assert "config.json cannot be read as JSON" in result.stderr


def test_json_has_the_overviews(folder):
    found = json.loads(run_mxgan("runs", folder, "--json").stdout)
    assert [each["name"][:6] for each in found] == ["now", "older", "broken"]
    assert found[1] == overview(folder / "older").as_dict()


@pytest.mark.parametrize(
    "field, order",
    [
        ("changed", ["now", "older", "broken"]),
        ("name", ["broken", "now", "older"]),
        ("state", ["older", "now", "broken"]),
        ("step", ["older", "now", "broken"]),
        ("score", ["older", "now", "broken"]),
    ],
)
def test_the_order_of_the_rows(folder, field, order):
    found = json.loads(run_mxgan("runs", folder, "--json", "--sort", field).stdout)
    assert [each["name"].partition("-")[0] for each in found] == order


def test_an_unknown_field_is_corrected(folder):
    result = run_mxgan("runs", folder, "--sort", "stat")
    assert (result.exit_code, "did you mean 'state'?" in result.stderr) == (2, True)


def test_no_runs_no_folder_and_a_single_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_mxgan("runs").stdout == "There are no runs in runs.\n"
    assert run_mxgan("runs", "--json").stdout == "[]\n"
    assert run_mxgan("runs", tmp_path).stdout == f"There are no runs in {tmp_path}.\n"
    missing = run_mxgan("runs", "elsewhere")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "elsewhere is not a folder; give the one that holds the runs." in missing.stderr
    made_run(tmp_path / "single", history=[row(50)])
    assert run_mxgan("runs", "single").stdout.splitlines()[1].split()[0] == "single"


def test_what_differs_between_two_runs(folder):
    made_run(folder / "later", evaluation=[{"step": 100, "swd": 2.0}])
    result = run_mxgan("runs", folder, "--diff", "older", folder / "later")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["setting", "older", "later"], ["seed", "5", "0"], [], ["score", "older", "later"], ["swd", "(×10³)", "4", "2"],
    ]  # fmt: skip
    found = json.loads(run_mxgan("runs", folder, "--diff", "older", "later", "--json").stdout)
    assert [each["name"] for each in found["settings"]] == ["seed"]
    assert [each["errors"] for each in found["scores"]] == [[None, None]]
    same = run_mxgan("runs", folder, "--diff", "later", "later").stdout
    assert same.startswith("There are no settings in which the runs differ.\n")
    missing = run_mxgan("runs", folder, "--diff", "later", "nothing")
    assert (missing.exit_code, "nothing is not a folder" in missing.stderr) == (1, True)


def test_scores_that_differ_have_their_errors(folder):
    for name, value in (("older", 12.5), ("later", 13.5)):
        if name == "later":
            made_run(folder / name)
        made_evaluation(folder / name, "000100.json", value)
    found = run_mxgan("runs", folder, "--diff", "older", "later").stdout
    assert found.splitlines()[-1].split() == ["frechet", "(10000", "samples)", "12.5", "±", "0.25", "13.5", "±", "0.25"]


@pytest.mark.long
def test_a_reader_that_has_seen_enough_ends_it_quietly(folder):
    command = [sys.executable, "-m", "mxgan", "runs", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment()
    ) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode in (0, 1)


def table_on_a_terminal(table: Table, monkeypatch, **variables) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "40", **variables}.items():
        monkeypatch.setenv(name, value)
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as terminal, os.fdopen(reader), monkeypatch.context() as patched:
        patched.setattr("sys.stdout", terminal)
        return table.text()


HOSTILE = Table(["name", "state"], [["[red]a\x1b[2J\n" + "b" * 60, "died at 3"]], styles={"died": "red"})


def test_on_a_terminal_it_is_coloured_and_wraps_long_names(monkeypatch):
    text = table_on_a_terminal(HOSTILE, monkeypatch)
    assert "\x1b[31mdied at 3" in text
    assert text.count("b") == 60  # nothing is cut off
    assert "[red]a�[2J�" in text.replace("\n", "")


def test_no_color_and_a_dumb_terminal_are_honoured(monkeypatch):
    assert "\x1b[31m" not in table_on_a_terminal(HOSTILE, monkeypatch, NO_COLOR="1")
    assert "\x1b" not in table_on_a_terminal(HOSTILE, monkeypatch, TERM="dumb")


@pytest.mark.parametrize(
    "count, text",
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (10_467_293, "10.5 MB"), (999_999, "1.0 MB"), (3e15, "3000 TB")],
)
def test_sizes(count, text):
    assert human_size(int(count)) == text


@pytest.mark.parametrize(
    "seconds, text", [(0.2, "0 s"), (59.6, "1 min 00 s"), (7500, "2 h 05 min"), (200_000, "2 d 07 h"), (-3, "0 s")]
)
def test_durations(seconds, text):
    assert human_duration(seconds) == text
