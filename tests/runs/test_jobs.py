"""`Jobs` with small processes in place of trainings: what fails, what is stopped, and what the others do meanwhile."""

from __future__ import annotations

import sys
import time

import pytest

from mxgan.runs import jobs
from mxgan.runs.jobs import Job, Jobs

SAVES = """
import pathlib, signal, sys, time
def save(number, frame):
    pathlib.Path(sys.argv[1]).write_text("saved")
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def started(monkeypatch, tmp_path):
    """A function that makes Jobs of {name: (code, argument)}; the code runs instead of mxgan."""
    monkeypatch.setattr(jobs, "command_of", lambda arguments: [sys.executable, "-S", "-c", *arguments])
    monkeypatch.setattr(jobs, "LOOK", 0.01)
    said: list = []

    def make(codes, most=2, tell=said.append):
        queue = [Job(name, given, tmp_path / f"{name}.log", tmp_path / name) for name, given in codes.items()]
        made = Jobs(queue, most, tell, {})
        made.said = said
        return made

    return make


def wait_for(path, text):
    until = time.monotonic() + 30
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_job_that_fails_does_not_stop_the_others(started, tmp_path):
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "link.log").symlink_to(tmp_path / "elsewhere")
    running = started({
        "bad": ["print('step 3 of 9'); import sys; sys.exit('Error: training has diverged')"],
        "killed": ["import os; print('last words', flush=True); os.kill(os.getpid(), 9)"],
        "folder": ["print('never')"],
        "link": ["print('never')"],
        "good": ["print('done')"],
    })  # fmt: skip
    running.run()
    assert running.finished == ["good"]
    assert running.failed.pop("bad") == "training has diverged"
    assert running.failed.pop("killed") == "it was ended by SIGKILL; its last line: last words"
    assert f"{tmp_path / 'folder.log'} cannot be written: Is a directory" in running.failed.pop("folder")
    assert "link.log cannot be written" in running.failed.pop("link")
    assert running.failed == {}
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "good.log").read_text() == "done\n"
    assert any(line.startswith("folder (3 of 5): failed: ") for line in running.said)


def test_a_process_that_cannot_be_started_is_a_failure_of_its_job_alone(started):
    running = started({"one": ["pass", "x" * (1 << 20)], "two": ["pass"]})  # more than Linux takes as one argument
    running.run()
    assert running.finished == ["two"]
    assert running.failed["one"].startswith("its process cannot be started: Argument list too long. ")


@pytest.mark.parametrize("error, saves", [(RuntimeError, True), (KeyboardInterrupt, False)])
def test_only_a_second_signal_takes_from_the_jobs_the_time_to_save(started, tmp_path, error, saves):
    def tell(line):
        if line.startswith("other"):
            wait_for(tmp_path / "saves.log", "ready")
            raise error

    running = started({"saves": [SAVES, str(tmp_path / "kept")], "other": ["pass"]}, tell=tell)
    with pytest.raises(error):
        running.run()
    assert (tmp_path / "kept").exists() == saves
