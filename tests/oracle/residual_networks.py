"""SNGAN's residual networks in PyTorch, written after the tables of the papers: an oracle for networks/residual.py.

Nothing is merged here: pixels are doubled before their convolutions and averaged after them. The modules come in the
order in which a reader of the paper's tables meets them; `name_of` gives each parameter its name in mxgan.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

# image size → channels of G's feature maps, first side; channels of D's blocks, how many of them halve
TABLES = {
    32: ((256, 256, 256, 256), 4, (128, 128, 128, 128), 2),  # Miyato et al. 2018, table 3
    48: ((512, 256, 128, 64), 6, (64, 128, 256, 512, 1024), 4),  # table 4
    64: ((1024, 512, 256, 128, 64), 4, (64, 128, 256, 512, 1024), 5),  # the authors' program
    128: ((1024, 1024, 512, 256, 128, 64), 4, (64, 128, 256, 512, 1024, 1024), 5),  # table 5
}


class ClassNorm(nn.Module):
    """BatchNorm with a scale and shift for each class; with None for the classes, one for all."""

    def __init__(self, channels: int, classes) -> None:
        super().__init__()
        self.shape = (channels,) if classes is None else (classes, channels)
        self.gamma, self.beta = (nn.Parameter(torch.empty(self.shape)) for _ in range(2))

    def forward(self, x, labels):
        x = F.batch_norm(x, None, None, training=True, eps=2e-5)
        rows = (self.gamma, self.beta) if len(self.shape) == 1 else (self.gamma[labels], self.beta[labels])
        scale, shift = (each.reshape(-1, each.shape[-1], 1, 1) for each in rows)
        return x * scale + shift


class UpBlock(nn.Module):
    """A block of the generator."""

    def __init__(self, before: int, after: int, classes) -> None:
        super().__init__()
        self.bn1, self.bn2 = ClassNorm(before, classes), ClassNorm(after, classes)
        self.conv1, self.conv2 = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.short = nn.Conv2d(before, after, 1)

    def forward(self, x, labels):
        layer = self.conv1(F.interpolate(F.relu(self.bn1(x, labels)), scale_factor=2))
        return self.conv2(F.relu(self.bn2(layer, labels))) + self.short(F.interpolate(x, scale_factor=2))


class DownBlock(nn.Module):
    """A block of the discriminator; the first one begins without ReLU, and averages before its 1×1 convolution."""

    def __init__(self, before: int, after: int, halves: bool, first: bool) -> None:
        super().__init__()
        self.halves, self.first, hidden = halves, first, after if first else before
        self.conv1, self.conv2 = nn.Conv2d(before, hidden, 3, padding=1), nn.Conv2d(hidden, after, 3, padding=1)
        self.short = nn.Conv2d(before, after, 1) if halves or before != after else None

    def forward(self, x):
        layer = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        if not self.halves:
            return layer + (x if self.short is None else self.short(x))
        if self.first:
            return F.avg_pool2d(layer, 2) + self.short(F.avg_pool2d(x, 2))
        return F.avg_pool2d(layer + self.short(x), 2)


class Attention(nn.Module):
    """Zhang et al. 2019, equations 1 to 3, pixel by pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.key, self.query, self.value = (nn.Conv2d(channels, inner, 1, bias=False) for _ in range(3))
        self.out = nn.Conv2d(inner, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.empty(1, 1, 1, 1))

    def forward(self, x):
        f, g, h = (layer(x).flatten(2) for layer in (self.key, self.query, self.value))
        beta = torch.einsum("nci,ncj->nji", f, g).softmax(2)
        seen = torch.einsum("nji,nci->ncj", beta, h)
        return x + self.gamma * self.out(seen.reshape(*seen.shape[:2], *x.shape[2:]))


class Generator(nn.Module):
    """latents → images."""

    def __init__(self, size: int, width: float = 1, latent: int = 128, nc: int = 3, classes=None, attention=None):
        super().__init__()
        channels, self.start, *_ = TABLES[size]
        channels = [round(each * width) for each in channels]
        self.dense = nn.Linear(latent, channels[0] * self.start**2)
        self.blocks = nn.ModuleList(UpBlock(*pair, classes) for pair in zip(channels, channels[1:]))
        sides = [self.start * 2**i for i in range(1, len(channels))]
        self.attention = nn.ModuleDict({str(s): Attention(c) for s, c in zip(sides, channels[1:]) if s == attention})
        self.bn, self.last = ClassNorm(channels[-1], None), nn.Conv2d(channels[-1], nc, 3, padding=1)

    def forward(self, latents, labels=None):
        x = self.dense(latents).reshape(len(latents), -1, self.start, self.start)
        for block in self.blocks:
            x = block(x, labels)
            x = self.attention[str(x.shape[2])](x) if str(x.shape[2]) in self.attention else x
        return torch.tanh(self.last(F.relu(self.bn(x, None))))


class Discriminator(nn.Module):
    """images → scores; the weights of its layers are those after spectral normalisation."""

    def __init__(self, size: int, width: float = 1, nc: int = 3, classes=None, attention=None):
        super().__init__()
        *_, channels, halvings = TABLES[size]
        channels = [nc, *(round(each * width) for each in channels)]
        self.blocks = nn.ModuleList(
            DownBlock(*pair, i < halvings, i == 0) for i, pair in enumerate(zip(channels, channels[1:]))
        )
        sides = [size >> min(i + 1, halvings) for i in range(len(self.blocks))]
        self.at = sides.index(attention) if attention else None
        self.attention = None if self.at is None else Attention(channels[self.at + 1])
        self.dense = nn.Linear(channels[-1], 1, bias=size != 32)
        self.classes = None if classes is None else nn.Parameter(torch.empty(classes, channels[-1]))

    def forward(self, images, labels=None):
        x = images
        for i, block in enumerate(self.blocks):
            x = block(x) if i != self.at else self.attention(block(x))
        features = F.relu(x).sum((2, 3))
        score = self.dense(features)
        return score if self.classes is None else score + (self.classes[labels] * features).sum(1, keepdim=True)


def name_of(parameter: str, half: str, blocks: int, attention_block: int) -> str:
    """The name in mxgan of a parameter of these modules; `attention_block` is the number of its block in mxgan."""
    first, *rest = parameter.split(".")
    offset = 2 if half == "g" else 1
    if first == "blocks":
        return "_".join([f"{half}{int(rest[0]) + offset}", *rest[1:]])
    if first == "attention":
        return "_".join([f"{half}{attention_block}_attention", *(each for each in rest if not each.isdigit())])
    names = {"bn": f"g{blocks + 2}_bn", "last": f"g{blocks + 2}", "classes": f"d{blocks + 1}_class_weight"}
    names["dense"] = "g1" if half == "g" else f"d{blocks + 1}"
    return "_".join([names[first], *rest])
