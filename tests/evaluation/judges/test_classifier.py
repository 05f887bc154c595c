"""A classifier is what its data and settings make it: trained once, kept, and right about images it has not seen."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mxgan.data import load_digits, pack_folder
from mxgan.errors import ArgumentError
from mxgan.evaluation.judges import cache as kept_judges
from mxgan.evaluation.judges.cache import _kept_under, kept_classifier
from mxgan.evaluation.judges.data import labelled_data
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.settings import ClassifierTraining, ResidualTraining, training_of, training_of_epochs
from mxgan.evaluation.judges.training import _Clock, accuracy, train_classifier
from tests.evaluating import QUICK, quick_classifier

TINY = ResidualTraining(epochs=1, least_steps=1, most_steps=12, batch_size=16)
SHORT = ClassifierTraining(least_steps=4, epochs=1, batch_size=64)


def few_digits(training=SHORT):
    """Digits for one short epoch."""
    return labelled_data("digits", training=training, limit=4 * training.batch_size)


def test_the_digits_are_told_apart_in_seconds():
    data, network = labelled_data("digits", training=QUICK), quick_classifier()
    assert network.record["accuracy"] > 0.93  # of images of other writers than those of the training
    assert data.train.num_images + data.test.num_images == 1797
    images, labels = load_digits("test")
    resized = np.stack([cv2.resize(image, (32, 32)) for image in images])[:, None] / np.float32(127.5) - 1
    found = network.features_and_probabilities(resized.astype(np.float32)).probabilities.argmax(axis=1)
    again = accuracy(lambda images: network.features_and_probabilities(images.asnumpy()).probabilities, data.test)
    assert network.record["accuracy"] == again == np.mean(found == labels)


def test_features_have_the_root_mean_square_one():
    data = labelled_data("digits", training=replace(QUICK, batch_size=360)).test
    features = quick_classifier().features_and_probabilities(next(iter(data)).data[0].asnumpy()).features
    assert np.sqrt(np.mean(features**2)) == pytest.approx(1, abs=0.02)


@pytest.mark.long
def test_mnist_is_told_apart(mxgan_data):
    training = ClassifierTraining(epochs=1)
    network = train_classifier(labelled_data("mnist", mxgan_data / "mnist", training, limit=20_000), training)
    assert network.record["test_images"] == 10_000
    assert network.record["accuracy"] > 0.965  # over 0.99 by all images and the 4 epochs that are the default


@pytest.mark.long
def test_the_seed_decides_every_bit():
    prints = [train_classifier(few_digits(each), each).fingerprint for each in (SHORT, SHORT)]
    assert prints[0] == prints[1]
    other = replace(SHORT, seed=1)
    assert train_classifier(few_digits(other), other).fingerprint != prints[0]


def test_small_data_are_trained_on_for_more_epochs():
    data = labelled_data("digits").train  # 1,437 images, 23 batches of 64
    assert ClassifierTraining(epochs=4, least_steps=600).epochs_on(data) == 27
    assert ClassifierTraining(epochs=30, least_steps=600).epochs_on(data) == 30


@pytest.fixture
def folder_of_two_classes(tmp_path):
    draws = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(24):
            pixels = np.clip(draws.normal(level, 20, (20, 20, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "images" / name / f"{i}.png"), pixels)
    return tmp_path / "images"


def test_of_data_without_splits_a_sixth_is_held_back(folder_of_two_classes, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    training = ClassifierTraining(least_steps=30, batch_size=16)
    data = labelled_data("folder", folder_of_two_classes, training)
    assert (data.train.num_images, data.test.num_images, data.train.num_classes) == (40, 8, 2)
    images, labels = data.shown(4)  # spread over the classes, which come one after the other
    assert (images.shape, sorted(labels)) == ((4, 1, 32, 32), [0, 0, 1, 1])
    rows = {image.tobytes() for half in (data.train, data.test) for image in half.images}
    assert len(rows) == 48  # no image is in both
    assert train_classifier(data, training).record["accuracy"] == 1.0


def test_data_without_classes_are_refused(folder_of_two_classes):
    message = (
        "a classifier needs images of at least 2 classes, but the data set 'folder' has none. Use mnist, digits or"
    )
    for flat in (folder_of_two_classes / "dark",):
        with pytest.raises(ArgumentError, match=message):
            labelled_data("folder", flat)


def test_of_a_record_file_the_first_images_are_read_once(folder_of_two_classes, tmp_path):
    pack_folder(folder_of_two_classes, tmp_path / "two.rec", resize=32)
    data = labelled_data(
        "recordio", tmp_path / "two.rec", replace(TINY, batch_size=7), min_crop_size=20, max_crop_size=20
    )
    assert (data.train.num_images, data.test.num_images, data.train.num_classes) == (40, 8, 2)
    bright = np.concatenate([half.images.mean(axis=(1, 2, 3)) for half in (data.train, data.test)]) > 120
    labels = np.concatenate([half.labels for half in (data.train, data.test)])
    np.testing.assert_array_equal(bright, labels == 1)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"image_size": 64}, "image_size is 64; give 28 or 32"),
        ({"epochs": 0}, "epochs is 0; give a whole number from 1"),
        ({"learning_rate": 0}, "learning_rate is 0; give a number above 0"),
        ({"shift": 17}, "shift is 17; give a whole number from 0 to 16"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ArgumentError, match=message):
        ClassifierTraining(**settings)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def never(*given, **settings):
    raise AssertionError("it was trained again")


def test_it_is_trained_once_and_then_kept(cache, monkeypatch):
    data = few_digits()
    first = kept_classifier(data, SHORT)
    assert _kept_under(data, SHORT).parent == cache / "mxgan" / "classifiers"
    monkeypatch.setattr(kept_judges, "train_classifier", never)
    assert kept_classifier(few_digits(), SHORT).fingerprint == first.fingerprint
    other = replace(SHORT, seed=5)
    with pytest.raises(AssertionError, match="it was trained again"):
        kept_classifier(few_digits(other), other)


def test_one_of_an_earlier_version_is_tested_and_kept_again(cache, monkeypatch):
    data = labelled_data("digits", training=SHORT)
    first, place = kept_classifier(data, SHORT), _kept_under(data, SHORT)
    tested = dict(first.record)
    for name in ("sees", "blind_to", "untestable", "seen_from", "judge_test"):
        first.record.pop(name)
    first.save(place, overwrite=True)
    monkeypatch.setattr(kept_judges, "train_classifier", never)
    assert kept_classifier(data, SHORT).record == tested
    assert FeatureNetwork.load(place).record == tested


@pytest.mark.long
def test_photographs_in_colour_are_told_apart_and_their_colours_are_seen(mxgan_data):
    """The judge of the user's cache, which took thirteen minutes of a core's time."""
    training = ResidualTraining()
    data = labelled_data("folder", mxgan_data / "cifar10_train.zip", training)
    if not _kept_under(data, training).exists():
        pytest.skip("no judge is kept; mxgan train-classifier --dataset folder --data-dir cifar10_train.zip trains it")
    network = kept_classifier(data, training)
    assert network.record["test_images"] == 8333
    assert network.record["accuracy"] > 0.85
    assert {"blur", "noise", "hue", "grey", "dropped classes"} <= set(network.record["sees"])


def test_a_damaged_one_is_trained_again(cache, caplog):
    data = few_digits()
    first, place = kept_classifier(data, SHORT), _kept_under(data, SHORT)
    (place / "network.params").write_bytes(b"nothing")
    with caplog.at_level(logging.WARNING, "mxgan"):
        assert kept_classifier(data, SHORT).fingerprint == first.fingerprint
    assert "cannot be used" in caplog.text
    caplog.clear()
    assert kept_classifier(data, SHORT).fingerprint == first.fingerprint
    assert not caplog.records


def test_where_the_cache_cannot_be_written_it_is_said(cache, caplog):
    cache.write_text("a file in the cache's place")
    with caplog.at_level(logging.WARNING, "mxgan"):
        assert kept_classifier(few_digits(), SHORT).classes == 10
    assert "The classifier could not be saved and will be trained again the next time" in caplog.text
    assert cache.read_text() == "a file in the cache's place"


def test_the_time_of_a_training_is_told_and_told_again_if_the_machine_becomes_slower(caplog):
    caplog.set_level("INFO", "mxgan")
    seconds = [0.0]
    clock = _Clock(1000, lambda: seconds[0])
    for step in range(1000):
        clock.told(step)
        seconds[0] += 0.1 if step < 60 else 0.3
    assert caplog.messages == [
        "The training of the judge takes about 2 minutes on this machine, once: it is kept.",
        "The training of the judge has become slower: about 4 minutes more.",
    ]


def test_few_images_shorten_the_training_of_a_rotation_judge_and_no_other():
    few, many = (SimpleNamespace(batches_per_epoch=batches) for batches in (3, 10))
    rotation = training_of("rotation")
    assert (rotation.steps_on(few), rotation.steps_on(many)) == (300, 1000)
    assert [rotation.is_shortened_on(data) for data in (few, many)] == [True, False]
    for training in (training_of("lenet"), training_of("residual"), training_of_epochs("rotation", 150)):
        assert not training.is_shortened_on(few)
    assert (training_of("residual").steps_on(few), training_of_epochs("rotation", 150).steps_on(few)) == (600, 450)
