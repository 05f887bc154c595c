"""`mxgan import` from the command line, and the other commands on the run that it makes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from tests.networks import torch_dcgan

torch = pytest.importorskip("torch")


def ran(*arguments: object):
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_a_pair_of_pytorch_is_imported_sampled_exported_and_trained_on(tmp_path):
    pair = torch_dcgan.generator(16), torch_dcgan.discriminator(16)
    for name, network in zip(("g.pt", "d.pt"), torch_dcgan.trained(*pair)):
        torch.save(network.state_dict(), tmp_path / name)
    run = tmp_path / "my run"
    given = ["--discriminator", tmp_path / "d.pt", "--set", "batch_size=8", "--set", "keep=null", "--recipe", "lsgan"]
    done = ran("import", tmp_path / "g.pt", "--run-dir", run, *given)
    assert done.exit_code == 0, done.output
    assert f"run folder: {run}\n  mxgan sample '{run}' --output samples.png\n" in done.output
    settings = json.loads((run / "config.json").read_text())["run"]
    assert (settings["recipe"]["batch_size"], settings["keep"]) == (8, None)
    assert settings["recipe"]["objective"] == "least_squares"
    assert ran("sample", run, "--num", 3, "--output", tmp_path / "3.npz").exit_code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "3.npz")["images"], mxgan.load_sampler(run).draw(3))
    assert ran("export", run, tmp_path / "out", "--format", "npz", "--half", "discriminator").exit_code == 0
    done = ran("train", "--resume", run, "--steps", 1)
    assert (done.exit_code, "imported without data" in done.output) == (2, True)
    done = ran("train", "--resume", run, "--steps", 2, "--dataset", "digits", "--limit", 32, "--display", "none")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["000000", "000002"]
    done = ran("import", tmp_path / "g.pt", "--run-dir", run)
    assert (done.exit_code, "exists and is not empty; nothing was changed" in done.output) == (1, True)


def test_a_generator_alone_is_sampled_and_refused_by_train(tmp_path):
    torch.save(torch_dcgan.generator(16).state_dict(), tmp_path / "g.pt")
    assert ran("import", tmp_path / "g.pt", "--run-dir", tmp_path / "run").exit_code == 0
    assert ran("sample", tmp_path / "run", "--output", tmp_path / "a.png").exit_code == 0
    for command in (
        ["train", "--resume", tmp_path / "run", "--steps", 1],
        ["export", tmp_path / "run", tmp_path / "out", "--format", "npz", "--half", "discriminator"],
    ):
        done = ran(*command)
        assert done.exit_code == 1
        assert "imported from a generator alone" in done.output
        assert "mxgan import FILE --discriminator FILE" in done.output


@pytest.mark.parametrize(
    "flags, code, words",
    [
        (["--latent", "10,x"], 2, "--latent '10,x': give the sizes of one latent, all above 0, as 100,1,1."),
        (["--set", "ngf"], 2, "--set 'ngf' is not of the form KEY=VALUE."),
        (["--recipe", "dcgam"], 2, "did you mean 'dcgan'?"),
        (["--latent", "10,1,1"], 2, "--latent (latent_shape=…): only for a .params file"),
        ([], 1, "could run code of the file"),
    ],
)
def test_a_bad_call_says_what_to_do(flags, code, words, tmp_path):
    torch.save(torch_dcgan.generator(16), tmp_path / "g.pt")  # the module, not its state_dict
    done = ran("import", tmp_path / "g.pt", "--run-dir", tmp_path / "run", *flags)
    assert (done.exit_code, words in " ".join(done.output.split())) == (code, True), done.output
    assert not (tmp_path / "run").exists()
