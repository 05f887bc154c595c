"""`mxgan launch`: what it refuses before anything starts, and a training by two ranks, with signals and restarts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from mxgan.cli import main
from mxgan.errors import RuntimeUnavailableError
from mxgan.runs.launching.mpirun import find_mpirun
from mxgan.runs.launching.options import Options
from tests.launched import all_gone
from tests.namespaces import NoHostsError, two_hosts
from tests.tiny_run import checkpoint_faults, contents, differences, environment, tiny_flags

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120.0  # seconds for a job of seconds


@pytest.fixture(scope="module", autouse=True)
def mpi():
    """mpirun; without it all of this is skipped."""
    try:
        return find_mpirun(Options(2, []))
    except RuntimeUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def called(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(ROOT)
    return lambda *words: CliRunner().invoke(main, ["launch", *words])


class Launched:
    """A process of mxgan launch with two ranks; what it writes on both streams comes by `line`."""

    def __init__(self, folder: Path, *words: str, steps: int, within=list, **flags) -> None:
        trained = [*tiny_flags(steps, log_every=5, **flags), "--run-dir", str(folder)]
        self.process = subprocess.Popen(
            within([sys.executable, "-m", "mxgan", "launch", "-n", "2", *words, "--", "train", *trained]),
            cwd=ROOT,
            env=environment(MXGAN_REPORT="0"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list = []

    def line(self, beginning: str) -> None:
        """Read on until a line begins so."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(beginning):
                return
        raise AssertionError(f"no {beginning!r} in {self.lines}")

    def ranks(self) -> list:
        """The ids of the ranks, in their order."""
        mpirun = _children(self.process.pid)[0]
        found = {_environment_of(pid)["PMIX_RANK"]: pid for pid in _children(mpirun)}
        return [found[rank] for rank in sorted(found)]

    def end(self) -> int:
        """The exit code when it has ended."""
        self.lines += self.process.communicate(timeout=LIMIT)[0].splitlines()
        return self.process.returncode


def _children(pid: int) -> list:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _starts_ranks(pid: int) -> bool:
    """Whether the first child of a process is the mpirun of a training."""
    try:
        child = Path(f"/proc/{_children(pid)[0]}")
        return "prterun" in os.readlink(child / "exe") and b"train" in (child / "cmdline").read_bytes()
    except (OSError, IndexError):  # there is none, or it has ended meanwhile
        return False


def _environment_of(pid: int) -> dict:
    words = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)


@pytest.fixture
def launched(mpi):
    made = []

    def start(*words, **flags) -> Launched:
        made.append(Launched(*words, **flags))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize(
    "words, told",
    [
        (["-n", "2"], "mxgan launch has no command. Write it after --"),
        (["-n", "2", "--", "sample", "x"], "starts train alone, and the command is 'sample'"),
        (["-n", "0", "--", "train"], "0 is not in the range x>=1"),
        (["--", "train"], "Missing option '-n'"),
        (["-n", "2", "--hosts", "/none", "--", "train"], "--hosts /none cannot be read (No such file or directory)"),
        (["-n", "2", "--mpirun", "/none", "--", "train"], "/none cannot be run (No such file or directory)"),
        (["-n", "2", "--", "train", "--bogus"], "No such option '--bogus'"),
        (["-n", "2", "--restarts", "1", "--", "train"], "--restarts 1 needs the run that a restart continues"),
        (["-n", "2", "--", "train", "--format", "yaml"], "--format yaml is of train --dry-run"),
        (["-n", "3", "--", "train", "--batch-size", "8"], "Give --batch-size 6 or 9, or another -n"),
        (["-n", "9", "--", "train", "--batch-size", "8"], "Give --batch-size 9, or another -n"),
        (["-n", "2", "--", "train", "--recipe", "dcgam"], "did you mean 'dcgan'"),
    ],
)
def test_it_refuses_before_anything_starts(words, told, called):
    found = called(*words)
    assert found.exit_code == 2
    assert told in found.stderr
    assert found.stdout == ""


def test_dry_runs(called):
    found = called("-n", "2", "--dry-run", "--", "train", "--ngf", "8")
    assert found.exit_code == 0
    assert re.match(r"\S*mpirun -n 2 .*--bind-to none .* train --ngf 8\n$", found.stdout)
    found = called("-n", "2", "--", "train", "--ngf", "8", "--dry-run")
    assert json.loads(found.stdout)["recipe"]["network"]["ngf"] == 8


