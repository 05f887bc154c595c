"""The adaptive probability: its steps, its state in a checkpoint, its lines in the history, what it refuses."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

import mxgan
from mxgan.callbacks.adaptive_augmentation import AdaptiveAugmentation
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.objectives.augment.augmenter import Augmenter
from mxgan.runtime import mx
from mxgan.training.schedule import Schedule
from tests.support import assert_same, params_of, tiny_config
from tests.tiny_run import contents, differences

BATCH = 1000  # images in a step: four steps move the probability by 0.008
TRAINER = SimpleNamespace(pair=SimpleNamespace(whole_batch_size=BATCH, schedule=Schedule()))


def adaptive(objective="gan", target=0.6, names=("cutout",)):
    augmenter = Augmenter(names, (3, 8, 8))
    return augmenter, AdaptiveAugmentation(augmenter, target, objective)


def tell(callback, *shares, low=0.2, high=0.9) -> None:
    """One step for each share of ten predictions that are above the threshold."""
    for share in shares:
        values = [high] * round(10 * share) + [low] * round(10 - 10 * share)
        callback.on_step_end(TRAINER, None, SimpleNamespace(real_prediction=mx.nd.array(values).reshape((-1, 1))))


def test_the_probability_follows_the_sign_of_four_steps_one_step_later():
    augmenter, callback = adaptive()
    assert (augmenter.adaptive, augmenter.probability) == (True, 0.0)
    tell(callback, 1, 1, 0.9, 0.9)
    assert math.isnan(augmenter.sign)
    tell(callback, 0.0)  # the fifth step; the first four are read
    assert augmenter.sign == pytest.approx(0.9)
    assert augmenter.probability == 4 * BATCH / 500_000
    tell(callback, 0.5, 0.5, 0.5)
    assert augmenter.probability == 4 * BATCH / 500_000
    tell(callback, 0.5)
    assert augmenter.sign == pytest.approx(-0.25)
    assert augmenter.probability == 0
    tell(callback, *[0.0] * 8)
    assert augmenter.probability == 0  # not below


@pytest.mark.parametrize("steps, warned", [(49, True), (50, False), (None, False)])
def test_a_training_too_short_for_it_is_said_at_the_start(steps, warned, caplog):
    augmenter = Augmenter(("cutout",), (3, 8, 8))
    callback = AdaptiveAugmentation(augmenter, 0.6, "gan", steps)
    callback.on_fit_begin(SimpleNamespace(pair=TRAINER.pair, step=0))
    text = "augment_target 0.6: the probability of the augmentations begins at 0 and reaches at most 0.098 in 49,000 im"
    assert (text in caplog.text) == bool(caplog.messages) == warned
    augmenter.probability = 0.05  # as when a run is resumed
    caplog.clear()
    callback.on_fit_begin(SimpleNamespace(pair=TRAINER.pair, step=24))
    assert not caplog.messages


def test_the_probability_ends_at_one():
    augmenter, callback = adaptive()
    tell(callback, *[1.0] * (4 * 130 + 1))
    assert augmenter.probability == 1.0


@pytest.mark.parametrize(
    "objective, low, high", [("gan", 0.4, 0.6), ("least_squares", 0.3, 1.4), ("hinge_loss", -1, 1)]
)
def test_the_objective_says_what_is_above(objective, low, high):
    augmenter, callback = adaptive(objective)
    tell(callback, *[0.9] * 5, low=low, high=high)
    assert augmenter.sign == pytest.approx(0.8)


def test_the_state_is_that_of_a_training_without_a_stop():
    signs = [1, 0.9, 0.3, 1, 1, 0.2, 0.9, 1, 1, 0.8, 1]
    augmenter, whole = adaptive()
    tell(whole, *signs)
    for stop in range(len(signs)):
        first, before = adaptive()
        tell(before, *signs[:stop])
        state = json.loads(json.dumps(before.state()))
        again, after = adaptive()
        after.restore(state)
        tell(after, *signs[stop:])
        assert (again.probability, again.sign) == (augmenter.probability, augmenter.sign), stop
        assert after.state() == whole.state()
        assert before.state() == state
        assert first.adaptive


def test_a_checkpoint_without_it_begins_at_0_and_another_form_is_refused():
    augmenter, callback = adaptive()
    tell(callback, *[1] * 9)
    callback.restore({})
    assert augmenter.probability == 0
    for state in ({"probability": 2, "sign": None, "pending": []}, {"probability": 0.5}, {"probability": None}):
        with pytest.raises(CheckpointError, match="the checkpoint's state of AdaptiveAugmentation"):
            callback.restore(state)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"objective": "wasserstein"}, "with the objective 'wasserstein' the sign of D's prediction says nothing"),
        ({"target": 1.0}, "augment_target is 1.0; give a number above 0 and below 1, as 0.6, or null."),
        ({"target": float("nan")}, "augment_target is nan"),
        ({"names": ()}, "augment_target is 0.6, and there is no augmentation to adapt; add --augment colour,"),
    ],
)
def test_what_cannot_be_adapted(settings, words):
    with pytest.raises(ArgumentError) as caught:
        adaptive(**settings)
    assert words in str(caught.value)


def augmented_config(**settings):
    config = tiny_config(steps=14, log_every=1, checkpoint_every=7, **settings)
    recipe = replace(config.recipe, augment=("colour", "translation", "cutout"), augment_target=0.1, mirror=True)
    return replace(config, recipe=replace(recipe, batch_size=64))


def test_a_run_goes_on_with_the_same_bits_and_writes_the_probability(tmp_path, caplog):
    whole = mxgan.start(augmented_config(), tmp_path / "whole", display="none", progress=False)
    whole.run()
    assert "reaches at most" in caplog.text
    rows = [json.loads(line) for line in (tmp_path / "whole" / "history.jsonl").read_text().splitlines()]
    found = [(row["augment_probability"], row["augment_sign"]) for row in rows]
    assert found[:4] == [(0.0, None)] * 4
    assert {probability for probability, _ in found} == {0.0, 256 / 500_000, 512 / 500_000, 768 / 500_000}
    assert all(-1 <= sign <= 1 for _, sign in found[4:])
    mxgan.start(replace(augmented_config(), steps=7), tmp_path / "halves" / "whole", "none", False).run()
    session = mxgan.resume(tmp_path / "halves" / "whole", steps=14, display="none", progress=False)
    session.run()
    assert_same(params_of(session.trainer.pair), params_of(whole.trainer.pair))
    assert session.trainer.pair.augmenter.probability == whole.trainer.pair.augmenter.probability > 0
    kept = differences(contents(session.folder.path), contents(whole.folder.path))
    assert [name for name in kept if not name.endswith(("000007.png", "-symbol.json"))] == []


def test_the_saved_discriminator_takes_images_as_they_are(tmp_path):
    config = replace(augmented_config(), steps=1)
    mxgan.start(config, tmp_path / "run", display="none", progress=False).run()
    (symbol,) = (tmp_path / "run" / "checkpoints").glob("*/*_D_*-symbol.json")
    assert "augment_" not in symbol.read_text()
    assert set(mx.sym.load(str(symbol)).list_arguments()) >= {"data", "label"}
