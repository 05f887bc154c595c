"""The test of a judge: changes have their levels, a judge of colour ranks them, and a blind one is found out."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError
from mxgan.evaluation.judges.cache import kept_classifier
from mxgan.evaluation.judges.changes import CHANGES, DROPPED, changed, kept_rows
from mxgan.evaluation.judges.data import LabelledData
from mxgan.evaluation.judges.examination import JudgeTest, judge_test
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.settings import ClassifierTraining, ResidualTraining, RotationTraining
from mxgan.evaluation.judges.training import train_classifier
from mxgan.evaluation.judges.words import judge_in_words


def shapes(count: int, seed: int) -> tuple:
    """Coloured bars on dark ground, 16×16 bytes: (images, labels). The four classes differ in hue."""
    draws = np.random.default_rng(seed)
    images, labels = draws.integers(20, 60, (count, 16, 16, 3)).astype(np.uint8), np.arange(count) % 4
    colours = np.array([(230, 40, 80), (230, 90, 40), (220, 150, 40), (190, 220, 40)])
    for image, label in zip(images, labels):
        top, left = draws.integers(1, 8, 2)
        height, width = draws.integers(4, 8, 2)
        image[top : top + height, left : left + width] = np.clip(colours[label] + draws.normal(0, 10, 3), 0, 255)
    return images, labels.astype(np.float32)


def shapes_data(training) -> LabelledData:
    halves = []
    for count, seed in ((160, 0), (200, 1)):
        images, labels = shapes(count, seed)
        given = labels if training.needs_classes else None
        size = {"batch_size": training.batch_size, "image_size": training.image_size, "channels": training.channels}
        halves.append(ImageArrayIter(images, given, shuffle=seed == 0, name="shapes", **size))
    return LabelledData(*halves, "shapes", training)


@functools.cache
def judge(row):
    small = {} if row is ClassifierTraining else {"batch_size": 16, "image_size": 16, "shift": 1}
    return train_classifier(shapes_data(row(epochs=1, least_steps=60, most_steps=60, **small)))


def test_a_residual_classifier_tells_colours_apart_and_sees_them_change():
    network = judge(ResidualTraining)
    assert network.record["accuracy"] > 0.9
    assert {"grey", DROPPED} <= set(network.record["sees"])
    assert network.record["seen_from"]["hue"] == 1
    assert network.record["untestable"] == []
    assert network.record["seconds"] > 0


def test_a_grey_network_is_found_to_be_blind_to_grey():
    found = judge(ClassifierTraining).record
    assert "grey" in found["blind_to"]
    assert found["seen_from"]["grey"] is None
    values = found["judge_test"]["grey"]
    assert values == [pytest.approx(values[0], rel=1e-3)] * 6  # it was trained on the mean of the channels


def test_a_rotation_judge_needs_no_classes():
    network = judge(RotationTraining)
    assert "class_names" not in network.record
    assert 0 <= network.record["accuracy"] <= 1
    assert network.record["judge_test"]["images"] == 100
    assert "each in four turns" in judge_in_words(network.describe())


def test_real_images_are_nearer_than_changed_ones():
    data = shapes_data(ResidualTraining(image_size=16))
    found = judge_test(judge(ResidualTraining), *data.shown(200))
    mean, spread = found.real
    for name, values in found.values.items():
        if name != DROPPED:
            assert values[0] == pytest.approx(mean, abs=4 * spread)
    assert found.seen_from("grey") is not None


def test_grey_images_have_no_colour_to_change():
    images = np.repeat(np.random.default_rng(0).uniform(-1, 1, (40, 1, 32, 32)), 3, axis=1).astype(np.float32)
    found = judge_test(judge(ResidualTraining), images)
    assert found.untestable == ("grey", "hue")
    assert not {"grey", "hue"} & set(found.values)


def test_what_does_not_rise_is_not_seen():
    values = {"up": [1, 2, 1.9, 4, 5, 6], "flat": [1, 1, 1, 1, 1, 1], "small": [1, 1.1, 1.2, 1.3, 1.4, 1.5]}
    values["mixed"] = [1, 5, 3, 4, 5, 6]
    found = JudgeTest((1.0, 0.2), values, dict.fromkeys(values, 0.2), 100)
    assert [name for name in values if found.sees(name)] == ["up"]
    assert found.seen_from("up") == 1
    assert found.seen_from("small") is None
    assert found.as_json()["blind_to"] == ["flat", "small", "mixed"]


@pytest.mark.parametrize("name", [name for name in CHANGES if name != DROPPED])
def test_each_level_changes_more(name):
    images = shapes(8, 3)[0].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    before, far = images.copy(), []
    for each in changed(name, images):
        assert (each.shape, each.dtype) == (images.shape, np.float32)
        assert np.abs(each).max() <= 1 + 1e-6
        far.append(float(np.abs(each - images).mean()))
    assert far == sorted(far)
    assert far[0] > 0
    np.testing.assert_array_equal(images, before)


def test_hue_turns_red_to_green_and_keeps_grey():
    red, grey = np.zeros((1, 3, 4, 4), np.float32), np.full((1, 3, 4, 4), 0.3, np.float32)
    red[:, 0] = 0.9
    turned = [list(changed("hue", each)) for each in (red, grey)]
    np.testing.assert_allclose(turned[1][2], grey, atol=1e-6)
    assert turned[0][4][0, :, 0, 0].argmax() == 1  # by 90°


def test_dropped_classes_are_gone():
    labels = np.arange(100) % 10
    rows = kept_rows(np.zeros((100, 3, 8, 8), np.float32), labels)
    assert [len(np.unique(labels[each])) for each in rows] == [10, 9, 8, 6, 4, 2]
    assert all(set(later) <= set(earlier) for earlier, later in zip(rows, rows[1:]))
    few = kept_rows(np.zeros((9, 3, 8, 8), np.float32), np.arange(9) % 3)
    assert [len(each) for each in few] == [9, 6, 3]


def test_without_classes_images_of_one_brightness_are_dropped():
    images = np.linspace(-1, 1, 100, dtype=np.float32)[:, None, None, None] * np.ones((1, 3, 8, 8), np.float32)
    rows = kept_rows(images, None)
    assert [len(each) for each in rows] == [100, 90, 80, 60, 40, 20]
    means = images.mean(axis=(1, 2, 3))
    assert all(np.ptp(means[later]) < np.ptp(means[earlier]) for earlier, later in zip(rows, rows[1:]))


def test_levels_that_leave_few_images_are_not_tested():
    images, labels = shapes(96, 5)
    images, draws = images.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1, np.random.default_rng(0)
    network = judge(ResidualTraining)
    found = judge_test(network, images[:20], draws.integers(0, 10, 20))  # a class dropped leaves 9 or fewer
    assert DROPPED in found.untestable
    assert DROPPED not in found.values
    assert found.as_json()["untestable"] == [DROPPED]
    assert DROPPED in judge_test(network, images[:20]).untestable
    found = judge_test(network, images[:60], np.arange(60) % 10)  # 30 images: six levels leave 27, 24, 18, 12, 6
    assert 2 <= len(found.values[DROPPED]) <= 5
    assert DROPPED not in found.untestable
    assert np.isfinite(found.values[DROPPED]).all()
    assert len(judge_test(network, images, labels).values[DROPPED]) == 4  # four classes have three levels


def test_a_judge_of_few_images_is_trained_and_a_failing_test_loses_nothing(monkeypatch, tmp_path, caplog):
    training = ResidualTraining(batch_size=16, image_size=16, shift=1, epochs=1, least_steps=1)
    halves = []
    for count in (100, 20):
        images, _ = shapes(count, count)
        size = {"batch_size": 16, "image_size": 16, "channels": 3, "shuffle": count == 100}
        halves.append(ImageArrayIter(images, (np.arange(count) % 10).astype(np.float32), name="few", **size))
    data = LabelledData(*halves, "few", training)
    assert train_classifier(data).record["untestable"] == [DROPPED]

    def fails(*given):
        raise ArgumentError("no test")

    def stops(*given):
        raise KeyboardInterrupt

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("mxgan.evaluation.judges.training.judge_test", stops)
    with pytest.raises(KeyboardInterrupt):
        kept_classifier(data)
    (kept,) = (tmp_path / "mxgan" / "classifiers").iterdir()
    assert "judge_test" not in FeatureNetwork.load(kept).record
    monkeypatch.setattr("mxgan.evaluation.judges.training.judge_test", fails)
    found = kept_classifier(data)  # the kept one
    assert "could not be tested, so it is not known what it can see: no test" in caplog.text
    assert "judge_test" not in found.record
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept_classifier(data).record["untestable"] == [DROPPED]
    assert FeatureNetwork.load(kept).record["untestable"] == [DROPPED]


def test_few_images_are_refused():
    with pytest.raises(ArgumentError, match="19 images are too few to test a judge; give at least 20"):
        judge_test(judge(ResidualTraining), np.zeros((19, 3, 32, 32), np.float32))


@pytest.mark.parametrize(
    "known, line",
    [
        (
            {"network": "residual colour classifier", "accuracy": 0.871, "test_images": 8333, "sees": ["blur", "hue"],
             "blind_to": ["noise", "grey"], "seen_from": {"blur": 1, "hue": 1, "noise": None, "grey": 4}},
            "judge: residual colour classifier, right on 87.1 % of 8,333 held-out images; sees blur, hue; "
            "cannot see: noise; sees without order: grey",
        ),
        ({"network": "LeNet", "accuracy": 0.64}, "judge: LeNet, right on 64.0 %; not known what it can see; "
                                                 "sees no colour"),
    ],
)  # fmt: skip
def test_a_judge_in_one_line(known, line):
    assert judge_in_words(known) == line
