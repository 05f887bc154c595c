"""The explorer's API: images, scores, neighbours and files are those of the package's own functions, to the bit."""

from __future__ import annotations

import io
import json
import math
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.export.computing import computed
from mxgan.pictures.grid import image_grid, png_bytes
from mxgan.pictures.latents.directions import along, directions, first_matrix
from mxgan.pictures.latents.drawing import interpolated, together
from mxgan.pictures.latents.paths import interpolation
from mxgan.runs.model import model_of
from mxgan.runtime.draws import truncated
from mxgan.training.checkpoint_files import parameter_file, sha256_of
from mxgan.web.explorer.generator import Generator
from mxgan.web.explorer.points import Point, Wanted
from tests.support import DCGAN_SIZES, tiny_config
from tests.web.explorer.site import (
    BY_CLASS,
    digits,
    pixels_of,
    served,
)


@pytest.fixture
def copied(site, tmp_path):
    """A server of a copy of the run "averaged" alone, to break it."""
    shutil.copytree(site.folder / "averaged", tmp_path / "runs" / "mine")
    with served(tmp_path / "runs") as found:
        yield found


def drawn_alone(run, latents, *label) -> np.ndarray:
    """The pixels of a latent that is drawn alone."""
    return image_grid(mxgan.load_sampler(run, batch_size=1).sample(latents, *(np.array([each]) for each in label)))


# ---- facts ----


def test_facts_of_a_run(site):
    facts = site.ask("averaged", "facts").json
    wanted = {"steps": [8, 16], "latest": 16, "step": 16, "best": None, "averages": True, "classes": []}
    assert {name: facts[name] for name in wanted} == wanted
    assert (facts["directions"], facts["image_shape"]) == (10, [3, 16, 16])
    assert site.ask("averaged", "facts", "checkpoint=8").json["step"] == 8


def test_facts_of_a_conditional_run_without_a_discriminator(site):
    facts = site.ask(BY_CLASS, "facts").json
    assert (facts["classes"], facts["directions"], facts["averages"]) == ([*"0123456789"], 6, False)
    assert "discriminator" in site.ask(BY_CLASS, "image").json["score"]["text"]


# ---- images ----


@pytest.mark.parametrize("weights, averaged", [("raw", False), ("average", True)])
def test_the_image_of_a_seed_is_the_samplers_to_the_bit(weights, averaged, site):
    query = f"checkpoint=8&weights={weights}&seed=7&psi=0.5"
    sampler = mxgan.load_sampler(site.folder / "averaged", 1, checkpoint=8, averaged=averaged)
    np.testing.assert_array_equal(site.image("averaged", query), image_grid(sampler.draw(1, 7, psi=0.5)))
    assert site.ask("averaged", "image", query).json["step"] == 8


def test_steps_along_directions_are_those_of_walk(site):
    run = site.folder / "averaged"
    sampler = mxgan.load_sampler(run, batch_size=1)
    found = directions(first_matrix(sampler), 10)
    latents = along(truncated(sampler.latents(1, 5), 0.8), found[0], np.array([1.5]))[:, 0]
    latents = along(latents, found[2], np.array([-2.25]))[:, 0]
    asked = site.image("averaged", "seed=5&psi=0.8&d=1.5,0,-2.25")
    np.testing.assert_array_equal(asked, drawn_alone(run, latents))
    assert (asked != site.image("averaged", "seed=5&psi=0.8")).any()


def test_a_step_of_uniform_latents_is_in_their_standard_deviations(site):
    run = site.folder / BY_CLASS
    sampler = mxgan.load_sampler(run, batch_size=1)
    found = directions(first_matrix(sampler), 6)
    latents = along(sampler.latents(1, 5), found[0], np.array([3 / math.sqrt(3)]))[:, 0]
    np.testing.assert_array_equal(site.image(BY_CLASS, "seed=5&class=4&d=3"), drawn_alone(run, latents, 4))


