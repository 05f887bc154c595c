"""SNGAN's residual networks at 32×32 in PyTorch, as a unit for worker.py: the same work as the recipe `sngan`.

The layers are those of Miyato et al. 2018, table 3, in PyTorch's own operators. Only D is spectrally normalised, by
one step of power iteration in each pass. The code here is only for this comparison.
"""

from __future__ import annotations

from benchmarks.theirs import adams, endless_inputs, prepared, steps_of
from benchmarks.worker import Unit

__all__ = ["residual_networks", "training_step"]

LATENT_SIZE, START = 128, 4  # length of a latent; side of G's first feature map
EPSILON = 2e-5  # of G's BatchNorms


def residual_networks(width: int, nc: int = 3, normalised: bool = True) -> tuple:
    """(generator, discriminator) of 32×32 images; `normalised`: whether D's weights are spectrally normalised."""
    from torch import nn
    from torch.nn.functional import avg_pool2d, interpolate
    from torch.nn.utils.parametrizations import spectral_norm

    kept = spectral_norm if normalised else lambda layer: layer

    class GeneratorBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn1, self.conv1 = nn.BatchNorm2d(width, EPSILON), nn.Conv2d(width, width, 3, padding=1)
            self.bn2, self.conv2 = nn.BatchNorm2d(width, EPSILON), nn.Conv2d(width, width, 3, padding=1)
            self.short = nn.Conv2d(width, width, 1)

        def forward(self, data):
            layer = self.conv1(interpolate(self.bn1(data).relu(), scale_factor=2))
            return self.conv2(self.bn2(layer).relu()) + interpolate(self.short(data), scale_factor=2)

    class FirstBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = (kept(nn.Conv2d(before, width, 3, padding=1)) for before in (nc, width))
            self.short = kept(nn.Conv2d(nc, width, 1))

        def forward(self, data):
            layer = self.conv2(self.conv1(data).relu())
            return avg_pool2d(layer, 2) + self.short(avg_pool2d(data, 2))

    class Block(nn.Module):
        def __init__(self, halves: bool) -> None:
            super().__init__()
            self.conv1, self.conv2 = (kept(nn.Conv2d(width, width, 3, padding=1)) for _ in range(2))
            self.short = kept(nn.Conv2d(width, width, 1)) if halves else None

        def forward(self, data):
            layer = self.conv2(self.conv1(data.relu()).relu())
            return layer + data if self.short is None else avg_pool2d(layer, 2) + self.short(avg_pool2d(data, 2))

    class Sum(nn.Module):
        def forward(self, data):
            return data.relu().sum((2, 3))

    generator = nn.Sequential(
        nn.Linear(LATENT_SIZE, width * START**2),
        nn.Unflatten(1, (width, START, START)),
        *(GeneratorBlock() for _ in range(3)),
        nn.BatchNorm2d(width, EPSILON),
        nn.ReLU(),
        nn.Conv2d(width, nc, 3, padding=1),
        nn.Tanh(),
    )
    last = kept(nn.Linear(width, 1, bias=False))
    return generator, nn.Sequential(FirstBlock(), Block(True), Block(False), Block(False), Sum(), last)


def training_step(batch=64, nc=3, width=32, steps=3, channels_last=False, compiled=False, fused=False) -> Unit:
    """`steps` steps: D on real and fake images by the hinge loss, one Adam step; G on new fakes, with D frozen."""
    import torch
    from torch.nn.functional import relu

    (generator, discriminator), layout = prepared(residual_networks(width, nc), channels_last, compiled)
    of_generator, of_discriminator = adams((generator, discriminator), 2e-4, (0.0, 0.9), fused)

    def step(latents, real) -> None:
        of_discriminator.zero_grad()
        relu(1 - discriminator(real)).mean().backward()
        with torch.no_grad():
            fake = generator(latents)
        relu(1 + discriminator(fake)).mean().backward()
        of_discriminator.step()
        of_generator.zero_grad()
        discriminator.requires_grad_(False)
        (-discriminator(generator(torch.randn_like(latents))).mean()).backward()
        discriminator.requires_grad_(True)
        of_generator.step()

    return steps_of(step, endless_inputs((batch, LATENT_SIZE), (batch, nc, 32, 32), layout), steps, batch)
