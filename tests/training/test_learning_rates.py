"""Learning-rate schedules against their formulas, MXNet's own schedulers, and runs that were interrupted."""

from __future__ import annotations

import json
import logging
import math

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.config import from_dict, override, to_dict
from mxgan.training.learning_rates import SHAPES, LearningRateSchedule
from mxgan.training.optimizers import OptimizerConfig
from mxgan.training.schedule import Schedule
from mxgan.training.scheduled_rate import ScheduledRate
from tests.support import Spoil, assert_same, long_but, make_pair, params_of, tiny_config, train

RATE = 2e-4


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, {0: 1, 50: 1, 10**6: 1}),
        ({"shape": "linear", "steps": 100}, {0: 1, 25: 0.75, 99: 0.01, 100: 0, 500: 0}),
        ({"shape": "linear", "steps": 100, "final": 0.2}, {0: 1, 50: 0.6, 100: 0.2, 101: 0.2}),
        ({"shape": "cosine", "steps": 100}, {0: 1, 50: 0.5, 25: (1 + math.cos(math.pi / 4)) / 2, 100: 0}),
        ({"shape": "cosine", "steps": 100, "final": 0.1}, {0: 1, 50: 0.55, 100: 0.1}),
        ({"shape": "steps", "milestones": (10, 20), "factor": 0.5}, {9: 1, 10: 0.5, 19: 0.5, 20: 0.25, 99: 0.25}),
        ({"warmup": 4}, {0: 0.25, 1: 0.5, 3: 1, 4: 1, 100: 1}),
        ({"shape": "linear", "steps": 104, "warmup": 4}, {0: 0.25, 3: 1, 4: 1, 54: 0.5, 104: 0}),
        ({"shape": "steps", "milestones": (2, 8), "warmup": 4}, {0: 0.25, 3: 1, 4: 0.1, 8: 0.01}),
    ],
)
def test_the_share_is_the_formula(settings, expected):
    schedule = LearningRateSchedule(**settings)
    for step, share in expected.items():
        assert schedule.share_at(step) == pytest.approx(share, abs=1e-12), step


@pytest.mark.parametrize("shape", SHAPES)
def test_every_row_starts_at_the_full_rate_and_never_rises_or_goes_below_zero(shape):
    more = {"constant": {}, "steps": {"milestones": (5,)}}.get(shape, {"steps": 20})
    schedule = LearningRateSchedule(shape, **more)
    shares = [schedule.share_at(step) for step in range(30)]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert min(shares) >= 0


def test_a_strangers_arguments_are_refused_and_a_strangers_count_takes_no_time():
    """config.json and state.json may be a stranger's: MXNet's loops would not end, or divide by 0."""
    good = to_dict(LearningRateSchedule.of_mxnet(mx.lr_scheduler.FactorScheduler(5, 0.5), RATE))
    for name, value in (("step", 0), ("step", -1), ("step", 2.5), ("factor", 2), ("warmup_mode", "x")):
        with pytest.raises(ArgumentError, match=f"{name} of the FactorScheduler is .*, which MXNet cannot follow"):
            from_dict(LearningRateSchedule, {**good, "arguments": {**good["arguments"], name: value}})
    with pytest.raises(ArgumentError, match="only MXNet's own scheduler objects"):
        from_dict(LearningRateSchedule, {**good, "arguments": {**good["arguments"], "other": 1}})
    cosine = to_dict(LearningRateSchedule.of_mxnet(mx.lr_scheduler.CosineScheduler(5), RATE))
    with pytest.raises(ArgumentError, match="max_update of the CosineScheduler is not above its warmup_steps"):
        from_dict(LearningRateSchedule, {**cosine, "arguments": {**cosine["arguments"], "warmup_steps": 5}})
    early = LearningRateSchedule.of_mxnet(mx.lr_scheduler.FactorScheduler(5, base_lr=1, warmup_begin_lr=0.5), 1)
    with pytest.raises(ArgumentError, match="FactorScheduler was refused by MXNet: Base lr has to be higher"):
        ScheduledRate(early, RATE)
    schedule = from_dict(LearningRateSchedule, good)
    assert ScheduledRate(schedule, RATE)(2**52) == 1e-8
    assert ScheduledRate(schedule, RATE)(100_000) == pytest.approx(mx.lr_scheduler.FactorScheduler(5, 0.5)(100_000))