def test_the_launcher_loads_no_mxnet(tmp_path):
    code = (
        "import sys; import mxgan.cli.launch, mxgan.runs.launching.restarts, mxgan.runs.launching.mpirun; "
        "sys.exit(bool({'mxnet', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment()).returncode == 0


def test_a_signal_saves_the_run(launched, tmp_path):
    job = launched(tmp_path / "run", steps=100_000)
    job.line("step 5 of")
    ranks = job.ranks()
    job.process.send_signal(signal.SIGINT)
    assert job.end() == 130
    assert [line for line in job.lines if line.startswith("Stopped by SIGINT after step ")]
    assert sum(line.startswith("Ending after this step") for line in job.lines) == 1
    assert f"  mxgan launch -n 2 -- train --resume {tmp_path / 'run'}" in job.lines
    assert not any(line.startswith("Error") for line in job.lines)
    newest, faults = checkpoint_faults(tmp_path / "run")
    assert newest
    assert not faults
    assert all_gone(ranks)


def test_a_killed_rank_is_restarted_to_the_same_bits(launched, tmp_path):
    job = launched(tmp_path / "killed", "--restarts", "1", steps=40, checkpoint_every=10)
    job.line("step 15 of")
    rank = job.ranks()[1]
    os.kill(rank, signal.SIGKILL)
    job.line("Restart 1 of 1: ")
    errors = [line for line in job.lines if line.startswith("Error")]
    assert len(errors) == 1
    assert re.match(rf"Error: rank 1 on \S+ \(PID {rank}\) was killed by SIGKILL \(9\)", errors[0])
    assert job.end() == 0, job.lines
    whole = launched(tmp_path / "whole", steps=40, checkpoint_every=10)
    assert whole.end() == 0, whole.lines
    assert not differences(contents(tmp_path / "killed"), contents(tmp_path / "whole"))


@pytest.mark.long
def test_an_error_of_all_ranks_is_one_line(launched, tmp_path):
    job = launched(tmp_path / "run", steps=9, dataset="folder", data_dir=tmp_path / "none")
    assert job.end() == 1
    assert [line for line in job.lines if "Error" in line] == job.lines


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
def test_a_stopped_rank_ends_the_job(rank, launched, tmp_path):
    job = launched(tmp_path / "run", steps=100_000)
    job.line("step 5 of")
    os.kill(job.ranks()[rank], signal.SIGSTOP)
    assert job.end() == 1
    errors = [line for line in job.lines if line.startswith("Error")]
    assert len(errors) == 1
    assert re.match(rf"Error: rank {rank} on \S+: no sign of life", errors[0])


@pytest.mark.long
def test_a_signal_while_the_ranks_load(launched, tmp_path):
    job = launched(tmp_path / "run", steps=100_000)
    until = time.monotonic() + LIMIT
    while not _starts_ranks(job.process.pid):
        assert time.monotonic() < until
    job.process.send_signal(signal.SIGTERM)
    assert job.end() == 143
    assert job.lines[-1] == "Ended at once; everything since the last save is lost."


@pytest.fixture
def hosts(tmp_path):
    """Two hosts; where they cannot be made the test is skipped with the reason."""
    try:
        with two_hosts(tmp_path) as made:
            yield made
    except NoHostsError as error:
        pytest.skip(str(error))


def on_hosts(hosts, launched, *words, steps: int):
    """A job with a rank on each of two hosts, whose launcher is on the first."""
    reach = ["--mpirun-option", f"--prtemca plm_ssh_agent {hosts.agent}", "--hosts", str(hosts.hostfile)]
    return launched(hosts.own / "run", *reach, *words, steps=steps, checkpoint_every=10, within=hosts.on_first)


def ranks_on(namespace: str) -> list:
    """The ids of the processes in a namespace that are ranks."""
    pids = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True).stdout
    return [
        int(pid)
        for pid in pids.split()
        if Path(f"/proc/{pid}/cmdline").read_bytes().count(b"\0train\0") == 1
        and b"python" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    ]


@pytest.mark.long
def test_a_rank_killed_on_another_host(hosts, launched):
    job = on_hosts(hosts, launched, "--restarts", "1", steps=40)
    job.line("step 15 of")
    (rank,) = ranks_on(hosts.namespaces[1])
    os.kill(rank, signal.SIGKILL)
    assert job.end() == 0, job.lines
    errors = [line for line in job.lines if line.startswith("Error")]
    assert len(errors) == 1
    # mpirun knows that it was killed; rank 0, that its connection is closed, may end the job before that.
    killed = rf"Error: rank 1 on host2 \(PID {rank}\) was killed by SIGKILL"
    assert re.match(rf"{killed}|Error: a rank on (host2|another host) is gone", errors[0]), job.lines
    assert not [line for line in job.lines if "***" in line or "----" in line]
    assert hosts.pids() == []


@pytest.mark.long
def test_two_hosts_are_left_when_the_launcher_is_killed(hosts, launched):
    job = on_hosts(hosts, launched, steps=100_000)
    job.line("step 15 of")
    job.process.kill()
    until = time.monotonic() + LIMIT
    while hosts.pids():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.long
def test_a_signal_reaches_both_hosts(hosts, launched):
    job = on_hosts(hosts, launched, steps=100_000)
    job.line("step 15 of")
    job.process.send_signal(signal.SIGTERM)
    assert job.end() == 143
    assert [line for line in job.lines if line.startswith("Stopped by SIGTERM after step ")]
    assert not [line for line in job.lines if "Error" in line]
    assert hosts.pids() == []
