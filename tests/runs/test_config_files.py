"""`read_config` and the short YAML of a configuration."""

import json
import os
from contextlib import suppress
from dataclasses import replace

import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.networks import CBR
from mxgan.recipes import RECIPES
from mxgan.runs.config import RunConfig
from mxgan.runs.config_text import config_text
from mxgan.runs.given import default_config
from mxgan.runtime.config import override, setting_paths, to_dict
from mxgan.training.learning_rates import LearningRateSchedule
from mxgan.training.run_folder import RunFolder


def read(tmp_path, text, name="run.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return mxgan.read_config(path)


def problem(tmp_path, text, name="run.yaml") -> str:
    with pytest.raises(ArgumentError) as caught:
        read(tmp_path, text, name)
    assert str(caught.value).startswith(str(tmp_path / name))
    return str(caught.value)


DCGAN = default_config(RECIPES["dcgan"], {})


@pytest.mark.parametrize(
    "text",
    [
        "ngf: 32\nsteps: 5\nbatch_size: 8\n",
        "recipe: dcgan\nnetwork: {ngf: 32}\nsteps: 5\nbatch-size: 8\n",
        "recipe:\n  name: dcgan\n  network: {name: dcgan, ngf: 32}\n  batch_size: 8\nsteps: 5\n",
        "recipe: {network: {ngf: 32}, batch_size: 8}\nsteps: 5\nepochs: null\n",
        "recipe.network.ngf: 32\nnetwork: dcgan\nrecipe: {batch_size: 8}\nsteps: 5\n",
    ],
)
def test_nested_dotted_and_short_names_mean_the_same(tmp_path, text):
    assert read(tmp_path, text) == override(
        replace(DCGAN, steps=5, epochs=None), {"recipe.network.ngf": 32, "recipe.batch_size": 8}
    )


def test_the_same_settings_from_every_format(tmp_path):
    wanted = read(tmp_path, "steps: 5\nlr: 0.001\nnetwork: {ngf: 32, image_size: 48x96}\n")
    assert wanted.recipe.network.image_size == (48, 96)
    toml = 'steps = 5\nlr = 1e-3\n[network]\nngf = 32\nimage_size = [48, 96]\n'  # fmt: skip
    assert read(tmp_path, toml, "run.toml") == wanted
    values = {"steps": 5, "lr": 1e-3, "network": {"ngf": 32, "image_size": "48x96"}}
    assert read(tmp_path, json.dumps(values), "run.json") == wanted


def test_a_file_that_says_nothing_more_is_the_recipe_with_its_own_defaults(tmp_path):
    assert read(tmp_path, "{}", "run.json") == DCGAN
    found = read(tmp_path, "recipe: cbr-gan\n")
    assert (found.epochs, found.limit, found.sample_every) == (100, 900, "epoch")
    assert read(tmp_path, "recipe: cbr-gan\nlimit: null\n").limit is None


def test_lr_keeps_the_ratio_and_a_setting_of_one_network_goes_before_it(tmp_path):
    recipe = read(tmp_path, "lr: 0.001\nbeta1: 0.25\n").recipe
    assert recipe.generator_optimizer.learning_rate == 0.001
    assert recipe.discriminator_optimizer.learning_rate == pytest.approx(0.00025)
    assert [recipe.generator_optimizer.settings["beta1"], recipe.discriminator_optimizer.settings["beta1"]] == [
        0.25
    ] * 2
    recipe = read(tmp_path, "discriminator_optimizer: {learning_rate: 0.5}\nlr: 0.001\n").recipe
    assert [recipe.generator_optimizer.learning_rate, recipe.discriminator_optimizer.learning_rate] == [0.001, 0.5]


def test_an_optimisers_settings_are_given_as_a_whole_or_one_by_one(tmp_path):
    whole = read(tmp_path, "generator_optimizer: {name: sgd, settings: {momentum: 0.9}}\n").recipe.generator_optimizer
    assert (whole.name, dict(whole.settings)) == ("sgd", {"momentum": 0.9})
    one = read(tmp_path, "generator_optimizer.settings.beta1: 0.75\n").recipe.generator_optimizer
    assert dict(one.settings) == {"beta1": 0.75, "beta2": 0.99, "wd": 0.0}
    both = "generator_optimizer: {settings.wd: 0.5, settings: {beta1: 0.25}}\n"
    assert dict(read(tmp_path, both).recipe.generator_optimizer.settings) == {"beta1": 0.25, "wd": 0.5}


def test_a_schedule_by_its_shape_or_its_settings(tmp_path):
    wanted = LearningRateSchedule("cosine", warmup=5)
    short = "generator_optimizer.schedule: cosine\ngenerator_optimizer.schedule.warmup: 5\n"
    nested = "generator_optimizer: {schedule: {shape: cosine, warmup: 5}}\n"
    for text in (short, nested):
        assert read(tmp_path, text).recipe.generator_optimizer.schedule == wanted


def test_another_network_comes_with_the_settings_that_it_needs(tmp_path):
    found = read(tmp_path, "recipe: ssgan\nnetwork: {name: cbr, width: 2}\nlabelled_per_class: 0\nobjective: gan\n")
    assert found.recipe.network == CBR(width=2)
    assert read(tmp_path, "recipe: cbr-gan\nnetwork: dcgan\nngf: 8\n").recipe.network == mxgan.DCGAN(ngf=8)
    assert "labelled_per_class is" in problem(tmp_path, "recipe: ssgan\nnetwork: cbr\nobjective: gan\n")
    assert "unknown network 'dcgam'; did you mean 'dcgan'?" in problem(tmp_path, "network: dcgam\n")


def test_a_runs_own_config_json_gives_its_configuration(tmp_path):
    config = override(replace(DCGAN, steps=9, epochs=None), CHANGES)
    record = {"run": to_dict(config), "stamp": "2026_01_01-00_00", "data": {}, "versions": {}}
    assert read(tmp_path, json.dumps(record), "config.json") == config
    assert mxgan.runs.config.recorded_config(RunFolder(tmp_path)) == config
    text = json.dumps({**record, "mine": 1})
    assert "has both `run`, as config.json of a run, and 'mine'" in problem(tmp_path, text, "config.json")


def test_an_older_config_json_of_a_folder_keeps_its_subfolders_as_classes(tmp_path):
    run = to_dict(replace(DCGAN, dataset="folder"))
    del run["labels"]
    assert read(tmp_path, json.dumps({"run": run, "stamp": "2020_01_01-00_00"}), "config.json").labels == "folders"


@pytest.mark.parametrize(
    "text, words",
    [
        ("stepz: 5", "unknown setting 'stepz'; did you mean 'steps'?"),
        ("lrr: 5", "unknown setting 'lrr'; did you mean 'lr'?"),
        ("network: {ngff: 5}", "unknown setting 'network.ngff'; did you mean 'network.ngf'?"),
        ("netwrok: {ngf: 5}", "unknown setting 'netwrok'; did you mean 'network'?"),
        ("recipe: dcgam", "unknown recipe 'dcgam'; did you mean 'dcgan'?"),
        ("recipe: [dcgan]", "recipe is ['dcgan']; give the name of a recipe, or its settings."),
        ("recipe: {name: 5}", "recipe is 5; give the name"),
        ("steps: many", "steps is 'many'; give a whole number or null."),
        ("steps: '500'", "steps is '500'; give a whole number or null. Write a number without quotes."),
        ("steps: 5.0", "steps is 5.0; give a whole number or null."),
        ("gpu: 0", "gpu is 0; give text or null. Write text in quotes."),
        ("network: {ngf: true}", "network.ngf is True; give a whole number."),
        ("lr: fast", "lr is 'fast'; give a number."),
        ("lr: 0", "learning_rate is 0; give a number above 0"),
        ("pictures: grids", "pictures is 'grids'; give a list of texts."),
        ("network: 5", "network is 5; give a mapping of its settings."),
        ("generator_optimizer: adam", "generator_optimizer is 'adam'; give a mapping of its settings."),
        ("schedule: cosine", "the setting 'schedule' is ambiguous; give one of"),
        ("settings: {}", "the setting 'settings' is ambiguous"),
        ("ngf: 5\nnetwork: {ngf: 6}", "ngf and network.ngf are the same setting, recipe.network.ngf; leave one out."),
        ("batch_size: 5\nbatch-size: 6", "leave one out"),
        ("steps: 5\nepochs: 6", "got steps=5 and epochs=6"),
        ("steps: null\nepochs: null\nngf: 0", "is 0"),
        ("ngf: 0", "ngf is 0"),
        ("run_dir: x", "run_dir is no setting of a run; give the flag --run-dir."),
        ("run-dir: x", "give the flag --run-dir."),
        ("recipe: {run_defaults: {epochs: 5}}", "run_defaults are only defaults"),
        ("keep: 1e-3", "line 1: keep is 1e-3, which YAML reads as text"),
    ],
)
def test_what_does_not_fit_names_the_file_and_the_setting(tmp_path, text, words):
    assert words in problem(tmp_path, text)


def test_a_number_of_any_size_is_taken_or_refused_in_words(tmp_path):
    for name in (*setting_paths(default_config(RECIPES["wgan-gp"], {})), "lr", "beta1"):
        with suppress(ArgumentError):
            read(tmp_path, json.dumps({"recipe": "wgan-gp", name: 10**400}), "run.json")
    for huge in (10**400, -(10**400), 1e308):
        found = problem(tmp_path, json.dumps({"lr": huge}), "run.json")
        assert "learning_rate is " in found
        assert len(found) < 500


def test_data_dir_is_taken_from_the_working_folder_as_the_flag_is(tmp_path, monkeypatch):
    (tmp_path / "work" / "photos").mkdir(parents=True)
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert read(tmp_path / "files", "data_dir: photos\n").data_dir == str(tmp_path / "work" / "photos")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read(tmp_path / "files", "data_dir: ~/photos\n").data_dir == str(tmp_path / "photos")
    (tmp_path / "files" / "beside").mkdir()
    found = problem(tmp_path / "files", "data_dir: beside\n")
    assert f"beside the file it does. Write {tmp_path / 'files' / 'beside'}." in found
    monkeypatch.chdir(tmp_path / "files")
    assert read(tmp_path / "files", "data_dir: beside\n").data_dir == str(tmp_path / "files" / "beside")


CHANGES = {
    "ema": 0.999, "generator_optimizer.learning_rate": 1e-5, "discriminator_optimizer.schedule": "linear",
    "generator_optimizer.settings.clip_gradient": 5.0, "instance_noise.sigma": 0.25, "keep": None, "gpu": "0,1",
    "checkpoint_every": "15min", "data_dir": "/a b/\udcff: #1e-3", "run_name": "1e-3", "seed": 7,
}  # fmt: skip


@pytest.mark.parametrize("changed", [False, True], ids=["as published", "changed"])
@pytest.mark.parametrize("name", RECIPES)
def test_the_short_yaml_reads_back_to_the_same_configuration(tmp_path, name, changed):
    config = default_config(RECIPES[name], {"dataset": "mnist"})
    if changed:
        config = override(replace(config, steps=9, epochs=None, limit=None), CHANGES)
    text = config_text(config)
    assert read(tmp_path, text) == config
    assert text.count("\n") < (30 if changed else 8)
    assert read(tmp_path, json.dumps(to_dict(config)), "run.json") == config


def test_a_recipe_that_is_not_published_stands_there_as_a_whole(tmp_path):
    recipe = replace(RECIPES["wgan"], summary="mine", batch_size=7)
    other = replace(RECIPES["wgan"], network=CBR(width=2))
    for each in (recipe, other, replace(recipe, run_defaults={"limit": 5})):
        config = RunConfig(recipe=each, dataset="mnist", steps=3)
        assert read(tmp_path, config_text(config)) == config


def test_a_relative_labels_file_is_made_absolute(tmp_path, monkeypatch):
    (tmp_path / "labels.csv").write_text("file,label\n")
    monkeypatch.chdir(tmp_path)
    assert read(tmp_path, "labels: labels.csv\ndataset: folder\n").labels == os.path.abspath("labels.csv")
