"""Whole steps of every schedule and objective against the same written plainly in PyTorch (optional)."""

from __future__ import annotations

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, ShapeError
from mxgan.objectives.heads import get_objective, with_heads
from mxgan.objectives.penalties import make_penalty
from mxgan.runtime import mx
from mxgan.training.schedule import Schedule

N, LATENT, WIDTH = 6, 3, 8
SGD = mxgan.OptimizerConfig("sgd", 0.1, {})


def networks():
    """(generator, raw score) as symbols: one hidden layer each, points of the plane as images."""
    hidden = mx.sym.Activation(mx.sym.FullyConnected(mx.sym.var("rand"), name="g1", num_hidden=WIDTH), act_type="tanh")
    generator = mx.sym.FullyConnected(hidden, name="g2", num_hidden=2)
    hidden = mx.sym.FullyConnected(mx.sym.var("data"), name="d1", num_hidden=WIDTH)
    hidden = mx.sym.LeakyReLU(hidden, act_type="leaky", slope=0.2)
    return generator, mx.sym.FullyConnected(hidden, name="d2", num_hidden=1)


def make_pair(objective="gan", penalty=None, **settings):
    generator, score = networks()
    discriminator, head = with_heads(get_objective(objective), score)
    pair = mxgan.AdversarialPair(
        generator, discriminator, generator_head=head, latent_shape=(LATENT,), image_shape=(2,), batch_size=N,
        penalty=(make_penalty(*penalty), score) if penalty else None, **settings,
    )  # fmt: skip
    pair.init_params(mx.init.Uniform(0.5), seed=7)
    pair.init_optimizers(SGD, SGD)
    return pair


def draw(count: int, size: int, seed: int) -> list:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(N, size)).astype(np.float32) for _ in range(count)]


class TorchStep:
    """The same networks, losses and orders, in PyTorch and float64, written without regard to mxgan's plan."""

    def __init__(self, torch, pair, objective: str, schedule: Schedule, clip=None, penalty=None) -> None:
        self.torch, self.schedule, self.objective, self.clip, self.penalty = torch, schedule, objective, clip, penalty
        (g, _), (d, _) = pair.get_params()
        both = {**g, **d}
        self.p = {k: torch.tensor(v.asnumpy(), dtype=torch.float64, requires_grad=True) for k, v in both.items()}

    def linear(self, x, name: str):
        return x @ self.p[f"{name}_weight"].T + self.p[f"{name}_bias"]

    def generator(self, z):
        return self.linear(self.torch.tanh(self.linear(z, "g1")), "g2")

    def score(self, x):
        return self.linear(self.torch.nn.functional.leaky_relu(self.linear(x, "d1"), 0.2), "d2")

    def loss(self, half: str, s, real: bool):
        f = self.torch.nn.functional
        sign = 1 if real else -1
        return {
            "gan": lambda: f.binary_cross_entropy_with_logits(s, self.torch.full_like(s, float(real))),
            "least_squares": lambda: 0.5 * ((s - float(real)) ** 2).mean(),
            "hinge_loss": lambda: f.relu(1 - sign * s).mean() if half == "d" else -s.mean(),
            "wasserstein": lambda: -sign * s.mean(),
        }[self.objective]()

    def descend(self, loss, letter: str) -> None:
        names = [name for name in self.p if name[0] == letter]
        gradients = self.torch.autograd.grad(loss, [self.p[name] for name in names])
        with self.torch.no_grad():
            for name, gradient in zip(names, gradients):
                self.p[name] -= 0.1 * gradient
                if letter == "d" and self.clip:
                    self.p[name].clamp_(-self.clip, self.clip)

    def penalized(self, real, fake):
        if self.penalty is None:
            return 0.0
        points = real.clone().requires_grad_()  # R1; where the points lie between, test_penalties.py holds it
        (g,) = self.torch.autograd.grad(self.score(points).sum(), points, create_graph=True)
        return self.penalty[1] / 2 * (g**2).sum(dim=1).mean()

    def step(self, latents: list, images: list) -> None:
        tensor = lambda a: self.torch.tensor(a, dtype=self.torch.float64)  # noqa: E731
        schedule, z = self.schedule, [tensor(a) for a in latents]
        for k in range(schedule.discriminator_updates):
            real, fake = tensor(images[k]), self.generator(z[k]).detach()
            scale = 0.5 if schedule.mean_of_losses else 1.0
            on_real = lambda: scale * self.loss("d", self.score(real), True)  # noqa: E731, B023
            on_fake = lambda: scale * self.loss("d", self.score(fake), False)  # noqa: E731, B023
            if schedule.separate_updates:
                self.descend(on_real(), "d")
                self.descend(on_fake() + self.penalized(real, fake), "d")
            else:
                self.descend(on_real() + on_fake() + self.penalized(real, fake), "d")
        rest = z[schedule.discriminator_updates :] if schedule.fresh_fakes else z[schedule.discriminator_updates - 1 :]
        for u in range(schedule.generator_updates):
            latent = rest[0] if schedule.fixed_latents else rest[u]
            self.descend(self.loss("g", self.score(self.generator(latent)), True), "g")


