"""DiffAugment's changes (Zhao et al. 2020) in PyTorch's own operations, image by image, for given random numbers."""

from __future__ import annotations

import numpy as np


def colour(torch, image, brightness: float, saturation: float, contrast: float):
    """Brightness added; colours from their pixel's mean times saturation; all from the image's mean times contrast."""
    image = image + brightness
    grey = image.mean(dim=0, keepdim=True)
    image = torch.lerp(grey.expand_as(image), image, saturation)
    return torch.lerp(image.mean().expand_as(image), image, contrast)


def translation(torch, image, down: float, right: float):
    """A window of a larger image of zeros."""
    most = 4 * max(image.shape)
    height, width = image.shape[1:]
    framed = torch.nn.functional.pad(image, (most,) * 4)
    top, left = most + int(down), most + int(right)
    return framed[:, top : top + height, left : left + width]


def cutout(torch, image, top: float, left: float):
    """Zeros in a rectangle, as far as it lies in the image."""
    _, height, width = image.shape
    mask = torch.ones_like(image)
    bottom, right = int(top) + (height + 1) // 2, int(left) + (width + 1) // 2
    mask[:, max(0, int(top)) : max(0, bottom), max(0, int(left)) : max(0, right)] = 0
    return image * mask


CHANGES = {"colour": colour, "translation": translation, "cutout": cutout}


def changed(torch, images: np.ndarray, values: dict, pull: np.ndarray) -> tuple:
    """(T(x), gradient of ⟨T(x), pull⟩ at x) for `values` {name of a change: (N, k)}, in their order; float64."""
    data = torch.tensor(images, dtype=torch.float64, requires_grad=True)
    found = []
    for place, image in enumerate(data):
        for name, numbers in values.items():
            image = CHANGES[name](torch, image, *map(float, numbers[place]))
        found.append(image)
    made = torch.stack(found)
    (made * torch.tensor(pull, dtype=torch.float64)).sum().backward()
    return made.detach().numpy(), data.grad.numpy()
