"""What samples are compared with: which images, which of them, and what is refused in words."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

import mxgan
from mxgan.data import pack_folder
from mxgan.errors import ArgumentError
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.metrics import METRICS
from mxgan.evaluation.reference import classes_by_share, image_chunks, sample_chunks
from mxgan.runs.data import held_out_split, open_images, trained_split
from mxgan.runs.reference import open_reference
from mxgan.training.sampler import Sampler
from tests.evaluating import cache_with_classifier, quick_classifier
from tests.support import tiny_config
from tests.test_recipes import small


@pytest.fixture(autouse=True)
def cache(tmp_path):
    with cache_with_classifier(tmp_path / "cache") as place:
        yield place


@pytest.fixture
def records(tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(4):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 40, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), pixels)
    pack_folder(tmp_path / "images", tmp_path / "four.rec")
    return tiny_config(steps=1, data_dir=str(tmp_path / "four.rec")), tmp_path / "images"


@pytest.mark.parametrize(
    "dataset, split, trained, held_out",
    [
        ("mnist", None, "train", "test"),
        ("mnist", "test", "test", "train"),
        ("mnist", "all", "all", None),
        ("digits", None, "all", None),
        ("digits", "train", "train", "test"),
        ("folder", None, None, None),
    ],
)
def test_what_a_run_was_not_trained_on_is_the_other_split(dataset, split, trained, held_out):
    config = replace(tiny_config(steps=1), dataset=dataset, split=split)
    assert (trained_split(config), held_out_split(config)) == (trained, held_out)


def test_few_labels_are_of_the_training_split():
    assert trained_split(small("ssgan", steps=1)) == "train"


@pytest.mark.parametrize("most", [1, 31, 32, 100, 1797])
def test_each_image_comes_once_up_to_the_most(most):
    data = open_images(tiny_config(steps=1), seed=4)  # batches of 32, a padded one at the end
    images = np.concatenate([rows for rows, _ in image_chunks(data, most)])
    labels = np.concatenate([rows for _, rows in image_chunks(data, most)])
    assert images.shape == (most, 3, 16, 16)
    np.testing.assert_array_equal(labels, data.labels[data.order(0)[:most]])


def test_samples_are_a_function_of_the_seed_and_the_first_of_them_agree():
    network = mxgan.DCGAN(ngf=2, ndf=2, image_size=16, latent_size=5)
    sampler = Sampler(network.generator(), network.latent_shape, 16)
    sampler.module.init_params(mxgan.runtime.mx.init.Normal(0.5))
    many, few = (np.concatenate([rows for rows, _ in sample_chunks(sampler, n, 3)]) for n in (300, 270))
    np.testing.assert_array_equal(many[:270], few)
    assert not np.array_equal(few[:9], next(sample_chunks(sampler, 9, 4))[0])


@pytest.mark.parametrize("counts", [[5, 3, 2], [1, 1, 1, 1], [6742, 5421, 0, 1]])
def test_classes_come_in_their_shares_at_every_place(counts):
    counts = np.array(counts)
    found = classes_by_share(counts, 2 * counts.sum())
    np.testing.assert_array_equal(np.bincount(found, minlength=len(counts)), 2 * counts)
    np.testing.assert_array_equal(classes_by_share(counts, 7), found[:7])
    so_far = np.cumsum(found[:, None] == np.arange(len(counts)), axis=0)
    wanted = np.arange(1, len(found) + 1)[:, None] * counts / counts.sum()
    assert np.abs(so_far - wanted).max() < 1.5


def test_a_conditional_generator_is_asked_for_classes_as_often_as_the_data_have_them():
    """So that one that obeys has the data's histogram: a KL of 0 can be had."""
    network = mxgan.NETWORKS["conditional-dcgan"](ngf=2, ndf=2, nc=1, image_size=16, latent_size=5, classes=3)
    sampler = Sampler(network.generator(), network.latent_shape, 16, classes=3)
    sampler.module.init_params(mxgan.runtime.mx.init.Normal(0.5))
    asked = np.concatenate([classes for _, classes in sample_chunks(sampler, 300, 3, np.array([10, 0, 20]))])
    assert np.bincount(asked).tolist() == [100, 0, 200]
    even = np.concatenate([classes for _, classes in sample_chunks(sampler, 300, 3)])
    np.testing.assert_array_equal(even, np.arange(300) % 3)
    reference = open_reference(small("cgan", steps=1), ["label_kl"], count=500)
    labels = reference.bundle.labels.astype(int)
    np.testing.assert_array_equal(reference.class_counts, np.bincount(labels, minlength=10))


def test_the_reference_has_the_runs_images_and_what_the_classifier_makes_of_them():
    found = open_reference(tiny_config(steps=1), list(METRICS), count=120, seed=2)
    data = open_images(tiny_config(steps=1), seed=2)
    images = np.concatenate([rows for rows, _ in image_chunks(data, 120)])
    np.testing.assert_array_equal(found.bundle.images, images)
    seen = quick_classifier().features_and_probabilities(images)
    np.testing.assert_array_equal(found.bundle.features, seen.features)
    np.testing.assert_array_equal(found.bundle.labels, data.labels[data.order(0)[:120]])
    assert found.protocol["classifier"]["fingerprint"] == quick_classifier().fingerprint
    assert found.protocol["images"] == 120
    # Of the embedded digits all are trained on, no Inception was given, this generator takes no classes, and the quick
    # classifier is wrong too often to miss a class.
    assert set(METRICS) - set(found.names) == {"fid", "copies", "class_agreement", "missing_classes"}


def test_a_conditional_generator_is_asked_for_its_classes():
    assert "class_agreement" in open_reference(small("cgan", steps=1), ["class_agreement"], count=20).names


