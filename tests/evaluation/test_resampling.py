"""The standard error of each metric against the standard deviation of its values over independent repetitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mxgan.evaluation import Bundle, Settings, measure
from mxgan.evaluation.resampling import curved_error, halves, halves_error, influence_error, shared_error, squared_error

# ---- the functions ----


def test_the_error_of_a_mean_is_that_of_statistics():
    values, others = np.random.default_rng(0).standard_normal((2, 50))
    assert influence_error(values) == pytest.approx(values.std(ddof=1) / 50**0.5, rel=1e-12)
    both = np.hypot(influence_error(values), influence_error(others[:20]))
    assert influence_error(values, others[:20]) == pytest.approx(both, rel=1e-12)


@pytest.mark.parametrize("count", [10, 11])
def test_halves_are_complementary_and_come_of_the_seed(count):
    found = halves(count, 3, 20, "here")
    for half in (0, 1):
        assert ((found == half).sum(axis=1) == 5).all()
    assert ((found == -1).sum(axis=1) == count % 2).all()
    assert len({tuple(row) for row in found}) == 20
    np.testing.assert_array_equal(found[:7], halves(count, 3, 7, "here"))
    assert (found != halves(count, 4, 20, "here")).any()
    assert (found != halves(count, 3, 20, "there")).any()


def test_halves_of_a_mean_give_the_error_of_a_mean():
    values = np.random.default_rng(0).gamma(1, size=100)
    sides = halves(100, 0, 4000, "mean")
    means = [np.array([values[side == half].mean() for side in sides]) for half in (0, 1)]
    assert halves_error(*means) == pytest.approx(influence_error(values), rel=0.05)


def test_the_error_of_a_squared_mean_is_right_at_0_and_far_from_it():
    """|mean of 30 axes|²: at 0 the influences alone would give √2 times its deviation."""
    rng, n, axes = np.random.default_rng(0), 60, 30
    for shift in (0.0, 0.1, 1.0):
        values, errors, plain = [], [], []
        for _ in range(300):
            rows = rng.standard_normal((n, axes)) + shift
            mean = rows.mean(axis=0)
            values.append(mean @ mean)
            influences = 2 * (rows - mean) @ mean
            errors.append(squared_error([influences], 2 * axes / n**2))
            plain.append(influence_error(influences))
        spread = np.std(values, ddof=1)
        assert np.mean(errors) == pytest.approx(spread, rel=0.2)
        assert shift or np.mean(plain) > 1.3 * spread
    assert curved_error(1.0, 0.75, 0.25) == 1.0  # never below what is left at 0
    assert curved_error(4.0, 0.75) == 3.25**0.5


def test_what_parts_share_and_what_each_has_for_itself():
    rng = np.random.default_rng(0)
    shared, own = rng.standard_normal((2000, 1)), rng.standard_normal((2, 2000, 5))
    half = 3 * shared + 2 * own[0]
    found = shared_error(half, -half, 400)
    assert found == pytest.approx((9 + 4 / 400) ** 0.5, rel=0.05)
    assert shared_error(own[0], -own[0], 400) == pytest.approx(1 / 20, rel=2)


# ---- the metrics ----


def features(rng, count, shift=0.0, scale=1.0, size=12, tail=0.3):
    rows = rng.standard_normal((count, size)) * np.linspace(1, 0.3, size)
    return np.maximum(rows * np.exp(tail * rng.standard_normal((count, 1))), -0.5) * scale + shift


def pictures(rng, count, blur=1.0, light=0.3):
    noise = ndimage.gaussian_filter(rng.standard_normal((count, 1, 16, 16)), (0, 0, blur, blur))
    noise *= 0.3 / noise.std() * np.exp(0.4 * rng.standard_normal((count, 1, 1, 1)))
    return np.clip(noise + light * rng.standard_normal((count, 1, 1, 1)), -1, 1).astype(np.float32)


def predictions(rng, count, shares, sure=4.0):
    logits = sure * np.eye(len(shares))[rng.choice(len(shares), count, p=shares)]
    logits = logits + rng.standard_normal(logits.shape)
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def asked(rng, count):
    labels = np.arange(count) % 4
    wrong = rng.random(count) < np.array([0.05, 0.2, 0.5, 0.9])[labels]
    return Bundle(probabilities=np.eye(5)[np.where(wrong, 4, labels)], labels=labels)


def trained_and_held_out(rng):
    return Bundle(images=TRAINED, held_out=pictures(rng, 80))


TRAINED = pictures(np.random.default_rng(9), 100)
EVEN, UNEVEN, RARE = np.full(6, 1 / 6), [0.3, 0.25, 0.2, 0.15, 0.07, 0.03], [0.3, 0.3, 0.2, 0.16, 0.02, 0.02]
MANIFOLD = ("precision", "recall", "density", "coverage")


def of_features(*given, **settings):
    return lambda rng: Bundle(features=features(rng, *given, **settings))


def of_pictures(*given):
    return lambda rng: Bundle(images=pictures(rng, *given))


def of_predictions(*given):
    return lambda rng: Bundle(probabilities=predictions(rng, *given))


LABELS = ("label_kl", "classifier_score")
CASES = {  # name: (metrics, real side by a generator of random numbers, samples)
    "frechet at 0": (("frechet",), of_features(400), of_features(400)),
    "frechet near 0": (("frechet",), of_features(400), of_features(300, 0.05)),
    "frechet far": (("frechet",), of_features(400), of_features(400, 0.3, 1.3)),
    "frechet of few": (("frechet",), of_features(60, size=80), of_features(60, size=80)),
    "kernel at 0": (("kernel",), of_features(400), of_features(400)),
    "kernel near 0": (("kernel",), of_features(400), of_features(300, 0.05)),
    "kernel far": (("kernel",), of_features(400), of_features(400, 0.3)),
    "manifold of equals": (MANIFOLD, of_features(250), of_features(250)),
    "manifold of others": (MANIFOLD, of_features(250), of_features(200, 0.4, 1.2)),
    "swd at 0": (("swd",), of_pictures(80), of_pictures(80)),
    "swd far": (("swd",), of_pictures(80), of_pictures(80, 2.0, 0.1)),
    "ms_ssim": (("ms_ssim",), lambda rng: Bundle(images=TRAINED), of_pictures(120)),
    "copies": (("copies",), trained_and_held_out, of_pictures(60, 1.3)),
    "labels at 0": (LABELS, of_predictions(300, EVEN), of_predictions(300, EVEN)),
    "labels far": (LABELS, of_predictions(400, EVEN), of_predictions(300, UNEVEN)),
    "missing classes": (("missing_classes",), lambda rng: Bundle(), of_predictions(300, RARE, 9.0)),
    "agreement": (("class_agreement",), lambda rng: Bundle(), lambda rng: asked(rng, 400)),
}


def ratios(case: str, repetitions: int) -> dict:
    """{metric: mean standard error / standard deviation of the values} over independent repetitions."""
    names, real, fake = CASES[case]
    found: dict = {name: [] for name in names}
    for repetition in range(repetitions):
        rng = np.random.default_rng(repetition)
        scores = measure(names, real(rng), fake(rng), Settings(subsets=40, subset_size=60))
        for name in names:
            found[name].append((scores[name].value, scores[name].details["standard_error"]))
    return {name: np.mean(rows, axis=0)[1] / np.std(rows, axis=0, ddof=1)[0] for name, rows in found.items()}


SLOW = {"swd": (20, 0.6, 1.6), "manifold": (60, 0.65, 1.5)}  # 20 repetitions know the deviation to 16 %, 60 to 9 %


@pytest.mark.parametrize("case", CASES)
def test_an_error_is_the_deviation_over_repetitions(case):
    repetitions, least, most = SLOW.get(case.split()[0], (200, 0.7, 1.4))
    for name, ratio in ratios(case, repetitions).items():
        assert least < ratio < most, name


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_an_error_is_the_deviation_over_many_repetitions(case):
    for name, ratio in ratios(case, 60 if case.startswith("swd") else 400).items():
        assert 0.7 < ratio < 1.4, name


# ---- what real images get ----


def test_what_real_images_get_is_what_other_real_images_get():
    """`real` of n images is measured on halves: about the value of n / 2 fresh images of the same distribution."""
    rng = np.random.default_rng(0)
    names = ("frechet", *MANIFOLD)
    found = [measure(names, *(Bundle(features=features(rng, 400)) for _ in range(2))) for _ in range(12)]
    halved = [measure(names, *(Bundle(features=features(rng, 200)) for _ in range(2))) for _ in range(12)]
    for name in names:
        assert {each[name].details["real_images"] for each in found} == {200}
        real = np.mean([each[name].details["real"] for each in found])
        assert real == pytest.approx(np.mean([each[name].value for each in halved]), rel=0.15)
    images = [Bundle(images=pictures(rng, 80)) for _ in range(2)]
    swd = measure(["swd"], *images)["swd"].details
    of_halves = [
        measure(["swd"], *(Bundle(images=pictures(rng, 40)) for _ in range(2)))["swd"].value for _ in range(10)
    ]
    assert swd["real_images"] == 40
    assert swd["real"] == pytest.approx(np.mean(of_halves), rel=0.25)


def score_of(samples: Bundle):
    return measure(["classifier_score"], Bundle(), samples)["classifier_score"]


def test_the_bias_of_the_classifier_score_is_what_more_samples_add():
    rng = np.random.default_rng(0)
    few, many = (
        [score_of(of_predictions(count, EVEN)(rng)) for _ in range(times)] for count, times in ((200, 20), (20_000, 1))
    )
    value, bias, error = (
        np.mean([each.value if name is None else each.details[name] for each in few])
        for name in (None, "bias", "standard_error")
    )
    assert bias < -error
    assert value - bias == pytest.approx(many[0].value, rel=0.02)
    assert abs(many[0].details["bias"]) < abs(bias) / 50


def test_what_real_images_have_of_label_kl():
    rng = np.random.default_rng(0)
    found = [
        measure(["label_kl"], *(Bundle(probabilities=predictions(rng, 300, EVEN)) for _ in range(2)))["label_kl"]
        for _ in range(100)
    ]
    assert np.mean([each.value for each in found]) == pytest.approx(found[0].details["real"], rel=0.25)
