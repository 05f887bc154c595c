"""The fault test, short: a kill in a save and other settings; more kinds are long."""

import pytest

from tests.fault_kinds import ROUND, Fault, codes_of, draw_faults, judged, stopped_at
from tests.faults import Faults
from tests.rank_jobs import errors_in, without_banners
from tests.ranks import mpirun

STEPS = 40


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    mpirun()
    return Faults(tmp_path_factory.mktemp("faults"), STEPS)


@pytest.mark.parametrize(
    "number, kind, when",
    [pytest.param(1, "raise", "step", marks=pytest.mark.long), (2, "kill", "save"), (3, "setting", "start")],
)
def test_a_job_with_a_fault_ends_says_why_and_goes_on_to_the_same_bits(faults, number, kind, when):
    outcome = faults.run(number, Fault(kind, when, 2, 1, 0.4, 0.0, False))
    assert outcome.problems == []
    assert outcome.is_compared == (kind != "setting")


@pytest.mark.long  # python -m tests.faults runs all kinds
@pytest.mark.parametrize("number, kind", list(enumerate(["stop", "disk", "nan", "terminate", "norm"], 10)))
def test_more_kinds_of_fault(faults, number, kind):
    (fault,) = draw_faults(1, seed=3, only=kind)
    outcome = faults.run(number, fault)
    assert outcome.problems == [], str(outcome.fault)


def test_the_faults_to_come_are_decided_by_the_seed_and_each_round_has_all_kinds():
    drawn = draw_faults(3 * len(ROUND), seed=0)
    assert drawn == draw_faults(3 * len(ROUND), seed=0) != draw_faults(3 * len(ROUND), seed=1)
    assert sorted((each.kind, each.when) for each in drawn) == sorted(ROUND * 3)
    assert not any(each.by_launch for each in draw_faults(60, 0, "mpirun"))
    assert {each.rank for each in drawn if each.ranks == 3} == {0, 1, 2}
    assert {each.kind for each in draw_faults(5, 0, only="disk")} == {"disk"}


def test_the_exit_code_tells_the_kind_and_a_signal_to_the_launcher_is_told_with_its_step():
    kinds = ("raise", "kill", "terminate", "norm")
    raised, killed, ended, differs = (Fault(kind, "", 2, 1, 0.5, 0.0, True) for kind in kinds)
    assert [codes_of(each) for each in (raised, killed, ended, differs)] == [{1}, {137}, {143}, {2}]
    assert stopped_at("step 7\nStopped by SIGTERM after step 12, and saved. Continue with:\n", ended) == 12
    assert stopped_at("Stopped by SIGINT after step 12, and saved.\n", ended) is None


ABORTED = f"""{"-" * 74}
MPI_ABORT was invoked on rank 0 in communicator MPI_COMM_WORLD
  Errorcode: 1
{"-" * 74}
"""
KILLED = f"""{"-" * 74}
prterun noticed that process rank 1 with PID 7 on node vm exited on
signal 9 (Killed).
{"-" * 74}
"""


def test_notices_of_open_mpi_are_no_lines_of_a_rank():
    errors = f"one\n{ABORTED} \0\n \0Error: two\nError three\n"
    assert without_banners(errors) == ["one", "Error: two", "Error three"]
    assert errors_in(errors) == ["Error: two", "Error three"]


def test_what_a_job_must_say(monkeypatch):
    monkeypatch.setattr("tests.fault_kinds.HERE", "b")
    raised, killed = (Fault(kind, "step", 2, 1, 0.5, 0.0, False) for kind in ("raise", "kill"))
    line = "Error: rank 1 on b: RuntimeError: no luck in step 3."
    assert judged(f"{line}\nmore\n{ABORTED}", raised) == ([], ["more"])
    assert judged(line.replace("rank 1", "rank 0"), raised)[0]
    assert judged(f"{line}\n{line}\n", raised)[0]
    assert judged("", raised)[0]
    assert judged(KILLED, killed) == ([], [])
    assert judged(KILLED.replace("rank 1", "rank 0"), killed)[0]
    assert judged(f"{KILLED}Traceback (most recent call last):\n", killed)[0]