def test_what_real_images_agree_with_is_of_images_that_the_judge_was_not_trained_on(tmp_path):
    record, config = quick_classifier().record, small("cgan", steps=1)
    held_out = (record["accuracy"], record["test_images"])
    assert open_reference(config, ["class_agreement"], count=20).bundle.accuracy == held_out
    quick_classifier().save(tmp_path / "own")
    found = open_reference(config, ["class_agreement"], count=20, classifier=tmp_path / "own")
    assert found.bundle.accuracy == held_out
    others = {**record["data"], "train": {**record["data"]["train"], "sha256": "0" * 64}}  # it is of other digits
    another = FeatureNetwork(quick_classifier().network, quick_classifier().parameters, {**record, "data": others})
    another.save(tmp_path / "another")
    found = open_reference(config, ["class_agreement"], count=20, classifier=tmp_path / "another")
    assert found.bundle.accuracy is None


def test_more_than_there_are_is_all_there_are():
    assert open_reference(tiny_config(steps=1), ["swd"], count=10_000).protocol["images"] == 1797


def test_metrics_that_need_no_classifier_train_none(cache):
    (cache / "network.params").unlink()
    assert open_reference(tiny_config(steps=1), ["swd"], count=20).networks.classifier is None


@pytest.mark.parametrize("dataset", ["recordio", "folder"])
def test_data_without_classes_have_the_metrics_of_images(records, dataset):
    config, folder = records
    config = replace(config, dataset=dataset, data_dir=config.data_dir if dataset == "recordio" else str(folder))
    found = open_reference(config, ["swd", "frechet", "ms_ssim", "label_kl"], count=100)
    assert found.names == ["swd", "ms_ssim"]
    assert (found.protocol["images"], found.bundle.images.shape) == (4, (4, 3, 16, 16))
    message = (
        f"frechet needs a classifier, and the data set '{dataset}' has no classes to train one on, and fewer than the "
        "100 images for a judge without classes; give a trained one "
        r"\(--classifier FOLDER\), or choose metrics that need none: swd, ms_ssim, "
    )
    with pytest.raises(ArgumentError, match=message):
        open_reference(config, [], ["swd", "frechet"], count=100)


def test_a_classifier_may_be_given_for_any_data(records, tmp_path):
    quick_classifier().save(tmp_path / "given")
    config = replace(records[0], dataset="recordio")
    found = open_reference(config, ["frechet", "label_kl"], count=4, classifier=tmp_path / "given")
    assert found.names == ["frechet", "label_kl"]
    assert found.bundle.labels is None  # recordio's are not the classifier's classes


def test_labels_count_only_where_the_classifier_has_the_same_classes(tmp_path, caplog):
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    images, labels = mxgan.data.load_digits("train")
    for name, chosen in ((words, "words"), (map(str, range(10)), "figures")):
        for number, title in enumerate(name):
            (tmp_path / chosen / title).mkdir(parents=True)
            for index in np.flatnonzero(labels == number)[:3]:
                cv2.imwrite(str(tmp_path / chosen / title / f"{index}.png"), images[index])
    config = replace(tiny_config(steps=1), dataset="folder")
    quick_classifier().save(tmp_path / "given")
    settings = {"count": 30, "classifier": tmp_path / "given"}
    same = open_reference(replace(config, data_dir=str(tmp_path / "figures")), ["label_kl"], **settings)
    assert sorted(same.bundle.labels) == sorted([*range(10)] * 3)
    assert "apart" not in caplog.text
    other = open_reference(replace(config, data_dir=str(tmp_path / "words")), ["label_kl"], **settings)
    assert other.bundle.labels is None
    assert "knows 10 classes (0, 1, 2, …), and the data have 10 classes (eight, five, four, …)" in caplog.text


def test_metrics_that_want_more_images_are_left_out_or_refused(caplog):
    config = replace(tiny_config(steps=1), limit=3)
    found = open_reference(config, ["swd", "frechet", "kernel", "recall"], count=100)
    assert found.names == ["swd", "frechet"]
    for name, least in (("kernel", 4), ("recall", 6)):
        assert f"Left out: {name}: needs at least {least} images, and digits has 3 here" in caplog.text
    with pytest.raises(ArgumentError, match="recall needs at least 6 .*, and digits has 3 here; raise the limit, give"):
        open_reference(config, [], ["swd", "recall"], count=100)
    with pytest.raises(ArgumentError, match="swd needs at least 2 images, and digits has 1 here"):
        open_reference(replace(config, limit=1), ["swd", "kernel"], count=100)


def test_other_data_are_refused_before_a_classifier_is_trained(cache):
    (cache / "network.params").unlink()

    def check(fingerprint):
        raise ArgumentError(f"not {fingerprint['count']}")

    with pytest.raises(ArgumentError, match="not 1797"):
        open_reference(tiny_config(steps=1), ["frechet"], count=20, check=check)
    assert not (cache / "network.params").exists()


@pytest.mark.parametrize(
    "name, message",
    [
        ("fid", "fid needs --inception FILE.onnx: FID is defined for Inception's features only: give an"),
        ("class_agreement", "class_agreement needs a generator that takes classes, .* the network 'dcgan' takes no"),
        ("copies", "copies needs images that the run was not trained on, and the run was trained on all of the data "
                   r"set 'digits'; leave it out, give such images \(--held-out FOLDER\), or keep a part back from "
                   "training, with --set held_out=0.1"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_in_words(name, message):
    with pytest.raises(ArgumentError, match=message):
        open_reference(tiny_config(steps=1), [], ["swd", name], count=20)
