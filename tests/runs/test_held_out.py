"""A part of the images that is kept back from training: the same for every resume and for evaluation."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.evaluation.reference import image_chunks
from mxgan.runs.data import held_out_images, open_images, open_sources
from mxgan.runs.evaluate import evaluate
from mxgan.runs.nearest import nearest_images
from mxgan.runtime import cv2
from tests.evaluating import cache_with_classifier
from tests.support import StopAt, tiny_config
from tests.test_recipes import small

COUNT = 40


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with cache_with_classifier(tmp_path_factory.mktemp("cache")) as place:
        yield place


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder of images, each with another grey level in its corner, without classes."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(COUNT):
        image = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        image[:8, :8] = 6 * number
        cv2.imwrite(str(folder / f"{number:02}.png"), image)
    return folder


def archived(folder, target):
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return target


def in_one(data) -> np.ndarray:
    return np.concatenate([images for images, _ in image_chunks(data, data.num_images)])


def as_set(images: np.ndarray) -> set:
    return {image.tobytes() for image in images}


@pytest.mark.parametrize("kind", ["folder", "zip", "digits"])
def test_both_parts_are_all_images_and_no_image_is_in_both(kind, photographs, tmp_path):
    place = {"folder": photographs, "zip": archived(photographs, tmp_path / "a.zip"), "digits": None}[kind]
    data_set = {"dataset": "folder", "data_dir": str(place)} if place else {"dataset": "digits"}
    plain = replace(tiny_config(steps=1), **data_set)
    config = replace(plain, held_out=0.1)
    whole, trained, kept = open_images(plain), open_sources(config).images, held_out_images(config)
    assert trained.num_images + kept.num_images == whole.num_images
    assert kept.num_images == round(0.1 * whole.num_images)
    sets = [as_set(in_one(data)) for data in (whole, trained, kept)]
    assert sets[1] | sets[2] == sets[0]
    assert not sets[1] & sets[2]
    assert (trained.num_classes, trained.class_titles) == (whole.num_classes, whole.class_titles)
    own = {key: whole.fingerprint[key] for key in ("name", "count", "sha256")}
    assert trained.fingerprint == {**own, "part": {"images": trained.num_images, "held_out": 0.1, "seed": 0}}


def test_the_part_takes_no_class_away_from_training():
    """With a limit of 60, a plain draw of 9 out of 10 leaves no image of some classes."""
    config = replace(small("cgan", steps=1), limit=60, held_out=0.8)
    sources = open_sources(config)
    assert (sources.images.class_counts > 0).all()
    assert (sources.images.num_images, held_out_images(config).num_images) == (12, 48)
    with pytest.raises(ArgumentError) as caught:
        open_sources(replace(config, held_out=0.9))
    assert "'digits' with limit 60 and held_out 0.9 has no image of the classes" in str(caught.value)
    assert "; give a smaller held_out, a larger limit, or images of every class." in str(caught.value)


def test_the_labels_go_with_the_images():
    whole = open_images(tiny_config(steps=1))
    labels = {
        image.tobytes(): label for images, all_of in image_chunks(whole, 10**6) for image, label in zip(images, all_of)
    }
    kept = held_out_images(tiny_config(steps=1, held_out=0.05))
    found = [
        (image.tobytes(), label) for images, some in image_chunks(kept, 10**6) for image, label in zip(images, some)
    ]
    assert len(found) == 90
    assert all(labels[image] == label for image, label in found)


def test_the_seed_of_the_run_decides_the_part_and_no_other_seed():
    config = tiny_config(steps=1, held_out=0.1)
    first, again, other = (
        as_set(in_one(held_out_images(each, seed=seed)))
        for each, seed in ((config, 0), (config, 5), (replace(config, seed=1), 0))
    )
    assert first == again != other


def test_a_part_of_all_of_both_splits(mxgan_data):
    config = replace(tiny_config(steps=1, split="all", limit=100, held_out=0.2), dataset="mnist")
    assert (open_images(config).num_images, held_out_images(config).num_images) == (80, 20)


def test_a_recipe_with_few_labels_keeps_its_whole_test_set():
    sources = open_sources(replace(small("ssgan", steps=1), held_out=0.5))
    assert (sources.images.num_images, sources.test.num_images) == (1437 - 718, 360)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"held_out": 1.0}, "held_out is 1.0; give a share above 0 and below 1, such as 0.1, or null for none."),
        ({"held_out": 0}, "held_out is 0; give a share above 0 and below 1"),
        ({"held_out": 0.1, "limit": 4}, "held_out is 0.1, which is 0 of the 4 images of digits; give a share that"),
        ({"held_out": 0.1, "limit": 10}, "held_out is 0.1, which is 1 of the 10 images .*, and keeps 2 or more back"),
        ({"held_out": 0.9, "limit": 4}, "held_out is 0.9, which is 4 of the 4 images of digits; give a share that"),
    ],
)
def test_a_share_that_leaves_nothing_on_a_side(settings, message, tmp_path):
    with pytest.raises(ArgumentError, match=message):
        mxgan.start(tiny_config(steps=1, **settings), tmp_path / "run", "none")
    assert not (tmp_path / "run").exists()


def test_a_rec_file_is_refused_by_its_name(photographs, tmp_path):
    mxgan.pack_folder(photographs, tmp_path / "a.rec")
    config = replace(tiny_config(steps=1, held_out=0.1), dataset="recordio", data_dir=str(tmp_path / "a.rec"))
    with pytest.raises(ArgumentError, match="'recordio' is read from the disk, .* --held-out FOLDER"):
        open_images(config)


@pytest.fixture(scope="module")
def run(photographs, tmp_path_factory):
    """A run on a part of the photographs that was stopped and resumed."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = replace(tiny_config(steps=4, held_out=0.25), dataset="folder", data_dir=str(photographs))
    mxgan.start(config, folder, "none", callbacks=[StopAt(2)]).run()
    session = mxgan.resume(folder, display="none")
    assert session.trainer.data.num_images == 30
    session.run()
    return folder


