"""Conditional runs on labels that are not 0 … K - 1: IDX files and .rec files."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.data import load_digits
from mxgan.errors import ArgumentError, CorruptFileError
from mxgan.evaluation.judges.settings import ClassifierTraining
from mxgan.runs import judging
from mxgan.runs.data import open_images, open_sources
from mxgan.runs.evaluate import evaluate
from mxgan.runs.load import load_sampler
from mxgan.runtime import cv2, mx
from tests.support import SMALLER, long_but, params_of

LETTERS = 2 * np.arange(10) + 1  # of the digits 0 … 9: 1, 3, … 19


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def letters(tmp_path):
    """A folder of IDX files like EMNIST's: labels 1, 3, … 19; the test images lack the last one."""
    folder = tmp_path / "letters"
    folder.mkdir()
    for part, split, most in (("train", "train", 9), ("t10k", "test", 8)):
        images, labels = load_digits(split)
        kept = labels <= most
        for kind, array in (("images-idx3", images[kept]), ("labels-idx1", LETTERS[labels[kept]].astype(np.uint8))):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{part}-{kind}-ubyte").write_bytes(head + array.tobytes())
    return folder


@pytest.fixture
def photos(tmp_path):
    """A .rec file whose records have one label or several; the first one is 4, 7 or 9."""
    writer = mx.recordio.MXRecordIO(str(tmp_path / "photos.rec"), "w")
    for number in range(18):
        image = np.random.default_rng(number).integers(0, 256, (40, 40, 3)).astype(np.uint8)
        label = [4.0, 7.0, 9.0][number % 3]
        header = mx.recordio.IRHeader(0, np.array([label] + [1.0] * (number % 4)) if number else label, number, 0)
        writer.write(mx.recordio.pack(header, cv2.imencode(".png", image)[1].tobytes()))
    writer.close()
    return tmp_path / "photos.rec"


def small(name, classes, batch_size=8, **settings) -> mxgan.RunConfig:
    recipe = mxgan.RECIPES[name]
    of_classes = {"classes": classes} if classes else {}
    network = replace(recipe.network, **SMALLER[recipe.network.name], **of_classes)
    recipe = replace(recipe, network=network, batch_size=batch_size)
    return mxgan.RunConfig(recipe=recipe, **{"steps": 2, "log_every": 1, "checkpoint_every": 2, **settings})


def on(path, dataset="mnist"):
    return {"dataset": dataset, "data_dir": str(path)}


def trained(config, folder):
    session = mxgan.start(config, folder, display="none", progress=False)
    session.run()
    return session


@pytest.mark.parametrize("wanted", [1, 20])
def test_a_wrong_number_of_classes_names_the_right_one(letters, photos, wanted):
    with pytest.raises(ArgumentError, match=r"'mnist' has 10 \(1, 3, 5, …\); give --set classes=10\.$"):
        open_sources(small("cgan", wanted, **on(letters)))
    with pytest.raises(ArgumentError, match=r"'recordio' has 3 \(4, 7, 9\); give --set classes=3\.$"):
        open_sources(small("cgan", wanted, **on(photos, "recordio")))


def test_data_without_known_classes_are_told_apart(letters):
    for path in letters.glob("*labels*"):
        path.unlink()
    with pytest.raises(ArgumentError, match="has none that are known; give data with labels: mnist, digits, a folder"):
        open_sources(small("cgan", 10, **on(letters)))


def test_a_limit_does_not_change_the_classes(letters):
    data = open_images(small("dcgan", 0, **on(letters), limit=5))
    assert (data.num_classes, data.class_names[:3], data.class_counts.sum()) == (10, ("1", "3", "5"), 5)
    with pytest.raises(ArgumentError, match=r"with limit 5 has no image of the classes 5 \('11'\), 6"):
        open_sources(small("cgan", 10, **on(letters), limit=5))


def test_letters_train_and_their_names_are_kept_and_shown(letters, tmp_path):
    folder = tmp_path / "run"
    trained(small("cgan", 10, **on(letters)), folder)
    names = [str(letter) for letter in LETTERS]
    assert json.loads((folder / "config.json").read_text())["data"]["classes"] == names
    assert load_sampler(folder).class_names == tuple(names)
    result = CliRunner().invoke(main, ["sample", str(folder), "--num", "12", "--output", str(tmp_path / "made.npz")])
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "made.npz") as made:
        assert made["class_names"][made["labels"]].tolist() == [*names, "1", "3"]
    one = ["sample", str(folder), "--num", "2", "--output", str(tmp_path / "one.png"), "--class"]
    assert f"2 images of class 3 ('7'): {tmp_path / 'one.png'}" in CliRunner().invoke(main, [*one, "3"]).output
    named = CliRunner().invoke(main, [*one[:5], str(tmp_path / "two.png"), "--class", "19"]).output
    assert f"2 images of class 9 ('19'): {tmp_path / 'two.png'}" in named
    refused = CliRunner().invoke(main, [*one[:5], str(tmp_path / "three.png"), "--class", "20"]).output
    assert "unknown class '20'" in refused


