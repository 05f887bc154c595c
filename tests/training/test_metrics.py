import json
import re

import numpy as np
import pytest

import mxgan
from mxgan.runtime import mx


def result(fake, real, judged):
    fake, real, judged = (mx.nd.array(np.array(values).reshape(-1, 1)) for values in (fake, real, judged))
    return mxgan.StepResult(None, fake, real, judged, None)


def test_closed_forms():
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    predictions = np.array([[0.2], [0.9], [0.4], [0.5]])
    assert mxgan.facc(labels, predictions) == 0.75  # 0.5 itself counts as fake
    expected = -(np.log(0.8) + np.log(0.9) + np.log(0.4) + np.log(0.5)) / 4
    assert mxgan.fentropy(labels, predictions) == pytest.approx(expected)
    assert mxgan.fentropy(np.ones(3), np.zeros((3, 1))) == pytest.approx(-np.log(1e-12))


def test_values_over_two_steps_and_after_reset():
    metrics = mxgan.AdversarialMetrics()
    metrics.update(result([0.1, 0.6], [0.9, 0.4], [0.5, 0.5]))
    metrics.update(result([0.2, 0.2], [0.8, 0.8], [0.25, 0.25]))
    found = metrics.values()
    assert found["facc"] == pytest.approx((0.5 + 0.5 + 1 + 1) / 4)
    assert found["fentropy_g"] == pytest.approx(-(np.log(0.5) + np.log(0.25)) / 2, rel=1e-6)
    d = [-np.log([0.9, 0.4]).mean(), -np.log([0.9, 0.4]).mean(), -np.log(0.8), -np.log(0.8)]
    assert found["fentropy_d"] == pytest.approx(np.mean(d), rel=1e-6)
    assert found["d_real"] == pytest.approx((0.65 + 0.8) / 2)
    assert found["d_fake"] == pytest.approx((0.35 + 0.2) / 2)
    metrics.reset()
    assert all(np.isnan(value) for value in metrics.values().values())


def test_the_line_is_the_originals_word_for_word():
    metrics = mxgan.AdversarialMetrics()
    metrics.update(result([0.1], [0.9], [0.5]))
    number = r"[0-9.e-]+"
    pattern = rf"epoch: 3 iter: 40 metric: \('facc', {number}\) \('fentropy', {number}\) \('fentropy', {number}\)"
    assert re.fullmatch(pattern, metrics.line(3, 40))


@pytest.mark.parametrize(
    "name, line",
    [
        ("hinge_loss", r"\('facc', 0.5\) \('loss_g', -0.5\) \('loss_d', 1.0\)"),
        ("wasserstein", r"\('loss_g', -0.5\) \('loss_d', -0.25\) \('wasserstein', 0.5\)"),
    ],
)
def test_an_objective_without_probabilities_shows_its_losses(name, line):
    metrics = mxgan.AdversarialMetrics(mxgan.OBJECTIVES[name])
    metrics.update(result([-2.0, 1.0], [-1.0, 1.0], [0.5, 0.5]))  # hinge: 0, 2 on fake; 2, 0 on real
    assert re.fullmatch(f"epoch: 1 iter: 2 metric: {line}", metrics.line(1, 2))
    assert np.isnan(metrics.values()["fentropy_d"])


def test_what_is_not_a_number_keeps_its_place():
    metrics = mxgan.AdversarialMetrics()
    metrics.update(result([0.1], [0.9], [np.nan]))
    assert re.search(r"\('facc', 1.0\) \('fentropy', nan\) \('fentropy', 0.1", metrics.line(0, 10))
    critic = mxgan.AdversarialMetrics(mxgan.OBJECTIVES["wasserstein"])
    critic.update(result([0.0], [np.nan], [0.5]))
    assert critic.line(0, 1).endswith("('loss_g', -0.5) ('loss_d', nan) ('wasserstein', nan)")


def test_classes_that_are_unknown_do_not_count():
    metrics, plain = mxgan.AdversarialMetrics(), result([0.1], [0.9], [0.5])
    assert "class_accuracy_real" not in metrics.values()
    probabilities, classes = mx.nd.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), mx.nd.array([0, 1, -1])
    metrics.update(plain._replace(classified={"real": (probabilities, classes)}, penalty=mx.nd.array([1.0, 3.0])))
    assert metrics.values()["class_accuracy_real"] == 0.5
    assert metrics.values()["penalty"] == 2.0
    assert "class_accuracy_fake" not in metrics.values()


def test_the_metrics_are_mxnets():
    metrics = mxgan.AdversarialMetrics()
    assert all(isinstance(m, mx.metric.EvalMetric) for m in (metrics.mACC, metrics.mG, metrics.mD))


def test_state_goes_through_json_exactly():
    rng = np.random.default_rng(0)
    steps = [result(*rng.uniform(0, 1, (3, 5))) for _ in range(6)]
    whole, first, second = (mxgan.AdversarialMetrics() for _ in range(3))
    for step in steps:
        whole.update(step)
    for step in steps[:4]:
        first.update(step)
    second.restore(json.loads(json.dumps(first.state())))
    for step in steps[4:]:
        second.update(step)
    assert second.values() == whole.values()