SCHEDULES = {
    "original": Schedule(),
    "fresh fakes, mean of the losses": Schedule(fresh_fakes=True, mean_of_losses=True),
    "five critic steps": Schedule(discriminator_updates=5, fresh_fakes=True),
    "five generator steps, fixed latents": Schedule(generator_updates=5, fresh_fakes=True, fixed_latents=True),
    "separate updates": Schedule(separate_updates=True, fresh_fakes=True),
    "separate, several of each": Schedule(2, 3, separate_updates=True),
}
CASES = [
    *(("gan", name, {}) for name in SCHEDULES),
    *((objective, "original", {}) for objective in ("least_squares", "hinge_loss", "wasserstein")),
    ("wasserstein", "five critic steps", {"weight_clip": 0.1}),
    ("gan", "separate updates", {"penalty": ("r1", 3.0)}),
    ("hinge_loss", "five critic steps", {"penalty": ("r1", 1.0)}),
]


@pytest.mark.parametrize("objective, name, settings", CASES)
def test_three_steps_are_those_of_pytorch(objective, name, settings):
    torch = pytest.importorskip("torch")
    schedule = SCHEDULES[name]
    pair = make_pair(objective, schedule=schedule, **settings)
    oracle = TorchStep(torch, pair, objective, schedule, settings.get("weight_clip"), settings.get("penalty"))
    for step in range(3):
        latents, images = draw(schedule.latent_batches, LATENT, step), draw(schedule.real_batches, 2, 100 + step)
        pair.step([mx.nd.array(z) for z in latents], [mx.nd.array(x) for x in images])
        oracle.step(latents, images)
    moved = 0.0
    start = make_pair(objective, schedule=schedule, **settings).get_params()
    for half, before in zip(pair.get_params(), start):
        for key, value in half[0].items():
            np.testing.assert_allclose(value.asnumpy(), oracle.p[key].detach().numpy(), atol=2e-6, err_msg=key)
            moved = max(moved, np.abs(value.asnumpy() - before[0][key].asnumpy()).max())
    assert moved > 1e-3


def test_a_weight_clip_holds_from_the_first_parameters_on():
    pair = make_pair("wasserstein", weight_clip=0.01)
    _, (weights, _) = pair.get_params()
    assert max(np.abs(value.asnumpy()).max() for value in weights.values()) == np.float32(0.01)


def test_the_number_of_batches_is_the_schedules():
    pair = make_pair(schedule=SCHEDULES["five critic steps"])
    latents, images = ([mx.nd.array(a) for a in draw(count, size, 0)] for count, size in ((6, LATENT), (5, 2)))
    with pytest.raises(ArgumentError, match="'data' has 4 batches; the schedule of a step takes 5"):
        pair.step(latents, images[:4])
    with pytest.raises(ArgumentError, match="'rand' has 1 batches; the schedule of a step takes 6"):
        pair.step(latents[0], images)
    with pytest.raises(ShapeError, match="'data' is NDArray"):
        pair.step(latents, [*images[:4], mx.nd.zeros((N, 3))])
    assert pair.step(latents, images).fake.shape == (N, 2)