def test_mixtures_follow_the_path_of_interpolate(site):
    run = site.folder / "averaged"
    sampler = mxgan.load_sampler(run, batch_size=1)
    ends = np.concatenate([sampler.latents(1, 3), truncated(sampler.latents(1, 4), 0.5), sampler.latents(1, 9)])
    kept = "keep=3&keep=4,0.5&keep=9"
    path = interpolation(ends, 100, loop=False)
    for mix, frame in (("0", 0), ("0.37", 37), ("1", 100), ("1.5", 150), ("2", 200)):
        found = site.image("averaged", f"{kept}&mix={mix}")
        np.testing.assert_array_equal(found, drawn_alone(run, path[frame : frame + 1]), err_msg=mix)


def test_between_two_classes_both_are_mixed_as_interpolate_mixes_them(site):
    run = site.folder / BY_CLASS
    sampler = mxgan.load_sampler(run, batch_size=1)
    ends = np.stack([sampler.latents(1, seed) for seed in (3, 4)])
    frames = together(interpolated(sampler, ends, [2, 7], 100, False, False))
    found = site.image(BY_CLASS, "keep=3,1,2&keep=4,1,7&mix=0.4")
    np.testing.assert_array_equal(found, image_grid(frames[40]))
    for mix, seed, label in ((0, 3, 2), (1, 4, 7)):
        end = site.image(BY_CLASS, f"keep=3,1,2&keep=4,1,7&mix={mix}")
        np.testing.assert_array_equal(end, site.image(BY_CLASS, f"seed={seed}&class={label}"))


def test_the_score_is_that_of_the_discriminator_of_the_checkpoint(site):
    run = site.folder / "averaged"
    found = site.ask("averaged", "image", "checkpoint=8&seed=3").json["score"]
    image = mxgan.load_sampler(run, 1, checkpoint=8).draw(1, 3)
    ((score,),) = computed(model_of(run, "discriminator", 8), {"data": image})[0]
    assert found["raw"] == pytest.approx(float(score), abs=1e-5)
    assert found["probability"] == pytest.approx(1 / (1 + math.exp(-score)), abs=1e-5)
    other = computed(model_of(run, "discriminator", 16), {"data": image})[0][0, 0]
    assert abs(other - score) > 1e-3  # so another checkpoint would be seen


@pytest.mark.long
def test_a_conditional_discriminator_is_shown_the_class_and_has_no_score_between_two(tmp_path):
    recipe = mxgan.RECIPES["cgan"]
    recipe = replace(recipe, network=replace(recipe.network, **DCGAN_SIZES), batch_size=32, objective="least_squares")
    run = tmp_path / "runs" / "cgan"
    mxgan.start(replace(tiny_config(steps=8), recipe=recipe), run, "none", progress=False).run()
    with served(tmp_path / "runs") as site:
        image = mxgan.load_sampler(run, 1).draw(1, 3, only=6)
        given = {"data": image, "class_label": np.array([6.0])}
        ((score,),) = computed(model_of(run, "discriminator"), given)[0]
        found = site.ask("cgan", "image", "seed=3&class=6").json["score"]
        assert found["raw"] == pytest.approx(float(score), abs=1e-5)
        assert found["probability"] is None  # the prediction of least squares is no probability
        assert "between two" in site.ask("cgan", "image", "keep=1,1,2&keep=1,1,3&mix=0.5").json["score"]["text"]


def test_a_score_that_is_not_finite_is_told(copied):
    spoil(copied.folder / "mine" / "checkpoints" / "000016", "discriminator", "d3_weight", 3e38)
    assert copied.ask("mine", "image").json["score"] == {"text": "D's score is not finite."}


def spoil(checkpoint, half: str, name: str, value: float) -> None:
    """Write a value into every element of a parameter of a checkpoint, whose sums then are right."""
    file = parameter_file(checkpoint, half)
    arrays = mxgan.runtime.mx.nd.load(str(file))
    arrays[f"arg:{name}"][:] = value
    mxgan.runtime.mx.nd.save(str(file), arrays)
    state = json.loads((checkpoint / "state.json").read_text())
    state["sha256"][file.name] = sha256_of(file)
    (checkpoint / "state.json").write_text(json.dumps(state))


