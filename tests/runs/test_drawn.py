"""Which weights pictures show: the average where there is one, and what is said of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.errors import ArgumentError
from mxgan.pictures.grid import image_grid, save_png
from mxgan.recipes import RECIPES
from mxgan.runs.drawn import AVERAGE, OWN, weights_of_pictures
from mxgan.runs.load import load_sampler
from mxgan.runs.sweep import Variant, place_all, read_sweep
from mxgan.runs.view import run_view
from mxgan.runtime.config import override
from tests.support import StopAt, tiny_config
from tests.support import without_average as without

PUBLISHED = {"dcgan-original", "mlp-gan", "mlp-gan-64", "cbr-gan", "encoder-decoder-gan"}  # their point is to be so
RECIPES_PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
SLOW = {"wgan", "wgan-gp"}  # in short trainings their average lags behind


def command(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


def test_recipes_keep_an_average_unless_they_are_as_published_or_learn_slowly():
    expected = {name: None if name in PUBLISHED | SLOW else 0.999 for name in RECIPES} | {"few": 0.995}
    assert expected.keys() >= PUBLISHED | SLOW
    assert {name: recipe.ema for name, recipe in RECIPES.items()} == expected


def test_the_docs_name_the_recipes_without_an_average():
    (line,) = [line for line in RECIPES_PAGE.read_text().splitlines() if line.startswith("| `--ema none`")]
    named = re.search(r"The default is 0.999, and 0.995 for `few`. (.*) have none", line).group(1)
    assert set(re.findall(r"`(.+?)`", named)) == PUBLISHED | SLOW


@pytest.mark.parametrize(
    "flags, expected",
    [([], 0.999), (["--ema", "none"], None), (["--set", "ema=null"], None), (["--ema", "0.99"], 0.99)],
)
def test_the_flag(flags, expected):
    assert json.loads(command("train", *flags, "--dry-run").output)["recipe"]["ema"] == expected


def test_the_flag_takes_no_other_word():
    found = command("train", "--ema", "never", "--dry-run")
    assert (found.exit_code, "'never' is no number, and not none" in found.output) == (2, True)


@pytest.mark.parametrize("ema", [0.9, None])
def test_pictures_in_training_are_those_of_sample_and_evaluate(ema, tmp_path):
    """One rule for all of them; the last picture is drawn anew from the files of the last checkpoint."""
    config = tiny_config(steps=6, sample_every=6)
    config = replace(config, recipe=replace(config.recipe, ema=ema))
    mxgan.start(config, tmp_path / "run", "none").run()
    for averaged in (None, False):
        sampler = load_sampler(tmp_path / "run", averaged=averaged)
        save_png(tmp_path / "again.png", image_grid(sampler.sample(sampler.latents(64, 0, stream="fixed latents"))))
        same = (tmp_path / "again.png").read_bytes() == (tmp_path / "run" / "samples" / "gout-000006.png").read_bytes()
        assert same == (averaged is None or ema is None)
    (pictures,) = [each for each in run_view(tmp_path / "run")["pictures"] if each["title"] == "gout"]
    assert pictures["label"].endswith(f"; {OWN if ema is None else AVERAGE}")


def test_an_average_changes_no_bit_of_the_training(tmp_path):
    config = tiny_config(steps=3)
    pairs = []
    for each in (config, without(config)):
        session = mxgan.start(each, tmp_path / str(each.recipe.ema), "none")
        session.run()
        pairs.append(session.trainer.pair)
    for first, second in zip(*[[group for half in pair.get_params() for group in half] for pair in pairs]):
        assert first.keys() == second.keys()
        for name, value in first.items():
            np.testing.assert_array_equal(value.asnumpy(), second[name].asnumpy())


@pytest.mark.parametrize(
    "pictures, expected",
    [
        ([None], OWN),
        (["raw"], OWN),
        (["average"], AVERAGE),
        ([None, "average"], f"{OWN}, after step 100 {AVERAGE}"),
        (["average", "raw", "average"], f"{AVERAGE}, after step 100 {OWN}, after step 200 {AVERAGE}"),
        (["average", "average"], AVERAGE),
    ],
)
def test_the_words_for_a_run_of_several_trainings(pictures, expected):
    """A training begins at steps 0, 100, 200; a line of an older version does not say which weights it drew."""
    events = []
    for number, each in enumerate(pictures):
        told = {} if each is None else {"pictures": each}
        events += [{"event": "begin", "step": 100 * number, **told}, {"event": "end", "step": 100 * number + 100}]
    assert weights_of_pictures(events, [50, 100, 150, 200, 250]) == expected


def test_the_words_without_events_or_of_a_strangers_file():
    assert weights_of_pictures([], [100]) == OWN
    assert weights_of_pictures([{"event": "begin", "step": "x"}, {"step": 3}], [100]) == OWN


def test_the_end_of_a_training_and_the_summary_say_it(tmp_path):
    flags = [
        "train",
        "--dataset",
        "digits",
        "--steps",
        1,
        "--batch-size",
        8,
        "--ngf",
        4,
        "--ndf",
        4,
        "--image-size",
        16,
    ]
    for extra, words in (([], f"{AVERAGE} (ema 0.999)"), (["--ema", "none"], OWN)):
        found = command(*flags, *extra, "--display", "none", "--run-dir", tmp_path / str(len(extra)))
        assert f"pictures and samples show: {words}\n" in found.output
    for extra, words in (([], f"{AVERAGE} (ema 0.999)"), (["--set", "ema=null"], OWN)):
        assert command("summary", *extra).output.endswith(f"pictures and samples show: {words}\n")


def begun_by_an_older_version(config, folder):
    """A run that stopped at step 1, and whose config.json is as before recipes had an average."""
    mxgan.start(without(config), folder, "none", callbacks=[StopAt(1)]).run()
    age(folder)


def age(folder):
    """Make config.json as it was before recipes had an average, or fast operators."""
    path = folder / "config.json"
    record = json.loads(path.read_text())
    del record["average_by_default"], record["run"]["held_out"]
    del record["discriminator_average_by_default"], record["run"]["recipe"]["discriminator_ema"]
    del record["algorithm_by_default"], record["run"]["recipe"]["algorithm"]
    path.write_text(json.dumps(record))


@pytest.mark.parametrize("named", [True, False])
def test_the_command_that_began_an_older_run_goes_on_with_it_and_without_an_average(named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = override(RECIPES["dcgan"], {"image_size": 16, "ngf": 4, "ndf": 4, "batch_size": 8})
    config = mxgan.RunConfig(config, steps=3)
    folder = tmp_path / "runs" / "old"
    begun_by_an_older_version(config, folder)
    for steps in (2, 3):  # stopped and resumed once more: config.json was written by this version in between
        session = mxgan.start_or_resume(config, folder if named else None, "none", callbacks=[StopAt(steps)])
        session.run()
        assert (session.folder.path.resolve(), session.trainer.step) == (folder, steps)
        assert session.trainer.pair.average is None
        assert session.trainer.pair.algorithm == "direct"
    recipe = json.loads((folder / "config.json").read_text())["run"]["recipe"]
    assert (recipe["ema"], recipe["algorithm"]) == (None, "direct")


@pytest.mark.parametrize("own", [False, True])
def test_changes_that_are_allowed_give_an_older_run_no_average_unless_it_is_asked_for(own, tmp_path, caplog):
    config = tiny_config(steps=3)
    begun_by_an_older_version(config, tmp_path / "run")
    with caplog.at_level("INFO"):
        session = mxgan.start_or_resume(
            config, tmp_path / "run", "none", allow_changes=True, given=["ema"] if own else []
        )
    session.run()
    assert (session.trainer.pair.average is not None) == own
    assert ("For a run with that average, give another --run-dir" in caplog.text) != own


ASKED = [
    (["--ema", "0.999"], True),
    (["--set", "ema=0.999"], True),
    (["--set", "recipe.ema=0.999"], True),
    (["--config", "ema: 0.999"], True),
    (["--config", "recipe: {name: dcgan, ema: 0.999}"], True),
    (["--config", "recipe: dcgan"], False),
    (["--set", "real_label=0.9"], False),
]


@pytest.mark.parametrize("extra, asked", ASKED)
def test_an_average_that_is_asked_for_makes_another_run_than_an_older_one(extra, asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = ["--steps", "2", "--batch-size", "8", "--ngf", "4", "--ndf", "4", "--image-size", "16"]
    command("train", *flags, "--ema", "none", "--display", "none", "--run-dir", tmp_path / "runs" / "old")
    age(tmp_path / "runs" / "old")
    if extra[0] == "--config":
        (tmp_path / "a.yaml").write_text(extra[1])
        extra = ["--config", tmp_path / "a.yaml"]
    found = command("train", *flags, *extra, "--display", "none", "--resume", "auto")
    assert found.exit_code == 0, found.output
    assert (len(list((tmp_path / "runs").iterdir())) == 2) == asked


def test_an_average_in_a_sweep_makes_another_run_than_an_older_one(tmp_path):
    config = tiny_config(steps=3)
    begun_by_an_older_version(config, tmp_path / "seed-0")
    (place,) = place_all([Variant("seed-0", config, given=frozenset(["ema"]))], tmp_path)
    assert (place.path, place.state) != (tmp_path / "seed-0", "begun")
    (tmp_path / "a.yaml").write_text("base: {recipe: dcgan}\ngrid: {ema: [0.999, 0.99]}\n")
    assert [variant.given for variant in read_sweep(tmp_path / "a.yaml")] == [{"ema"}, {"ema"}]
    (tmp_path / "a.yaml").write_text("base: {recipe: dcgan}\ngrid: {seed: [0, 1]}\n")
    assert [variant.given for variant in read_sweep(tmp_path / "a.yaml")] == [set(), set()]


def test_a_run_of_this_version_without_an_average_is_another_run(tmp_path):
    config = tiny_config(steps=3)
    mxgan.start(without(config), tmp_path / "run", "none", callbacks=[StopAt(1)]).run()
    with pytest.raises(ArgumentError, match="recipe.ema: null in the run, 0.999 asked for"):
        mxgan.start_or_resume(config, tmp_path / "run", "none")


def test_a_sweep_goes_on_with_the_runs_of_an_older_version(tmp_path):
    config = tiny_config(steps=3)
    begun_by_an_older_version(config, tmp_path / "seed-0")
    (place,) = place_all([Variant("seed-0", config)], tmp_path)
    assert (place.path, place.state) == (tmp_path / "seed-0", "begun")
