"""The same work in PyTorch and onnxruntime, as units for worker.py.

The networks are those of Radford et al. 2016 in PyTorch's layers, with the same shapes as ours. A step is that of
PyTorch's DCGAN example: D on real and on detached fake images, each with its backward pass, one Adam step; G through
D, one Adam step. The code here is only for this comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import cycle, islice
from typing import Callable

from benchmarks.worker import Unit

__all__ = [
    "adams",
    "critic_step",
    "endless_inputs",
    "networks",
    "onnx_sampling",
    "prepared",
    "sampling",
    "steps_of",
    "training_step",
]


def networks(nc: int, width: int, size: int, critic: bool = False) -> tuple:
    """(generator, discriminator) of `size`, a power of two; the critic has no BatchNorm."""
    from torch import nn

    depth = size.bit_length() - 2
    channels = [width * 2**i for i in range(depth - 1)]  # of D's layers; G's are the same in reverse
    generator = [
        nn.ConvTranspose2d(100, channels[-1], 4, 1, 0, bias=False),
        nn.BatchNorm2d(channels[-1]),
        nn.ReLU(True),
    ]
    for wide, narrow in zip(channels[:0:-1], channels[-2::-1]):
        generator += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU(True)]
    generator += [nn.ConvTranspose2d(channels[0], nc, 4, 2, 1, bias=False), nn.Tanh()]
    discriminator = [nn.Conv2d(nc, channels[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    for narrow, wide in zip(channels, channels[1:]):
        norm = [] if critic else [nn.BatchNorm2d(wide)]
        discriminator += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False), *norm, nn.LeakyReLU(0.2, True)]
    discriminator += [nn.Conv2d(channels[-1], 1, 4, 1, 0, bias=False), nn.Flatten(0)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


def prepared(pair, channels_last: bool, compiled: bool) -> tuple:
    """(the networks in a memory layout, compiled or not; the layout)."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    pair = [network.to(memory_format=layout) for network in pair]
    return tuple(torch.compile(network, dynamic=False) if compiled else network for network in pair), layout


def adams(pair, rate: float, betas: tuple, fused: bool) -> list:
    """An Adam for each network of a pair."""
    import torch

    return [torch.optim.Adam(network.parameters(), lr=rate, betas=betas, fused=fused) for network in pair]


def endless_inputs(latent_shape: tuple, image_shape: tuple, layout, batches: int = 4) -> Iterator[tuple]:
    """Endless (latents, images): a few batches of random numbers, repeated."""
    import torch

    torch.manual_seed(0)
    images = [torch.rand(image_shape).mul(2).sub(1).to(memory_format=layout) for _ in range(batches)]
    return cycle([(torch.randn(latent_shape), image) for image in images])


def steps_of(step: Callable, inputs: Iterator[tuple], steps: int, batch: int) -> Unit:
    """A unit of `steps` steps on the inputs."""

    def run() -> None:
        for latents, real in islice(inputs, steps):
            step(latents, real)

    return Unit(run, batch * steps)


def training_step(
    batch=64,
    nc=3,
    width=64,
    size=64,
    steps=3,
    channels_last=False,
    bfloat16=False,
    compiled=False,
    fused=False,
    frozen=False,
    noise=0.0,
) -> Unit:
    """`steps` complete training steps.

    `bfloat16`: with autocast. `fused`: Adam as one operator. `frozen`: without the gradients of D's parameters in G's
    step. PyTorch's example computes these gradients and does not use them (9 % of the arithmetic). `noise`: standard
    deviation of normal noise on D's input, as the recipe dcgan has it.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as entropy

    (generator, discriminator), layout = prepared(networks(nc, width, size), channels_last, compiled)
    of_generator, of_discriminator = adams((generator, discriminator), 2e-4, (0.5, 0.999), fused)
    ones, zeros = torch.ones(batch), torch.zeros(batch)

    def precision():
        return torch.autocast("cpu", dtype=torch.bfloat16) if bfloat16 else nullcontext()

    def judge(images, label):
        with precision():
            score = discriminator(images)
        return entropy(score.float(), label)

    def noisy(images):
        """Normal numbers in the order of the memory: `randn_like` is seven times slower with channels_last."""
        if not noise:
            return images
        shape = (batch, size, size, nc) if channels_last else images.shape
        drawn = torch.randn(shape).permute(0, 3, 1, 2) if channels_last else torch.randn(shape)
        return torch.add(images, drawn, alpha=noise)

    def step(latents, real) -> None:
        of_discriminator.zero_grad()
        judge(noisy(real), ones).backward()
        with precision():
            fake = noisy(generator(latents))
        judge(fake.detach(), zeros).backward()
        of_discriminator.step()
        of_generator.zero_grad()
        discriminator.requires_grad_(not frozen)
        judge(fake, ones).backward()
        discriminator.requires_grad_(True)
        of_generator.step()

    return steps_of(step, endless_inputs((batch, 100, 1, 1), (batch, nc, size, size), layout), steps, batch)


def critic_step(batch=64, nc=3, width=64, size=64, steps=3, channels_last=False, fused=False, joined=False) -> Unit:
    """`steps` steps of a WGAN-GP critic; the penalty uses double backward, as in the authors' code.

    `joined`: fake and real images in one pass; without BatchNorm the result is the same.
    """
    import torch

    (generator, critic), layout = prepared(networks(nc, width, size, critic=True), channels_last, compiled=False)
    (of_critic,) = adams((critic,), 1e-4, (0.0, 0.9), fused)

    def difference(fake, real):
        if not joined:
            return critic(fake).mean() - critic(real).mean()
        on_fake, on_real = critic(torch.cat([fake, real])).chunk(2)
        return on_fake.mean() - on_real.mean()

    def step(latents, real) -> None:
        with torch.no_grad():
            fake = generator(latents)
        of_critic.zero_grad()
        share = torch.rand(batch, 1, 1, 1)
        between = (share * real + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        (difference(fake, real) + penalty).backward()
        of_critic.step()

    return steps_of(step, endless_inputs((batch, 100, 1, 1), (batch, nc, size, size), layout), steps, batch)


def sampling(batch=64, nc=3, width=64, size=64, batches=8, channels_last=False, compiled=False) -> Unit:
    """Sampling from the generator in evaluation mode: latents and images are NumPy arrays."""
    import numpy as np
    import torch

    generator = networks(nc, width, size)[0].eval()
    ((generator,), _) = prepared([generator], channels_last, compiled)
    latents = np.random.default_rng(0).standard_normal((batch, 100, 1, 1), dtype=np.float32)

    def run() -> None:
        with torch.inference_mode():
            for _ in range(batches):
                generator(torch.from_numpy(latents)).contiguous().numpy()

    return Unit(run, batch * batches)


def onnx_sampling(batch=64, nc=3, width=64, size=64, batches=8) -> Unit:
    """Sampling from the same generator, exported by PyTorch, in onnxruntime with default settings."""
    import io

    import numpy as np
    import onnxruntime
    import torch

    generator, written = networks(nc, width, size)[0].eval(), io.BytesIO()
    torch.onnx.export(generator, (torch.randn(batch, 100, 1, 1),), written, input_names=["rand"], dynamo=False)
    session = onnxruntime.InferenceSession(written.getvalue(), providers=["CPUExecutionProvider"])
    latents = np.random.default_rng(0).standard_normal((batch, 100, 1, 1), dtype=np.float32)

    def run() -> None:
        for _ in range(batches):
            session.run(None, {"rand": latents})

    return Unit(run, batch * batches)