# ---- the nearest training image ----


def test_the_nearest_training_image_is_the_nearest_of_all(site):
    found = site.nearest(BY_CLASS, "seed=11&class=8")
    images, labels = digits()
    sampler = mxgan.load_sampler(site.folder / BY_CLASS, batch_size=1)
    drawn = sampler.sample(sampler.latents(1, 11), np.array([8]))
    distances = np.sqrt(((images.astype(np.float64) - drawn) ** 2).sum(axis=(1, 2, 3)))
    place = distances.argmin()
    assert found["among"] == len(images)
    assert found["distance"] == pytest.approx(distances[place], abs=1e-3)
    assert found["label"] == str(labels[place])
    np.testing.assert_array_equal(pixels_of(found["image"]), image_grid(images[place : place + 1]))


def test_data_that_are_not_there_are_told_and_nothing_is_downloaded(copied, cache):
    config = copied.folder / "mine" / "config.json"
    record = json.loads(config.read_text())
    record["run"].update(dataset="mnist", data_dir=None)
    config.write_text(json.dumps(record))
    assert "downloads nothing" in copied.nearest("mine", "")["error"]
    assert not cache.exists() or not list(cache.rglob("*ubyte*"))
    assert copied.ask("mine", "image").status == 200


def test_data_that_have_changed_are_told(copied):
    config = copied.folder / "mine" / "config.json"
    record = json.loads(config.read_text())
    record["data"]["sha256"] = "0" * 64
    config.write_text(json.dumps(record))
    assert "the data set is not the one" in copied.nearest("mine", "")["error"]


# ---- files ----


@pytest.mark.parametrize("run, query, flags", [
    ("averaged", "seed=5", ["--seed", "5"]),
    ("averaged", "checkpoint=8&weights=raw&seed=6&psi=0.7", ["--seed=6", "--psi=0.7", "--checkpoint=8", "--raw"]),
    (BY_CLASS, "seed=7&class=3", ["--seed", "7", "--class", "3"]),
])  # fmt: skip
def test_the_png_is_the_file_of_mxgan_sample(run, query, flags, site, tmp_path):
    file = tmp_path / "one.png"
    ended = CliRunner().invoke(main, ["sample", str(site.folder / run), "--num", "1", "--output", str(file), *flags])
    assert ended.exit_code == 0, ended.output
    found = site.ask(run, "image.png", query)
    assert found.headers["content-type"] == "image/png"
    assert found.body == file.read_bytes()


def test_a_file_is_drawn_to_the_bit_as_a_batch_of_mxgan_sample_is(site):
    run = site.folder / "averaged"
    generator, sampler = Generator(run, 16, None), mxgan.load_sampler(run)
    for seed in range(5):  # drawn alone, the last bits of some are others
        place = generator.place(Wanted(point=Point(seed)))
        np.testing.assert_array_equal(generator.exact_image(place), sampler.draw(1, seed))


def test_the_latent_is_a_plain_array_from_which_the_sampler_makes_the_same_image(site):
    query = "seed=5&psi=0.9&d=1,-2&keep=1&keep=2"
    found = site.ask("averaged", "latent.npy", query)
    latent = np.load(io.BytesIO(found.body), allow_pickle=False)
    assert (latent.shape, latent.dtype) == ((10, 1, 1), np.float32)
    drawn = mxgan.load_sampler(site.folder / "averaged").sample(latent[None])
    assert site.ask("averaged", "image.png", query).body == png_bytes(image_grid(drawn))
    assert found.headers["content-disposition"] == 'attachment; filename="averaged-16-seed5.npy"'


