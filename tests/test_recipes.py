"""Every recipe, made small, trained through the session that `mxgan train` uses; and the table itself."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

import mxgan
from mxgan.callbacks.pictures import PICTURES
from mxgan.errors import ArgumentError
from mxgan.runs.data import open_sources
from mxgan.runs.pair import build_pair
from mxgan.runtime.config import from_dict, override, to_dict
from mxgan.training.recipe import Recipe
from tests.support import SMALLER, assert_same, long_but, params_of
from tests.tiny_run import contents, differences

STEPS = 10


def small(name: str, **settings) -> mxgan.RunConfig:
    """A run of recipe `name`, its network narrow, on the embedded digits; pictures twice, log lines at each step."""
    recipe = mxgan.RECIPES[name]
    network = replace(recipe.network, **SMALLER[recipe.network.name])
    ends = {key: _with_own_end(getattr(recipe, key)) for key in ("generator_optimizer", "discriminator_optimizer")}
    recipe = replace(recipe, network=network, batch_size=8, **ends)
    return mxgan.RunConfig(recipe=recipe, log_every=1, sample_every=5, checkpoint_every=6, **settings)


def _with_own_end(optimizer):
    """The optimiser with a schedule that does not end with the run: the rates of one that goes on are then the same."""
    if optimizer.schedule.shape == "constant":
        return optimizer
    return replace(optimizer, schedule=replace(optimizer.schedule, steps=2 * STEPS))


@pytest.fixture(scope="module", params=long_but(sorted(mxgan.RECIPES), "acgan", "few", "wgan-gp"))
def whole_run(request, tmp_path_factory):
    """(name of a recipe, its session after ten steps, never stopped)."""
    return request.param, trained(small(request.param, steps=STEPS), tmp_path_factory.mktemp("runs") / "whole")


def trained(config, folder):
    session = mxgan.start(config, folder, display="none", progress=False)
    session.run()
    return session


def test_ten_steps_and_the_same_bits_when_resumed_after_six(whole_run, tmp_path):
    name, whole = whole_run
    first, last = params_of(build_pair(small(name, steps=STEPS))), params_of(whole.trainer.pair)
    changed = {key for key in last if not np.array_equal(first[key], last[key])}
    assert all(np.isfinite(value).all() for value in last.values())
    assert {key[0] for key in changed} == {"g", "d"}  # parameters of both networks
    assert {key for key in last if key.endswith("weight")} <= changed

    trained(small(name, steps=6), tmp_path / "whole")
    session = mxgan.resume(tmp_path / "whole", steps=STEPS, display="none", progress=False)
    session.run()
    assert_same(params_of(session.trainer.pair), last)
    found, expected = contents(session.folder.path), contents(whole.folder.path)
    assert {name for name in differences(found, expected) if not name.endswith(("000006.png", "-symbol.json"))} == set()


def test_a_run_leaves_what_its_recipe_promises(whole_run):
    _, session = whole_run
    config, folder = session.config, session.folder
    rows = [json.loads(line) for line in folder.history_path.read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    always = {"step", "epoch", "images_per_second", "facc", "fentropy_g", "fentropy_d", "loss_g", "loss_d"}
    assert always <= set(rows[0])
    assert all(np.isfinite(row[key]) for row in rows for key in ("loss_g", "loss_d"))
    objective = mxgan.OBJECTIVES[config.recipe.objective]
    for key, there in (("fentropy_g", objective.probability), ("facc", objective.threshold is not None)):
        assert all((row[key] is not None) == there for row in rows)
    assert ("penalty" in rows[0]) == (config.recipe.penalty is not None)
    titles = {path.name.rpartition("-")[0] for path in folder.samples.iterdir()}
    wanted = {"grids": {"gout", "diff", "data"}, "strip": {"strip"}, "scores": {"scores"}, "losses": {"losses"}}
    assert titles == set().union(*(wanted[picture] for picture in config.recipe.pictures))
    assert set(wanted) == set(PICTURES)
    assert folder.evaluation_path.exists() == bool(config.recipe.labelled_per_class)
    images = mxgan.load_sampler(folder.path).draw(3, seed=1)
    assert images.shape == (3, *config.recipe.network.image_shape)


@pytest.mark.parametrize("name", sorted(mxgan.RECIPES))
def test_a_recipe_goes_through_json_and_tells_of_itself(name):
    recipe = mxgan.RECIPES[name]
    assert from_dict(Recipe, json.loads(json.dumps(to_dict(recipe)))) == recipe
    text = recipe.describe()
    assert recipe.network.name in text
    assert recipe.objective in text
    assert recipe.source
    assert recipe.summary


def test_the_published_numbers():
    """What the sources print, read off the table: a change of a default must not pass unseen."""
    recipes = mxgan.RECIPES
    mlp = recipes["mlp-gan"]
    assert (mlp.generator_optimizer.learning_rate, mlp.batch_size) == (1e-5, 128)
    assert mlp.run_defaults == {"epochs": 200, "log_every": 500, "sample_every": 500}
    assert mlp.schedule.fresh_fakes
    assert mlp.schedule.mean_of_losses
    assert recipes["mlp-gan-64"].network.eps == 0.8
    cbr = recipes["cbr-gan"]
    assert (cbr.batch_size, cbr.schedule.generator_updates, cbr.schedule.fixed_latents) == (100, 5, True)
    assert cbr.run_defaults["limit"] == 900
    faces = recipes["encoder-decoder-gan"]
    assert (faces.batch_size, faces.steps_per_epoch, faces.sampling) == (32, 200, "replacement")
    assert faces.schedule.separate_updates
    assert faces.run_defaults == {"sample_every": 80, "limit": 10000}
    wgan, penalized = recipes["wgan"], recipes["wgan-gp"]
    assert (wgan.weight_clip, wgan.schedule.discriminator_updates) == (0.01, 5)
    assert (wgan.generator_optimizer.name, wgan.generator_optimizer.learning_rate) == ("rmsprop", 5e-5)
    assert (penalized.penalty_weight, penalized.schedule.discriminator_updates) == (10.0, 5)
    adam = penalized.discriminator_optimizer
    assert (adam.learning_rate, adam.settings["beta1"], adam.settings["beta2"]) == (1e-4, 0.0, 0.9)
    for name in ("sngan", "sngan-projection"):  # Miyato et al. 2018, table 3 and section 4.2
        sngan = recipes[name]
        optimizers = sngan.generator_optimizer, sngan.discriminator_optimizer
        assert {(each.name, each.learning_rate, each.schedule.shape) for each in optimizers} == {
            ("adam", 2e-4, "linear")
        }
        assert all((each.settings["beta1"], each.settings["beta2"]) == (0.0, 0.9) for each in optimizers)
        assert (sngan.objective, sngan.spectral_norm, sngan.batch_size) == ("hinge_loss", True, 64)
        assert (sngan.schedule.discriminator_updates, sngan.schedule.fresh_fakes) == (5, True)
        assert (sngan.initializer, sngan.run_defaults["epochs"]) == ("residual", 20)
        network = sngan.network
        assert (network.image_size, network.latent_size, network.eps) == (32, 128, 2e-5)
        assert (set(network.generator_channels), set(network.discriminator_channels)) == ({256}, {128})
    assert recipes["sngan-projection"].network.classes == 10
    few = recipes["few"]
    assert (few.augment, few.mirror, few.ema) == (("colour", "translation", "cutout"), True, 0.995)
    assert few.augment_target is None
    assert (few.network.name, few.network.ngf, few.network.ndf) == ("residual", 32, 32)
    assert (few.schedule.discriminator_updates, few.schedule.fresh_fakes) == (1, False)
    assert few.run_defaults["steps"] == 5000
    assert recipes["ssgan"].labelled_per_class * recipes["ssgan"].network.classes == 100


@pytest.mark.parametrize(
    "name, settings, words",
    [
        ("dcgan", {"labelled_per_class": 3}, "the network 'dcgan' does not classify"),
        ("cgan", {"labelled_per_class": 3}, "the network 'conditional-dcgan' does not classify"),
        ("dcgan", {"penalty": "none"}, "unknown penalty 'none'"),
        ("dcgan", {"penalty": "none"}, "null (--set penalty=null) turns it off."),
        ("dcgan", {"objective": "hinge_loss"}, "real_label is 0.9, and the objective 'hinge_loss' has no target"),
        ("wgan", {"real_label": 0.9}, "'wasserstein' has no target to smooth; add --set real_label=1"),
        ("dcgan", {"real_label": 7.0}, "real_label is 7.0; give a number above 0.5 and at most 1"),
        ("dcgan", {"sampling": "shufle"}, "unknown sampling 'shufle'; did you mean 'shuffle'"),
        ("encoder-decoder-gan", {"steps_per_epoch": 0}, "steps_per_epoch is 0; give a whole number from 1"),
        ("dcgan", {"steps_per_epoch": 5}, "add --set steps_per_epoch=null or --set sampling=replacement"),
        (
            "ssgan",
            {"minibatch_kernels": 3, "penalty": "r1"},
            "minibatch discrimination (minibatch_kernels), which mixes the samples of a batch: a gradient",
        ),
        ("ssgan", {"split": "nonsense"}, "measures on the test split; split is 'nonsense', leave it out (null)"),
        ("ssgan", {"dataset": "folder"}, "which the data set 'folder' does not have; mnist and digits have one"),
        ("cgan", {"limit": 3}, "the data set 'digits' with limit 3 has no image of the classes "),
        ("dcgan", {"penalty": "r3"}, "unknown penalty 'r3'. Known: gradient_penalty, r1"),
        ("dcgan", {"augment": ["color"]}, "unknown augmentation 'color'; did you mean 'colour'"),
        ("dcgan", {"augment_target": 0.6}, "there is no augmentation to adapt; add --augment colour,"),
        ("wgan", {"augment": ["cutout"], "augment_target": 0.6}, "take one of gan, least_squares, hinge_loss."),
        ("mlp-gan", {"mirror": "yes"}, "mirror is 'yes'"),
        ("dcgan", {"pictures": ["gird"]}, "unknown picture 'gird'; did you mean 'grids'"),
        ("dcgan", {"initializer": "nomal"}, "unknown initializer 'nomal'"),
        ("dcgan", {"weight_clip": -1.0}, "weight_clip is -1.0"),
        ("dcgan", {"weight_clip": 1e-300}, "weight_clip is 1e-300"),
        ("dcgan", {"initial_sigma": 3e-39}, "initial_sigma is 3e-39"),
        ("dcgan", {"penalty": "r1"}, "BatchNorm"),
        ("cgan", {"network.classes": 7}, "the network 'conditional-dcgan' is for 7 classes"),
    ],
)
def test_what_does_not_fit_is_said_before_a_folder_is_made(name, settings, words, tmp_path):

    def start():
        config = small(name, steps=1)
        for key, value in settings.items():
            config = override(config, {key: tuple(value) if isinstance(value, list) else value})
        return mxgan.start(config, tmp_path / "run", display="none")

    with pytest.raises(ArgumentError) as caught:
        start()
    assert words in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "name", long_but(["wgan-gp", "cgan", "acgan", "ssgan", "mlp-gan", "encoder-decoder-gan"], "wgan-gp", "acgan")
)
def test_augmentations_and_mirrored_images_are_an_option_of_any_recipe(name, tmp_path):
    config = override(
        small(name, steps=4), {"recipe.augment": ("colour", "translation", "cutout"), "recipe.mirror": True}
    )
    session = trained(config, tmp_path / "run")
    first, last = params_of(build_pair(config)), params_of(session.trainer.pair)
    assert all(np.isfinite(value).all() for value in last.values())
    assert all((first[key] != last[key]).any() for key in last if key.endswith("weight"))
    images = mxgan.load_sampler(tmp_path / "run").draw(3, seed=1)
    assert images.shape == (3, *config.recipe.network.image_shape)


def test_a_recipe_of_an_earlier_version_has_no_augmentations():
    record = to_dict(mxgan.RECIPES["few"])
    for name in ("augment", "augment_target", "mirror"):
        del record[name]
    recipe = from_dict(Recipe, json.loads(json.dumps(record)))
    assert (recipe.augment, recipe.augment_target, recipe.mirror) == ((), None, False)


@pytest.mark.long
@pytest.mark.parametrize("name", ["dcgan", "mlp-gan", "cgan", "acgan", "ssgan", "encoder-decoder-gan"])
def test_spectral_norm_is_an_option_of_any_recipe(name, tmp_path):
    config = override(small(name, steps=4), {"recipe.spectral_norm": True})
    session = trained(config, tmp_path / "run")
    first, last = params_of(build_pair(config)), params_of(session.trainer.pair)
    vectors = [key for key in last if key.endswith("_u")]
    assert len(vectors) >= 3
    assert all(not np.array_equal(first[key], last[key]) for key in vectors)
    resumed = mxgan.resume(tmp_path / "run", steps=6, display="none", progress=False)
    assert_same(params_of(resumed.trainer.pair), last)
    resumed.lock.release()


@pytest.mark.parametrize("name", ["mlp-gan", "mlp-gan-64", "wgan-gp", "hinge"])
def test_r1_is_an_option_of_any_recipe_without_batchnorm_in_d(name, tmp_path):
    config = override(override(small(name, steps=3), {"recipe.penalty": "r1"}), {"recipe.penalty_weight": 2.0})
    history = trained(config, tmp_path / "run").folder.history_path.read_text()
    rows = [json.loads(line) for line in history.splitlines()]
    assert all(row["penalty"] > 0 for row in rows)


def test_a_run_is_named_after_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = override(small("encoder-decoder-gan", steps=1), {"discriminator_updates": 2})
    session = mxgan.start(config, display="none", progress=False)
    assert session.folder.path.name.startswith("digits-encoder-decoder-c2-b8-d2-g1-")
    session.lock.release()


def test_an_epoch_with_replacement_has_the_published_number_of_steps(tmp_path):
    config = small("encoder-decoder-gan", epochs=1)
    config = override(config, {"discriminator_updates": 2})
    session = mxgan.start(config, tmp_path / "run", display="none", progress=False)
    assert session.last_step == 200
    assert session.trainer.data.batches_per_epoch == 400
    session.lock.release()


def test_a_limit_is_not_of_the_test_set():
    sources = open_sources(small("ssgan", steps=1, limit=400))
    assert (sources.images.num_images, sources.test.num_images) == (400, 360)


def test_fewer_images_than_a_batch_are_said(caplog):
    caplog.set_level("WARNING")
    open_sources(small("dcgan", steps=1, limit=5))
    assert caplog.messages == ["There are 5 images, fewer than a batch of 8: each batch has some images twice."]
    caplog.clear()
    open_sources(small("dcgan", steps=1, limit=1))
    assert caplog.messages == ["There is 1 image: a GAN can only learn it by heart. Give more."]


def test_classes_without_an_image_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for kind in ("cats", "dogs"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for number in range(4):
            cv2.imwrite(str(tmp_path / "photos" / kind / f"{number}.png"), np.eye(16, dtype=np.uint8) * (number + 1))
    config = override(small("cgan", steps=1, dataset="folder", data_dir=str(tmp_path / "photos")), {"classes": 2})
    assert open_sources(config, progress=False).images.num_classes == 2
    with pytest.raises(ArgumentError, match=r"with limit 4 has no image of the classes 1 \('dogs'\); give a larger"):
        open_sources(replace(config, limit=4), progress=False)


def test_lists_of_augmentations_and_pictures_become_tuples():
    recipe = Recipe("", "", augment=["cutout", "colour"], pictures=["strip"])
    assert (recipe.augment, recipe.pictures) == (("cutout", "colour"), ("strip",))
    assert recipe == from_dict(Recipe, json.loads(json.dumps(to_dict(recipe))))


@pytest.mark.parametrize("mirror", [True, False])
def test_the_recipe_says_whether_the_training_images_are_mirrored(mirror):
    config = small("ssgan", steps=1)
    sources = open_sources(replace(config, recipe=replace(config.recipe, mirror=mirror)))
    assert (sources.images.mirror, sources.labelled.mirror, sources.test.mirror) == (mirror, mirror, False)


def test_the_weight_of_a_penalty_is_told_whether_or_not_it_is_the_usual_one():
    assert "penalty_weight 10.0" in mxgan.RECIPES["wgan-gp"].describe()
    assert "penalty_weight" not in mxgan.RECIPES["wgan"].describe()


@pytest.mark.parametrize(
    "name, words",
    [
        ("{foo}", "run_name is '{foo}', which cannot be filled in (KeyError: 'foo'); give a folder's name"),
        ("{0}", "cannot be filled in (IndexError: "),
        ("{recipe.nothing}", "cannot be filled in (AttributeError: "),
        ("{recipe[0]}", "cannot be filled in (TypeError: "),
        ("{dataset", "cannot be filled in (ValueError: "),
        ("a/b", "run_name makes 'a/b', which cannot be the name of a folder"),
        ("..", "run_name makes '..', which cannot be the name of a folder"),
        ("x{recipe}", "which cannot be the name of a folder"),
    ],
)
def test_a_name_of_a_run_that_cannot_be_one(name, words):
    with pytest.raises(ArgumentError) as caught:
        override(small("dcgan", steps=1), {"run_name": name})
    assert words in str(caught.value)


def test_minibatch_discrimination_is_an_option_of_ssgan(tmp_path):
    config = override(small("ssgan", steps=4), {"minibatch_kernels": 3})
    session = trained(config, tmp_path / "run")
    first, last = params_of(build_pair(config)), params_of(session.trainer.pair)
    assert set(last) - set(params_of(build_pair(small("ssgan", steps=4))))  # the kernels
    assert all(not np.array_equal(first[key], last[key]) for key in last if key.endswith("weight"))
