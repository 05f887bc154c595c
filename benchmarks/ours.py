"""Work of mxgan (training steps, sampling, matrix products), as units for worker.py."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

from benchmarks.worker import Unit

__all__ = ["critic_step", "matrix_products", "sampling", "training_step"]


def _pair(batch: int, nc: int, width: int, size: int, precision: str = "float32", ranks=None, **settings):
    """The pair of the recipe dcgan-original; `settings` may name another recipe and replace settings of the recipe.

    `batch` is that of all `ranks`; without ranks this process trains alone.
    """
    from dataclasses import replace

    from mxgan.recipes import get_recipe
    from mxgan.runs.config import RunConfig
    from mxgan.runs.pair import build_pair
    from mxgan.training.parallel.ranks import ALONE

    recipe = get_recipe(settings.pop("recipe", "dcgan-original"))
    network = replace(recipe.network, ngf=width, ndf=width, nc=nc, image_size=size)
    recipe = replace(recipe, network=network, batch_size=batch, precision=precision, **settings)
    return build_pair(RunConfig(recipe=recipe, steps=1), ranks=ranks or ALONE)


def _inputs(pair, batches: int = 4) -> Iterator[tuple]:
    """Endless (latents, images): a few batches of random numbers, repeated."""
    from mxgan.runtime import mx

    shapes = (pair.batch_size, *pair.latent_shape), (pair.batch_size, *pair.image_shape)
    normal, uniform = mx.nd.random.normal, mx.nd.random.uniform
    return cycle([(normal(0, 1, shapes[0]), uniform(-1, 1, shapes[1])) for _ in range(batches)])


def training_step(batch=64, nc=3, width=64, size=64, precision="float32", steps=3) -> Unit:
    """`steps` complete training steps: D on fake and real, one Adam update, G through D, one Adam update."""
    from mxgan.runtime import mx

    pair = _pair(batch, nc, width, size, precision)
    inputs = _inputs(pair)

    def run() -> None:
        for latents, images in islice(inputs, steps):
            pair.step(latents, images)
        mx.nd.waitall()

    return Unit(run, batch * steps)


def critic_step(batch=64, nc=3, width=64, size=64, steps=3) -> Unit:
    """`steps` steps of a WGAN-GP critic: generation, both losses, the gradient penalty, one Adam update."""
    from mxgan.runtime import mx

    pair = _pair(batch, nc, width, size, recipe="wgan-gp")
    inputs = _inputs(pair)

    def run() -> None:
        for latents, real in islice(inputs, steps):
            fake = pair.generate(latents)
            pair.accumulate_discriminator(fake, 0.0)
            pair.accumulate_discriminator(real, 1.0)
            pair.accumulate_penalty(real, fake)
            pair.update_discriminator()
        mx.nd.waitall()

    return Unit(run, batch * steps)


def sampling(batch=64, nc=3, width=64, size=64, batches=8) -> Unit:
    """Sampling from a generator as in `mxgan sample`: latents and images are NumPy arrays."""
    import numpy as np

    from mxgan.networks import DCGAN
    from mxgan.runtime import mx
    from mxgan.training.sampler import Sampler

    network = DCGAN(ngf=width, ndf=width, nc=nc, image_size=size)
    sampler = Sampler(network.generator(), network.latent_shape, batch)
    sampler.module.init_params(mx.init.Normal(0.02))
    latents = np.random.default_rng(0).standard_normal((batch, *network.latent_shape), dtype=np.float32)

    def run() -> None:
        for _ in range(batches):
            sampler.sample(latents)

    return Unit(run, batch * batches)


def matrix_products(sizes=(1024, 2048, 4096), repeats=4) -> Unit:
    """The highest rate of float32 matrix products by MXNet's FullyConnected, over some sizes, in GFLOP/s."""
    import time

    from mxgan.runtime import mx

    def run() -> dict:
        best = 0.0
        for size in sizes:
            data, weight = (mx.nd.random.normal(0, 1, (size, size)) for _ in range(2))
            mx.nd.waitall()
            for _ in range(repeats):
                began = time.perf_counter()
                mx.nd.FullyConnected(data, weight, num_hidden=size, no_bias=True).wait_to_read()
                best = max(best, 2 * size**3 / (time.perf_counter() - began) / 1e9)
        return {"gflops": best}

    return Unit(run, 1)