def test_the_name_of_a_file_is_plain_whatever_the_run_is_called(site):
    found = site.ask(BY_CLASS, "image.png", "keep=1,1,2&keep=3,1,4&mix=0.25").headers["content-disposition"]
    assert found == 'attachment; filename="by_b_class_co-0-mix0.25.png"'


# ---- what cannot be ----


@pytest.mark.parametrize("what", ["facts", "image", "nearest", "image.png", "latent.npy"])
@pytest.mark.parametrize("query, status, said", [
    ("d=NaN", 400, "d is 'NaN'"),
    ("seed=%ff", 400, "cannot be read"),
    ("checkpoint=9", 400, "has no checkpoint of step 9; there are 8, 16"),
    ("checkpoint=best", 400, "has no best checkpoint"),
    ("&".join(f"x{i}=1" for i in range(40)), 400, "at most 32"),
])  # fmt: skip
def test_a_bad_request_is_answered_in_words(what, query, status, said, site):
    found = site.ask("averaged", what, query)
    assert (found.status, found.headers["content-type"]) == (status, "application/json")
    assert said in found.json["error"]


@pytest.mark.parametrize("query, said", [
    ("class=3", "class is 3; give none: this generator is not conditional"),
    ("d=" + ",".join("1" * 11), "d has 11 numbers, and this generator has 10 directions"),
    ("keep=1&keep=1,1,2&mix=0.5", "class is 2"),
])  # fmt: skip
def test_what_the_generator_cannot_draw_is_told(query, said, site):
    assert said in site.ask("averaged", "image", query).json["error"]
    assert "give from 0 to 9" in site.ask(BY_CLASS, "image", "class=10").json["error"]


def test_a_run_that_is_not_there(site):
    for run in ("none", "..", "averaged/checkpoints", "%2e%2e"):
        assert site.ask(run, "image").status == 404
        assert site.get(f"/explore/{quote(run, safe='')}/", host="localhost").status == 404


def test_a_diverged_generator_is_told(copied):
    spoil(copied.folder / "mine" / "checkpoints" / "000016", "generator", "g1_weight", np.nan)
    found = copied.ask("mine", "image", "weights=raw")
    assert (found.status, "not finite" in found.json["error"]) == (422, True)


def test_a_checkpoint_that_vanishes_or_breaks_is_told_and_the_others_go_on(copied):
    assert copied.ask("mine", "image").status == 200
    folder = copied.folder / "mine" / "checkpoints"
    shutil.rmtree(folder / "000016")
    assert "has no checkpoint of step 16" in copied.ask("mine", "image", "checkpoint=16").json["error"]
    assert copied.ask("mine", "facts").json["steps"] == [8]
    assert copied.ask("mine", "image", "checkpoint=latest").status == 200
    file = next((folder / "000008").glob("*_G_*.params"))
    file.write_bytes(file.read_bytes()[:-100])
    (folder / "000008" / "state.json").touch()  # another checkpoint in its place is read again
    found = copied.ask("mine", "image", "checkpoint=8")
    assert (found.status, file.name in found.json["error"]) == (422, True)
    shutil.rmtree(folder)
    assert "has no checkpoint yet" in copied.ask("mine", "facts").json["error"]


def test_a_run_that_vanishes_is_told(copied):
    assert copied.ask("mine", "image").status == 200
    shutil.rmtree(copied.folder / "mine")
    found = copied.ask("mine", "image", "seed=2")
    assert found.status in (404, 422)
    assert found.json["error"].count("\n") == 0


def test_the_token_of_the_server_is_asked_for_here_too(site):
    with served(site.folder, token="a token of the tests"[:16].replace(" ", "-")) as mine:
        assert mine.ask("averaged", "image").status == 401
        assert mine.ask("averaged", "image", authorization="Bearer a-token-of-the-t").status == 200
        assert mine.get("/explore/averaged/", host="localhost").status == 401


# ---- bounds ----


