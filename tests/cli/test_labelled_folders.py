"""Zip archives and labels files through the commands: train, resume, evaluate, train-classifier, pack."""

import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mxgan
from mxgan.cli.flags import changed
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.runs import reference
from mxgan.runs.changes import find_run
from mxgan.runtime import cv2
from tests.cli.test_commands import mxgan as command
from tests.support import tiny_config


def folder_config(**settings):
    return replace(tiny_config(steps=1), dataset="folder", **settings)


SMALL = ("--ngf", 4, "--ndf", 4, "--set", "image_size=16", "--set", "latent_size=10", "--batch-size", 8)


@pytest.fixture
def place(tmp_path, monkeypatch, cache):
    """The working folder, with 24 dark and light images in in.zip, and labels.csv beside it."""
    draws, rows = np.random.default_rng(0), ["file,kind"]
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for number in range(24):
            pixels = np.clip(draws.normal((40, 200)[number % 2], 20, (20, 20, 3)), 0, 255).astype(np.uint8)
            archive.writestr(f"all/{number}.png", cv2.imencode(".png", pixels)[1].tobytes())
            rows.append(f"{number},{('dark', 'light')[number % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*arguments):
    return command("train", "--dataset", "folder", "--display", "none", "--run-dir", "run", *arguments)


def test_a_conditional_run_on_an_archive_goes_on_after_both_files_have_moved(place, monkeypatch):
    own = ("--recipe", "cgan", *SMALL, "--set", "classes=2", "--data-dir", "in.zip")
    result = train(*own, "--steps", 2)
    assert result.exit_code == 2
    assert "is for 2 classes, and the data set 'folder' has 1" in result.output
    result = train(*own, "--set", "labels=labels.csv", "--steps", 2)
    assert result.exit_code == 0, result.output
    assert f"({place / 'in.zip'}, 2 classes by labels.csv)" in result.output
    recorded = json.loads((place / "run" / "config.json").read_text())["run"]
    assert (recorded["data_dir"], recorded["labels"]) == (str(place / "in.zip"), str(place / "labels.csv"))

    (place / "else").mkdir()
    for name in ("in.zip", "labels.csv"):
        shutil.move(place / name, place / "else" / name)
    monkeypatch.chdir(place / "else")
    moved = ("--data-dir", "in.zip", "--labels", "labels.csv")
    result = command("train", "--resume", place / "run", *moved, "--steps", 3, "--display", "none")
    assert result.exit_code == 0, result.output
    assert json.loads((place / "run" / "config.json").read_text())["run"]["labels"] == str(place / "else/labels.csv")

    text = Path("labels.csv").read_text()
    Path("labels.csv").write_text(text.replace("0,dark", "0,light"))
    result = command("train", "--resume", place / "run", "--steps", 4, "--display", "none")
    assert result.exit_code == 2
    assert "the data set is not the one that" in result.output


def test_a_missing_labels_file_is_an_error_before_the_run_has_a_folder(place):
    result = train(*SMALL, "--data-dir", "in.zip", "--labels", "gone.csv", "--steps", 2)
    assert result.exit_code == 1
    assert "labels is 'gone.csv': there is no such file, also not in" in result.output
    assert not (place / "run").exists()


def test_a_classifier_of_an_archive_with_labels(place):
    data = ("--dataset", "folder", "--data-dir", "in.zip", "--epochs", 1)
    refused = command("train-classifier", *data, "--output", "no")
    assert refused.exit_code == 2
    assert "a classifier needs images of at least 2 classes" in refused.output
    result = command("train-classifier", *data, "--labels", "labels.csv", "--output", "classifier")
    assert result.exit_code == 0, result.output
    assert FeatureNetwork.load(place / "classifier").class_names == ["dark", "light"]


def test_packed_with_labels(place):
    result = command("pack", "in.zip", "out.rec", "--labels", "labels.csv")
    assert result.exit_code == 0, result.output
    assert "out.rec: 24 images, 2 classes, 0 left out" in result.output


def test_the_classifier_of_a_runs_metrics_has_its_labels(place):
    asked = []
    config = folder_config(data_dir="in.zip", labels="labels.csv")
    settings = {"count": 8, "trained": lambda data, progress: asked.append(data)}
    reference.open_reference(config, ["swd"], **settings)
    assert asked == []
    reference.open_reference(config, [], ["frechet"], **settings)
    assert [data.train.class_names for data in asked] == [("dark", "light")]


def test_evaluate_takes_the_present_places(place, monkeypatch):
    result = train(*SMALL, "--data-dir", "in.zip", "--labels", "labels.csv", "--steps", 1)
    assert result.exit_code == 0, result.output
    os.rename("labels.csv", "moved.csv")
    os.rename("in.zip", "moved.zip")
    asked = ("evaluate", "run", "--metric", "swd", "--samples", 100)
    assert command(*asked, "--data-dir", "moved.zip").exit_code == 1
    result = command(*asked, "--data-dir", "moved.zip", "--labels", "moved.csv")
    assert result.exit_code == 0, result.output


def test_runs_with_other_labels_are_other_runs(place):
    config = changed({"labels": "labels.csv"}, folder_config(data_dir=str(place / "in.zip")))
    mxgan.start(config, place / "runs" / "one", display="none", progress=False).run()
    assert find_run(config, None) == Path("runs/one")
    assert find_run(replace(config, labels="folders"), None) is None


def test_a_run_from_before_there_was_the_setting(place):
    """It keeps its subfolders, although there is a labels file now that fits the images."""
    with zipfile.ZipFile("in.zip") as archive:
        archive.extractall("data")
    config = folder_config(data_dir=str(place / "data"))
    mxgan.start(config, place / "runs" / "one", display="none", progress=False).run()
    path = place / "runs" / "one" / "config.json"
    record = json.loads(path.read_text())
    del record["run"]["labels"]
    path.write_text(json.dumps(record))
    shutil.copy("labels.csv", "data")
    assert find_run(config, None) == Path("runs/one"), "the same command goes on with it"
    mxgan.resume(path.parent, display="none", progress=False, steps=2).run()
    assert json.loads(path.read_text())["run"]["labels"] == "folders"
    mxgan.resume(path.parent, replace(config, steps=3), display="none", progress=False).run()


def test_an_index_that_is_no_labels_file_does_not_stop_a_run(place, caplog):
    with zipfile.ZipFile("in.zip") as archive:
        archive.extractall("data")
    Path("data/labels.csv").write_text("id,age,male\n1,2,3\n")
    config = folder_config(data_dir=str(place / "data"))
    mxgan.start(config, place / "run", display="none", progress=False).run()
    assert "labels.csv was found and is not used as the labels file" in caplog.text


def test_a_labels_file_here_and_another_one_beside_the_images(place):
    with zipfile.ZipFile("in.zip", "a") as archive:
        archive.writestr("all/labels.csv", "0,x\n")
    result = train(*SMALL, "--data-dir", "in.zip", "--labels", "labels.csv", "--steps", 1)
    assert result.exit_code == 2
    assert f"{place / 'labels.csv'} and {place / 'in.zip' / 'all' / 'labels.csv'}" in " ".join(result.output.split())


@pytest.mark.parametrize("flags", [{"labels": "labels.csv"}, {"settings": ("labels=labels.csv",)}])
def test_the_path_of_a_labels_file_is_valid_from_anywhere(place, flags):
    assert changed(flags, tiny_config(steps=1)).labels == str(place / "labels.csv")
    assert changed({"labels": "folders"}, tiny_config(steps=1)).labels == "folders"
    assert changed({"labels": "inside.csv"}, tiny_config(steps=1)).labels == "inside.csv"
