"""`mxgan sweep` with real processes: killed, stopped, failed, continued."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from mxgan.cli import main
from mxgan.training.run_folder import RunFolder
from tests.support import gone_within, is_alive
from tests.tiny_run import ROOT, Training, contents, differences, environment

PATIENCE = 300.0  # seconds, on a busy machine
FILE = """
base:
  dataset: digits
  batch_size: 8
  network: {ngf: 4, ndf: 4, image_size: 16, latent_size: 10}
  steps: %d
  checkpoint_every: 10
  log_every: 5
  sample_every: 50
grid:
  %s
"""


def write(tmp_path, steps, grid):
    file = tmp_path / "tiny.yaml"
    file.write_text(FILE % (steps, grid))
    return file


def heed_ctrl_c() -> None:
    """Tests in the background of a shell ignore Ctrl-C, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Sweep:
    """A process of `mxgan sweep` on `file`, its runs in FOLDER beside it, its output in sweep.txt."""

    def __init__(self, file, *arguments):
        self.folder, self._log = file.parent / "runs", file.parent / "sweep.txt"
        command = [sys.executable, "-m", "mxgan", "sweep", str(file), "--run-dir", str(self.folder), *arguments]
        variables = environment()
        del variables["OMP_NUM_THREADS"]
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=ROOT, env=variables, preexec_fn=heed_ctrl_c
            )

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for(self, happened) -> None:
        until = time.monotonic() + PATIENCE
        while not happened():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < until, self.output()
            time.sleep(0.02)

    def finish(self) -> int:
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()


def events(folder) -> list:
    path = folder / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def saved(folder) -> list:
    return RunFolder(folder).checkpoint_steps()


