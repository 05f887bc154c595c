"""The explorer of runs that may be a stranger's: which images it shows, what it follows, what it writes and loads."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import mxgan
from mxgan.data.folder import open_folder
from mxgan.evaluation.reference import image_chunks
from mxgan.evaluation.resizing import reduced
from mxgan.runs.config import recorded_config
from mxgan.runs.data import data_record
from mxgan.runs.nearest import nearest_images
from mxgan.runtime import mx
from mxgan.training.run_folder import RunFolder
from mxgan.web.explorer.neighbours import Neighbours
from mxgan.web.explorer.points import Wanted
from tests.support import tiny_config
from tests.web.explorer.site import served


@pytest.fixture
def site(trained_copy, tmp_path):
    """A server of a copy of the run "mine" of 8 steps."""
    trained_copy(8, tmp_path / "runs/mine")
    with served(tmp_path / "runs") as found:
        yield found


def change(run, data=None, **settings) -> None:
    """Change config.json; `data` is put in the place of what it has recorded of the data."""
    record = json.loads((run / "config.json").read_text())
    record["run"].update(settings)
    record["data"] = record["data"] if data is None else data
    (run / "config.json").write_text(json.dumps(record))


@pytest.fixture
def photos(tmp_path):
    """A folder of 40 images outside the folder that is served."""
    (tmp_path / "photos").mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (40, 20, 20, 3), np.uint8)):
        Image.fromarray(pixels).save(tmp_path / f"photos/{number:02d}.png")
    return tmp_path / "photos"


def states(folder) -> dict:
    """{path: (size, time)} of everything below a folder."""
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


# ---- which images are shown ----


@pytest.mark.parametrize("place, data, said", [
    ("photos", {}, "has no fingerprint of its data"),
    ("photos", {"name": "folder", "count": 40, "sha256": "0" * 64}, "are not in the cache"),
    ("/", {"classes": []}, "has no fingerprint of its data"),
    ("/", {"name": "folder", "count": 40, "sha256": "0" * 64}, "are not in the cache"),
])  # fmt: skip
def test_no_picture_of_a_folder_that_only_config_json_names(site, photos, cache, data, said, place):
    """Neither in the explorer nor in a report; nothing is searched, and nothing written."""
    run = site.folder / "mine"
    change(run, data, dataset="folder", data_dir=str(photos.parent / place))
    before, began = states(photos.parent), time.monotonic()
    found = site.nearest("mine", "")
    assert said in found["error"]
    assert said in nearest_images(run)["problem"]
    assert time.monotonic() - began < 5
    assert states(photos.parent) == before


def test_the_images_of_a_training_come_from_the_cache_and_nothing_is_written(site, photos, cache):
    run = site.folder / "mine"
    data = open_folder(batch_size=16, image_size=16, data_dir=photos, progress=False)
    change(run, data_record(data), dataset="folder", data_dir=str(photos))
    before = states(photos.parent)
    found = site.nearest("mine", "seed=3")
    assert states(photos.parent) == before
    real = np.concatenate([images for images, _ in image_chunks(data, data.num_images)])
    drawn = mxgan.load_sampler(run, 1).draw(1, 3)
    distances = np.linalg.norm((reduced(real, 16) - reduced(drawn, 16)).reshape(40, -1).astype(float), axis=1)
    assert (found["among"], found["distance"]) == (40, pytest.approx(distances.min(), abs=1e-3))
    assert nearest_images(run)["images"] == 40
    shutil.rmtree(cache)
    change(run)  # another file: the images are read again
    assert "are not in the cache" in nearest_images(run)["problem"]


def test_a_report_downloads_nothing(site, cache):
    run = site.folder / "mine"
    change(run, dataset="mnist", data_dir=None)
    assert "downloads nothing" in nearest_images(run)["problem"]
    assert not cache.exists()


def test_training_images_are_read_without_mxnet(site, monkeypatch):
    """It is used in another thread at that time."""
    folder = RunFolder.open(site.folder / "mine")
    config = recorded_config(folder)

    def refuse(*_, **__):
        raise AssertionError("MXNet was used")

    monkeypatch.setattr(mx.nd, "array", refuse)
    assert Neighbours(folder, config).nearest(np.zeros((1, 3, 16, 16), np.float32)).among > 1000


def test_a_mirror_image_is_found_if_the_run_was_trained_on_them(site):
    folder = RunFolder.open(site.folder / "mine")
    config = recorded_config(folder)
    searched = Neighbours(folder, config)
    image = searched.nearest(np.zeros((1, 3, 16, 16), np.float32)).image
    turned = image[..., ::-1].copy()
    assert searched.nearest(image).distance < 0.1 < searched.nearest(turned).distance
    found = Neighbours(folder, replace(config, recipe=replace(config.recipe, mirror=True))).nearest(turned)
    assert found.distance < 0.1
    np.testing.assert_array_equal(found.image, turned)


def test_the_images_of_a_rec_file_are_refused_in_words(site):
    change(site.folder / "mine", dataset="recordio", data_dir="x.rec")
    assert "of a .rec file are not searched here" in site.nearest("mine", "")["error"]


def test_a_run_that_took_the_name_of_another_has_its_own_images(site, tmp_path):
    run = site.folder / "mine"
    assert site.nearest("mine", "seed=1")["ready"]
    shutil.rmtree(run)
    config = tiny_config(steps=2)
    network = replace(config.recipe.network, image_size=32)
    mxgan.start(replace(config, recipe=replace(config.recipe, network=network)), run, "none", progress=False).run()
    found = site.nearest("mine", "seed=1")
    assert (found["ready"], found["among"]) == (True, 1797)


# ---- links ----


@pytest.mark.parametrize(
    "linked", ["config.json", "checkpoints", "checkpoints/000008", "checkpoints/000008/state.json"]
)
def test_links_in_a_run_are_not_followed(site, tmp_path, linked):
    run = site.folder / "mine"
    assert site.ask("mine", "image").status == 200
    outside = tmp_path / "outside"
    shutil.move(run / linked, outside)
    (run / linked).symlink_to(outside)
    for what in ("facts", "image", "nearest", "image.png", "latent.npy"):
        found = site.ask("mine", what, "seed=2")
        assert (found.status, "is a link" in found.json["error"]) == (422, True), what
    assert "is a link" in nearest_images(run)["problem"]


def test_a_pipe_in_a_checkpoint_holds_nobody_up(site):
    run = site.folder / "mine"
    file = next((run / "checkpoints/000008").glob("*_G_*.params"))
    file.unlink()
    os.mkfifo(file)
    assert "is a link or a device" in site.ask("mine", "image").json["error"]
    assert "is a link or a device" in nearest_images(run)["problem"]


# ---- names, errors, other sites ----


def test_a_run_whose_name_is_no_utf_8_is_explored(site):
    os.rename(site.folder / "mine", os.fsencode(site.folder) + b"/m\xff")
    assert site.get("/explore/m%FF/", host="localhost").status == 200
    assert site.get("/api/explore/m%FF/facts", host="localhost").json["steps"] == [8]
    assert site.get("/api/explore/m%FF/image.png", host="localhost").status == 200


def test_a_fault_of_the_explorer_is_logged_once(site, caplog):
    site.studio.facts = lambda run, asked: 1 / 0
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            found = site.ask("mine", "facts")
            assert (found.status, "its log says why" in found.json["error"]) == (500, True)
    assert caplog.text.count("ZeroDivisionError") == 1


@pytest.mark.parametrize("path", ["/api/explore/mine/image", "/%61pi/explore/mine/image", "/api/runs"])
def test_pages_of_other_sites_get_no_data(site, path):
    for origin in ("cross-site", "same-site", "x"):
        found = site.get(path, host="localhost", sec_fetch_site=origin)
        assert (found.status, found.json) == (403, {"error": "Pages of other sites get no data of this server."})
    for origin in ("same-origin", "none"):
        assert site.get(path, host="localhost", sec_fetch_site=origin).status == 200
    assert site.get("/run/mine/", host="localhost", sec_fetch_site="cross-site").status == 200


# ---- work that is done once ----


def test_weights_that_are_not_named_are_no_other_generator(site):
    for query in ("", "weights=average", "checkpoint=8"):
        assert site.ask("mine", "image", query).status == 200
    assert len(site.studio._generators) == 1


def test_an_image_is_drawn_once_for_itself_and_its_neighbour(site):
    assert site.ask("mine", "image", "seed=4").status == 200
    (generator,) = site.studio._generators.values()
    image = generator.drawn(generator._last[0])[1]
    assert site.nearest("mine", "seed=4")["ready"]
    assert generator._last[1][1] is image
    assert generator.drawn(Wanted())[1] is not image


def test_the_link_to_the_explorer_stands_on_the_page_of_a_run_with_a_checkpoint(site):
    page = site.get("/run/mine/", host="localhost").body.decode()
    assert '<a href="../../explore/mine/">Explore</a>' in page
    shutil.copytree(site.folder / "mine", site.folder / "new", ignore=lambda folder, names: {"000008"} & {*names})
    assert ">Explore<" not in site.get("/run/new/", host="localhost").body.decode()
