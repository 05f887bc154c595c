"""The order of a step for each published schedule, worked out by hand."""

from types import SimpleNamespace

import pytest

from mxgan.errors import ArgumentError
from mxgan.training.schedule import Schedule
from mxgan.training.step import train_step

G, FAKE, REAL, KNOWN, PENALTY = "generate", "judge 0.0", "judge 0.9", "judge -1.0", "penalty"
UPDATE_D, UPDATE_G = "update D", "update G"


class Recorder:
    """Stands for a pair, and writes down what `train_step` asks of it; numbers are held by test_step and the oracle."""

    real_label, pairs_classes = 0.9, False

    def __init__(self, schedule: Schedule, penalty=None) -> None:
        self.schedule, self.penalty_points, self.asked, self.told = schedule, penalty, [], []

    def conditions_of(self, batch):
        return {"of": batch.data[0]}

    def generate(self, latents, classes, conditions):
        self.asked.append((G, latents))
        self.told.append((G, conditions["of"]))
        return f"fakes of {latents}"

    def accumulate_discriminator(self, images, label, classes, weight, conditions):
        self.asked.append((f"judge {label}", images))
        self.told.append((f"judge {label}", conditions["of"]))
        return None, None

    def accumulate_penalty(self, real, fake, classes, conditions):
        self.asked.append((PENALTY, (real, fake)))
        self.told.append((PENALTY, conditions["of"]))

    def update_discriminator(self):
        self.asked.append((UPDATE_D, None))

    def update_generator(self, fake, classes, conditions, real):
        assert real == [value for name, value in self.asked if name == REAL][-1]  # as D has seen them last
        self.asked.append((UPDATE_G, fake))
        self.told.append((UPDATE_G, conditions["of"]))
        return None, None


def recorded(schedule: Schedule, labelled: bool = False, penalty=None, noise=0.0) -> Recorder:
    """One step; latents and images are their numbers."""
    batches = [
        [SimpleNamespace(data=[f"{kind}{number}"], label=None) for number in range(count)]
        for kind, count in (
            ("z", schedule.latent_batches),
            ("x", schedule.real_batches),
            ("k", schedule.real_batches * labelled),
        )
    ]
    pair = Recorder(schedule, penalty)
    train_step(pair, *batches, noise=noise)
    return pair


def order_of(*arguments, **settings) -> list:
    """[(action, what it is done with)] of one step."""
    return recorded(*arguments, **settings).asked


def test_the_default_is_the_order_of_the_original():
    fake = "fakes of z0"
    assert order_of(Schedule()) == [(G, "z0"), (FAKE, fake), (REAL, "x0"), (UPDATE_D, None), (UPDATE_G, fake)]
    assert (Schedule().real_batches, Schedule().latent_batches) == (1, 1)


def test_five_critic_rounds_then_fresh_fakes_for_the_generator():
    schedule = Schedule(discriminator_updates=5, fresh_fakes=True)
    rounds = [
        [(G, f"z{k}"), (FAKE, f"fakes of z{k}"), (REAL, f"x{k}"), (PENALTY, (f"x{k}", f"fakes of z{k}"))]
        for k in range(5)
    ]
    expected = [action for each in rounds for action in [*each, (UPDATE_D, None)]]
    assert order_of(schedule, penalty="between") == [*expected, (G, "z5"), (UPDATE_G, "fakes of z5")]
    assert (schedule.real_batches, schedule.latent_batches) == (5, 6)


def test_several_generator_updates_each_see_fakes_of_the_generator_as_it_is():
    kept = Schedule(generator_updates=3, fresh_fakes=True, fixed_latents=True)
    assert order_of(kept)[4:] == [(G, "z1"), (UPDATE_G, "fakes of z1")] * 3
    assert kept.latent_batches == 2
    fresh = Schedule(generator_updates=3)
    updates = [(UPDATE_G, f"fakes of z{k}") for k in range(3)]
    assert order_of(fresh)[4:] == [updates[0], (G, "z1"), updates[1], (G, "z2"), updates[2]]
    assert fresh.latent_batches == 3


def test_separate_updates_put_the_reals_first():
    found = order_of(Schedule(separate_updates=True), labelled=True)
    assert [action for action, _ in found] == [REAL, KNOWN, UPDATE_D, G, FAKE, UPDATE_D, UPDATE_G]


def test_a_function_of_noise_gets_each_batch_of_d_in_the_order_of_the_step():
    given: list = []
    found = order_of(
        Schedule(2, 2, fresh_fakes=True),
        labelled=True,
        penalty="between",
        noise=lambda images: given.append(images) or f"{images} with {len(given)}",
    )
    fakes = [f"fakes of z{k}" for k in range(4)]
    assert given == [fakes[0], "x0", "k0", fakes[1], "x1", "k1", fakes[2], fakes[3]]
    seen = [f"{images} with {number}" for number, images in enumerate(given, start=1)]
    rounds = [[(FAKE, a), (REAL, b), (KNOWN, c), (PENALTY, (b, a))] for a, b, c in (seen[:3], seen[3:6])]
    assert [action for action in found if action[0] not in (G, UPDATE_D, UPDATE_G)] == [*rounds[0], *rounds[1]]
    assert [images for action, images in found if action == UPDATE_G] == seen[6:]


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


def test_a_fake_has_the_conditions_of_the_real_batch_of_its_round():
    told = recorded(Schedule(2, fresh_fakes=True, separate_updates=True), labelled=True, penalty="between").told
    rounds = [[(REAL, x), (KNOWN, k), (G, x), (FAKE, x), (PENALTY, x)] for x, k in (("x0", "k0"), ("x1", "k1"))]
    assert told == [*rounds[0], *rounds[1], (G, "x1"), (UPDATE_G, "x1")]


def test_fakes_for_g_alone_have_the_conditions_of_the_last_real_batch():
    told = recorded(Schedule(2, 3)).told
    assert told[:4] == [(G, "x0"), (FAKE, "x0"), (REAL, "x0"), (G, "x1")]
    assert told[6:] == [(UPDATE_G, "x1"), *[(G, "x1"), (UPDATE_G, "x1")] * 2]
