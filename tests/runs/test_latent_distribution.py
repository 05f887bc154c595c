"""Uniform latents of a run, everywhere; and runs from before the setting existed."""

import json

import numpy as np
import pytest

import mxgan
from mxgan.cli import main
from mxgan.errors import ArgumentError
from mxgan.runtime import draws
from mxgan.runtime.config import override
from tests.runs.test_session import checkpoint_files, run
from tests.support import tiny_config


def test_a_run_of_uniform_latents_draws_no_normal_ones(tmp_path, monkeypatch):
    """Training, pictures, samples, evaluation, and the command line."""
    from click.testing import CliRunner

    def refuse(rng, shape):
        raise AssertionError("normal latents are drawn")

    monkeypatch.setitem(draws.DISTRIBUTIONS, "normal", refuse)
    config = override(tiny_config(steps=2), {"latent_distribution": "uniform", "pictures": ("grids", "strip")})
    session = run(config, tmp_path / "run")
    assert session.folder.picture("gout", 2).exists()
    assert session.folder.picture("strip", 2).exists()
    assert mxgan.load_sampler(tmp_path / "run").draw(2).shape == (2, 3, 16, 16)
    assert mxgan.evaluate(tmp_path / "run", metrics=["swd"], samples=100).results["swd"].value > 0
    saved = tmp_path / "samples.npz"
    done = CliRunner().invoke(main, ["sample", str(tmp_path / "run"), "--num", "3", "--output", str(saved)])
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(np.load(saved)["images"], mxgan.load_sampler(tmp_path / "run").draw(3))
    latents = mxgan.load_sampler(tmp_path / "run").latents(1000, seed=0)
    assert 0.99 < np.abs(latents).max() <= 1


def test_the_setting_is_resumed_and_another_one_is_another_run(tmp_path):
    config = override(tiny_config(steps=4), {"latent_distribution": "uniform"})
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(config, whole)
    run(override(config, {"steps": 2}), parts)
    mxgan.resume(parts, steps=4, display="none", progress=False).run()
    assert checkpoint_files(parts) == checkpoint_files(whole)
    run(tiny_config(steps=4), tmp_path / "normal")
    assert checkpoint_files(tmp_path / "normal") != checkpoint_files(whole)
    with pytest.raises(ArgumentError, match='latent_distribution: "uniform" in the run, "normal" asked for'):
        mxgan.resume(whole, tiny_config(steps=6), display="none")


def test_a_run_from_before_the_setting_is_normal_and_goes_on_to_the_bit(tmp_path):
    run(tiny_config(steps=4), tmp_path / "whole")
    run(tiny_config(steps=2), tmp_path / "old")
    file = tmp_path / "old" / "config.json"
    record = json.loads(file.read_text())
    assert record["run"]["recipe"].pop("latent_distribution") == "normal"
    file.write_text(json.dumps(record))
    mxgan.resume(tmp_path / "old", steps=4, display="none", progress=False).run()
    assert checkpoint_files(tmp_path / "old") == checkpoint_files(tmp_path / "whole")


def test_an_unknown_distribution_gets_a_suggestion():
    with pytest.raises(ArgumentError, match="unknown distribution of latents 'gauss'. Known: normal, uniform"):
        override(tiny_config(steps=1), {"latent_distribution": "gauss"})
