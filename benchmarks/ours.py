"""Work of mxgan (training steps, sampling, matrix products), as units for worker.py."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

from benchmarks.worker import Unit

__all__ = ["critic_step", "matrix_products", "sampling", "training_step"]


def _recipe(batch: int, nc: int, width: int, size: int, recipe: str = "dcgan-original", **settings):
    """A recipe with these sizes; `settings` are further ones, as `--set` of `mxgan train` names them."""
    from mxgan.recipes import get_recipe
    from mxgan.runtime.config import override

    shape = {"network.ngf": width, "network.ndf": width, "network.nc": nc, "network.image_size": size}
    return override(get_recipe(recipe), {"batch_size": batch, **shape, **settings})


def _pair(batch: int, nc: int, width: int, size: int, ranks=None, **settings):
    """The pair of `_recipe`. `batch` is that of all `ranks`; without ranks this process trains alone."""
    from mxgan.runs.config import RunConfig
    from mxgan.runs.pair import build_pair
    from mxgan.training.parallel.ranks import ALONE

    config = RunConfig(recipe=_recipe(batch, nc, width, size, **settings), steps=1)
    return build_pair(config, end=1_000_000, ranks=ranks or ALONE)


def _inputs(pair, batches: int = 4) -> Iterator[tuple]:
    """Endless (latents, images) of a step: a few of random numbers, repeated."""
    from mxgan.runtime import mx

    shapes = (pair.batch_size, *pair.latent_shape), (pair.batch_size, *pair.image_shape)
    normal, uniform = mx.nd.random.normal, mx.nd.random.uniform

    def several(draw, count: int):
        return draw() if count == 1 else [draw() for _ in range(count)]

    return cycle([
        (
            several(lambda: normal(0, 1, shapes[0]), pair.schedule.latent_batches),
            several(lambda: uniform(-1, 1, shapes[1]), pair.schedule.real_batches),
        )
        for _ in range(batches)
    ])  # fmt: skip


def training_step(batch=64, nc=3, width=64, size=64, steps=3, **settings) -> Unit:
    """`steps` complete training steps on prepared arrays; by default D on fake and real, one Adam update, then G.

    `settings` name the recipe, dcgan-original by default, and change settings of it. There is no instance noise.
    """
    from mxgan.runtime import mx

    pair = _pair(batch, nc, width, size, **settings)
    inputs = _inputs(pair)

    def run() -> None:
        for latents, images in islice(inputs, steps):
            pair.step(latents, images)
        mx.nd.waitall()

    return Unit(run, batch * steps)


def critic_step(batch=64, nc=3, width=64, size=64, steps=3, **settings) -> Unit:
    """`steps` steps of a WGAN-GP critic: generation, both losses, the gradient penalty, one Adam update."""
    from mxgan.runtime import mx

    one = {"schedule.discriminator_updates": 1, "schedule.fresh_fakes": False}  # one batch of each in the inputs
    pair = _pair(batch, nc, width, size, **{"recipe": "wgan-gp", **one, **settings})
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


def sampling(batch=64, nc=3, width=64, size=64, batches=8, **settings) -> Unit:
    """Sampling from a generator as in `mxgan sample`: latents and images are NumPy arrays."""
    import numpy as np

    from mxgan.runtime import mx
    from mxgan.training.sampler import Sampler

    sampler = Sampler.of_recipe(_recipe(batch, nc, width, size, **settings), None, batch)
    sampler.module.init_params(mx.init.Normal(0.02))
    latents = np.random.default_rng(0).standard_normal((batch, *sampler.latent_shape), dtype=np.float32)

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