def call(*arguments, code=0):
    result = CliRunner().invoke(main, ["sweep", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_a_run_that_fails_does_not_stop_the_others(tmp_path):
    file, folder = write(tmp_path, 2, "seed: [1, 2]"), tmp_path / "runs"
    (folder / "seed-1.log").mkdir(parents=True)
    words = call(file, "--run-dir", folder, "--jobs", 2, code=1)
    assert "2 runs, of which 0 finished already" in words
    assert "each with 1 thread" in words or "OMP_NUM_THREADS is set" in words
    failed, table = "Failed: seed-1: ", ["seed-2", "dcgan", "digits", "2", "of", "2", "finished"]
    lines = [line.split()[:7] for line in words.splitlines()]
    assert words.index(f"{failed}{folder / 'seed-1.log'} cannot be written: Is a directory") < words.index("best score")
    assert table in lines
    assert saved(folder / "seed-2") == [2]
    assert "mxgan report" not in words
    assert (folder / "report.html").stat().st_size > 1000
    words = call(file, "--run-dir", folder, "--dry-run")
    assert words.splitlines()[-2:] == [f"{folder}/seed-1: new", f"{folder}/seed-2: finished"]
    words = call(file, "--run-dir", folder, code=1)  # its own files are replaced
    assert "2 runs, of which 1 finished already" in words
    assert "Failed: seed-1: " in words


def test_a_sweep_replaces_no_file_that_mxgan_has_not_written(tmp_path):
    file, folder = write(tmp_path, 2, "seed: [1, 2]"), tmp_path / "runs"
    folder.mkdir()
    for name in ("report.html", "seed-2.yaml"):
        mine = folder / name
        for make in (lambda path: path.write_text("mine"), Path.mkdir, lambda path: path.symlink_to("elsewhere")):
            make(mine)
            for dry in ([], ["--dry-run"]):
                words = call(file, "--run-dir", folder, *dry, code=2)
                assert f"{mine} exists and is not a " in words
                assert "nothing is changed. Move it away." in words
            assert {path.name for path in folder.iterdir()} == {".lock", name}
            if mine.is_dir():
                mine.rmdir()
            else:
                assert mine.is_symlink() or mine.read_text() == "mine"
                mine.unlink()


def test_the_dry_run_says_what_would_be_done_and_writes_nothing(tmp_path):
    file = write(tmp_path, 3, "seed: [1, 2]")
    words = call(file, "--run-dir", tmp_path / "runs", "--dry-run")
    assert words.splitlines()[-2:] == [f"{tmp_path / 'runs' / name}: new" for name in ("seed-1", "seed-2")]
    assert not (tmp_path / "runs").exists()


def test_bad_calls_end_in_words(tmp_path):
    file = write(tmp_path, 3, "seed: [1, x]")
    assert f"Error: {file}: seed-x: seed is 'x'; give a whole number." in call(file, code=2)
    file = write(tmp_path, 3, "seed: [1]\n  data_dir: [gone]\n  dataset: [folder]")
    assert "gone" in call(file, "--run-dir", tmp_path / "runs", code=1)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [".lock"]  # nothing was begun
    (tmp_path / "config.json").write_text("{}")
    assert "is a run; give a --run-dir for a folder of runs" in call(file, "--run-dir", tmp_path, code=2)
    taken = tmp_path / "taken"
    taken.write_text("")
    assert "taken cannot be made" in call(write(tmp_path, 3, "seed: [1]"), "--run-dir", taken, code=1)


@pytest.mark.long
def test_a_sweep_that_is_interrupted_again_and_again_ends_in_the_bits_of_undisturbed_runs(tmp_path):
    file = write(tmp_path, 600, "seed: [0, 1, 2]")
    for ending, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        before = len(events(tmp_path / "runs" / "seed-0"))
        sweep = Sweep(file, "--jobs", "2")
        sweep.wait_for(lambda: len(events(tmp_path / "runs" / "seed-0")) > before)  # noqa: B023
        time.sleep(1.0)
        pids = [events(folder)[-1].get("pid") for folder in sweep.folder.glob("seed-?")]
        os.kill(sweep.process.pid, ending)
        assert sweep.finish() == code, sweep.output()
        assert all(gone_within(30, pid) for pid in pids if pid)
        if code > 0:
            assert "Continue with:\n  mxgan sweep" in sweep.output()
            assert events(sweep.folder / "seed-0")[-1]["event"] == "end"
    sweep = Sweep(file, "--jobs", "2")
    assert sweep.finish() == 0, sweep.output()
    for seed in (0, 1, 2):
        alone = tmp_path / "alone" / f"seed-{seed}"
        alone.parent.mkdir(exist_ok=True)
        assert Training(alone, ["--config", str(sweep.folder / f"seed-{seed}.yaml")]).finish() == 0
        whole, found = contents(alone), contents(sweep.folder / f"seed-{seed}")
        assert differences({name: found.get(name) for name in whole}, whole) == []
        assert all(name.endswith(".png") for name in found.keys() - whole.keys())  # drawn where it was stopped
    assert "3 runs, of which 3 finished already" in call(file, "--run-dir", sweep.folder)


@pytest.mark.long
def test_a_second_ctrl_c_ends_everything_at_once(tmp_path):
    file = write(tmp_path, 100_000, "seed: [0]")
    sweep = Sweep(file)
    folder = sweep.folder / "seed-0"
    sweep.wait_for(lambda: saved(folder))
    pid = events(folder)[0]["pid"]
    os.kill(pid, signal.SIGSTOP)  # it cannot save
    sweep.process.send_signal(signal.SIGINT)
    time.sleep(2)
    assert sweep.process.poll() is None
    sweep.process.send_signal(signal.SIGINT)
    assert sweep.finish() == 130
    assert "Ended at once; what the runs have not saved is lost" in sweep.output()
    assert gone_within(10, pid)


@pytest.mark.long
def test_two_sweeps_do_not_share_a_folder(tmp_path):
    file = write(tmp_path, 100_000, "seed: [0]")
    sweep = Sweep(file)
    sweep.wait_for(lambda: saved(sweep.folder / "seed-0"))
    assert "is in use by another process" in call(file, "--run-dir", sweep.folder, code=1)
    sweep.process.terminate()
    assert sweep.finish() == 143


@pytest.mark.long
def test_a_killed_sweep_leaves_no_process_and_the_same_command_finishes_it(tmp_path):
    file = write(tmp_path, 300, "lr: [0.0002, 1.0e+30]")
    sweep = Sweep(file, "--jobs", "2")
    good, bad = (sweep.folder / name for name in ("lr-0.0002", "lr-1e+30"))
    sweep.wait_for(lambda: saved(good))
    pid = events(good)[0]["pid"]
    assert is_alive(pid)
    sweep.process.kill()
    sweep.finish()
    assert gone_within(30, pid), "the training goes on without its sweep"
    assert events(good)[-1]["how"] == "stopped"  # it has saved
    assert 0 < saved(good)[-1] < 300
    for again in range(2):
        before = bad.with_name(f"{bad.name}.log").read_text().count("Error: ")
        words = call(file, "--run-dir", sweep.folder, "--jobs", 2, code=1)
        assert f"2 runs, of which {again} finished already" in words
        assert "Failed: lr-1e+30: training has diverged" in words
        assert bad.with_name(f"{bad.name}.log").read_text().count("Error: ") == before + 1
        assert saved(good)[-1] == 300
        assert len(events(good)) == 4  # continued once, not begun again
