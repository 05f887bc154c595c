"""The accuracy of a D that classifies: counted image by image, padding left out, nothing changed by it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.callbacks.evaluator import classifier_accuracy
from mxgan.errors import ArgumentError, ShapeError
from mxgan.runs.pair import build_pair
from mxgan.runtime import mx
from tests.support import assert_same, make_pair, params_of


def config(**settings):
    recipe = mxgan.RECIPES["ssgan"]
    network = replace(recipe.network, ngf=4, ndf=8, image_size=16, latent_size=10)
    recipe = replace(recipe, network=network, batch_size=50)
    return mxgan.RunConfig(recipe=recipe, dataset="digits", log_every=10, sample_every=20, **settings)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    made = mxgan.start(config(steps=120), tmp_path_factory.mktemp("ssgan") / "run", display="none", progress=False)
    made.run()
    return made


@pytest.mark.long
def test_hundred_labels_teach_d_to_classify(session):
    rows = [json.loads(line) for line in session.folder.evaluation_path.read_text().splitlines()]
    assert [row["step"] for row in rows] == [20, 40, 60, 80, 100, 120]
    assert all(row["images"] == 360 for row in rows)
    right = rows[-1]["test_accuracy"]
    assert right > 0.5  # chance is 0.1
    draws = np.random.default_rng(0).binomial(360, right, size=20_000) / 360  # other test sets, of as many images
    assert rows[-1]["errors"]["test_accuracy"] == pytest.approx(draws.std(), rel=0.03)
    history = [json.loads(line) for line in session.folder.history_path.read_text().splitlines()]
    assert history[-1]["class_accuracy_labelled"] > 0.9
    assert "class_accuracy_real" not in history[-1]  # the classes of the other real images are not told


@pytest.mark.long
def test_the_labelled_images_are_ten_of_each_class_and_none_is_of_the_test_set(session):
    few = session.trainer.labelled
    np.testing.assert_array_equal(np.bincount(few.labels.astype(int)), np.full(10, 10))
    assert session.trainer.data.num_images == 1437


@pytest.mark.long
def test_accuracy_is_the_share_of_right_images_each_counted_once(session):
    pair = session.trainer.pair
    test = mxgan.open_dataset(
        "digits", batch_size=50, image_size=16, channels=1, split="test", shuffle=False
    )  # 360: a padded end
    before = params_of(pair)
    accuracy = classifier_accuracy(pair, test)
    assert_same(params_of(pair), before)
    test.seek(0)
    right = []
    for batch in test:
        found = pair.classify(batch.data[0]).asnumpy().argmax(axis=1) == batch.label[0].asnumpy()
        right += list(found[: 50 - batch.pad])
    assert len(right) == 360
    assert accuracy == np.mean(right)


def test_a_discriminator_without_classes_says_so():
    with pytest.raises(ArgumentError, match="this discriminator does not classify"):
        make_pair().classify(mx.nd.zeros((4, 3, 16, 16)))


def test_images_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"'data' is NDArray .50, 3, 16, 16. float32; give .* .50, 1, 16, 16."):
        build_pair(config(steps=1)).classify(mx.nd.zeros((50, 3, 16, 16)))


@pytest.mark.long
def test_evaluations_are_those_of_a_run_that_was_never_stopped(session, tmp_path):
    """Stopped at a step that is no evaluation's: the one at its end is dropped when it goes on."""
    part = mxgan.start(replace(session.config, steps=30), tmp_path / "run", display="none", progress=False)
    part.run()
    steps = [json.loads(line)["step"] for line in part.folder.evaluation_path.read_text().splitlines()]
    assert steps == [20, 30]
    whole = mxgan.resume(part.folder.path, steps=session.config.steps, display="none", progress=False)
    whole.run()
    assert whole.folder.evaluation_path.read_text() == session.folder.evaluation_path.read_text()
