"""Ranks as real processes of mpirun: what they write, how they fail, signals, restarts; nothing is left behind."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import signal
import sys
import termios
import time
from pathlib import Path

import pytest

from mxgan.errors import ArgumentError, RuntimeUnavailableError
from mxgan.runs.launching import mpirun as mpirun_module
from mxgan.runs.launching.banners import Banners
from mxgan.runs.launching.hosts import check_hosts, slots_in
from mxgan.runs.launching.mpirun import find_mpirun, mpirun_command
from mxgan.runs.launching.options import Options
from mxgan.runs.launching.output import ErrorLines, Lines
from mxgan.runs.launching.sessions import processes_of
from tests.launched import Launched
from tests.processes import PATIENCE, all_gone, wait_until

DASHES = b"-" * 74 + b"\n"
KILLED = b"prterun noticed that process rank 1 with PID 7 on node n2 exited on\nsignal 9 (Killed).\n"
MEMORY = "; the kernel does that too when memory runs out"


def long(*values: object):
    """Values of a parametrized test that takes long."""
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.fixture
def ranks(launched):
    """Makes a `Launched` of ranks that are stand-ins."""

    def start(*words: str, count: int = 2, restarts: int = 0, run: object = "-", **options) -> Launched:
        command = [sys.executable, "-m", "tests.stand_ins", "launch", count, restarts, run, *words]
        return launched(command, **options)

    return start


def pids(job: Launched, count: int = 2) -> list:
    """The ids that the ranks have written."""
    return [int(job.line("pid ").split()[1]) for _ in range(count)]


def mpirun_of(job: Launched) -> int:
    """The id of mpirun, which is that of its session too."""
    return int(Path(f"/proc/{job.process.pid}/task/{job.process.pid}/children").read_text().split()[0])


def test_output_passes_as_it_is(ranks):
    code, out, err = ranks("lines", "20000").end()
    assert code == 0
    lines = out.split(b"\n")
    assert [line for line in lines if line.startswith(b"line ")] == [b"line %d" % number for number in range(20000)]
    for rank in range(2):
        assert b"rank %d: \xff\xfe\0 \r|" % rank in lines
    assert lines.count(b"stdin: ''") == 2
    assert err.count("a table of a rank") == 2
    assert err.count("-" * 74) == 4


@pytest.mark.long
def test_a_signal_to_a_rank_that_saves_is_no_fault(ranks, tmp_path):
    code, _, err = ranks("stopped", run=tmp_path, restarts=2).end()
    assert (code, err) == (143, "")


@pytest.mark.parametrize(
    "words, code, text",
    [
        (["both", "0"], 0, ""),
        (["second_ends", "5"], 5, "Error: rank 1 ended with exit code 5.\n"),
        (["error", "it is broken"], 1, "Error: it is broken\n"),
        (["second_kills_itself", "SIGKILL"], 137, f"Error: rank 1 on HOST was killed by SIGKILL (9){MEMORY}.\n"),
        long(["second_kills_itself", "SIGSEGV"], 139, "Error: rank 1 on HOST was killed by SIGSEGV (11).\n"),
    ],
)
def test_a_fault_is_one_line(words, code, text, ranks):
    found, _, err = ranks(*words).end()
    assert found == code
    assert without_place(err) == text


def without_place(text: str) -> str:
    """The text with HOST in place of a host and the id of a process."""
    return re.sub(r"on \S+( \(PID [0-9]+\))?", "on HOST", text)


@pytest.mark.long
def test_abort_is_one_line(ranks):
    pytest.importorskip("mpi4py")
    code, _, err = ranks("aborts", "3").end()
    assert (code, without_place(err)) == (3, "Error: rank 1 on HOST ended the job by MPI_Abort, with code 3.\n")


@pytest.mark.long
def test_more_ranks_than_cores(ranks):
    count = 2 * len(os.sched_getaffinity(0)) + 1
    if count > 9:
        pytest.skip(f"{count} processes are too many")
    assert ranks("both", "0", count=count).end()[0] == 0


@pytest.mark.parametrize("name, as_told", [("SIGINT", "SIGINT"), long("SIGTERM", "SIGTERM"), long("SIGHUP", "SIGTERM")])
def test_a_signal_lets_the_ranks_save(name, as_told, ranks):
    job = ranks("training", "60")
    processes, number = pids(job), signal.Signals[name]
    job.process.send_signal(number)
    code, out, err = job.end()
    assert code == 128 + number
    assert sorted(out.splitlines()) == [f"rank {rank}: saved; stopped by {as_told}".encode() for rank in range(2)]
    assert err.splitlines() == [
        "Ending after this step, to save. A second signal ends at once, and loses what is not saved."
    ]
    assert all_gone(processes)


def test_a_signal_before_the_ranks_handle_it_ends_them(ranks):
    job = ranks("second_ends_never")
    job.process.stdout.readline()
    job.process.send_signal(signal.SIGTERM)
    code, _, err = job.end()
    assert code == 143
    assert err.splitlines()[1:] == ["Ended at once; everything since the last save is lost."]


def test_a_training_that_is_busy_is_ended_by_a_second_signal_alone(ranks, tmp_path):
    job = ranks("deaf", "60", str(tmp_path), STAND_IN_PATIENCE="0.2")
    for _ in range(2):
        job.line("run folder: ")  # of each rank, which has set its handlers
    job.process.send_signal(signal.SIGINT)
    assert b"A second signal ends at once" in job.process.stderr.readline()
    time.sleep(1.2)  # within a second it counts as the same press
    assert len(job.ranks()) == 2
    job.process.send_signal(signal.SIGINT)
    code, out, err = job.end()
    assert (code, err) == (130, "Ended at once; everything since the last save is lost.\n")
    assert b"saved" not in out
    assert not job.members()


def test_a_job_that_does_not_begin_is_ended_after_a_while(ranks):
    job = ranks("deaf", "60", STAND_IN_PATIENCE="0.2")
    pids(job)
    job.process.send_signal(signal.SIGTERM)
    code, _, err = job.end()
    assert code == 143
    assert "The job has not begun to train and not ended 0.2 s after SIGTERM." in err
    assert not job.members()


@pytest.mark.parametrize("merged", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_second_signal_ends_a_job_whose_output_waits_for_its_reader(merged, ranks):
    job = ranks("floods", merged=merged)
    held = [0, 0]

    def is_full() -> bool:
        time.sleep(0.3)
        held.append(int.from_bytes(fcntl.ioctl(job.process.stdout, termios.FIONREAD, bytes(4)), sys.byteorder))
        return 0 < held[-1] == held[-2] == held[-3]

    wait_until(is_full)
    job.process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    job.process.send_signal(signal.SIGTERM)
    assert job.process.wait(PATIENCE) == 143
    assert not job.members()


def test_ranks_end_with_a_launcher_that_is_killed(ranks):
    job = ranks("deaf", "60")
    processes, session = pids(job), mpirun_of(job)
    job.process.kill()
    wait_until(lambda: all_gone([*processes, session]))


def test_ranks_end_with_an_mpirun_that_is_killed(ranks):
    job = ranks("deaf", "60")
    processes, session = pids(job), mpirun_of(job)
    assert set(processes) <= set(processes_of(session))
    os.kill(session, signal.SIGKILL)
    code, _, err = job.end()
    assert (code, err) == (137, f"Error: mpirun was killed by SIGKILL (9){MEMORY}.\n")
    assert all_gone(processes)


def test_output_that_nobody_reads_any_more(ranks):
    job = ranks("lines", "20000")
    job.process.stdout.readline()
    job.process.stdout.close()
    assert job.process.wait(PATIENCE) == 0
    err = job.process.stderr.read().decode(errors="replace")
    assert err.count("Standard output cannot be written (Broken pipe); the training continues.") == 1


def test_restarts_continue_the_run(ranks, tmp_path):
    code, out, err = ranks("fails_until", "2", "saves", run=tmp_path, restarts=3).end()
    assert code == 0
    assert out.decode().splitlines() == [f"run folder: {tmp_path}; from step {step} to 9" for step in range(3)]
    assert (tmp_path / "starts-1").read_text().splitlines() == ["first", "--resume auto 1", "--resume auto 2"]
    killed = f"Error: rank 1 on HOST was killed by SIGKILL (9){MEMORY}."
    assert without_place(err).splitlines() == [
        killed,
        f"Restart 1 of 3: {tmp_path} has no checkpoint; it begins anew.",
        killed,
        f"Restart 2 of 3: {tmp_path} continues from step 1.",
    ]


@pytest.mark.long
def test_restarts_come_to_an_end(ranks, tmp_path):
    code, _, err = ranks("fails_until", "9", "saves", run=tmp_path, restarts=1).end()
    again = f"Continue with: mxgan launch -n 2 --restarts 1 -- train --resume {tmp_path}"
    assert code == 137
    assert without_place(err).splitlines()[-1] == f"Error: rank 1 on HOST was killed by SIGKILL (9){MEMORY}. {again}"


@pytest.mark.long
def test_no_restart_for_the_same_failure_without_a_checkpoint(ranks, tmp_path):
    code, _, err = ranks("fails_until", "9", "never", run=tmp_path, restarts=5).end()
    assert code == 137
    assert err.count("Restart ") == 1
    assert err.endswith("It is not started again: the same failure came twice without a new checkpoint.\n")


def test_a_restart_of_a_job_without_a_folder_continues_nothing(ranks, tmp_path):
    code, out, err = ranks("refused", run=tmp_path, restarts=1).end()
    assert code == 1
    assert err.count("Restart 1 of 1") == 1
    assert 2 <= out.count(b"\n") == out.splitlines().count(f"flags: {tmp_path}".encode())


def test_no_restart_of_a_call_that_is_refused(ranks, tmp_path):
    code, _, err = ranks("both", "2", run=tmp_path, restarts=5).end()
    assert code == 2
    assert re.fullmatch("Error: rank [01] ended with exit code 2[.]\n", err)


def read(*blocks: bytes) -> tuple:
    """(what is shown of these blocks of standard error, the failure in words)."""
    banners = Banners()
    shown = b"".join(banners.pass_on(line) for line in b"".join(blocks).splitlines(True)) + banners.rest()
    return shown, banners.failure and banners.failure.sentence()


def test_banners_of_a_killed_rank_are_read():
    before = DASHES + b"Primary job  terminated normally, but 1 process returned\na non-zero exit code.\n" + DASHES
    killed = DASHES + KILLED + DASHES + b"\0"
    noise = b"[vm:1] PMIX ERROR: PMIX_ERR_UNREACH in file server.c at line 3146\n"
    words = f"rank 1 on n2 (PID 7) was killed by SIGKILL (9){MEMORY}"
    assert read(b"mine\n", noise, before, killed) == (b"mine\n", words)
    other_program = killed.replace(b"prterun", b"mpirun")
    assert read(other_program, DASHES + b"MPI_ABORT was invoked on rank 0\nErrorcode: 1\n" + DASHES) == (b"", words)


def test_a_rank_that_others_cannot_reach():
    gone = b"An MPI communication peer process has unexpectedly disconnected.\n\n  Peer host:  host2\n"
    handler = b"\0[host1:00000] *** An error occurred in Socket closed\n[host1:00000] *** Unknown error\n"
    left = b'prterun has exited due to process rank 0 with PID 0 on node host1 calling\n"abort".\n'
    words = "a rank on host2 is gone: it was killed, has ended, or cannot be reached any more"
    assert read(DASHES, gone, DASHES, handler, DASHES, left, DASHES, b"\0") == (b"", words)
    assert read(DASHES, gone, DASHES, DASHES, KILLED, DASHES)[1].startswith("rank 1 on n2 (PID 7) was killed")
    assert read(handler[1:], DASHES, left, DASHES) == (b"", words.replace("host2", "another host"))
    assert read(handler[1:], DASHES, gone, DASHES) == (b"", words)
    other = handler[1:].replace(b"Socket closed", b"MPI_Send")
    assert read(other) == (other, None)


def test_a_lost_host_is_named():
    text = b"""PRTE has lost communication with a remote daemon.

  HNP daemon   : [prterun-host1-7@0,0] on node host1
  Remote daemon: [prterun-host1-7@0,1] on node 10.77.0.2

