"""What several tests need: a tiny pair, its parameters as arrays, and a tiny run."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.runtime import mx
from mxgan.runtime.draws import draw_latents
from mxgan.training.callback import Callback

ADAM = mxgan.OptimizerConfig()

DCGAN_SIZES = {"ngf": 4, "ndf": 4, "image_size": 16, "latent_size": 10}
# network → its sizes here; schedule, objective, optimisers, penalties and what else a recipe has stay as published.
SMALLER = {
    "dcgan": DCGAN_SIZES,
    "conditional-dcgan": DCGAN_SIZES,
    "auxiliary-dcgan": DCGAN_SIZES,
    "semi-supervised-dcgan": DCGAN_SIZES,
    "mlp": {"image_size": 16},
    "cbr": {"width": 1},
    "encoder-decoder": {"capacity": 2},
    "residual": {"ngf": 4, "ndf": 4, "latent_size": 10},
    "residual-projection": {"ngf": 4, "ndf": 4, "latent_size": 10},
}


def long_but(names, *quick) -> list:
    """`names` as parameters of a test, of which all but the `quick` ones are long."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.long) for name in names]


def make_pair(ngf=4, ndf=4, batch_size=4, nc=3, size=16, seed=3, optimizer=ADAM, end=None, **settings):
    """A small DCGAN, bound, with parameters and optimisers."""
    from mxgan.objectives.heads import get_objective

    network = mxgan.DCGAN(ngf=ngf, ndf=ndf, nc=nc, image_size=size, latent_size=10)
    head = get_objective("gan").discriminator_head
    pair = mxgan.AdversarialPair(
        network.generator(),
        head(network.discriminator(), mx.sym.var("label")),
        latent_shape=network.latent_shape,
        image_shape=network.image_shape,
        batch_size=batch_size,
        **settings,
    )
    pair.init_params(mx.init.Normal(0.02), seed=seed)
    pair.init_optimizers(optimizer, optimizer, end)
    return pair


def params_of(pair) -> dict:
    """Every parameter and BatchNorm statistic of both networks as NumPy arrays."""
    return {name: value.asnumpy() for half in pair.get_params() for group in half for name, value in group.items()}


def assert_same(found: dict, expected: dict) -> None:
    """The same names, and the same bits under each."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def gluon_generator(filters: int = 4, size: int = 5):
    """A generator of Gluon with random parameters, (N, size, 1, 1) → (N, 3, 8, 8), that has been run once."""
    nn = mx.gluon.nn
    block = nn.HybridSequential()
    with block.name_scope():
        block.add(nn.Conv2DTranspose(filters, 4, use_bias=False), nn.BatchNorm(), nn.Activation("relu"))
        block.add(nn.Conv2DTranspose(3, 4, 2, 1), nn.Activation("tanh"))
    block.initialize(mx.init.Normal(0.5))
    block.hybridize()
    block(mx.nd.ones((2, size, 1, 1)))
    return block


def inputs(pair, step: int) -> tuple:
    """(latents, images) for one step of `pair`, a function of the step."""
    batch = (pair.batch_size,)
    images = np.tanh(draw_latents(batch + pair.image_shape, 1, step))
    return mx.nd.array(draw_latents(batch + pair.latent_shape, 2, step)), mx.nd.array(images)


def train(pair, first: int, last: int) -> None:
    """Steps first … last - 1."""
    for step in range(first, last):
        pair.step(*inputs(pair, step))


def tiny_config(**settings) -> mxgan.RunConfig:
    """A run of seconds: 16×16 digits, width 4, batch 32, instance noise on."""
    recipe = replace(
        mxgan.RECIPES["dcgan"], network=mxgan.DCGAN(ngf=4, ndf=4, image_size=16, latent_size=10), batch_size=32
    )
    settings = {"log_every": 4, "sample_every": 8, "checkpoint_every": 8, **settings}
    return mxgan.RunConfig(recipe=recipe, dataset="digits", **settings)


def without_average(config: mxgan.RunConfig) -> mxgan.RunConfig:
    """The same run whose pictures and samples show G's own weights."""
    return replace(config, recipe=replace(config.recipe, ema=None))


class Spoil(mxgan.Callback):
    """After step `step` writes `value` into one element of a parameter, `times` times in all."""

    def __init__(self, half, name, step, value=np.nan, times=1):
        self.half, self.name, self.step, self.value, self.left = half, name, step, value, times

    def on_step_end(self, trainer, batch, result):
        if trainer.step == self.step and self.left:
            self.left -= 1
            array = trainer.pair.parameters(self.half)[self.name]
            content = array.asnumpy()
            content.flat[0] = self.value
            array[:] = content


class StopAt(Callback):
    """Ends the training after a step, as a signal does."""

    def __init__(self, step):
        self.at = step

    def on_step_end(self, trainer, batch, result):
        if trainer.step == self.at:
            trainer.stop("test")


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number that has not ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] != b"Z"
    except FileNotFoundError:
        return False


def gone_within(seconds: float, pid: int) -> bool:
    """Whether the process ends within so many seconds."""
    until = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_alive(pid)


def random_sampler(network, batch_size=8, seed=0, **settings):
    """A sampler of a network's generator with random weights; moving means are 0.1, variances and gammas 1."""
    from mxgan.graphs.shapes import parameter_shapes

    rng = np.random.default_rng(seed)
    arguments, states = parameter_shapes(network.generator(), network.generator_inputs(batch_size))
    sizes = {name: min(0.3, np.prod(shape[1:]) ** -0.5) for name, shape in arguments.items()}
    drawn = {name: mx.nd.array(sizes[name] * rng.standard_normal(shape)) for name, shape in arguments.items()}
    drawn.update({name: mx.nd.ones(value.shape) for name, value in drawn.items() if name.endswith("_gamma")})
    moving = {name: mx.nd.full(shape, 1.0 if name.endswith("_var") else 0.1) for name, shape in states.items()}
    return mxgan.Sampler.of_network(network, (drawn, moving), batch_size, **settings)


def linear_sampler(weight, image_shape, batch_size=8, **settings):
    """A sampler of the generator image = weight @ latent, weight (pixels, d)."""
    layer = mx.sym.FullyConnected(mx.sym.Variable("rand"), name="g1", num_hidden=len(weight), no_bias=True)
    image = mx.sym.Reshape(layer, shape=(-1, *image_shape))
    parameters = ({"g1_weight": mx.nd.array(weight)}, {})
    return mxgan.Sampler(image, weight.shape[1:], batch_size, parameters=parameters, **settings)