def test_config_json_has_the_whole_set_and_its_part(run):
    record = json.loads((run / "config.json").read_text())
    assert (record["data"]["count"], record["data"]["part"]["images"]) == (COUNT, 30)


def test_copies_are_looked_for_with_the_part_that_was_kept_back(run, photographs):
    found = evaluate(run, metrics=["swd", "copies"], samples=100)
    assert found.results["copies"].details["training_images"] == 30
    assert found.results["copies"].details["held_out_images"] == 10
    assert found.protocol["held_out"]["part"] == {"images": 10, "held_out": 0.25, "seed": 0, "kept_back": True}
    assert found.protocol["reference"]["images"] == 30


@pytest.mark.parametrize("packed", [False, True])
def test_training_images_are_no_images_not_trained_on(packed, run, photographs, tmp_path):
    same = archived(photographs, tmp_path / "same.zip") if packed else photographs
    with pytest.raises(ArgumentError, match="which has the images that the run was trained on; give images that"):
        evaluate(run, metrics=["copies"], samples=100, held_out=same)


def test_some_training_images_among_the_others_are_told(run, photographs, tmp_path, caplog):
    shutil.copytree(photographs, tmp_path / "mixed")
    cv2.imwrite(str(tmp_path / "mixed" / "other.png"), np.zeros((16, 16, 3), np.uint8))
    with caplog.at_level("WARNING"):
        evaluate(run, metrics=["copies"], samples=100, held_out=tmp_path / "mixed")
    assert "copies: 30 of the 41 images not trained on equal a training image" in caplog.text


def test_a_single_image_is_refused_before_anything_is_measured(run, tmp_path, caplog):
    (tmp_path / "one").mkdir()
    cv2.imwrite(str(tmp_path / "one" / "a.png"), np.eye(16, dtype=np.uint8) * 255)
    with caplog.at_level("INFO"), pytest.raises(ArgumentError, match="at least 2 images .*one has 1; give more"):
        evaluate(run, metrics=["swd", "copies"], samples=100, held_out=tmp_path / "one")
    assert "Drawing" not in caplog.text


def test_the_training_images_of_a_search_are_the_runs_own(run, photographs, tmp_path):
    """Even where nothing else of them is looked at: the reference is another folder, and no judge is needed."""
    fewer, other = tmp_path / "fewer", tmp_path / "other"
    shutil.copytree(photographs, fewer)
    shutil.copytree(photographs, other)
    cv2.imwrite(str(other / "00.png"), np.zeros((16, 16, 3), np.uint8))
    settings = {"metrics": ["swd", "copies"], "samples": 100, "against": other, "held_out": other}
    found = evaluate(run, **settings).protocol
    assert found["training_images"] == json.loads((run / "config.json").read_text())["data"]
    (fewer / "39.png").unlink()
    with pytest.raises(ArgumentError, match="the data set is not the one .* count 40 then, 39 now"):
        evaluate(run, data_dir=fewer, **settings)


def test_a_report_searches_the_training_images_alone(run):
    found = nearest_images(run)
    assert (found.get("problem"), found["images"]) == ("", 30)


def test_another_share_is_another_run(run):
    with pytest.raises(ArgumentError, match="held_out: 0.25 in the run, 0.5 asked for"):
        mxgan.resume(run, steps=6, held_out=0.5, display="none")


def test_the_command_sets_it(tmp_path):
    from click.testing import CliRunner

    from mxgan.cli import main

    flags = ["train", "--steps", "1", "--set", "held_out=0.1", "--dry-run"]
    found = CliRunner().invoke(main, flags, catch_exceptions=False)
    assert json.loads(found.output)["held_out"] == 0.1
