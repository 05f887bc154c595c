"""The watch of ranks, with real ranks under mpirun: faults are told in one line, and every job ends."""

import pytest

from mxgan.errors import RankError
from tests.ranks import run_ranks, said_by

BEGIN = """
import os, signal, subprocess, sys, time
from mpi4py import MPI
from mxgan.errors import RankError
from mxgan.training.parallel.watch import Watch

world = MPI.COMM_WORLD
rank = world.Get_rank()

def watch(**settings):
    return Watch(world.Dup(), rank, world.Get_size(), [f"host{each}" for each in range(world.Get_size())], **settings)

def until_a_fault(watch):
    # What the first rank does while it waits for others.
    while True:
        try:
            watch.check()
        except RankError as error:
            if watch.take_line():
                print(f"Error: {error}", file=sys.stderr, flush=True)
            watch.end_job(error.exit_code)
        time.sleep(0.01)

def stopped(seconds):
    # Stop this process for so long, from outside.
    subprocess.Popen(["sh", "-c", f"kill -STOP {os.getpid()}; sleep {seconds}; kill -CONT {os.getpid()}"])

"""


def ranks(count, text, **variables):
    return run_ranks(count, BEGIN + text, **variables)


def errors(result) -> list:
    return [line for line in result.stderr.splitlines() if "rank" in line and "Error" in line]


def test_ranks_that_end_in_order_wait_for_each_other_and_say_nothing():
    text = """
each = watch(silence=4.0)
time.sleep(rank)
before = time.monotonic()
each.close()
assert not each._thread.is_alive()
print(rank, time.monotonic() - before > 0.5)
"""
    result = ranks(3, text)
    assert said_by(result) == ["0 True", "1 True", "2 False"]
    assert result.stderr == ""


def test_an_exception_of_a_rank_ends_the_main_thread_of_the_first():
    text = r"""
each = watch(grace=200.0)  # of rank 1 too: nobody but the main thread of the first can end this in time
if rank == 1:
    each.report("OSError: no \x1b[31mroom\n  here.", 3)
until_a_fault(each) if rank == 0 else time.sleep(120)
"""
    result = ranks(3, text)
    assert result.returncode == 3
    assert errors(result) == ["Error: rank 1 on host1: OSError: no �[31mroom here."]


@pytest.mark.long
@pytest.mark.parametrize("who", [0, 1])
def test_where_the_first_rank_does_nothing_its_watch_ends_the_job(who):
    text = f"""
each = watch(grace=2.0)
if rank == {who}:
    each.report("ValueError: x.", 2)
time.sleep(120)
"""
    result = ranks(2, text)
    assert result.returncode == 2
    assert errors(result) == [f"Error: rank {who} on host{who}: ValueError: x."]


@pytest.mark.parametrize("waits", ["until_a_fault(each)", "each.close()"])
def test_a_rank_that_is_stopped_is_told_by_the_first(waits):
    text = f"""
each = watch(silence=4.0)
if rank == 1:
    os.kill(os.getpid(), signal.SIGSTOP)
try:
    {waits} if rank == 0 else time.sleep(120)
except RankError as error:
    each.end_job(error.exit_code, f"Error: {{error}}")
"""
    result = ranks(2, text)
    assert result.returncode == 1
    assert errors(result) == [
        "Error: rank 1 on host1: no sign of life for 4 s; it is stopped, or its machine or the network is down. "
        "Continue the run with --resume."
    ]


@pytest.mark.long
def test_a_first_rank_that_is_stopped_is_told_by_one_of_the_others():
    text = """
each = watch(silence=4.0)
if rank == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(120)
"""
    result = ranks(3, text)
    assert result.returncode == 1
    assert len(errors(result)) == 1
    assert errors(result)[0].startswith("Error: rank 0 on host0: no sign of life for 4 s; it is stopped")


@pytest.mark.long
def test_a_first_rank_that_is_stopped_with_a_fault_to_tell_leaves_it_to_the_others():
    text = """
each = watch(silence=60.0, grace=1.0)
if rank == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
each.report("ValueError: x.") if rank == 1 else time.sleep(120)
"""
    result = ranks(3, text)
    assert result.returncode == 1
    assert errors(result) == ["Error: rank 1 on host1: ValueError: x."]


@pytest.mark.long
@pytest.mark.parametrize("who, seconds", [("rank == 0", 2), ("rank == 1", 2), ("True", 7)])
def test_a_process_that_goes_on_in_time_is_no_fault_nor_is_a_job_that_is_stopped_as_a_whole(who, seconds):
    text = f"""
each = watch(silence=5.0)
time.sleep(1.0)
world.Barrier()
if {who}:
    stopped({seconds})
time.sleep(3.0)
each.close()
print("well")
"""
    result = ranks(2, text)
    assert said_by(result) == ["well", "well"]
    assert result.stderr == ""


@pytest.mark.long
def test_a_rank_that_is_stopped_after_its_farewell_does_not_keep_the_others():
    text = """
from mxgan.training.parallel.mpi_ranks import all_ranks

watch, whole = all_ranks().watch, Watch.close

def close():
    whole(watch)
    os.kill(os.getpid(), signal.SIGSTOP)

if rank == 1:
    watch.close = close
"""
    result = ranks(2, text, MXGAN_RANK_SILENCE="3")
    assert result.returncode != 0
    assert len(errors(result)) == 1
    assert ": it waits for the other ranks to end, for 8 s now; one of them is stopped, or " in errors(result)[0]


@pytest.mark.long
def test_many_signs_of_life_neither_pile_up_nor_block():
    """A peer that does not look for a while: at most one message waits to be sent, and all of them arrive."""
    text = """
from mxgan.training.parallel import watch as module
module.BEAT = module.LOOK = 0.001
if rank == 1:
    stopped(2)
each = watch(silence=10.0)
time.sleep(6.0)
assert all(len(peer.unsent) <= 1 for peer in each._peers)
each.close()
print("well")
"""
    assert said_by(ranks(2, text)) == ["well", "well"]


def test_an_error_of_a_rank_has_its_parts():
    error = RankError(2, "b", "no sign of life.", 3, "Continue the run.")
    assert str(error) == "rank 2 on b: no sign of life. Continue the run."
    assert (error.rank, error.host, error.exit_code, error.remedy) == (2, "b", 3, "Continue the run.")