def test_the_steps_go_on_where_the_number_of_updates_in_a_step_has_changed():
    rate = ScheduledRate(LearningRateSchedule("linear", steps=16), RATE, updates_per_step=4)
    rate.continue_from(step=8, num_update=8)  # of a run that had one update in a step
    assert [rate(update) / RATE for update in (9, 12, 13)] == pytest.approx([0.5, 0.5, 0.4375])


def test_share_at_is_refused_where_it_is_not_known():
    for schedule in (
        LearningRateSchedule("linear"),
        OptimizerConfig("sgd", RATE, {}, mx.lr_scheduler.FactorScheduler(5)).schedule,
    ):
        with pytest.raises(ArgumentError, match="at a step is not known"):
            schedule.share_at(5)
    with pytest.raises(ArgumentError, match="warmup is 20, and the training ends at step 10"):
        ScheduledRate(LearningRateSchedule("cosine", warmup=20), RATE, end=10)


def test_a_schedule_may_be_given_as_an_object_of_settings():
    linear = LearningRateSchedule("linear", steps=100)
    assert OptimizerConfig(schedule={"shape": "linear", "steps": 100}).schedule == linear
    for value in ({"shape": "linear", "steps": 100}, '{"shape": "linear", "steps": 100}', linear):
        config = override(tiny_config(steps=1), {"generator_optimizer.schedule": value})
        assert config.recipe.generator_optimizer.schedule == linear
    with pytest.raises(ArgumentError, match="schedule is None; give a LearningRateSchedule"):
        OptimizerConfig(schedule=None)
    both = OptimizerConfig("sgd", RATE, {"lr_scheduler": mx.lr_scheduler.FactorScheduler(5)}, linear)
    with pytest.raises(ArgumentError, match="give one of the two"):
        make_pair(optimizer=both)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"steps": 500}, "steps of the learning-rate schedule 'constant' is 500: it is a setting of linear and cosine"),
        ({"shape": "linear", "factor": 0.5}, "factor of the learning-rate schedule 'linear' is 0.5"),
        ({"shape": "cosine", "final": "x"}, "final is 'x'"),
        ({"shape": "steps", "milestones": 5}, "milestones are 5; give a list"),
        ({"shape": "cosin"}, "unknown shape of a learning-rate schedule 'cosin'; did you mean 'cosine'?"),
        ({"shape": "linear", "steps": 0}, "steps of the learning-rate schedule is 0"),
        ({"shape": "linear", "steps": 5, "warmup": 5}, "give a whole number from 6"),
        ({"warmup": -1}, "warmup is -1"),
        ({"shape": "cosine", "final": 1.5}, "final is 1.5"),
        ({"shape": "steps"}, "milestones are []; the schedule 'steps' needs some"),
        (
            {"shape": "linear", "milestones": (3,)},
            "milestones of the learning-rate schedule 'linear' is [3]: it is a setting of steps alone",
        ),
        ({"shape": "steps", "milestones": (20, 10)}, "in ascending order"),
        ({"shape": "steps", "milestones": (10,), "factor": 0}, "factor is 0"),
        ({"shape": "CosineScheduler"}, "only MXNet's own scheduler objects"),
    ],
)
def test_what_is_no_schedule_is_named(settings, words):
    with pytest.raises(ArgumentError) as caught:
        LearningRateSchedule(**settings)
    assert words in str(caught.value)


