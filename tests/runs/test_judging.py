"""Which judge a run's data get, and which metrics a judge leaves out, with the reason."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import mxgan
from mxgan.data import open_dataset
from mxgan.data.images import ImageArrayIter
from mxgan.errors import ArgumentError, MXGANError
from mxgan.evaluation.judges.data import FEWEST, architecture_for, own_architecture
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.settings import RotationTraining
from mxgan.runs import judging
from mxgan.runs.evaluate import evaluate
from mxgan.runs.judging import given_judge, misleading, warn_of_chance
from mxgan.runs.reference import open_reference, plan_reference
from tests.cli.test_commands import mxgan as command
from tests.evaluating import cache_with_classifier, quick_classifier
from tests.support import tiny_config
from tests.test_recipes import small


@pytest.fixture(autouse=True)
def cache(tmp_path):
    with cache_with_classifier(tmp_path / "cache") as place:
        yield place


def folder_of(path, count: int, classes=("",), channels: int = 3):
    """`count` photographs-like images in each class: smooth noise, brighter at the top."""
    for number, name in enumerate(classes):
        (path / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            draws = np.random.default_rng([number, i])
            rough = draws.uniform(0, 200, (4, 4, channels)) + np.linspace(55, 0, 4)[:, None, None]
            pixels = cv2.resize(rough.astype(np.uint8), (16, 16)).reshape(16, 16, channels)
            cv2.imwrite(str(path / name / f"{i}.png"), pixels)
    return path


def opened(folder):
    return open_dataset("folder", data_dir=folder, batch_size=4, image_size=16)


def test_the_data_decide_the_architecture(tmp_path):
    assert architecture_for(open_dataset("digits", batch_size=4)) == "lenet"  # grey, repeated three times
    assert architecture_for(opened(folder_of(tmp_path / "grey", 3, ("a", "b"), channels=1))) == "lenet"
    assert architecture_for(opened(folder_of(tmp_path / "two", 3, ("a", "b")))) == "residual"
    many = folder_of(tmp_path / "many", FEWEST)
    assert architecture_for(opened(many)) == own_architecture("folder", many) == "rotation"
    assert architecture_for(opened(folder_of(tmp_path / "one", FEWEST, ("ship",)))) == "rotation"
    few = folder_of(tmp_path / "few", FEWEST - 1)
    assert architecture_for(opened(few)) is None
    with pytest.raises(ArgumentError, match="a judge without classes 100 images, but the data set 'folder' has 99 im"):
        own_architecture("folder", few)


def test_one_class_of_grey_images_does_not_make_all_grey():
    images = np.random.default_rng(0).integers(0, 256, (600, 8, 8, 3)).astype(np.uint8)
    labels = np.repeat([0.0, 1.0], 300).astype(np.float32)  # class by class, as folders come
    images[:300] = images[:300, ..., :1]
    size = {"batch_size": 4, "image_size": 8, "channels": 3}
    assert architecture_for(ImageArrayIter(images, labels, **size)) == "residual"
    assert architecture_for(ImageArrayIter(images[:300], labels[:300], class_names=("a", "b"), **size)) == "lenet"


def test_images_without_classes_have_the_metrics_of_features(tmp_path, monkeypatch, caplog):
    small = RotationTraining(image_size=16, shift=1, epochs=1, least_steps=4, most_steps=4, batch_size=8)
    monkeypatch.setattr(judging, "training_of", {"rotation": small}.__getitem__)
    config = replace(tiny_config(steps=1), dataset="folder", data_dir=str(folder_of(tmp_path / "in", FEWEST)))
    found = open_reference(config, ["swd", "frechet", "coverage", "label_kl", "missing_classes"], count=100)
    assert found.names == ["swd", "frechet", "coverage"]
    assert found.protocol["classifier"]["architecture"] == "rotation"
    assert found.bundle.features.shape == (100, 128)
    assert found.bundle.probabilities is None
    assert "has 100 images without classes, fewer than 500: their judge sees little" in caplog.text
    message = "label_kl needs a classifier, and the data set 'folder' has no classes to train one on; give a trained"
    with pytest.raises(ArgumentError, match=message):
        plan_reference(config, [], ["frechet", "label_kl"], count=100)
    with pytest.raises(ArgumentError, match=message):
        plan_reference(config, [], ["label_kl"], count=100)


def test_a_part_of_a_set_of_100_has_a_judge_and_fewer_are_told_the_remedy(tmp_path, caplog):
    caplog.set_level("INFO", "mxgan")
    config = replace(tiny_config(steps=1), dataset="folder", data_dir=str(folder_of(tmp_path / "in", FEWEST)))
    planned = plan_reference(replace(config, held_out=0.1), ["swd", "frechet", "copies"], count=100)
    assert planned.names == ["swd", "frechet", "copies"]
    assert "has 100 images without classes, fewer than 500" in caplog.text
    fewer = replace(config, data_dir=str(folder_of(tmp_path / "fewer", FEWEST - 1)))
    assert plan_reference(fewer, ["swd", "frechet", "copies"], count=100).names == ["swd"]
    assert "than the 100 images for a judge without classes. Remedy: --classifier FOLDER.\n" in caplog.text
    assert "Remedy: --held-out FOLDER or --set held_out=0.1.\n" in caplog.text


def test_images_of_one_class_have_no_classifier_score(tmp_path, caplog):
    caplog.set_level("INFO", "mxgan")
    judge_with(accuracy=0.99).save(tmp_path / "given")
    config = replace(tiny_config(steps=1), dataset="folder")
    settings = {"count": 20, "classifier": tmp_path / "given"}
    one = replace(config, data_dir=str(folder_of(tmp_path / "one", 20, ("3",))))
    assert plan_reference(one, ["label_kl", "classifier_score"], **settings).names == ["label_kl"]
    assert "Left out: classifier_score: means nothing for the images of one class, and folder has one." in caplog.text
    two = replace(config, data_dir=str(folder_of(tmp_path / "two", 20, ("3", "7"))))
    plan_reference(two, [], ["classifier_score"], **settings)
    with pytest.raises(ArgumentError, match="classifier_score means nothing"):
        plan_reference(replace(two, limit=20), [], ["classifier_score"], **settings)


def test_a_given_judge_is_refused_before_any_data_are_read(tmp_path):
    judge_with(accuracy=0.64).save(tmp_path / "weak")
    assert given_judge(tmp_path / "weak", ["label_kl"]).classes == 10
    with pytest.raises(ArgumentError, match=r"missing_classes misleads .* 64.0 % of its test images; it needs 95 %"):
        given_judge(tmp_path / "weak", ["label_kl", "missing_classes"])
    run = tmp_path / "run"
    mxgan.start(tiny_config(steps=1), run, "none").run()
    record = json.loads((run / "config.json").read_text())
    record["run"] = {**record["run"], "dataset": "folder", "data_dir": str(tmp_path / "gone")}
    (run / "config.json").write_text(json.dumps(record))
    for folder, names, message in (("weak", ["missing_classes"], "misleads"), ("nowhere", None, "nowhere")):
        with pytest.raises(MXGANError, match=message):
            evaluate(run, metrics=names, samples=100, classifier=tmp_path / folder)


def judge_with(**record) -> FeatureNetwork:
    known = quick_classifier()
    return FeatureNetwork(known.network, known.parameters, {**known.record, **record})


def test_a_judge_that_is_often_wrong_misleads():
    names = ["frechet", "missing_classes", "class_agreement"]
    assert set(misleading(judge_with(accuracy=0.64), names)) == {"missing_classes", "class_agreement"}
    assert set(misleading(judge_with(accuracy=0.87), names)) == {"missing_classes"}
    assert misleading(judge_with(accuracy=0.99), names) == {}
    assert misleading(None, names) == {}
    unknown = judge_with()
    del unknown.record["accuracy"]
    assert misleading(unknown, names) == {}


@pytest.mark.parametrize("share, count, told", [(0.0, 10, True), (0.8, 10, True), (0.9, 10, False), (0.6, 100, True),
                                                (0.61, 100, False), (None, 10, False), (0.3, None, False)])  # fmt: skip
def test_a_judge_that_may_only_guess_is_told(caplog, share, count, told):
    """One that guesses between 2 classes is right on 50 ± 16 % of 10 images: 0.5² / 10 is the square of 0.158."""
    record = {"accuracy": share, "test_images": count}
    warn_of_chance(SimpleNamespace(classes=2, record=record))
    assert ("one that guesses is right on" in caplog.text) is told


def test_a_judge_that_tells_turns_is_not_told_to_guess(caplog):
    warn_of_chance(SimpleNamespace(classes=None, record={"accuracy": 0.25, "test_images": 100}))
    warn_of_chance(None)
    assert not caplog.text


def test_the_chance_of_a_judge_is_that_of_its_classes(tmp_path, caplog):
    judge_with(accuracy=0.2, test_images=10).save(tmp_path / "weak")
    planned = plan_reference(tiny_config(steps=1), ["label_kl"], count=20, classifier=tmp_path / "weak")
    assert planned.open().names == ["label_kl"]
    told = (
        "right on 20.0 % of its held-out images (10); one that guesses is right on 10.0 %, and by luck on up to 29.0 %"
    )
    assert told in caplog.text


def test_what_misleads_is_left_out_or_refused(tmp_path, caplog):
    judge_with(accuracy=0.64).save(tmp_path / "weak")
    caplog.set_level("INFO", "mxgan")
    names = ["label_kl", "missing_classes"]
    planned = plan_reference(tiny_config(steps=1), names, count=20, classifier=tmp_path / "weak")
    assert planned.open().names == planned.names == ["label_kl"]
    assert "Left out: missing_classes: misleads with a classifier that is right on 64.0 % of its test" in caplog.text
    conditional, names = small("cgan", steps=1), ["label_kl", "class_agreement"]
    with_classes = plan_reference(conditional, names, count=20, classifier=tmp_path / "weak")
    assert with_classes.open().names == ["label_kl"]
    assert "Left out: class_agreement: misleads" in caplog.text
    with pytest.raises(ArgumentError, match=r"64.0 % of its test images; it needs 9\d %; give a better one"):
        open_reference(tiny_config(steps=1), [], ["missing_classes"], count=20, classifier=tmp_path / "weak")


def test_a_judge_of_images_without_classes_is_trained_by_hand(tmp_path):
    data = ("--dataset", "folder", "--data-dir", folder_of(tmp_path / "in", FEWEST), "--epochs", 1)
    made = command("train-classifier", *data, "--output", tmp_path / "judge")
    assert made.exit_code == 0, made.output
    assert "judge: rotation judge, right on " in made.output
    assert "of 16 held-out images, each in four turns" in made.output
    assert FeatureNetwork.load(tmp_path / "judge").architecture == "rotation"
    wrong = command("train-classifier", *data, "--architecture", "resnet", "--output", tmp_path / "no")
    assert wrong.exit_code == 2
    assert "unknown architecture of a judge 'resnet'" in wrong.output