def test_a_run_of_an_older_version_knows_no_names_and_goes_on(letters, tmp_path):
    folder = tmp_path / "run"
    trained(small("dcgan", 0, **on(letters)), folder)
    config = json.loads((folder / "config.json").read_text())
    del config["data"]["classes"]
    (folder / "config.json").write_text(json.dumps(config))
    assert load_sampler(folder).class_names == ()
    mxgan.resume(folder, steps=3, display="none", progress=False).run()
    assert json.loads((folder / "config.json").read_text())["data"]["classes"][0] == "1"


def test_other_classes_are_other_data(letters, tmp_path):
    """The test images' class numbers come from the training labels, which the fingerprint does not cover."""
    folder = tmp_path / "run"
    trained(small("acgan", 10, **on(letters), split="all"), folder)
    config = json.loads((folder / "config.json").read_text())
    config["data"]["classes"][0] = "2"
    (folder / "config.json").write_text(json.dumps(config))
    message = r"classes \['2', '3', .* then, \['1', '3', .* now\. Restore the same files"
    with pytest.raises(ArgumentError, match=message):
        mxgan.resume(folder, steps=3, display="none", progress=False)
    with pytest.raises(ArgumentError, match=message):
        evaluate(folder, metrics=["swd"], samples=100)
    config["data"]["classes"] = ["1", 3]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CorruptFileError, match=r"has the classes \['1', 3\], which are not 10 names"):
        load_sampler(folder)


def test_the_labelled_and_the_test_images_have_the_same_numbers(letters):
    sources = open_sources(small("ssgan", 10, **on(letters)))
    assert sources.images.class_names == sources.labelled.class_names == sources.test.class_names
    assert np.bincount(sources.labelled.labels).tolist() == [10] * 10
    _, digits = load_digits("test")
    assert sources.test.labels.tolist() == digits[digits <= 8].tolist()


@pytest.mark.parametrize("name", long_but(["cgan", "acgan"], "cgan"))
def test_one_class_alone_trains(letters, tmp_path, name):
    for part in ("train", "t10k"):
        path = letters / f"{part}-labels-idx1-ubyte"
        content = bytearray(path.read_bytes())
        content[8:] = bytes([7]) * (len(content) - 8)
        path.write_bytes(content)
    session = trained(small(name, 1, **on(letters)), tmp_path / "run")
    assert all(np.isfinite(value).all() for value in params_of(session.trainer.pair).values())


@pytest.mark.parametrize("name", long_but(["cgan", "acgan"], "cgan"))
def test_a_rec_file_with_classes_and_a_resumed_run_is_the_same_run(photos, tmp_path, name):
    """Three steps and two more, across the end of an epoch, are five steps, to the bit."""
    settings = on(photos, "recordio")
    whole = trained(small(name, 3, 4, **settings, steps=5), tmp_path / "whole")
    assert json.loads((tmp_path / "whole" / "config.json").read_text())["data"]["classes"] == ["4", "7", "9"]
    trained(small(name, 3, 4, **settings, steps=3, checkpoint_every=3), tmp_path / "part")
    resumed = mxgan.resume(tmp_path / "part", steps=5, display="none", progress=False)
    resumed.run()
    expected = params_of(whole.trainer.pair)
    for key, value in params_of(resumed.trainer.pair).items():
        np.testing.assert_array_equal(value, expected[key], err_msg=key)


def test_a_rec_file_is_evaluated_by_a_judge_of_its_first_images(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    short = ClassifierTraining(epochs=1, least_steps=4, most_steps=4, batch_size=8)
    monkeypatch.setattr(judging, "training_of", {"lenet": short}.__getitem__)
    trained(small("cgan", 3, 4, **on(photos, "recordio")), tmp_path / "run")
    found = evaluate(tmp_path / "run", metrics=["swd", "frechet", "label_kl"], samples=100)
    assert list(found.results) == ["swd", "frechet", "label_kl"]
    assert found.protocol["reference"]["classifier"]["class_names"] == ["4", "7", "9"]
