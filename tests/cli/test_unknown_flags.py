"""Settings given as flags, flags given by --set: the message says how each is written, from the dataclasses alone."""

from __future__ import annotations

import json
import runpy
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.cli.flags import training_options
from mxgan.cli.unknown_flags import settings_of_recipes

ROOT = Path(__file__).resolve().parents[2]


def refused(*arguments, command=main, first=("train",)) -> str:
    found = CliRunner().invoke(command, [*first, *arguments, "--dry-run"], catch_exceptions=False)
    assert found.exit_code == 2, found.output
    return " ".join(found.output.split())


@pytest.mark.parametrize(
    "setting, words",
    [
        (
            "lr=1",
            "--set lr=1: lr is a flag; give --lr 1. It sets generator_optimizer.learning_rate and discriminator_",
        ),
        (
            "beta1=0.3",
            "give --beta1 0.3. It sets generator_optimizer.settings.beta1 and discriminator_optimizer.",
        ),
        ("run_dir=a b", "run_dir is a flag; give --run-dir a b."),
        ("--run-dir=a", "--run-dir is a flag; give --run-dir a."),
        ("recipe=wgan", "recipe is a flag; give --recipe wgan."),
        ("dry_run=true", "dry_run is a flag; give --dry-run."),
        ("image-size=32", "image-size is a flag; give --image-size 32. It sets network.image_size."),
        ("latent-sise=3", "unknown setting 'latent-sise'; did you mean 'latent_size'?"),
    ],
)
def test_a_flag_given_by_set_is_told(setting, words):
    assert words in refused("--set", setting)


@pytest.mark.parametrize("setting", ["gpu=0", "batch_size=8", "seed=3", "ngf=8", "image_size=48x96", "limit=5"])
def test_a_flag_that_is_one_setting_is_set_by_both(setting):
    found = CliRunner().invoke(main, ["train", "--set", setting, "--dry-run"], catch_exceptions=False)
    assert found.exit_code == 0, found.output


@pytest.mark.parametrize(
    "given, words",
    [
        (
            ["--classes", "3"],
            "write --set classes=3. It belongs to --recipe sngan-projection or cgan or acgan or ssgan.",
        ),
        (["--latent-size=20"], "It is a setting: write --set latent_size=20."),
        (["--split", "test"], "write --set split=test."),
        (["--minibatch-kernels"], "write --set minibatch_kernels=…. It belongs to --recipe ssgan."),
        (["--capacity", "--seed", "1"], "write --set capacity=…. It belongs to --recipe encoder-decoder-gan."),
        (
            ["--learning-rate", "1"],
            "write --set generator_optimizer.learning_rate=1 or --set discriminator_optimizer.learning_rate=1.",
        ),
        (["--latnt-size", "5"], "Did you mean the setting --set latent_size=5?"),
        (["--imge-size", "5"], "'--image-size'"),  # click's own words: a flag is nearer
    ],
)
def test_a_setting_given_as_a_flag_is_told(given, words):
    assert words in refused(*given)


def test_every_setting_of_run_recipe_and_networks_is_a_flag_or_is_told():
    flags = {option.name for option in mxgan_command().params}
    wanted = {field.name for field in fields(mxgan.RunConfig)} | {field.name for field in fields(mxgan.Recipe)}
    for network in {type(recipe.network) for recipe in mxgan.RECIPES.values()}:
        wanted |= {field.name for field in fields(network)}
    groups = {"network", "schedule", "instance_noise", "generator_optimizer", "discriminator_optimizer", "run_defaults"}
    told = settings_of_recipes()
    assert wanted - groups <= flags | set(told)
    assert told["classes"].recipes == ["sngan-projection", "cgan", "acgan", "ssgan"]
    assert told["latent_size"].recipes == []


def mxgan_command():
    import click

    return click.command("flags")(training_options(lambda: None))


def test_the_programs_under_examples_say_the_same():
    program = runpy.run_path(str(ROOT / "examples" / "wgan.py"))["main"]
    assert "write --set latent_size=5." in refused("--latent-size", "5", command=program, first=())
    assert "lr is a flag; give --lr 1" in refused("--set", "lr=1", command=program, first=())


@pytest.mark.parametrize("given, kept", [("28", 28), ("48x96", [48, 96]), ("32x32", 32)])
def test_the_image_size_is_a_flag(given, kept):
    for arguments in (["--image-size", given], ["--set", f"image_size={given}"]):
        found = CliRunner().invoke(main, ["train", *arguments, "--dry-run"], catch_exceptions=False)
        assert json.loads(found.output)["recipe"]["network"]["image_size"] == kept


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--image-size", "28x"], "'28x' is no whole number, and not height and width as 48x96."),
        (["--image-size", "-4"], "'-4' is no whole number"),
        (["--image-size", "50"], "image_size is 50; give a multiple of 4 from 16 to 256 (16, 28, 32, 48, 64, …)"),
        (["--image-size", "48x96", "--recipe", "mlp-gan"], "image_size is 48x96, and an MLP makes square images; give"),
        (["--image-size", "48x96", "--recipe", "encoder-decoder-gan"], "an encoder-decoder makes square images"),
        (["--image-size", "40", "--recipe", "encoder-decoder-gan"], "image_size is 40; give a multiple of 16"),
        (["--image-size", "64", "--recipe", "cbr-gan"], "image_size is always 32 in recipe.network"),
        (["--set", "image_size=big"], "recipe.network.image_size is 'big'; give a whole number or two, as 48x96."),
        (["--set", "image_size=[1,2,3]"], "recipe.network.image_size is [1, 2, 3]; give a whole number or two, as"),
    ],
)
def test_a_size_that_a_network_cannot_have_is_told(arguments, words):
    assert words in refused(*arguments)
