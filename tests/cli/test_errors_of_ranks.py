"""Errors of several ranks of a command under mpirun: each is told once."""

import socket

import pytest

from tests.rank_jobs import errors_in
from tests.ranks import run_ranks

TRAIN = """
import os, runpy, sys

sys.argv = ["mxgan", "train", *(sys.argv[1:] if os.environ["PMIX_RANK"] != "0" else FIRST or sys.argv[1:])]
runpy.run_module("mxgan", run_name="__main__")
"""


def train(*flags, first=(), **variables):
    """Two ranks of `mxgan train`; the first one may have flags of its own."""
    return run_ranks(2, TRAIN.replace("FIRST", repr(list(first))), *flags, **variables)


@pytest.mark.parametrize(
    "flags, variables, told",
    [
        (["--bogus"], {}, "No such option '--bogus'"),
        (["--dataset", "digits"], {"MXGAN_RANK_SILENCE": "abc"}, "MXGAN_RANK_SILENCE is 'abc'"),
    ],
)
def test_an_error_of_all_ranks_before_mpi_begins_is_told_by_the_first(flags, variables, told):
    result = train(*flags, **variables)
    assert result.returncode == 2
    assert result.stderr.count("Error: ") == result.stderr.count(told) == 1
    assert "Ended at once" not in result.stderr


def test_an_error_of_another_rank_alone_is_told_by_it():
    result = train("--bogus", first=["--dataset", "digits", "--steps", "5"])
    assert result.returncode == 2
    assert result.stderr.count("Error: ") == result.stderr.count("No such option '--bogus'") == 1


def test_an_error_is_told_once_though_the_exit_takes_long():
    text = """
    import atexit, time
    from mxgan.cli.terminal import readable_errors
    from mxgan.training.parallel.mpi_ranks import all_ranks

    ranks = all_ranks()
    ranks.watch.grace = 0.5  # seconds; the watch ends the job before the exit is at its end
    atexit.register(time.sleep, 1000 if ranks.is_first else 0)
    with readable_errors(debug=False), ranks.guarded():
        if ranks.is_first:
            raise OSError("no room")
        ranks.barrier()
    """
    result = run_ranks(2, text)
    assert result.returncode == 1
    assert errors_in(result.stderr) == [f"Error: rank 0 on {socket.gethostname()}: OSError: no room"]
