"""The parameters of a link: what is read, and what is refused in words."""

from __future__ import annotations

import pytest

from mxgan.errors import ArgumentError
from mxgan.web.explorer.points import Point, Wanted, wanted


def asked(query: str) -> Wanted:
    return wanted(tuple(part.partition("=")[::2]) for part in query.split("&") if part)


def test_an_empty_link_is_the_first_seed_of_the_latest_checkpoint():
    assert asked("") == Wanted("latest", None, Point(0, 1.0, None, ()), (), None)


def test_every_parameter_is_read():
    query = (
        "checkpoint=2500&weights=average&seed=5&psi=0.7&class=3&d=1.5,0,-2&keep=5,1,3&keep=8,0.7,,0,1&keep=9&mix=1.254"
    )
    kept = (Point(5, 1.0, 3, ()), Point(8, 0.7, None, (0.0, 1.0)), Point(9))
    assert asked(query) == Wanted("2500", True, Point(5, 0.7, 3, (1.5, 0.0, -2.0)), kept, 1.25)
    assert asked("weights=raw").averaged is False


@pytest.mark.parametrize(
    "query, said",
    [
        ("seed=-1", "seed is '-1'; give a whole number from 0 to 2147483647"),
        ("seed=2147483648", "give a whole number from 0 to 2147483647"),
        ("seed=1e3", "give a whole number"),
        ("seed=٣", "give a whole number"),
        ("seed=", "seed is ''"),
        ("seed=" + "9" * 5000, "give a whole number"),
        ("seed=1&seed=2", "seed is given more than 1 time."),
        ("psi=NaN", "psi is 'NaN'; give a number from 0 to 1"),
        ("psi=1.01", "give a number from 0 to 1"),
        ("psi=inf", "give a number from 0 to 1"),
        ("d=NaN", "d is 'NaN'; give a number from -3 to 3"),
        ("d=1e300", "give a number from -3 to 3"),
        ("d=3.1", "give a number from -3 to 3"),
        ("d=1,,2", "d is ''; give a number from -3 to 3"),
        ("d=" + "0," * 10**6 + "0", "d has 1000001 numbers; give at most 16"),
        ("class=1000001", "class is '1000001'; give a whole number from 0 to 1000000"),
        ("class=cat", "give a whole number"),
        ("checkpoint=../5", "checkpoint is '../5'; give latest, best, or the number of a step"),
        ("weights=both", "unknown weights 'both'"),
        ("sed=5", "unknown parameter 'sed'; did you mean 'seed'?"),
        ("&".join(["keep=1"] * 13), "keep is given more than 12 times."),
        ("keep=1,2", "psi of keep is '2'; give a number from 0 to 1"),
        ("keep=x", "the seed of keep is 'x'"),
        ("keep=1,1,,9", "keep is '9'; give a number from -3 to 3"),
        ("mix=0", "mix is 0, and nothing is kept"),
        ("keep=1&keep=2&mix=1.01", "mix is 1.01; with 2 kept points give a number from 0 to 1"),
        ("keep=1&keep=2&mix=-0.5", "mix is '-0.5'; give a number from 0 to 11"),
        ("keep=1&keep=2&mix=NaN", "mix is 'NaN'"),
    ],
)
def test_what_is_out_of_bounds_is_refused(query, said):
    with pytest.raises(ArgumentError) as caught:
        asked(query)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300