This is usually due to a failure of the network.
"""
    assert read(DASHES, text, DASHES) == (b"", "the host 10.77.0.2 cannot be reached any more")


def test_a_host_that_does_not_answer_is_named():
    text = b"A daemon failed to report back after being spawned.\n\n  Local host:    vm\n  Remote host:   n3\n"
    lines = Lines()
    assert lines.pass_on(b"mine\n" + DASHES + text + DASHES + DASHES + b"a table\n" + DASHES) + lines.rest() == (
        b"mine\n" + DASHES + b"a table\n" + DASHES
    )
    assert lines.banners.failure.sentence().startswith("the host n3 does not answer mpirun")
    assert lines.banners.failure.sentence().endswith("; try ssh n3 true")


def test_other_blocks_stay():
    unknown = DASHES + b"There are not enough slots available in the system\n" + DASHES
    assert read(unknown, b"after\n") == (unknown + b"after\n", None)
    assert read(unknown, unknown, DASHES, KILLED, DASHES)[0] == unknown + unknown
    assert read(unknown, b"\0after\n")[0] == unknown + b"after\n"
    assert read(unknown, b"\0", unknown, b"\0")[0] == unknown + unknown
    assert read(DASHES, b"prterun noticed that", b" the end is missing\n")[0].endswith(b"the end is missing\n")
    table = DASHES + b"prterun detected\n" + b"a line\n" * 100 + DASHES
    assert read(table)[0] == table


def test_errors_of_several_ranks_are_told_once():
    lines = ErrorLines()
    assert lines.pass_on(b"Error: a\nb\nError: a\nError: c\n") == b"Error: a\nb\nError: c\n"
    assert lines.error == "Error: a"
    after = ErrorLines()
    assert after.pass_on(DASHES + b"a table\n" + DASHES + b"\0Error: a\n").endswith(b"-\nError: a\n")
    assert after.error == "Error: a"
    assert lines.pass_on(b" 10%|#\r 20%|##\r") == b" 10%|#\r 20%|##\r"
    assert lines.pass_on(b"Ended at once; all is lost.\n")
    lines.stopping = True
    assert lines.pass_on(b"Ended at once; all is lost.\nx\n") == b"x\n"


def test_the_run_folder_is_found():
    lines = Lines()
    text = b"a\nrun folder: runs/b; \xff; from step 0 to 20\nrun folder: /other; from step 0 to 3\n"
    assert lines.pass_on(text) == text
    assert lines.run == os.fsdecode(b"runs/b; \xff")


@pytest.mark.parametrize(
    "text, room",
    [
        ("a slots=2\nb slots=3 # fast\n\n# c\n", 5),
        ("a\na\nb\nb\n", 4),
        ("a slots=2\nb\n", None),
        ("a user=me port=22 slots=1 max-slots=2\n", 1),
    ],
)
def test_room_on_hosts(text, room, tmp_path):
    path = tmp_path / "hosts"
    path.write_text(text)
    assert slots_in(str(path)) == room


@pytest.mark.parametrize(
    "text, told",
    [
        ("a slots=1\n", "has 1 slots, and 2 ranks need one each. Give more slots or hosts, or -n 1"),
        ("# a\n", "names no host; a line is HOST or HOST slots=N"),
        ("a:2\n", "line 1: 'a:2' is a form of mpirun's --host. Write here: a slots=2"),
        ("a\nb slot=2\n", "line 2: 'slot=2' is not understood"),
        ("a slots=0\n", "line 1: 'slots=0' is not understood"),
        ("a slots=1\na slots=1\n", "names a on 2 lines, with slots=; Open MPI does not add them up"),
    ],
)
def test_hosts_that_are_refused(text, told, tmp_path):
    path = tmp_path / "hosts"
    path.write_text(text)
    with pytest.raises(ArgumentError) as refused:
        check_hosts(str(path), 2)
    assert told in str(refused.value)
    with pytest.raises(ArgumentError, match="cannot be read"):
        check_hosts(str(tmp_path / "none"), 2)


def test_the_command(monkeypatch):
    for name in mpirun_module.SCHEDULERS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    variables = {"OMP_NUM_THREADS": "1", "MXGAN_DATA": "d", "HOME": "h", "PYTHONPATH": "p", "OPENBLAS_CORETYPE": "o"}
    passed_on = ["-x", "MXGAN_DATA", "-x", "OMP_NUM_THREADS", "-x", "OPENBLAS_CORETYPE", "-x", "PYTHONPATH"]
    begin = ["m", "-n", "2", "--bind-to", "none", "--stdin", "none"]
    alone = mpirun_command("m", Options(2, []), ["p", "train"], variables)
    assert alone == [*begin, "--map-by", ":OVERSUBSCRIBE", *passed_on, "p", "train"]
    several = Options(2, [], hosts="h", mpirun_options=["--map-by node"])
    looks = ["--prtemca", "oob_tcp_keepalive_intvl", "2", "--prtemca", "oob_tcp_keepalive_probes", "3"]
    looks += ["--prtemca", "oob_tcp_keepalive_time", "5"]
    given = [*begin, "--hostfile", "h", *looks, *passed_on, "--map-by", "node", "p"]
    assert mpirun_command("m", several, ["p"], variables) == given
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--allow-run-as-root" in mpirun_command("m", several, ["p"], variables)
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    assert "--map-by" not in mpirun_command("m", Options(2, []), ["p"], variables)


def test_mpirun_that_is_missing(monkeypatch, tmp_path):
    pytest.importorskip("mpi4py")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        RuntimeUnavailableError,
        match=r"in PATH. Install mpi4py and Open MPI: pip install '\.\[mpi\]' in a clone of mxgan",
    ):
        find_mpirun(Options(2, []))
    with pytest.raises(ArgumentError, match="no_mpirun cannot be run"):
        find_mpirun(Options(2, [], mpirun=str(tmp_path / "no_mpirun")))
    other = tmp_path / "other"
    other.write_text("#!/bin/sh\necho HYDRA build details\n")
    other.chmod(0o755)
    with pytest.raises(ArgumentError, match="other is not Open MPI's"):
        find_mpirun(Options(2, [], mpirun=str(other)))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeUnavailableError, match=r"needs the package mpi4py, which is missing"):
        find_mpirun(Options(2, []))


def test_the_command_to_continue():
    options = Options(2, [], hosts="a b", restarts=1, mpirun="/m", mpirun_options=["--map-by node"])
    given = "--hosts 'a b' --restarts 1 --mpirun /m --mpirun-option '--map-by node'"
    assert options.again("r s") == f"mxgan launch -n 2 {given} -- train --resume 'r s'"
