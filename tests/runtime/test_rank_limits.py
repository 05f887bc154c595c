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
with rank_limits.limited(1, "b", "begin"):
    print("inside", flush=True)
    time.sleep(float(sys.argv[1]))
print("well")
"""


def test_the_length_of_silence_is_a_setting(monkeypatch):
    monkeypatch.delenv("MXGAN_RANK_SILENCE", raising=False)
    assert rank_silence() == 15.0
    monkeypatch.setenv("MXGAN_RANK_SILENCE", " 40.5 ")
    assert rank_silence() == 40.5


@pytest.mark.parametrize("value", ["soon", "2", "nan", "inf", "-5", "3601"])
def test_a_length_of_silence_that_is_none_is_refused(monkeypatch, value):
    monkeypatch.setenv("MXGAN_RANK_SILENCE", value)
    with pytest.raises(ArgumentError, match=f"MXGAN_RANK_SILENCE is '{value}'; give seconds from 3 to 3600, or leave"):
        rank_silence()


def waits(seconds: float) -> subprocess.Popen:
    """A process that is in the block for so long; its limit is 3 s, and 4 s more for its turn."""
    command = [sys.executable, "-c", WAITS, str(seconds)]
    variables = environment(MXGAN_RANK_SILENCE="3")
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)


def test_a_rank_that_waits_too_long_says_so_and_is_killed():
    out, err = (process := waits(120)).communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGKILL, "inside\n")
    assert err == (
        "Error: rank 1 on b: it waits for the other ranks to begin, for 3 s now; one of them is stopped, or its "
        "machine or the network is down or slow. A longer time is MXGAN_RANK_SILENCE=SECONDS.\n"
    )


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
