"""The command that makes a run again: its --dry-run prints the configuration of the run."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.errors import ArgumentError
from mxgan.runs.command import command_of
from mxgan.runs.config import RunConfig
from mxgan.runs.given import default_config
from mxgan.runs.published import published_name
from mxgan.runtime.config import override, to_dict
from tests.support import tiny_config

EVERYTHING = {
    "limit": None, "data_dir": "/a folder/it's", "dataset": "folder", "batch_size": 10, "diagnose": False, "gpu": "0,1",
    "keep": None, "pictures": ["grids", "losses"], "sample_every": "epoch", "checkpoint_every": "15min",
    "keep_best": "frechet:min", "evaluate_every": 50, "labels": "folders", "monitor": 3, "on_nan": "rollback",
    "generator_optimizer.schedule": "cosine", "generator_optimizer.schedule.warmup": 5, "background": "#ff0000",
    "discriminator_optimizer.settings": {"wd": 0.1}, "seed": 7, "ema": 0.999,
}  # fmt: skip
SCHEDULE = "generator_optimizer.schedule"


def said_by(command: str) -> dict:
    """The configuration that the command prints with --dry-run."""
    program, *arguments = shlex.split(command)
    assert program == "mxgan"
    result = CliRunner().invoke(main, [*arguments, "--dry-run"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def check(config: RunConfig) -> str:
    command = command_of(config)
    wanted = json.loads(json.dumps(to_dict(config)))
    assert said_by(command) == wanted
    return command


@pytest.mark.parametrize("name", mxgan.RECIPES)
def test_every_recipe_as_it_is_and_with_everything_changed(name):
    recipe = mxgan.RECIPES[name]
    usual = default_config(recipe, {})
    assert check(usual) == f"mxgan train --recipe {name}"
    check(override(replace(usual, epochs=None, steps=77), EVERYTHING))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"generator_optimizer.learning_rate": 4e-4, "discriminator_optimizer.learning_rate": 1e-4}, "--lr 0.0004"),
        ({"generator_optimizer.learning_rate": 4e-4}, "--set generator_optimizer.learning_rate=0.0004"),
        ({f"{half}_optimizer.settings.beta1": 0.1 for half in ("generator", "discriminator")}, "--beta1 0.1"),
        ({"image_size": "48x96"}, "--image-size 48x96"),
        ({"seed": 2**33}, "--set seed=8589934592"),
        ({"data_dir": "/a b"}, "--data-dir '/a b'"),
        ({"gpu": "0"}, "--gpu 0"),
        ({"limit": 5, "split": "test"}, "--set split=test --limit 5"),
        ({"diagnose": False}, "--no-diagnose"),
        ({"weight_clip": 0.01}, "--set weight_clip=0.01"),
        ({"spectral_norm": True}, "--set spectral_norm=true"),
        (
            {f"{SCHEDULE}.shape": "cosine", f"{SCHEDULE}.warmup": 5},
            f"--set {SCHEDULE}.shape=cosine --set {SCHEDULE}.warmup=5",
        ),
        ({"generator_optimizer.settings": {"wd": 0.5}}, """--set 'generator_optimizer.settings={"wd": 0.5}'"""),
    ],
)
def test_flags_where_there_are_flags(changes, words):
    command = check(override(RunConfig(epochs=100), changes))
    assert sorted(shlex.split(command)) == sorted(shlex.split(f"mxgan train --recipe dcgan {words}"))


def test_a_recipe_of_ones_own_is_told_by_its_nearest_neighbour():
    own = replace(
        mxgan.RECIPES["hinge"], summary="null", source="a = b; c", run_name="x-{dataset}",
        generator_optimizer=mxgan.OptimizerConfig("sgd", 0.1, {"momentum": 0.5}),
    )  # fmt: skip
    assert check(RunConfig(recipe=own, epochs=100)).startswith("mxgan train --recipe hinge ")


def test_the_defaults_of_a_recipe_of_ones_own_are_in_its_run():
    own = replace(mxgan.RECIPES["dcgan"], summary="mine", run_defaults={"log_every": 3})
    said = said_by(command_of(RunConfig(recipe=own, epochs=100, log_every=3)))
    assert said["log_every"] == 3
    assert said["recipe"]["summary"] == "mine"


def test_a_run_keeps_the_recipe_whose_text_an_earlier_version_wrote():
    name, earlier = "dcgan-original", "DCGAN with the settings of MXNet's own example, whose discriminator wins"
    recipe = replace(mxgan.RECIPES[name], summary=earlier)
    assert published_name(to_dict(recipe)) == name
    assert published_name(to_dict(replace(recipe, source="elsewhere"))) is None
    command = check(override(default_config(recipe, {}), {"dataset": "digits"}))
    assert command == f"mxgan train --recipe {name} " + shlex.join(["--set", f"summary={earlier}"])


def test_what_no_command_can_give_is_said_and_no_command_is_printed(monkeypatch):
    config = tiny_config(steps=1)
    monkeypatch.setattr("mxgan.runs.command.RECIPES", {"mlp-gan": mxgan.RECIPES["mlp-gan"]})
    with pytest.raises(ArgumentError, match="no recipe has the network 'dcgan', so no command makes this run again"):
        command_of(config)


def test_a_folder_that_is_relative_to_another_program_s_has_no_command():
    with pytest.raises(ArgumentError, match="data_dir cannot be given by flags"):
        command_of(RunConfig(epochs=100, data_dir="relative"))


def test_a_setting_that_is_none_where_the_recipe_has_a_default_can_be_set(tmp_path):
    arguments = ["train", "--recipe", "cbr-gan", "--set", "limit=null", "--dry-run"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert json.loads(result.stdout)["limit"] is None
