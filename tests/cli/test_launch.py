"""`mxgan launch`: what it refuses before anything starts, and a training by two ranks, with signals and restarts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from mxgan.cli import main
from mxgan.cli.launch import _run
from mxgan.runs.launching.job import Job
from mxgan.runs.launching.options import RESTARTED, Options
from tests.launched import Launched
from tests.processes import all_gone, wait_until
from tests.ranks import mpirun
from tests.tiny_run import checkpoint_faults, contents, differences, environment, tiny_flags

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def mpi():
    """Without mpirun all of this is skipped."""
    mpirun()


@pytest.fixture
def called(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(ROOT)
    return lambda *words: CliRunner().invoke(main, ["launch", *words])


@pytest.fixture
def training(launched):
    """Makes a `Launched` of a tiny training by two ranks."""

    def start(folder: Path, *words: str, steps: int, within=list, **flags) -> Launched:
        trained = [*tiny_flags(steps, log_every=5, **flags), "--run-dir", folder]
        command = [sys.executable, "-m", "mxgan", "launch", "-n", "2", *words, "--", "train", *trained]
        return launched(within(command), merged=True)

    return start


def _starts_ranks(pid: int) -> bool:
    """Whether the first child of a process is the mpirun of a training."""
    try:
        child = Path("/proc", Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return "prterun" in os.readlink(child / "exe") and b"train" in (child / "cmdline").read_bytes()
    except (OSError, IndexError):  # there is none, or it has ended meanwhile
        return False


@pytest.mark.parametrize(
    "words, told",
    [
        (["-n", "2"], "mxgan launch has no command. Write it after --"),
        (["-n", "2", "--", "sample", "x"], "starts train alone, and the command is 'sample'"),
        (["-n", "0", "--", "train"], "0 is not in the range x>=1"),
        (["--", "train"], "Missing option '-n'"),
        (["-n", "2", "--hosts", "/none", "--", "train"], "--hosts /none cannot be read (No such file or directory)"),
        (["-n", "2", "--mpirun", "/none", "--", "train"], "/none cannot be run (No such file or directory)"),
        (["-n", "2", "--mpirun-option", "it's", "--", "train"], """--mpirun-option "it's" is not written as for a"""),
        (["-n", "2", "--", "train", "--bogus"], "No such option '--bogus'"),
        (["-n", "2", "--restarts", "1", "--", "train"], "--restarts 1 needs the run that a restart continues"),
        (["-n", "2", "--", "train", "--format", "yaml"], "--format yaml is of train --dry-run"),
        (
            ["-n", "3", "--", "train", "--batch-size", "8"],
            "Give a multiple of 3, such as 6 or 9, or another",
        ),
        pytest.param(["-n", "2", "--", "train", "--recipe", "dcgam"], "did you mean 'dcgan'", marks=pytest.mark.long),
    ],
)
def test_it_refuses_before_anything_starts(words, told, called):
    found = called(*words)
    assert found.exit_code == 2
    assert told in found.stderr
    assert found.stdout == ""


@pytest.mark.long
def test_a_dry_run_of_the_training(called):
    found = called("-n", "2", "--", "train", "--ngf", "8", "--dry-run")
    assert json.loads(found.stdout)["recipe"]["network"]["ngf"] == 8


def test_a_folder_that_was_there_is_no_run_to_restart(called, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    found = called("-n", "2", "--restarts", "1", "--", "train", "--run-dir", str(tmp_path))
    assert found.exit_code == 1
    assert found.stderr.startswith(f"Error: {tmp_path} exists and is not empty; nothing was changed.")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_dry_run_loads_no_mxnet():
    command = [sys.executable, "-X", "importtime", "-m", "mxgan", "launch", "-n", "2", "--dry-run", "--", "train"]
    command += ["--ngf", "8"]
    said = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    assert re.match(r"\S*mpirun -n 2 .*--bind-to none .* train --ngf 8\n$", said.stdout)
    modules = {line.rpartition("|")[2].strip() for line in said.stderr.splitlines()}
    assert "mxgan.runs.launching.mpirun" in modules
    assert not {"mxnet", "numpy"} & modules


def test_debug_is_for_the_job_too():
    def command_of(flags, environment):
        raise KeyError("a fault")

    for debug, raised in ((True, KeyError), (False, SystemExit)):
        with pytest.raises(raised):
            _run(Options(2, []), None, command_of, debug)


def test_a_restart_of_a_finished_run_is_its_end(trained_copy, tmp_path, monkeypatch):
    run = trained_copy(2, tmp_path / "run").path
    assert CliRunner().invoke(main, ["train", "--resume", str(run)]).exit_code == 2
    monkeypatch.setenv(RESTARTED, "1")
    again = CliRunner().invoke(main, ["train", "--resume", str(run)])
    assert (again.exit_code, again.stderr) == (0, "")
    assert "Nothing left to train" in again.stdout


def test_a_signal_saves_the_run(training, tmp_path):
    job = training(tmp_path / "run", "--mpirun-option", "--timeout 600", steps=100_000)
    job.line("step 5 of")
    ranks = job.ranks()
    job.process.send_signal(signal.SIGINT)
    assert job.end()[0] == 130
    assert [line for line in job.lines if line.startswith("Stopped by SIGINT after step ")]
    assert sum(line.startswith("Ending after this step") for line in job.lines) == 1
    again = f"  mxgan launch -n 2 --mpirun-option '--timeout 600' -- train --resume {tmp_path / 'run'}"
    assert [line for line in job.lines if " --resume " in line] == [again]
    assert not any(line.startswith("Error") for line in job.lines)
    newest, faults = checkpoint_faults(tmp_path / "run")
    assert newest
    assert not faults
    assert all_gone(ranks)


@pytest.mark.long
def test_a_killed_rank_is_restarted_to_the_same_bits(training, tmp_path):
    job = training(tmp_path / "killed", "--restarts", "1", steps=40, checkpoint_every=10)
    job.line("step 15 of")
    rank = job.ranks()[1]
    os.kill(rank, signal.SIGKILL)
    job.line("Restart 1 of 1: ")
    errors = job.errors()
    assert len(errors) == 1
    assert re.match(rf"Error: rank 1 on \S+ \(PID {rank}\) was killed by SIGKILL \(9\)", errors[0])
    assert job.end()[0] == 0, job.lines
    whole = training(tmp_path / "whole", steps=40, checkpoint_every=10)
    assert whole.end()[0] == 0, whole.lines
    assert not differences(contents(tmp_path / "killed"), contents(tmp_path / "whole"))


@pytest.mark.long
def test_an_error_of_all_ranks_is_one_line(training, tmp_path):
    job = training(tmp_path / "run", steps=9, dataset="folder", data_dir=tmp_path / "none")
    assert job.end()[0] == 1
    assert [line for line in job.lines if "Error" in line] == job.lines


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
def test_a_stopped_rank_ends_the_job(rank, training, tmp_path):
    job = training(tmp_path / "run", steps=100_000)
    job.line("step 5 of")
    os.kill(job.ranks()[rank], signal.SIGSTOP)
    assert job.end()[0] == 1
    errors = job.errors()
    assert len(errors) == 1
    assert re.match(rf"Error: rank {rank} on \S+: no sign of life", errors[0])


@pytest.mark.long
def test_a_signal_while_the_ranks_load(training, tmp_path):
    job = training(tmp_path / "run", steps=100_000)
    wait_until(lambda: _starts_ranks(job.process.pid))
    job.process.send_signal(signal.SIGTERM)
    assert job.end()[0] == 143
    assert job.lines[-1] == "Ended at once; everything since the last save is lost."


@pytest.mark.long
def test_a_host_that_does_not_answer(launched, tmp_path):
    agent, hosts = tmp_path / "agent", tmp_path / "hosts"
    agent.write_text("#!/bin/sh\necho no such host >&2\nexit 255\n")
    agent.chmod(0o755)
    hosts.write_text("localhost slots=1\nnosuchhost slots=1\n")
    reach = ["--hosts", hosts, "--mpirun-option", f"--prtemca plm_ssh_agent {agent} --map-by node"]
    job = launched([sys.executable, "-m", "mxgan", "launch", "-n", "2", *reach, "--", "train"])
    code, out, err = job.end()
    assert (code, out) == (255, b"")
    told, error = err.splitlines()
    assert told == "no such host"
    assert error.startswith("Error: the host nosuchhost does not answer mpirun")


def on_hosts(hosts, training, *words, steps: int):
    """A job with a rank on each of two hosts, whose launcher is on the first."""
    reach = ["--mpirun-option", f"--prtemca plm_ssh_agent {hosts.agent}", "--hosts", str(hosts.hostfile)]
    return training(hosts.own / "run", *reach, *words, steps=steps, checkpoint_every=10, within=hosts.on_first)


@pytest.mark.long
def test_a_rank_killed_on_another_host(hosts, training):
    job = on_hosts(hosts, training, "--restarts", "1", steps=40)
    job.line("step 15 of")
    rank = job.ranks()[1]
    os.kill(rank, signal.SIGKILL)
    assert job.end()[0] == 0, job.lines
    errors = job.errors()
    assert len(errors) == 1
    # mpirun knows that it was killed; rank 0, that its connection is closed, may end the job before that.
    killed = rf"Error: rank 1 on host2 \(PID {rank}\) was killed by SIGKILL"
    assert re.match(rf"{killed}|Error: a rank on (host2|another host) is gone", errors[0]), job.lines
    assert not [line for line in job.lines if "***" in line or "----" in line]
    assert hosts.pids() == []


@pytest.mark.long
def test_two_hosts_are_left_when_the_launcher_is_killed(hosts, training):
    job = on_hosts(hosts, training, steps=100_000)
    job.line("step 15 of")
    assert hosts.pids() != []
    job.process.kill()
    wait_until(lambda: not hosts.pids())
    assert hosts.pids() == []


@pytest.mark.long
def test_a_signal_reaches_both_hosts(hosts, training):
    job = on_hosts(hosts, training, steps=100_000)
    job.line("step 15 of")
    job.process.send_signal(signal.SIGTERM)
    assert job.end()[0] == 143
    assert [line for line in job.lines if line.startswith("Stopped by SIGTERM after step ")]
    assert not [line for line in job.lines if "Error" in line]
    assert hosts.pids() == []


def test_what_a_killed_mpirun_left_behind_does_not_keep_a_job_from_starting(tmp_path, monkeypatch):
    # Open MPI writes into ompi.PID with the process id of mpirun, and ids come again: so each job has its own place.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    _occupy(tmp_path)
    words = [mpirun(), "--allow-run-as-root", "--bind-to", "none", "-n", "1", "true"]
    refused = subprocess.run(words, env=environment(), capture_output=True, text=True)
    assert "listener thread failed to start" in refused.stderr
    _occupy(tmp_path)
    before = set(tmp_path.iterdir())
    assert Job(words, environment(), sys.stdout.buffer, sys.stderr.buffer, print).run().code == 0
    assert set(tmp_path.iterdir()) == before


def _occupy(place):
    """Leave behind what a killed mpirun does, for the process ids that come next."""
    newest = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    first = int(newest.stdout)
    for pid in {*range(first, first + 500), *range(300, 800)}:  # after the highest id Linux begins at 300 again
        folder = place / f"ompi.{pid}"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "pmix.vm.tool").touch()