@pytest.fixture
def held(site):
    """The thread of the explorer with a job that ends when the event is set."""
    going, end = threading.Event(), threading.Event()
    site.studio._drawing.submit(lambda: (going.set(), end.wait(20)))
    assert going.wait(20)
    yield end
    end.set()


def test_a_newer_request_of_a_viewer_is_answered_and_the_older_one_by_409(site, held):
    with ThreadPoolExecutor(3) as pool:
        older = pool.submit(site.ask, "averaged", "image", "seed=1", X_Viewer="me-image")
        wait_for(site, 1)
        other = pool.submit(site.ask, "averaged", "image", "seed=2", X_Viewer="you-image")
        wait_for(site, 2)
        newer = pool.submit(site.ask, "averaged", "image", "seed=3", X_Viewer="me-image")
        assert older.result().status == 409
        held.set()
        assert (other.result().status, newer.result().status) == (200, 200)


def test_too_many_requests_are_answered_by_503(site, held):
    site.studio._drawing._most, before = 2, site.studio._drawing._most
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(site.ask, "averaged", "image", "seed=1") for _ in range(2)]
        wait_for(site, 2)
        found = site.ask("averaged", "image", "seed=1")
        assert (found.status, "too much to draw" in found.json["error"]) == (503, True)
        site.studio._drawing._most = before
        held.set()
        assert [each.result().status for each in waiting] == [200, 200]


def wait_for(site, count: int) -> None:
    """Wait until so many requests wait for the explorer's thread."""
    until = time.monotonic() + 10
    while len(site.studio._drawing._waiting) < count:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_three_generators_are_kept_and_all_are_given_back_after_a_pause(site):
    with served(site.folder, idle=0.5) as mine:
        pictures = {}
        for step in (8, 16):
            for weights in ("raw", "average"):
                query = f"checkpoint={step}&weights={weights}&seed=1"
                pictures[query] = mine.ask("averaged", "image", query).body
        assert len(mine.studio._generators) == 3
        assert len(set(pictures.values())) == 4
        until = time.monotonic() + 10
        while mine.studio._generators:
            assert time.monotonic() < until
            time.sleep(0.05)
        for query, body in pictures.items():
            assert mine.ask("averaged", "image", query).body == body


def test_images_come_while_training_images_are_read(site):
    """Two threads of the process use MXNet at the same time; each image has its bits all the same."""
    with served(site.folder) as mine:
        alone = [site.ask("averaged", "image", f"seed={seed}").body for seed in range(12)]
        for seed in range(12):
            assert mine.ask(BY_CLASS if seed % 3 == 0 else "averaged", "nearest", f"seed={seed}").status == 200
            assert mine.ask("averaged", "image", f"seed={seed}").body == alone[seed]
        mine.nearest("averaged", "")


@pytest.mark.long
def test_a_trained_generator_draws_the_class_that_is_chosen(tmp_path, cache):
    from mxgan.evaluation.judges.cache import kept_classifier
    from mxgan.evaluation.judges.data import labelled_data

    recipe = mxgan.RECIPES["cgan"]
    network = replace(recipe.network, image_size=32, nc=1, ngf=16, ndf=16)
    recipe = replace(recipe, network=network, batch_size=32, ema=0.99)
    config = mxgan.RunConfig(recipe=recipe, dataset="digits", steps=1500, checkpoint_every=1500, sample_every=1500)
    mxgan.start(config, tmp_path / "runs" / "cgan", "none", progress=False).run()
    judge = kept_classifier(labelled_data("digits", None, progress=False), progress=False)
    with served(tmp_path / "runs") as site:
        wanted = np.repeat(np.arange(10), 10)
        drawn = [site.image("cgan", f"seed={seed}&class={label}") for seed, label in enumerate(wanted)]
    images = np.stack([image.transpose(2, 0, 1)[:1] for image in drawn]).astype(np.float32) / 127.5 - 1
    found = judge.features_and_probabilities(images).probabilities.argmax(axis=1)
    assert (found == wanted).mean() > 0.9
