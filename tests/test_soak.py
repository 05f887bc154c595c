"""The soak, short: 600 steps that save, log and draw far more often; and what it calls flat."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from tests.soak import Reading, judge, soak

# 300 saves: what one leaks is seen.
OFTEN = {"log_every": 1, "sample_every": 20, "checkpoint_every": 2}


def verdict_of(folder):
    return judge(soak(600, folder, **OFTEN))


@pytest.mark.long
def test_memory_and_open_files_stay_flat(tmp_path):
    """In a process of its own: what the tests before have left is freed and taken at any time."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        verdict = pool.submit(verdict_of, tmp_path / "run").result(300)
    assert verdict.flat, verdict
    assert verdict.warm < 500, verdict


def readings(growth: float, files: int = 0, noise: float = 1e6):
    """200 readings over 20,000 steps: 300 MB and `growth` of them more at the end, after a warm-up of 50 MB."""
    memory = 3e8 + growth * np.linspace(0, 1, 200) + noise * np.random.default_rng(0).normal(size=200)
    memory[:20] -= 5e7
    return [Reading(100 * (k + 1), int(memory[k]), 7 + files * (k > 150)) for k in range(200)]


@pytest.mark.parametrize(
    "growth, files, flat", [(0, 0, True), (4e6, 0, True), (8e6, 0, False), (0, 1, False), (-2e7, 0, True)]
)
def test_what_is_flat(growth, files, flat):
    verdict = judge(readings(growth, files))
    assert verdict.flat == flat
    assert verdict.by_line == pytest.approx(0.9 * growth / 1e6, abs=1)
    assert verdict.by_medians == pytest.approx(0.85 * growth / 1e6, abs=1)
    assert verdict.warm == pytest.approx(300 + 0.15 * growth / 1e6, abs=1)
