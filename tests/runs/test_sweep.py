"""The runs of a sweep: their settings, their names, and the folders that they have already."""

import json
import logging
from dataclasses import replace

import pytest

from mxgan.errors import ArgumentError, DatasetError
from mxgan.recipes import RECIPES
from mxgan.runs.given import default_config
from mxgan.runs.sweep import Variant, check_data, place_all, read_sweep
from mxgan.runtime.config import override, to_dict
from tests.support import tiny_config

DCGAN = default_config(RECIPES["dcgan"], {})


def read(tmp_path, text):
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    return read_sweep(path)


def problem(tmp_path, text) -> str:
    with pytest.raises(ArgumentError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "sweep.yaml"))
    return str(caught.value)


def test_a_grid_combines_each_value_with_each(tmp_path):
    found = read(tmp_path, "base: {steps: 5, seed: 3}\ngrid: {network.ngf: [8, 16], batch_size: [4, 2]}\n")
    base = replace(DCGAN, steps=5, epochs=None, seed=3)
    assert found == [
        Variant(f"ngf-{ngf},batch_size-{size}", override(base, {"ngf": ngf, "recipe.batch_size": size}))
        for ngf in (8, 16)
        for size in (4, 2)
    ]


def test_runs_are_single_ones_and_each_goes_through_the_grid(tmp_path):
    found = read(tmp_path, "runs: [{ngf: 8, ndf: 4}, {network: {ngf: 16}}]\n")
    assert [each.name for each in found] == ["ngf-8,ndf-4", "network.ngf-16"]
    assert [(each.config.recipe.network.ngf, each.config.recipe.network.ndf) for each in found] == [(8, 4), (16, 64)]
    found = read(tmp_path, "runs: [{ngf: 8}, {ngf: 9}]\ngrid: {seed: [1, 2]}\n")
    assert [each.name for each in found] == ["ngf-8,seed-1", "ngf-8,seed-2", "ngf-9,seed-1", "ngf-9,seed-2"]


def test_recipes_in_the_grid_keep_their_own_settings_below_the_base(tmp_path):
    found = read(tmp_path, "base: {batch_size: 7, recipe: lsgan}\ngrid: {recipe: [wgan, cbr-gan]}\n")
    assert [each.config.recipe.batch_size for each in found] == [7, 7]
    assert [each.config.recipe.objective for each in found] == ["wasserstein", "gan"]
    assert [each.config.limit for each in found] == [None, 900]
    (alone,) = read(tmp_path, "base: {recipe: lsgan}\ngrid: {seed: [3]}\n")
    assert alone.config == replace(default_config(RECIPES["lsgan"], {}), seed=3)


