"""--config FILE of `mxgan train` and of the programs under examples/, and what --dry-run prints for it."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.recipes import RECIPES
from mxgan.runs.config import recorded_config
from mxgan.runs.given import default_config
from mxgan.runtime.config import from_dict, to_dict
from mxgan.training.run_folder import RunFolder

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TINY = "dataset: digits\nnetwork: {ngf: 4, ndf: 4, image_size: 16, latent_size: 10}\nbatch_size: 32\nsteps: 4\n"


def call(command, *arguments, code=0):
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def dry_run(*arguments, command=main):
    name = ["train"] if command is main else []
    return from_dict(mxgan.RunConfig, json.loads(call(command, *name, "--dry-run", *arguments)))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(TINY)
    return path


def test_flags_overrule_the_file(file):
    assert dry_run("--config", file) == mxgan.read_config(file)
    found = dry_run("--config", file, "--epochs", 3, "--ngf", 6, "--set", "ndf=5", "--lr", 0.5, "--nc", 1)
    network = replace(mxgan.read_config(file).recipe.network, ngf=6, ndf=5, nc=1)
    assert (found.recipe.network, found.steps, found.epochs, found.recipe.batch_size) == (network, None, 3, 32)
    assert found.recipe.generator_optimizer.learning_rate == 0.5


def test_the_recipe_of_the_flag_takes_the_place_of_the_files(file, tmp_path):
    file.write_text(f"recipe: {{name: lsgan, batch_size: 5}}\n{TINY.replace('batch_size: 32', 'seed: 1')}")
    assert dry_run("--config", file).recipe.objective == "least_squares"
    found = dry_run("--config", file, "--recipe", "wgan").recipe
    assert (found.objective, found.batch_size, found.network.ngf) == ("wasserstein", 5, 4)
    whole = tmp_path / "config.json"
    whole.write_text(json.dumps({"run": to_dict(default_config(RECIPES["lsgan"], {})), "stamp": ""}))
    assert dry_run("--config", whole, "--recipe", "wgan").recipe == RECIPES["wgan"]


@pytest.mark.parametrize("name", RECIPES)
def test_the_yaml_of_a_dry_run_is_a_file_for_the_same_configuration(name, tmp_path):
    flags = ["--recipe", name, "--seed", 3, "--epochs", 2, "--lr", 1e-5, "--data-dir", "a b"]
    path = tmp_path / "run.yaml"
    path.write_text(call(main, "train", "--dry-run", "--format", "yaml", *flags))
    assert dry_run("--config", path) == dry_run(*flags)


def test_a_problem_of_the_file_ends_with_2_and_names_it(file):
    file.write_text("ngff: 5\n")
    words = call(main, "train", "--config", file, code=2)
    assert f"Error: {file}: unknown setting 'ngff'; did you mean 'ngf'?" in words
    assert "cannot be read: No such file" in call(main, "train", "--config", "gone.yaml", code=2)
    assert "--format yaml is of --dry-run" in call(main, "train", "--format", "yaml", code=2)


def test_a_run_of_a_file_is_continued_with_the_same_file(file, tmp_path):
    run = tmp_path / "run"
    call(main, "train", "--config", file, "--run-dir", run, "--display", "none")
    wanted = mxgan.read_config(file)
    assert recorded_config(RunFolder(run)) == wanted
    again = ["--config", file, "--run-dir", run, "--resume", "auto", "--display", "none"]
    assert "Nothing left to train" in call(main, "train", *again)

    assert mxgan.read_config(run / "config.json") == wanted
    assert dry_run("--config", file, "--resume", run, "--steps", 6) == replace(wanted, steps=6)
    file.write_text(TINY.replace("batch_size: 32", "batch_size: 16").replace("steps: 4", "steps: 6"))
    words = call(main, "train", "--config", file, "--resume", run, "--display", "none", code=2)
    assert "recipe.batch_size: 32 in the run, 16 asked for" in words
    assert RunFolder(run).checkpoint_steps() == [4]

    file.write_text("steps: 6\nlog_every: 2\n")  # what may change; the rest stays the run's
    call(main, "train", "--config", file, "--resume", run, "--display", "none")
    assert recorded_config(RunFolder(run)) == replace(wanted, steps=6, log_every=2)
    assert RunFolder(run).checkpoint_steps() == [4, 6]


def test_the_end_in_the_file_counts_with_allow_changes(file, tmp_path):
    run = tmp_path / "run"
    call(main, "train", "--config", file, "--run-dir", run, "--display", "none")
    file.write_text(TINY.replace("steps: 4", "steps: 6"))
    auto = ["--run-dir", run, "--resume", "auto", "--allow-changes"]
    assert dry_run("--config", file, *auto).steps == 6
    file.write_text(TINY.replace("steps: 4", "seed: 0"))
    assert dry_run("--config", file, *auto).steps == 4


def test_the_programs_under_examples_have_it_too(file):
    def program(name):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main

    file.write_text("steps: 7\n")
    own = dry_run(command=program("wgan"))
    assert own.recipe.network.ngf != RECIPES["wgan"].network.ngf
    assert dry_run("--config", file, command=program("wgan")) == replace(own, steps=7, epochs=None)
    file.write_text(json.dumps(to_dict(default_config(RECIPES["cbr-gan"], {}))))
    whole = file.rename(file.with_suffix(".json"))
    assert dry_run("--config", whole, command=program("wgan")) == default_config(RECIPES["cbr-gan"], {})
