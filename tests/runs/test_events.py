"""events.jsonl: begin and end of each training."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import mxgan
from mxgan.errors import DivergedError
from mxgan.runs.events import process_identity
from tests.support import Spoil, StopAt, tiny_config


def events(folder):
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_a_training_that_is_stopped_and_resumed(tmp_path):
    mxgan.start(tiny_config(steps=6), tmp_path / "run", "none", callbacks=[StopAt(3)]).run()
    mxgan.resume(tmp_path / "run", display="none").run()
    begin, end, again, finished = events(tmp_path / "run")
    assert (begin["event"], begin["step"], begin["last_step"], begin["pid"]) == ("begin", 0, 6, os.getpid())
    assert (end["event"], end["step"], end["how"], end["reason"]) == ("end", 3, "stopped", "test")
    assert (again["event"], again["step"], finished["step"], finished["how"]) == ("begin", 3, 6, "finished")
    assert begin["time"] <= end["time"] <= again["time"] <= finished["time"]


def test_a_training_that_fails_says_why(tmp_path):
    with pytest.raises(DivergedError):
        mxgan.start(
            tiny_config(steps=6), tmp_path / "run", "none", callbacks=[Spoil("generator", "g1_weight", 2)]
        ).run()
    assert events(tmp_path / "run")[-1]["how"] == "failed"
    assert events(tmp_path / "run")[-1]["reason"].startswith("DivergedError: training has diverged")


def test_a_process_is_known_by_its_start():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        first = process_identity(child.pid)
        assert first == process_identity(child.pid)
        assert first["began"]
        assert first["began"] != process_identity(os.getpid())["began"]
        child.communicate()
    assert process_identity(child.pid)["began"] is None
