"""Bundles gathered in chunks, the agreement of classes, and what an evaluation tells."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.evaluate import Evaluation, Networks, _in_blocks, check_names, evaluated, gather, measured_side
from mxgan.evaluation.frechet import FeatureStatistics, frechet_distance
from mxgan.evaluation.judges.features import BATCH
from mxgan.evaluation.metrics import METRICS
from mxgan.evaluation.resizing import resized
from tests.evaluating import quick_classifier


def chunks_of(images, sizes, labels=None):
    ends = np.cumsum(sizes)
    return [(images[e - s : e], None if labels is None else labels[e - s : e]) for s, e in zip(sizes, ends)]


def test_chunks_of_any_size_make_the_same_bundle(digits):
    networks, labels = Networks(quick_classifier()), np.arange(300) % 10
    names = ["swd", "frechet", "class_agreement"]
    whole = gather([(digits, labels)], 300, networks, names)
    for sizes in ((1, 120, 179), (200, 100), (299, 1), (3,) * 100):
        parts = gather(chunks_of(digits, sizes, labels), 300, networks, names)
        for name in ("images", "features", "probabilities", "labels"):
            np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name), err_msg=name)
    np.testing.assert_array_equal(whole.images, digits)
    assert whole.inception is None


@pytest.mark.parametrize(
    "sizes, blocks",
    [((), []), ((3,), [3]), ((4,), [4]), ((9,), [4, 4, 1]), ((1, 0, 2, 5, 1), [4, 4, 1]), ((2,) * 6, [4, 4, 4])],
)
@pytest.mark.parametrize("labelled", [False, True])
def test_blocks_are_of_one_size_whatever_the_chunks(sizes, blocks, labelled):
    rows = np.arange(sum(sizes))
    made = list(_in_blocks(chunks_of(rows, sizes, rows + 100 if labelled else None), 4))
    assert [len(images) for images, _ in made] == blocks
    if blocks:
        assert np.concatenate([images for images, _ in made]).tolist() == rows.tolist()
    for images, labels in made:
        assert (labels is None) if not labelled else (labels.tolist() == (images + 100).tolist())


def test_networks_look_at_whole_blocks_alone(digits, monkeypatch):
    network, seen = quick_classifier(), []
    honest = network.features_and_probabilities
    monkeypatch.setattr(network, "features_and_probabilities", lambda rows: seen.append(len(rows)) or honest(rows))
    gather(chunks_of(digits, (7, 250, 43)), 300, Networks(network), ["frechet"])
    assert seen == [BATCH, 300 - BATCH]


def test_what_no_metric_needs_is_not_kept(digits):
    networks = Networks(quick_classifier())
    assert gather([(digits, None)], 300, networks, ["frechet"]).images is None
    assert gather([(digits, None)], 300, networks, ["swd"]).features is None
    assert gather([(digits, None)], 300, networks, ["copies"]).images is None  # it has bundles of its own


@pytest.mark.parametrize("side, measured", [(8, 16), (16, 16), (28, 32), (32, 32), (33, 64), (64, 64)])
def test_images_are_measured_at_a_power_of_two(side, measured):
    images = np.random.default_rng(0).uniform(-1, 1, (3, 1, side, side)).astype(np.float32)
    found = gather([(images, None)], 3, Networks(), ["swd"]).images
    np.testing.assert_array_equal(found, resized(images, measured))
    assert found.shape == (3, 1, measured, measured)


@pytest.mark.parametrize(
    "sides, measured",
    [((48, 96), (64, 128)), ((96, 48), (128, 64)), ((48, 80), (64, 112)), ((16, 20), (16, 32)), ((256, 16), (256, 16)),
     ((300, 600), (512, 1024))],
)  # fmt: skip
def test_images_of_another_aspect_ratio_are_measured_without_stretching(sides, measured):
    assert measured_side(sides) == measured
    images = np.random.default_rng(0).uniform(-1, 1, (3, 1, *sides)).astype(np.float32)
    kept = gather([(images, None)], 3, Networks(), ["swd"])
    np.testing.assert_array_equal(kept.images, resized(images, measured))
    if max(sides) < 100:
        scores = evaluated(["swd", "ms_ssim", "birthday"], kept, kept, Settings())
        assert scores["swd"].value == 0
        assert scores["ms_ssim"].value == scores["ms_ssim"].details["reference"]


def test_of_the_first_images_alone_images_are_kept(digits):
    networks, names = Networks(quick_classifier()), ["swd", "frechet"]
    whole = gather([(digits, None)], 300, networks, names)
    for sizes in ((300,), (70, 30, 150, 50)):
        some = gather(chunks_of(digits, sizes), 300, networks, names, 100)
        np.testing.assert_array_equal(some.images, digits[:100])
        np.testing.assert_array_equal(some.features, whole.features)


def test_other_counts_than_announced_are_an_error(digits):
    with pytest.raises(ArgumentError, match="300 images came, and 301 were announced"):
        gather([(digits, None)], 301, Networks(), ["swd"])
    with pytest.raises(ArgumentError, match="300 images or more came, and 299 were announced"):
        gather([(digits, None)], 299, Networks(), ["swd"])


def test_more_than_fits_into_memory_is_refused_at_the_first_images(digits):
    with pytest.raises(
        ArgumentError, match=r"^1,000,000,000,000 images .* need about [\d,.]+ GB of memory, and .* avail"
    ):
        gather([(digits, None)], 10**12, Networks(), ["swd"])


def test_scores_are_those_of_the_metrics_in_the_order_asked_for(digits):
    networks = Networks(quick_classifier())
    real, fake = (gather([(images, None)], 150, networks, ["frechet"]) for images in (digits[:150], digits[150:]))
    scores = evaluated(["label_kl", "frechet"], real, fake, Settings())
    assert list(scores) == ["label_kl", "frechet"]
    expected = frechet_distance(FeatureStatistics.of(real.features), FeatureStatistics.of(fake.features))
    assert scores["frechet"].value == expected > 0
    assert evaluated(["frechet"], real, real, Settings())["frechet"].value == pytest.approx(0, abs=1e-6)


def test_copies_are_measured_on_bundles_of_their_own(digits):
    real, held_out = digits[:100], digits[100:200]
    own = Bundle(images=real, held_out=held_out), Bundle(images=real)
    score = evaluated(["copies"], Bundle(), Bundle(), Settings(), own)["copies"]
    assert score.value > 0.99  # each sample is a training image


def test_metrics_are_begun_in_their_order_wherever_their_bundles_come_from(digits):
    own, begun = (Bundle(images=digits[:100], held_out=digits[100:200]), Bundle(images=digits[:100])), []
    whole = Bundle(images=digits)
    names = ["swd", "copies", "birthday"]
    assert list(evaluated(names, whole, whole, Settings(), own, begun.append)) == begun == names


def test_the_table_has_the_best_value_of_copies_and_the_number_of_held_out_images(digits):
    own = Bundle(images=digits[:100], held_out=digits[100:140]), Bundle(images=digits[:100])
    results = evaluated(["copies"], Bundle(), Bundle(), Settings(), own)
    assert Evaluation(results, {}).table().splitlines()[1].endswith("0.5 (40 held out)")


def test_class_agreement_is_the_share_of_samples_of_the_class_asked_for():
    probabilities = np.eye(3)[[0, 1, 2, 2, 0, 1, 2, 0]]
    asked = np.array([0, 1, 2, 0, 0, 1, 2, 1])
    score = evaluated(["class_agreement"], Bundle(), Bundle(probabilities=probabilities, labels=asked), Settings())[
        "class_agreement"
    ]
    assert score.value == 6 / 8
    assert score.details["by_class"] == [2 / 3, 2 / 3, 1.0]
    within = [3 * 2 / 3 * 1 / 3, 3 * 2 / 3 * 1 / 3, 0]  # as many samples are asked of each class again
    assert score.details["standard_error"] == pytest.approx(math.sqrt(sum(within)) / 8)
    assert "real" not in score.details
    real = Bundle(probabilities=np.eye(3)[[0, 1, 1, 2]], labels=np.array([0, 1, 2, 2]))
    details = evaluated(["class_agreement"], real, Bundle(probabilities=probabilities, labels=asked), Settings())
    assert details["class_agreement"].details["real"] == 0.75
    real = replace(real, accuracy=(0.625, 1600))  # of a network that was trained on these images
    details = evaluated(["class_agreement"], real, Bundle(probabilities=probabilities, labels=asked), Settings())
    assert (details["class_agreement"].details["real"], details["class_agreement"].details["real_images"]) == (
        0.625,
        1600,
    )
    with pytest.raises(
        ArgumentError, match="class_agreement needs labels of the samples, and there are none; they are"
    ):
        evaluated(["class_agreement"], Bundle(), Bundle(probabilities=probabilities), Settings())


def test_names_are_checked_and_taken_once():
    assert check_names(("swd", "class_agreement", "swd")) == ["swd", "class_agreement"]
    with pytest.raises(ArgumentError, match="unknown metric 'frechett'; did you mean 'frechet'"):
        check_names(["swd", "frechett"])
    assert check_names("swd") == ["swd"]
    with pytest.raises(ArgumentError, match="metrics is empty; give some of swd, ms_ssim"):
        check_names([])


def evaluation(**results) -> Evaluation:
    reference = {"split": "train", "images": 50, "dataset": "mnist", "classifier": {"fingerprint": "ab" * 32}}
    protocol = {
        "checkpoint": 7,
        "weights": "raw",
        "samples": 1000,
        "seed": 3,
        "reference": {**reference, "inception": None},
    }
    return Evaluation(results, protocol)


@pytest.mark.parametrize("names, told", [(["1", "7", "26"], "2 (7, 26)"), (None, "2 (1, 2)")])
def test_the_table_names_the_missing_classes(names, told):
    made = evaluation(missing_classes=Score(2.0, {"classes": [1, 2]}))
    made.protocol["reference"]["classifier"]["class_names"] = names
    assert f" {told} " in made.table().splitlines()[1]
    assert "(" not in evaluation(missing_classes=Score(0.0, {"classes": []})).table().splitlines()[1]


def test_the_table_has_a_line_for_each_metric():
    made = evaluation(
        kernel=Score(0.25, {"standard_error": 0.0125}),
        ms_ssim=Score(0.125, {"reference": 0.25}),
        swd=Score(5.5),
        class_agreement=Score(1.0, {"real": 0.875, "real_images": 1500}),
    )
    assert made.table().splitlines() == [
        "metric           value  ± error  best",
        "kernel           0.25   0.0125   min",
        "ms_ssim          0.125           0.25 (data)",
        "swd ×10³         5.5             min",
        "class_agreement  1               max, 0.875 (data, 1,500)",
    ]
    assert made.describe() == (
        "step 7 (raw weights), 1,000 samples against 50 images of mnist, split train; classifier abababababab, seed 3\n"
        "judge: a network, of unknown accuracy; not known what it can see"
    )


def test_json_has_values_details_and_protocol_and_null_for_what_is_not_finite():
    made = evaluation(swd=Score(np.float64(2.5), {"64": np.float32(1.5)}), frechet=Score(math.inf, {"x": [math.nan]}))
    found = json.loads(made.as_json())
    assert found["results"] == {
        "swd": {"value": 2.5, "64": 1.5, **METRICS["swd"].describe()},
        "frechet": {"value": None, "x": [None], **METRICS["frechet"].describe()},
    }
    assert found["protocol"]["checkpoint"] == 7
    assert (found["results"]["swd"]["better"], found["results"]["swd"]["unit"]) == ("min", "×10³")
    assert found["results"]["frechet"]["source"] == "Heusel et al. 2017, eq. 6, with another network"