def rates_of(schedule, steps=12, half="discriminator", order: Schedule = Schedule(), end=None) -> list:
    """The rate of each update of one half in so many steps of a tiny pair, as its optimiser has used it."""
    pair = make_pair(optimizer=OptimizerConfig("sgd", RATE, {}, schedule), schedule=order, end=end)
    optimizer, found = getattr(pair, half)._optimizer, []
    asked = optimizer.lr_scheduler
    optimizer.lr_scheduler = lambda update: (found.append((update, asked(update))), found[-1][1])[1]
    for _ in range(steps):
        batch = [mx.nd.zeros((pair.batch_size, *pair.latent_shape))] * order.latent_batches
        pair.step(batch, [mx.nd.zeros((pair.batch_size, *pair.image_shape))] * order.real_batches)
    return [rate for _, rate in sorted(dict(found).items())]


def test_a_step_counts_once_however_many_updates_it_has():
    schedule, order = LearningRateSchedule("linear", steps=4), Schedule(2, 3, separate_updates=True)
    steps = [RATE * share for share in (1, 0.75, 0.5, 0.25)]
    assert rates_of(schedule, 4, order=order) == pytest.approx(np.repeat(steps, 4))
    assert rates_of(schedule, 4, "generator", order) == pytest.approx(np.repeat(steps, 3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: mx.lr_scheduler.FactorScheduler(step=3, factor=0.5, base_lr=RATE),
        lambda: mx.lr_scheduler.MultiFactorScheduler(step=[2, 7], factor=0.1, base_lr=RATE, warmup_steps=1),
        lambda: mx.lr_scheduler.PolyScheduler(max_update=10, base_lr=RATE, pwr=2, final_lr=1e-6),
        lambda: mx.lr_scheduler.CosineScheduler(max_update=10, base_lr=RATE, warmup_steps=2),
    ],
    ids=["factor", "multi-factor", "poly", "cosine"],
)
def test_mxnets_own_schedulers_give_mxnets_rates_through_json_too(make):
    config = OptimizerConfig("sgd", RATE, {}, make())
    assert from_dict(OptimizerConfig, json.loads(json.dumps(to_dict(config)))) == config
    mxnets = make()
    expected = [mxnets(update) for update in range(1, 13)]
    assert rates_of(config.schedule) == expected
    resumed = ScheduledRate(config.schedule, RATE)  # asked in the middle, past the end, and before: after a rollback
    assert [resumed(update) for update in (5, 12, 3)] == [expected[update - 1] for update in (5, 12, 3)]
    assert ScheduledRate(config.schedule, RATE)(12) == expected[-1]
    assert rates_of(make()) == expected


def test_mxnets_default_base_lr_gives_way_to_the_learning_rate():
    config = OptimizerConfig("sgd", 0.5, {}, mx.lr_scheduler.PolyScheduler(max_update=10, pwr=1))
    assert config.schedule.of_mxnets_class(0.5)(5) == pytest.approx(0.25)


def test_schedulers_that_cannot_be_recorded_are_named():
    class Own(mx.lr_scheduler.LRScheduler):
        def __call__(self, num_update):
            return self.base_lr / num_update

    with pytest.raises(ArgumentError, match="the scheduler Own cannot be recorded in config.json"):
        OptimizerConfig(schedule=Own())
    with pytest.raises(ArgumentError, match=r"learning_rate is 0.0002, and the base_lr of the PolyScheduler is 0.5"):
        OptimizerConfig(schedule=mx.lr_scheduler.PolyScheduler(10, base_lr=0.5))
    optimizer = OptimizerConfig("sgd", RATE, {"lr_scheduler": Own()})
    with pytest.raises(ArgumentError, match=r"cannot be written to config.json: .*Own.*OptimizerConfig\(schedule="):
        mxgan.RunConfig(mxgan.Recipe("", "", generator_optimizer=optimizer), steps=1)
    pair = make_pair(optimizer=optimizer)  # a loop of one's own may have it, and be scaled
    pair.learning_rate_scale = 0.5
    train(pair, 0, 2)
    assert pair.learning_rates()["generator"] == pytest.approx(0.5 * RATE / 3)


