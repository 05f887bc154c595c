"""The contract of every row of METRICS."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.evaluation import METRICS, Bundle, Settings, get_metric, measure
from mxgan.evaluation.metrics import NEEDS

FAST = Settings(subsets=5, subset_size=20)


def features(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), 1, 4, 8, 4, 8).mean(axis=(3, 5)).reshape(len(images), -1)


def side(images: np.ndarray, **more) -> Bundle:
    logits = 4 * features(images)[:, :10]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = features(images)
    return Bundle(images=images, features=found, probabilities=probabilities, inception=found[:, :8], **more)


@pytest.fixture(scope="module")
def sides(digits) -> tuple:
    reference = side(digits[:100], held_out=digits[250:])
    bad = np.clip(digits[100] + np.random.default_rng(0).standard_normal((100, 1, 32, 32)), -1, 1)
    good = side(digits[100:200])
    asked = good.probabilities.argmax(axis=1)
    return reference, replace(good, labels=asked), side(bad.astype(np.float32), labels=asked)


@pytest.fixture(scope="module")
def measured(sides) -> tuple:
    return tuple(measure(METRICS, sides[0], samples, FAST) for samples in sides[1:])


@pytest.mark.parametrize("name", METRICS)
def test_a_row_says_what_it_is(name):
    row = get_metric(name)
    assert set(row.needs) <= set(NEEDS)
    assert row.needs
    assert row.better in ("min", "max", None)
    assert row.summary
    assert any(character.isdigit() for character in row.source)


@pytest.mark.parametrize("name", METRICS)
def test_a_row_gives_its_score(name, measured):
    for found in measured:
        assert isinstance(found[name].value, float)
        assert math.isfinite(found[name].value)
        assert json.loads(json.dumps(found[name].details, allow_nan=False)) == found[name].details


@pytest.mark.parametrize("name", [name for name, row in METRICS.items() if row.better])
def test_better_is_better(name, measured):
    """Real images against one of them under noise."""
    real, bad = (found[name].value for found in measured)
    if name == "missing_classes":
        assert real <= bad
    elif METRICS[name].better == "min":
        assert real < bad
    else:
        assert real > bad


@pytest.mark.parametrize("name", METRICS)
def test_a_row_depends_on_its_arguments_alone(name, sides, measured):
    reference, samples, _ = sides
    kept = deepcopy(vars(samples))
    assert measure([name], reference, samples, FAST)[name] == measured[0][name]
    for key, value in kept.items():
        np.testing.assert_array_equal(vars(samples)[key], value)


@pytest.mark.parametrize("name", METRICS)
def test_a_row_without_what_it_needs(name, sides):
    reference, samples, _ = sides
    for need in METRICS[name].needs:
        for which in NEEDS[need].sides:
            both = {"reference": reference, "samples": samples}
            both[which] = replace(both[which], **{need: None})
            with pytest.raises(ArgumentError, match=f"^{name} needs {need} of the {which}, and there are none; "):
                measure(["ms_ssim" if need != "images" else name, name], **both)


def test_fid_is_refused_with_a_word(sides):
    reference, samples = (replace(each, inception=None) for each in sides[:2])
    with pytest.raises(ArgumentError, match="FID is defined for Inception's features only: give an Inception network"):
        measure(["fid"], reference, samples)


def test_rows_that_share_a_function_call_it_once(sides, monkeypatch):
    calls = []
    function = METRICS["recall"].function
    counted = replace(METRICS["recall"], function=lambda *given: calls.append(1) or function(*given))
    for name in ("precision", "recall", "density", "coverage"):
        monkeypatch.setitem(METRICS, name, counted)
    assert list(measure(["coverage", "recall"], *sides[:2], FAST)) == ["coverage", "recall"]
    assert calls == [1]


def test_unknown_names_and_the_order_of_known_ones(sides):
    with pytest.raises(ArgumentError, match="unknown metric 'frechett'; did you mean 'frechet'"):
        measure(["swd", "frechett"], *sides[:2])
    assert list(measure(["recall", "frechet"], *sides[:2], FAST)) == ["recall", "frechet"]


def test_labels_are_compared_with_the_datas(sides):
    reference, samples, _ = sides
    own = measure(["label_kl"], replace(reference, probabilities=None), samples)["label_kl"]
    assert own.details["reference"] == [0.1] * 10
    assert own.value == own.details["uniform"]
    told = replace(reference, labels=samples.probabilities.argmax(axis=1))
    assert measure(["label_kl"], replace(told, probabilities=None), samples)["label_kl"].value == 0
    assert measure(["label_kl"], reference, samples)["label_kl"].details["reference"] != own.details["reference"]


def test_labels_that_are_predicted_are_compared_with_predictions(sides):
    """A set has 0 from itself, though the network puts all real images into a wrong class; the labels are a detail."""
    reference = replace(sides[0], labels=(sides[0].probabilities.argmax(axis=1) + 1) % 10)
    itself = measure(["label_kl", "missing_classes"], reference, reference)
    details = itself["label_kl"].details
    assert itself["label_kl"].value == 0
    assert details["labels"] == np.roll(details["reference"], 1).tolist()
    assert details["histogram"] == details["reference"]
    assert itself["missing_classes"].details["real"] == itself["missing_classes"].value > 0  # the network is at fault


NO_ERROR = {"birthday"}  # an order of magnitude


@pytest.mark.parametrize("name", METRICS)
def test_a_row_has_its_error(name, measured):
    for found in measured:
        error = found[name].details.get("standard_error")
        assert (error is None) == (name in NO_ERROR or not math.isfinite(found[name].value))
        assert error is None or (isinstance(error, float) and math.isfinite(error) and error >= 0)


def test_rows_with_few_images_have_no_halves(sides):
    """Six images are enough for the scores; three of a half have no fifth neighbour."""
    few = tuple(Bundle(images=each.images[:6], features=each.features[:6]) for each in sides[:2])
    found = measure(["precision", "coverage", "swd", "frechet"], *few, FAST)
    assert found["precision"].details == found["coverage"].details == {}
    assert found["swd"].details["real_images"] == found["frechet"].details["real_images"] == 3


def test_sides_of_unequal_size(sides, digits):
    """SWD needs as many of each: the larger side gives up some, at random."""
    samples = sides[1]
    found = measure(["swd", "kernel"], side(digits), samples, Settings(subset_size=10**6))
    assert found["swd"].details["images"] == 100
    assert found["kernel"].details["subset_size"] == 50


def test_settings_that_are_none(sides):
    for name in ("copy_images", "birthday_images"):
        for value in (1, 2.5, None):
            with pytest.raises(ArgumentError, match=f"^{name} is {value!r}; give a whole number from 2"):
                measure(["copies", "birthday"], *sides[:2], replace(FAST, **{name: value}))
    with pytest.raises(ArgumentError, match="^unknown pyramid 'none'"):
        measure(["swd"], *sides[:2], replace(FAST, pyramid="none"))


def test_features_as_large_as_they_may_be(sides):
    reference, samples = (replace(each, features=each.features * 9e19) for each in sides[:2])
    found = measure(["frechet", "kernel", "precision", "density"], reference, samples, FAST)
    assert all(math.isfinite(score.value) for score in found.values())
