"""PyTorch's DCGAN example, written down here at any depth: the layers, their order and their initialisation."""

from __future__ import annotations


def generator(sides: int = 64, channels: int = 3, width: int = 4, latent: int = 10, bias: bool = False):
    """ConvTranspose2d 4×4, BatchNorm2d and ReLU, `sides` pixels; a torch.nn.Sequential."""
    from torch import nn

    widths = [width * 2**i for i in reversed(range(_halvings(sides)))]
    layers, before = [], latent
    for i, after in enumerate([*widths, channels]):
        stride, pad = (1, 0) if i == 0 else (2, 1)
        layers.append(nn.ConvTranspose2d(before, after, 4, stride, pad, bias=bias))
        layers += [nn.BatchNorm2d(after), nn.ReLU(True)] if i < len(widths) else [nn.Tanh()]
        before = after
    return nn.Sequential(*layers)


def discriminator(sides: int = 64, channels: int = 3, width: int = 4, norm: bool = True):
    """Conv2d 4×4, BatchNorm2d (not on the first) and LeakyReLU, up to one sigmoid."""
    from torch import nn

    layers, before = [], channels
    for i in range(_halvings(sides)):
        after = width * 2**i
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(after)] if norm and i else []
        layers.append(nn.LeakyReLU(0.2, True))
        before = after
    return nn.Sequential(*layers, nn.Conv2d(before, 1, 4, 1, 0, bias=False), nn.Sigmoid())


def _halvings(sides: int) -> int:
    return sides.bit_length() - 3


def trained(*networks, steps: int = 0, latent: int = 10, batch: int = 4):
    """Draw the weights as the example does, then make a few of its steps on random images; returns the networks."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    for layer in (layer for network in networks for layer in network):
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.3)
            nn.init.normal_(layer.bias, 0.0, 0.2)
        elif hasattr(layer, "weight"):
            nn.init.normal_(layer.weight, 0.0, 0.2)
    maker, judge = networks
    for _ in range(steps):
        fake = maker(torch.randn(batch, latent, 1, 1))
        real = torch.tanh(torch.randn_like(fake))
        for target, images, network in ((1.0, real, judge), (0.0, fake.detach(), judge), (1.0, fake, maker)):
            score = judge(images).view(-1)
            loss = nn.functional.binary_cross_entropy(score, torch.full_like(score, target))
            parameters = list(network.parameters())
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters)):
                parameter.data -= 0.01 * gradient  # not torch.optim, whose import takes seconds
    return [network.eval() for network in networks]


def named(network, prefix: str = "main.") -> dict:
    """The state_dict with a prefix before each name."""
    return {prefix + name: value for name, value in network.state_dict().items()}