def test_a_schedule_that_ends_with_the_run_needs_its_end():
    with pytest.raises(ArgumentError, match="the learning-rate schedule 'cosine' has no steps, and the end"):
        make_pair(optimizer=OptimizerConfig(schedule="cosine"))
    assert rates_of(LearningRateSchedule("linear"), 4, end=4) == pytest.approx([RATE * s for s in (1, 0.75, 0.5, 0.25)])


SETTINGS = {
    "linear": {"generator_optimizer.schedule": "linear", "discriminator_optimizer.schedule": "linear"},
    "cosine": {"generator_optimizer.schedule": "cosine", "generator_optimizer.schedule.warmup": "3"},
    "steps": {
        "discriminator_optimizer.schedule": "steps",
        "discriminator_optimizer.schedule.milestones": "[4, 10]",
    },
}


def whole_and_resumed(config, folder) -> list:
    """The trainers of a run of 12 steps in one go, and of the same run stopped at step 8 and resumed."""
    whole = mxgan.start(config, folder / "whole", "none")
    whole.run()
    first = mxgan.start(config, folder / "parts", "none")
    first.trainer.fit(steps=8)
    first.lock.release()
    second = mxgan.resume(folder / "parts", display="none")
    assert second.trainer.step == 8
    second.run()
    return [whole.trainer, second.trainer]


@pytest.mark.parametrize("name", long_but(SETTINGS, "linear"))
def test_a_resumed_run_has_the_bits_of_a_whole_one(name, tmp_path):
    whole, resumed = whole_and_resumed(override(tiny_config(steps=12), SETTINGS[name]), tmp_path)
    assert_same(params_of(resumed.pair), params_of(whole.pair))
    last = json.loads((tmp_path / "whole/history.jsonl").read_text().splitlines()[-1])
    assert {"learning_rate_g", "learning_rate_d"} <= set(last)
    plain = mxgan.start(tiny_config(steps=12), tmp_path / "plain", "none")
    plain.run()
    changed = params_of(plain.trainer.pair)
    assert any((value != changed[key]).any() for key, value in params_of(whole.pair).items())


def test_a_run_with_mxnets_scheduler_resumes_to_the_bit(tmp_path):
    scheduler = mx.lr_scheduler.FactorScheduler(step=5, factor=0.5, base_lr=8e-4)
    config = override(tiny_config(steps=12), {"generator_optimizer.schedule": scheduler})
    whole, resumed = whole_and_resumed(config, tmp_path)
    assert_same(params_of(resumed.pair), params_of(whole.pair))
    assert resumed.pair.learning_rates()["generator"] == pytest.approx(2e-4)


def test_a_rollback_scales_the_schedule(tmp_path):
    config = override(tiny_config(steps=16, on_nan="rollback"), SETTINGS["linear"])
    session = mxgan.start(config, tmp_path / "run", "none", callbacks=[Spoil("generator", "g1_weight", 10)])
    session.trainer.fit(steps=12)
    assert session.trainer.pair.learning_rate_scale == 0.5
    assert session.trainer.pair.learning_rates()["generator"] == pytest.approx(0.5 * 8e-4 * 4 / 16)
    session.lock.release()
    resumed = mxgan.resume(tmp_path / "run", display="none")
    assert resumed.trainer.pair.learning_rates()["generator"] == pytest.approx(0.5 * 8e-4 * 4 / 16)
    resumed.lock.release()


def test_another_end_of_the_run_is_told_where_the_schedule_ends_with_it(tmp_path, caplog):
    config = override(tiny_config(steps=4), SETTINGS["linear"])
    mxgan.start(config, tmp_path / "run", "none").run()
    with caplog.at_level(logging.WARNING):
        session = mxgan.resume(tmp_path / "run", steps=8, display="none")
    assert "The run has another end, and a learning-rate schedule depends on it" in caplog.text
    assert session.trainer.pair.learning_rates()["generator"] == pytest.approx(8e-4 * 0.5)
    session.lock.release()


def test_a_constant_schedule_leaves_mxnets_optimiser_alone():
    assert make_pair().generator._optimizer.lr_scheduler is None
