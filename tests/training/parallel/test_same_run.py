"""A training is the same run whatever the number of ranks: parameters, optimisers, the average and the metrics."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.ranks import mpirun, run_ranks, said_by
from tests.tiny_run import ROOT, environment
from tests.training.parallel.same_run import CASES

PROGRAM = ROOT / "tests" / "training" / "parallel" / "same_run.py"
RANKS = (2, 3)
OTHER = {"plain": "noise"}  # a case with the same layers
CLOSE = 1e-5  # after 20 steps; the sums of a batch's gradients are in another order


def loaded(path, lines: list) -> tuple:
    with np.load(path) as file:
        return dict(file), json.loads(lines[0])


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict:
    """{number of ranks: (arrays, metrics)} of every case."""
    mpirun()
    folder, found = tmp_path_factory.mktemp("same"), {}
    alone = [sys.executable, str(PROGRAM), str(folder / "1.npz"), *CASES]
    process = subprocess.run(alone, capture_output=True, text=True, env=environment(), timeout=300, check=False)
    found[1] = loaded(folder / "1.npz", said_by(process))
    for count in RANKS:
        process = run_ranks(count, PROGRAM, folder / f"{count}.npz", *CASES, timeout=300)
        found[count] = loaded(folder / f"{count}.npz", said_by(process))
    return found


@pytest.mark.parametrize("count", RANKS)
@pytest.mark.parametrize("case", CASES)
def test_the_run_is_the_same_whatever_the_number_of_ranks(results, case, count):
    (alone, metrics_alone), (several, metrics) = results[1], results[count]
    names = [name for name in alone if name.startswith(f"{case}/")]
    assert len(names) >= 6
    assert set(alone) == set(several)
    for name in names:
        np.testing.assert_allclose(several[name], alone[name], rtol=0, atol=CLOSE, err_msg=name)
    assert metrics[case].keys() == metrics_alone[case].keys()
    for name, value in metrics_alone[case].items():
        assert metrics[case][name] == pytest.approx(value, abs=CLOSE), name


@pytest.mark.parametrize("case", CASES)
def test_two_cases_differ_by_more_than_the_tolerance(results, case):
    arrays, _ = results[1]
    weights = [name for name in arrays if name.startswith(f"{case}/") and name.endswith("_weight")]
    assert weights
    other = {name: arrays.get(name.replace(f"{case}/", f"{OTHER.get(case, 'plain')}/", 1)) for name in weights}
    apart = [
        np.abs(arrays[name] - found).max() for name, found in other.items() if np.shape(found) == arrays[name].shape
    ]
    assert max(apart) > 100 * CLOSE