def test_names_are_safe_short_and_different(tmp_path):
    places = ["/a b/c", "/a b/d", "../..", "-x", "é", "ö", "$(rm)", "y" * 300, "y" * 299 + "z"]
    found = [each.name for each in read(tmp_path, json.dumps({"grid": {"data_dir": places}}))]
    assert len(set(found)) == len(places)
    assert all(len(name) <= 100 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.,-") for name in found)
    text = "grid: {generator_optimizer.settings.wd: [0.0], discriminator_optimizer.settings.wd: [1.0e-05]}"
    (both,) = read(tmp_path, text)
    assert both.name == "generator_optimizer.settings.wd-0.0,discriminator_optimizer.settings.wd-1e-05"
    (pair,) = read(tmp_path, "grid: {image_size: [[32, 64]], ema: [null]}")
    assert pair.name == "image_size-32-64,ema-null"


@pytest.mark.parametrize(
    "text, words",
    [
        ("base: {steps: 5}\n", "has neither `grid`, lists of settings, nor `runs`"),
        ("grid: {}\nruns: []\n", "has neither"),
        ("gird: {ngf: [5]}\n", "unknown part of a sweep 'gird'; did you mean 'grid'?"),
        ("steps: 5\ngrid: {ngf: [5]}\n", "Settings go under `base:`, lists of values under `grid:`."),
        ("grid: {ngf: 5}\n", "grid: ngf is 5; give a list of values."),
        ("grid: {ngf: []}\n", "grid: ngf is []; give a list of values."),
        ("grid: [ngf]\n", "grid is ['ngf']; give settings by their names."),
        ("runs: {ngf: 5}\n", "runs is {'ngf': 5}; give a list with the settings of each run."),
        ("runs: [5]\n", "runs: number 1 is 5; give settings by their names."),
        ("runs: [{ngf: 5}, {}]\n", "runs: number 2 is {}"),
        ("grid: {ngf: [5]}\nruns: [{ngf: 6}]\n", "ngf stands in the grid and in number 1 of the runs. Choose one."),
        ("base: {stepz: 5}\ngrid: {ngf: [5]}\n", "sweep.yaml: base: unknown setting 'stepz'; did you mean 'steps'?"),
        ("grid: {ngff: [5]}\n", "sweep.yaml: ngff-5: unknown setting 'ngff'; did you mean 'ngf'?"),
        ("grid: {ngf: [8, x]}\n", "sweep.yaml: ngf-x: ngf is 'x'; give a whole number."),
        ("grid: {ngf: [8, 8]}\n", "ngf-8 and ngf-8_2 have the same settings. Leave one out."),
        ("grid: {network.ngf: [8], ngf: [8, 9]}\nbase: {recipe: nogan}\n", "unknown recipe 'nogan'"),
        (f"grid: {{seed: {list(range(40))}, ngf: {list(range(1, 40))}}}\n", "more than 1,000 runs"),
    ],
)
def test_what_does_not_fit_names_the_file_and_the_place(tmp_path, text, words):
    assert words in problem(tmp_path, text)


def write_run(folder, config, stamp="2026_01_01-00_00"):
    folder.mkdir(parents=True)
    record = {"run": to_dict(config), "stamp": stamp, "data": {}, "versions": {}}
    (folder / "config.json").write_text(json.dumps(record))


def test_the_runs_that_are_there_are_found_by_their_settings(tmp_path, trained_copy, caplog):
    caplog.set_level(logging.INFO, "mxgan")
    done = tiny_config(steps=8)
    trained_copy(8, tmp_path / "seed-0")
    variants = [Variant(f"seed-{seed}", replace(done, seed=seed)) for seed in range(4)]
    write_run(tmp_path / "moved", variants[1].config)
    write_run(tmp_path / "seed-2", replace(variants[2].config, steps=9))
    (tmp_path / "seed-3").mkdir()
    (tmp_path / "seed-3" / "notes.txt").write_text("mine")

    found = place_all(variants, tmp_path)
    assert [(place.name, place.state) for place in found] == [
        ("seed-0", "finished"), ("moved", "begun"), ("seed-2_2", "new"), ("seed-3_2", "new"),
    ]  # fmt: skip
    told = [record.message for record in caplog.records]
    assert any("its end is 9 steps there, 8 steps here); the run of this file is seed-2_2" in line for line in told)
    assert any("has runs that are not in this file; they stay as they are: seed-2" in line for line in told)


def test_a_changed_setting_is_another_run_and_a_changed_interval_is_not(tmp_path, caplog):
    caplog.set_level(logging.INFO, "mxgan")
    config = tiny_config(steps=8)
    write_run(tmp_path / "seed-0", config)
    (place,) = place_all([Variant("seed-0", replace(config, log_every=2, keep=None))], tmp_path)
    assert place.name == "seed-0"
    (place,) = place_all([Variant("seed-0", override(config, {"recipe.batch_size": 16}))], tmp_path)
    assert place.name == "seed-0_2"
    assert "has other settings (recipe.batch_size is 32 there, 16 here)" in caplog.text


def test_settings_that_a_run_may_change_are_told_apart_in_the_grid(tmp_path):
    config = tiny_config(steps=8)
    variants = [Variant(f"keep-{keep}", replace(config, keep=keep)) for keep in (2, 3)]
    for variant in reversed(variants):
        write_run(tmp_path / variant.name, variant.config)
    assert [place.name for place in place_all(variants, tmp_path)] == ["keep-2", "keep-3"]


def test_missing_data_are_found_before_the_first_step(tmp_path):
    good = Variant("a", tiny_config(steps=8))
    bad = Variant("b", replace(good.config, dataset="folder", data_dir=str(tmp_path / "gone")))
    places = place_all([good, bad], tmp_path / "runs")
    with pytest.raises(DatasetError, match="gone"):
        check_data(places)
    check_data(places[:1])
    assert not (tmp_path / "runs").exists()
