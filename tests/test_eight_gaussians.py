"""examples/eight_gaussians.py, run in this process: what it counts, and that it learns."""

from __future__ import annotations

import math
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

import mxgan

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "eight_gaussians.py"
VERDICT = r"modes found: (\d) of 8, share of good samples: (\d+)%"
EVERY = [("--objective", name) for name in mxgan.OBJECTIVES]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The example with these arguments: what is in it at its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # it would set this, and leave it set

    def run(*arguments) -> dict:
        monkeypatch.setattr("sys.argv", [str(EXAMPLE), *map(str, arguments)])
        Path("eight_gaussians.png").unlink(missing_ok=True)  # of the last call; it is not overwritten
        return runpy.run_path(str(EXAMPLE))

    return run


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments",
    [*EVERY, ("--objective", "wasserstein", "--penalty", 1), ("--objective", "wasserstein", "--clip", 0.1)],
    ids=lambda arguments: " ".join(map(str, arguments)),
)
def test_it_trains_every_objective_and_draws(run, arguments, capsys):
    run(*arguments, "--steps", 5, "--output", "drawn.png")
    real, early, late = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"real: {VERDICT}", real).group(1) == "8"
    assert re.fullmatch(rf"{arguments[1]}, step 1: {VERDICT}", early)
    assert re.fullmatch(rf"{arguments[1]}, step 5: {VERDICT}", late)
    assert cv2.imread("drawn.png").shape == (540, 1500, 3)


@pytest.mark.long
def test_clip_and_penalty_reach_the_critic(run):
    parameters, _ = run("--objective", "wasserstein", "--clip", 0.01, "--steps", 5)["pair"].get_params()[1]
    assert max(np.abs(value.asnumpy()).max() for value in parameters.values()) <= np.float32(0.01)
    weights = [
        run("--objective", "wasserstein", *penalty, "--steps", 5)["pair"].get_params()[1][0]["d1_weight"].asnumpy()
        for penalty in ((), ("--penalty", 1))
    ]
    assert not np.array_equal(*weights)


def test_what_counts_as_good_and_as_found(run, capsys):
    example = run("--steps", 5)
    modes, sigma = example["MODES"], example["SIGMA"]
    np.testing.assert_allclose(np.hypot(*modes.T), 2)
    np.testing.assert_allclose(np.hypot(*(modes - np.roll(modes, 1, axis=0)).T), 4 * math.sin(math.pi / 8))

    def verdict(points) -> tuple:
        capsys.readouterr()
        example["draw"](Figure().subplots(), np.array(points), "points")
        return re.fullmatch(rf"points: {VERDICT}\n", capsys.readouterr().out).groups()

    assert verdict(np.repeat(modes[:3], 100, axis=0)) == ("3", "100")
    assert verdict(modes + np.array([0, 2.99 * sigma])) == ("8", "100")
    assert verdict(modes + np.array([0, 3.01 * sigma])) == ("0", "0")
    assert verdict(np.repeat(modes[:2], [990, 10], axis=0)) == ("2", "100")  # 1 % is enough
    assert verdict(np.repeat(modes[:2], [991, 9], axis=0)) == ("1", "100")
    assert verdict(np.zeros((10, 2))) == ("0", "0")
    expected = 1 - math.exp(-(3**2) / 2)  # of a normal distribution in the plane
    assert verdict(example["real"]) == ("8", f"{100 * expected:.0f}")


DISTANCE = """
import runpy, sys
import numpy as np
from mxgan.evaluation.divergences import wasserstein_discrete
example = runpy.run_path(sys.argv.pop(1))
even = np.full(200, 1 / 200)
points = np.concatenate([example["real"][:200], example["sampler"].draw(200, seed=1)])
print("distance", wasserstein_discrete(np.repeat([1 / 200, 0], 200), np.repeat([0, 1 / 200], 200), points).distance)
"""


@pytest.mark.long
@pytest.mark.parametrize("arguments", [(), ("--objective", "wasserstein", "--penalty", "1")], ids=["gan", "wgan-gp"])
def test_it_learns(arguments, tmp_path):
    """Samples come near the data within 200 steps: 1.8 lies between them at the first. In a process of one thread."""
    done = subprocess.run(
        [sys.executable, "-c", DISTANCE, str(EXAMPLE), *arguments, "--steps", "200"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(EXAMPLE.parent.parent), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 0.9


@pytest.mark.long
def test_a_seed_decides_everything(run):
    samples = [run("--steps", 5, "--seed", seed)["sampler"].draw(10, seed=0) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(samples[0], samples[1])
    assert not np.array_equal(samples[0], samples[2])


def test_the_circles_are_what_is_counted(run):
    example = run("--steps", 5)
    axes = Figure().subplots()
    example["draw"](axes, np.repeat(example["MODES"][:3], 100, axis=0), "points")
    assert [circle.radius for circle in axes.patches] == [3 * example["SIGMA"]] * 8
    np.testing.assert_array_equal([circle.center for circle in axes.patches], example["MODES"])
    colours = [text.get_color() for text in axes.texts]
    assert colours == ["tab:green"] * 3 + ["tab:red"] * 5


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--steps", "0"], "--steps is 0; give a whole number from 1"),
        (["--seed", "-1"], "--seed is -1; give a whole number from 0"),
        (["--output", "drawn.xyz"], "--output drawn.xyz: give a name that ends in .png"),
        (["--output", "there.png"], "there.png exists; give another name, or move it away"),
        (["--output", "there.png/x.png"], "there.png/x.png cannot be written: there.png: Not a directory."),
    ],
)
def test_a_bad_call_is_said_before_anything_is_trained(run, arguments, words, capsys):
    Path("there.png").write_bytes(b"kept")
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""
    assert Path("there.png").read_bytes() == b"kept"
