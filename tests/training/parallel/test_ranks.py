"""Ranks whose programs fail or end before the others: the job ends, and one line says which rank and why."""

import re
import socket

import pytest

from tests.ranks import run_ranks

HERE = socket.gethostname()
BEGIN = """
import sys, time
from mxgan.errors import DivergedError
from mxgan.training.parallel import watch
from mxgan.training.parallel.mpi_ranks import all_ranks

ranks = all_ranks()

def together():
    with ranks.guarded():
        ranks.barrier()

"""


def run(count: int, text: str, **variables):
    return run_ranks(count, BEGIN + text, **variables)


def told(result) -> list:
    """What standard error says of a fault: its line, after a notice of mpirun and a zero, or rank 0's traceback."""
    return re.findall(r"^[ \0]*(?:Error: |mxgan\.errors\.RankError: )(.*)", result.stderr, re.MULTILINE)


@pytest.mark.parametrize("who", [0, 1])
def test_an_exception_that_nobody_catches_ends_the_job_at_once(who):
    text = f"""
watch.MOST_ALONE = 1000.0
together()
if ranks.rank == {who}:
    raise ValueError("no luck")
together()
"""
    result = run(3, text)
    assert result.returncode == 1
    assert told(result) == [f"rank {who} on {HERE}: ValueError: no luck (<string>, line 17)."]
    assert result.stderr.count("\nValueError: no luck\n") == 1


@pytest.mark.parametrize("who", [0, 1])
def test_a_rank_that_ends_in_order_before_the_others_ends_the_job(who):
    text = f"""
together()
if ranks.rank == {who}:
    sys.exit()
together()
"""
    result = run(3, text)
    assert result.returncode == 1
    assert told(result) == [
        f"rank {who} on {HERE}: its program has ended, and other ranks wait for it. "
        "Let all ranks make the same calls of mxgan."
    ]


def test_a_rank_may_wait_long_for_one_that_computes_and_then_ends():
    text = """
watch.MOST_ALONE = 0.5
together()
time.sleep(0 if ranks.rank else 4)
together()
time.sleep(2 if ranks.rank == 1 else 0)
"""
    result = run(3, text)
    assert (result.returncode, result.stderr) == (0, "")


SHARED = """
def diverged():
    with ranks.guarded():
        raise DivergedError(3, "generator", "loss", "the loss is")

"""


def test_the_first_rank_has_more_time_for_an_error_that_all_ranks_share():
    text = """
try:
    diverged()
except DivergedError as error:  # on rank 0 alone: the others wait for it
    time.sleep(14)  # a report; longer than the time that a fault of another rank leaves
    if ranks.take_line():
        print(f"Error: {error}", file=sys.stderr)
"""
    result = run(3, SHARED + text)
    assert result.returncode == 1
    assert told(result) == ["training has diverged: in step 3 the loss is not finite."]


@pytest.mark.long
def test_an_error_that_all_ranks_share_ends_the_job_though_the_first_one_does_not():
    text = """
try:
    diverged()
except DivergedError as error:
    time.sleep(1000)
"""
    result = run(2, SHARED + text)
    assert result.returncode == 1
    assert told(result) == ["training has diverged: in step 3 the loss is not finite."]


@pytest.mark.long
def test_an_error_of_one_rank_that_all_should_share_is_a_fault_of_this_rank():
    result = run(2, f"{SHARED}diverged() if ranks.rank == 1 else together()")
    assert result.returncode == 1
    assert told(result) == [f"rank 1 on {HERE}: training has diverged: in step 3 the loss is not finite."]
