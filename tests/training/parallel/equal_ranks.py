"""A program of several ranks: the comparison of a pair that one rank or two have spoilt, and of differing facts.

Prints one line of JSON for each case, on each rank: [case, rank, class of the error, its text].
"""

from __future__ import annotations

import copy
import json
import logging
import sys

import numpy as np

from mxgan.errors import MXGANError
from mxgan.runtime.mpi import world
from mxgan.training.parallel.equality import check_equal, check_same_start
from mxgan.training.parallel.host_arrays import host_view
from mxgan.training.parallel.mpi_ranks import MPIRanks
from tests.support import make_pair, train

FACTS = {
    "configuration": {"recipe": {"ngf": 64, "ndf": 64, "betas": [0.5, 0.9]}, "seed": 0, "limit": None},
    "data": {"images": 1797, "sha256": "ab"},
    "code": "0123456789abcdef",
    "versions": {"mxgan": "1", "mxnet": "1.9.1", "numpy": "2.0", "platform": "here", "cpu_features": ["avx2", "fma"]},
}
# case → {path: another value}
DIFFERENCES = {
    "same": {},
    "a setting": {"configuration.recipe.ngf": 32},
    "many settings": {"configuration.recipe.ngf": 32, "configuration.recipe.ndf": 32, "configuration.seed": 1,
                      "configuration.limit": 100, "data.images": 5},
    "a list": {"configuration.recipe.betas": [0.5, 0.999]},
    "data": {"data.sha256": "cd"},
    "code": {"code": "ffff456789abcdefff"},
    "mxnet": {"versions.mxnet": "1.9.2"},
    "numpy": {"versions.numpy": "1.26"},
    "cpu": {"versions.cpu_features": ["avx2", "fma", "avx512f"]},
    "platform": {"versions.platform": "there"},
}  # fmt: skip


def flip(array) -> None:
    """Change one bit of an NDArray, the lowest of its last element."""
    host_view(array).reshape(-1).view(np.uint32)[-1] ^= 1


def flip_in_average(pair, half: str, weight: str) -> None:
    average = pair.averages[half]
    arguments, statistics = average.get_params()
    flip(arguments[weight])
    average.set_params(arguments, statistics, average.updates)


def count_once_more(pair) -> None:
    pair.discriminator._optimizer.num_update ^= 1


SPOILERS = {
    "nothing": lambda pair: None,
    "weight": lambda pair: flip(pair.parameters("generator")["g1_weight"]),
    "statistic": lambda pair: flip(next(iter(pair.statistics("discriminator").values()))),
    "optimiser": lambda pair: flip(pair.optimizer_state("generator")[0]["g2_weight.1"]),
    "average": lambda pair: flip_in_average(pair, "generator", "g2_weight"),
    "average of D": lambda pair: flip_in_average(pair, "discriminator", "d2_weight"),
    "count": count_once_more,
}


def facts_with(changes: dict) -> dict:
    facts = copy.deepcopy(FACTS)
    for path, value in changes.items():
        *way, name = path.split(".")
        place = facts
        for each in way:
            place = place[each]
        place[name] = value
    return facts


def main() -> None:
    ranks, pair = MPIRanks(world()), make_pair(ema=0.9, discriminator_ema=0.9)
    ranks.host = f"host{ranks.rank}"
    logging.basicConfig(stream=sys.stdout, format='["log", %(message)r]')
    train(pair, 0, 2)

    def tell(case: str, check, *arguments) -> None:
        error = None
        try:
            check(ranks, *arguments)
        except MXGANError as found:
            error = found
        line = json.dumps([case, ranks.rank, error and type(error).__name__, error and str(error)])
        sys.stdout.write(f"{line}\n")

    for case, spoil in SPOILERS.items():
        for _ in range(2):  # the second time the bit is as it was
            if ranks.rank:
                spoil(pair)
            tell(case, check_equal, pair, 7)
    if ranks.rank == ranks.size - 1:
        flip(pair.parameters("discriminator")["d1_weight"])
        flip(pair.parameters("discriminator")["d2_weight"])
    tell("two arrays of the last rank", check_equal, pair, 0)
    for case, changes in DIFFERENCES.items():
        tell(case, check_same_start, facts_with(changes if ranks.rank else {}))


if __name__ == "__main__":
    main()
