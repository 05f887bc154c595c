"""AUGMENTATIONS: the random changes of images that D judges, each with its random numbers and its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

from mxgan.errors import ArgumentError, lookup
from mxgan.objectives.augment.operators import colour, cutout, translation
from mxgan.runtime import mx

__all__ = ["AUGMENTATIONS", "Augmentation", "check_augmentations"]

SHIFT = 1 / 8  # of the side: the most that `translation` moves an image


@dataclass(frozen=True)
class Augmentation:
    """One row of AUGMENTATIONS.

    Attributes
    ----------
    numbers : k, the random numbers of one sample.
    symbol : (data (N, C, H, W), values (N, k), shape (C, H, W) of an image) → symbol (N, C, H, W), differentiable.
    draw : (uniform numbers in [0, 1], NDArray (N, k); (H, W)) → values, NDArray (N, k).
    neutral : (H, W) → the k values that change nothing.
    source : paper and section.
    """

    numbers: int
    symbol: Callable
    draw: Callable
    neutral: Callable
    source: str


def _whole(uniform, count: int):
    """Uniform numbers as whole ones, 0 … count − 1."""
    return mx.nd.minimum(mx.nd.floor(uniform * count), count - 1)


def _by_side(uniform, sides: tuple, make: Callable):
    """`make` (column of `uniform`, side) for rows and columns, as (N, 2)."""
    columns = (uniform.slice_axis(axis=1, begin=place, end=place + 1) for place in range(2))
    return mx.nd.concat(*(make(column, side) for column, side in zip(columns, sides)), dim=1)


def draw_colour(uniform, sides: tuple):
    """Brightness in [−½, ½], saturation in [0, 2], contrast in [½, 1½]."""
    return uniform * mx.nd.array([[1, 2, 1]]) + mx.nd.array([[-0.5, 0, 0.5]])


def draw_translation(uniform, sides: tuple):
    """Whole pixels, up to an eighth of the side (rounded) in each direction."""

    def shift(column, side: int):
        most = int(side * SHIFT + 0.5)
        return _whole(column, 2 * most + 1) - most

    return _by_side(uniform, sides, shift)


def draw_cutout(uniform, sides: tuple):
    """The first row and column, so that the middle lies anywhere in the image; the rectangle may reach beyond it."""

    def first(column, side: int):
        covered = (side + 1) // 2
        return _whole(column, side + 1 - covered % 2) - covered // 2

    return _by_side(uniform, sides, first)


_SOURCE = "Zhao et al. 2020, section 3.3 (DiffAugment); numbers of its published code"
AUGMENTATIONS = {
    "colour": Augmentation(3, colour, draw_colour, lambda sides: (0, 1, 1), _SOURCE),
    "translation": Augmentation(2, translation, draw_translation, lambda sides: (0, 0), _SOURCE),
    "cutout": Augmentation(2, cutout, draw_cutout, lambda sides: sides, _SOURCE),  # the first place beyond the image
}


def check_augmentations(names: Sequence[str]) -> None:
    """Raise ArgumentError for a name that is no row of AUGMENTATIONS, or one that is given twice."""
    if isinstance(names, str) or not isinstance(names, (list, tuple)):
        raise ArgumentError(f"augment is {names!r}; give a list of {', '.join(AUGMENTATIONS)}.")
    for name in names:
        lookup("augmentation", name, AUGMENTATIONS, "--augment none turns all off.")
    if len(set(names)) < len(names):
        raise ArgumentError(f"augment has a name twice ({', '.join(names)}); give each once.")
