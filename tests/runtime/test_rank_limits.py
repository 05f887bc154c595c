"""Limits of ranks: the length of silence as a setting, and the program that looks at the clock while a rank waits."""

import os
import signal
import subprocess
import sys

import pytest

from mxgan.errors import ArgumentError
from mxgan.runtime.rank_limits import rank_silence
from tests.tiny_run import environment

WAITS = """
import sys, time
from mxgan.runtime import rank_limits

rank_limits.LONGER = 0.0
with rank_limits.limited(1, "b", sys.argv[1]):
    print("inside", flush=True)
    time.sleep(float(sys.argv[2]))
print("well")
"""


def test_the_length_of_silence_is_a_setting(monkeypatch):
    monkeypatch.delenv("MXGAN_RANK_SILENCE", raising=False)
    assert rank_silence() == 15.0
    monkeypatch.setenv("MXGAN_RANK_SILENCE", " 40.5 ")
    assert rank_silence() == 40.5


@pytest.mark.parametrize("value", ["soon", "2", "nan", "inf", "-5", "86401"])
def test_a_length_of_silence_that_is_none_is_refused(monkeypatch, value):
    monkeypatch.setenv("MXGAN_RANK_SILENCE", value)
    with pytest.raises(ArgumentError, match=f"MXGAN_RANK_SILENCE is '{value}'; give seconds from 3 to 86400, or leave"):
        rank_silence()


def waits(seconds: float, act: str = "begin", begin: int = 600) -> subprocess.Popen:
    """A process that is in the block for so long; silence lasts 3 s, and a rank's turn 4 s more."""
    command = [sys.executable, "-c", WAITS, act, str(seconds)]
    variables = environment(MXGAN_RANK_SILENCE="3", MXGAN_RANK_BEGIN=str(begin))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)


@pytest.mark.parametrize(
    "act, begin, reason",
    [
        ("end", 600, "slow. A longer time is MXGAN_RANK_SILENCE"),
        (
            "begin",
            4,
            "slow, or it does something else before mxgan.start, or has ended. A longer time is MXGAN_RANK_BEGIN",
        ),
    ],
)
def test_a_rank_that_waits_too_long_says_so_and_is_killed(act, begin, reason):
    out, err = (process := waits(120, act, begin)).communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGKILL, "inside\n")
    assert err == (
        f"Error: rank 1 on b: it waits for the other ranks to {act}, for {3 if act == 'end' else begin} s "
        f"now; one of them is stopped, or its machine or the network is down or {reason}=SECONDS.\n"
    )


def test_another_rank_may_begin_much_later_than_a_silence_lasts():
    assert (process := waits(9)).communicate(timeout=60) == ("inside\nwell\n", "")
    assert process.returncode == 0


def test_a_rank_that_is_stopped_is_told_to_be_so_and_before_those_that_wait():
    process = waits(120)
    assert process.stdout.readline() == "inside\n"
    os.kill(process.pid, signal.SIGSTOP)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-signal.SIGKILL, "Error: rank 1 on b: it is stopped, and did not begin.\n")


def test_ranks_that_are_in_time_say_nothing_nor_does_one_that_ends_inside():
    assert (process := waits(1)).communicate(timeout=60) == ("inside\nwell\n", "")
    assert process.returncode == 0
    process = waits(120)
    assert process.stdout.readline() == "inside\n"
    process.terminate()
    assert process.communicate(timeout=60)[1] == ""  # the program that looks at the clock has ended with it
