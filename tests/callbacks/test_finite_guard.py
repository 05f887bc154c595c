"""NaN and infinity: found in the step and the layer where they arose, and what a run does about them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.callbacks.finite_guard import SMALL, sums_of_squares
from mxgan.errors import DivergedError
from mxgan.runtime import mx
from mxgan.training.callback import Callback
from tests.support import Spoil, assert_same, params_of, tiny_config


def session_of(config, folder, *callbacks):
    session = mxgan.start(config, folder, display="none", progress=False)
    session.trainer.callbacks[:0] = callbacks
    return session


@pytest.mark.parametrize("sizes", [[3, 5], [SMALL + 1], [7, SMALL + 1, 2, SMALL + 3, SMALL]])
def test_sums_of_squares_are_numpys(sizes):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=size).astype(np.float32) for size in sizes]
    found = sums_of_squares([mx.nd.array(array) for array in arrays]).asnumpy()
    np.testing.assert_allclose(found, [np.dot(a.astype(float), a) for a in arrays], rtol=1e-5)
    for index, value in enumerate((np.nan, np.inf, -np.inf)):
        which = index % len(arrays)
        arrays[which][-1] = value
        found = sums_of_squares([mx.nd.array(array) for array in arrays]).asnumpy()
        assert not np.isfinite(found[which])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("half, name", [("generator", "g3_weight"), ("discriminator", "d1_weight")])
def test_a_weight_that_is_not_finite_is_named_with_its_step(half, name, value, tmp_path):
    session = session_of(tiny_config(steps=30), tmp_path / "run", Spoil(half, name, 11, value))
    with pytest.raises(DivergedError, match=f"in step 11 '{name}' of the {half} is not finite.*000008") as info:
        session.run()
    assert (info.value.step, info.value.network, info.value.layer) == (11, half, name)
    assert session.trainer.step <= 11 + 3
    assert session.folder.checkpoint_steps() == [8]


def test_it_is_found_at_the_very_end_and_before_a_checkpoint(tmp_path):
    for at in (10, 16):
        session = session_of(tiny_config(steps=at), tmp_path / str(at), Spoil("generator", "g2_weight", at))
        with pytest.raises(DivergedError, match=f"in step {at} 'g2_weight'"):
            session.run()
        assert session.folder.checkpoint_steps() == [8]


def test_a_rate_that_is_too_high_is_found_where_it_strikes(tmp_path):
    """The discriminator's first update throws its weights out; what follows in the same step is not blamed."""
    config = tiny_config(steps=8)
    wild = replace(config.recipe.discriminator_optimizer, learning_rate=1e38)
    config = replace(config, recipe=replace(config.recipe, discriminator_optimizer=wild))
    with pytest.raises(DivergedError, match="in step 1 '.*' of the discriminator, and .* are not finite. There"):
        session_of(config, tmp_path / "run").run()


def test_statistics_that_are_not_finite(tmp_path):
    class Overflow(Callback):
        def on_step_end(self, trainer, batch, result):
            if trainer.step == 5:
                mx.nd.waitall()
                trainer.pair.statistics("generator")["gbn2_moving_var"][:] = np.inf

    session = session_of(tiny_config(steps=30), tmp_path / "run", Overflow())
    with pytest.raises(DivergedError, match="in step [56] the statistics 'gbn2_moving_var' of the generator"):
        session.run()


def test_parameters_that_were_never_finite(tmp_path):
    session = session_of(tiny_config(steps=8), tmp_path / "run")
    session.trainer.pair.parameters("generator")["g1_weight"][:] = np.inf
    with pytest.raises(DivergedError, match="before the first step 'g1_weight' of the generator is not finite"):
        session.run()


def test_the_guard_changes_no_bit(tmp_path):
    with_guard = session_of(tiny_config(steps=12), tmp_path / "with")
    with_guard.run()
    without = session_of(tiny_config(steps=12), tmp_path / "without")
    without.trainer.callbacks = [c for c in without.trainer.callbacks if type(c).__name__ != "FiniteGuard"]
    assert len(without.trainer.callbacks) == len(with_guard.trainer.callbacks) - 1
    without.run()
    assert_same(params_of(with_guard.trainer.pair), params_of(without.trainer.pair))


def test_rolled_back_it_goes_on_with_smaller_steps_and_says_so(tmp_path):
    config = tiny_config(steps=24, on_nan="rollback")
    session = session_of(config, tmp_path / "run", Spoil("generator", "g3_weight", 11))
    assert session.folder.checkpoint_steps() == []
    session.run()
    rows = [json.loads(line) for line in session.folder.history_path.read_text().splitlines()]
    assert [row["step"] for row in rows] == [4, 8, 12, 16, 20, 24]
    assert rows[2]["rollbacks"] == [
        {
            "from_step": 11,
            "to_step": 8,
            "cause": "'g3_weight' of the generator is not finite",
            "network": "generator",
            "layer": "g3_weight",
            "learning_rate_scale": 0.5,
        }
    ]
    assert all("rollbacks" not in row for row in rows if row["step"] != 12)
    pair = session.trainer.pair
    rates = [module._optimizer.lr for module in pair.halves().values()]
    wanted = [config.recipe.generator_optimizer.learning_rate, config.recipe.discriminator_optimizer.learning_rate]
    assert rates == [rate / 2 for rate in wanted]
    assert {path.name for path in session.folder.samples.glob("gout-*")} == {
        f"gout-{step:06d}.png" for step in (8, 16, 24)
    }

    # as a run that went on from step 8 with half the rates; and the smaller rates survive a resume
    by_hand = session_of(replace(config, steps=8), tmp_path / "by hand")
    by_hand.run()
    halved = mxgan.resume(tmp_path / "by hand", steps=20, display="none", progress=False)
    halved.trainer.pair.learning_rate_scale = 0.5
    halved.run()
    mxgan.resume(tmp_path / "by hand", steps=24, display="none", progress=False).run()
    again = mxgan.resume(tmp_path / "by hand", steps=25, display="none", progress=False)
    again.lock.release()
    assert again.trainer.pair.learning_rate_scale == 0.5
    assert_same(params_of(again.trainer.pair), params_of(pair))


@pytest.mark.long
def test_rolled_back_to_the_first_step_and_given_up_in_the_end(tmp_path):
    config = tiny_config(steps=6, on_nan="rollback")
    spoil = Spoil("discriminator", "d2_weight", 3, times=2)
    session = session_of(config, tmp_path / "twice", spoil)
    session.run()
    lines = [json.loads(line) for line in session.folder.history_path.read_text().splitlines()]
    (notes,) = [line["rollbacks"] for line in lines if "rollbacks" in line]
    assert [(note["to_step"], note["learning_rate_scale"]) for note in notes] == [(0, 0.5), (0, 0.25)]
    assert session.trainer.step == 6
    always = session_of(config, tmp_path / "always", Spoil("discriminator", "d2_weight", 3, times=1000))
    with pytest.raises(DivergedError, match="in step 3 'd2_weight'.* rolled back 10 times; try another seed"):
        always.run()
    assert always.trainer.pair.learning_rate_scale == 0.5**10
    assert always.folder.checkpoint_steps() == [0]
