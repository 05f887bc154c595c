"""The comparison of real ranks of MPI: one changed bit is found, and so is another start."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest

from mxgan.errors import RanksDifferError, RanksPartedError
from mxgan.runtime.mpi import World
from mxgan.training.parallel.equality import check_equal, check_same_start, code_digest, digests_of
from mxgan.training.parallel.ranks import ALONE
from tests.ranks import run_ranks, said_by
from tests.support import make_pair, train

PROGRAM = Path(__file__).with_name("equal_ranks.py")
OWNERS = ("generator", "generator's average")
START = " Start every rank with the same settings, data and code."


@pytest.fixture(scope="module")
def told():
    """told(count): {case: [[rank, class, text], …]} of so many ranks, and the logged lines under "log"."""

    @functools.cache
    def run(count: int) -> dict:
        found: dict = {}
        for line in said_by(run_ranks(count, PROGRAM)):
            case, _, rest = line.partition(", ")
            found.setdefault(json.loads(f"{case}]")[0], []).append(rest if case == '["log"' else json.loads(line)[1:])
        return found

    return run


def texts(found: list, kind: type) -> list:
    """The texts of a case in which each rank has raised this class."""
    assert {name for _, name, text in found if text} == {kind.__name__}
    return [text for _, _, text in found if text]


FOUND_IN = {
    "weight": "g1_weight of the generator",
    "statistic": r"\w+_moving_mean of the discriminator",
    "optimiser": r"g2_weight\.1 of the generator's optimiser",
    "average": "g2_weight of the generator's average",
    "average of D": "d2_weight of the discriminator's average",
    "count": "the update counts of the discriminator",
}


@pytest.mark.parametrize("count, who", [(2, "rank 1 on host1 differs"), (3, "rank 1 on host1, rank 2 on host2 differ")])
@pytest.mark.parametrize("case", FOUND_IN)
def test_one_changed_bit_is_found_on_every_rank(told, count, who, case):
    found = texts(told(count)[case], RanksPartedError)
    assert len(found) == count  # and not when the bit is as it was
    (text,) = set(found)
    assert re.match(
        rf"after step 7 the ranks are no longer equal: {who} from rank 0 on host0, first in {FOUND_IN[case]}\. "
        "Continue from the last checkpoint",
        text,
    )


@pytest.mark.parametrize("count", [2, 3])
def test_equal_ranks_are_equal(told, count):
    assert [text for _, _, text in told(count)["nothing"]] == [None] * 2 * count


def test_only_the_rank_that_differs_is_named(told):
    (text,) = set(texts(told(3)["two arrays of the last rank"], RanksPartedError))
    assert "before the first step the ranks are no longer equal: rank 2 on host2 differs" in text
    assert "first in d1_weight of the discriminator and in 1 other array. " in text


@pytest.mark.parametrize(
    "case, expected",
    [
        ("a setting", "recipe.ngf 32, and rank 0 on host0 has 64."),
        (
            "many settings",
            "recipe.ngf 32, and rank 0 on host0 has 64; recipe.ndf 32 and 64; seed 1 and 0; 2 more.",
        ),
        ("a list", "recipe.betas [0.999], and rank 0 on host0 has [0.9]."),
        ("data", "data.sha256 'cd', and rank 0 on host0 has 'ab'."),
        ("code", "code ffff456789ab, and rank 0 on host0 has 0123456789ab."),
        ("mxnet", "versions.mxnet '1.9.2', and rank 0 on host0 has '1.9.1'."),
    ],
)
def test_another_start_is_an_error_with_both_values(told, case, expected):
    found = texts(told(2)[case], RanksDifferError)
    assert found == [f"rank 1 on host1 has {expected}{START}"] * 2


def test_other_versions_are_only_mentioned_on_rank_0(told):
    for case in ("same", "numpy", "cpu", "platform"):
        assert [text for _, _, text in told(2)[case]] == [None, None]
    lines = told(2)["log"]
    assert len(lines) == 2
    assert "Rank 1 on host1 has versions.numpy '1.26', and not '2.0' as rank 0." in "\n".join(lines)
    assert "Rank 1 on host1 has versions.cpu_features ['avx512f'], and not [] as rank 0." in "\n".join(lines)


def test_a_process_alone_is_equal_to_itself():
    assert ALONE.host == World().host
    check_equal(ALONE, None, 1)
    check_same_start(ALONE, {"code": "a"})


def test_digests_of_two_equal_pairs_are_equal_and_change_with_a_step():
    pairs = [make_pair(ema=0.9), make_pair(ema=0.9)]
    for pair in pairs:
        train(pair, 0, 1)
    first, second = map(digests_of, pairs)
    assert first == second
    train(pairs[0], 1, 2)
    later = digests_of(pairs[0])
    assert later.keys() == first.keys()
    for name in ("g1_weight", "gbn1_moving_mean"):
        for owner in ("generator", "generator's average"):
            assert later[f"{name} of the {owner}"] != first[f"{name} of the {owner}"]
    assert (
        later["d2_weight.0 of the discriminator's optimiser"] != first["d2_weight.0 of the discriminator's optimiser"]
    )
    assert later["the update counts of the generator"] != first["the update counts of the generator"]


def test_the_codes_digest_is_a_sha256():
    assert re.fullmatch("[0-9a-f]{64}", code_digest())


def test_exit_codes():
    assert (RanksDifferError.exit_code, RanksPartedError.exit_code) == (2, 1)
