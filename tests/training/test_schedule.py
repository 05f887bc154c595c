"""The order of a step as a list: worked out by hand for each published schedule."""

import itertools

import pytest

from mxgan.errors import ArgumentError
from mxgan.training.schedule import Schedule

G, FAKE, REAL = "generate", "judge_fake", "judge_real"
UPDATE_D, UPDATE_G = "update_discriminator", "update_generator"


def test_the_default_is_the_order_of_the_original():
    expected = [(G, 0), (FAKE, 0), (REAL, 0), (UPDATE_D, 0), (UPDATE_G, 0)]
    assert Schedule().plan() == expected
    assert (Schedule().real_batches, Schedule().latent_batches) == (1, 1)


def test_five_critic_rounds_then_fresh_fakes_for_the_generator():
    schedule = Schedule(discriminator_updates=5, fresh_fakes=True)
    rounds = [[(G, k), (FAKE, k), (REAL, k), ("penalize", k), (UPDATE_D, k)] for k in range(5)]
    assert schedule.plan(penalty=True) == [*itertools.chain(*rounds), (G, 5), (UPDATE_G, 0)]
    assert (schedule.real_batches, schedule.latent_batches) == (5, 6)


def test_several_generator_updates_each_see_fakes_of_the_generator_as_it_is():
    kept = Schedule(generator_updates=3, fresh_fakes=True, fixed_latents=True)
    assert kept.plan()[4:] == [(G, 1), (UPDATE_G, 0)] * 3
    assert kept.latent_batches == 2
    fresh = Schedule(generator_updates=3)
    assert fresh.plan()[4:] == [(UPDATE_G, 0), (G, 1), (UPDATE_G, 0), (G, 2), (UPDATE_G, 0)]
    assert fresh.latent_batches == 3


def test_separate_updates_put_the_reals_first():
    plan = Schedule(separate_updates=True).plan(labelled=True)
    labelled = ("judge_labelled", 0)
    assert plan == [(REAL, 0), labelled, (UPDATE_D, 0), (G, 0), (FAKE, 0), (UPDATE_D, 0), (UPDATE_G, 0)]


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"discriminator_updates": 0}, "discriminator_updates"),
        ({"generator_updates": 1.5}, "generator_updates"),
        ({"fixed_latents": "yes"}, "fixed_latents"),
    ],
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(ArgumentError, match=words):
        Schedule(**settings)
