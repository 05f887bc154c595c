"""AUGMENTATIONS: the random changes of images that D judges, each with its random numbers and its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

from mxgan.errors import ArgumentError, lookup
from mxgan.objectives.augment.operators import colour, cutout_mask, inside_mask, shifted

__all__ = ["AUGMENTATIONS", "Augmentation", "Number", "check_augmentations"]

_SHIFT = 1 / 8  # of the side: the most that `translation` moves an image


class Number(NamedTuple):
    """A random number: uniform on [lowest, lowest + width], or `whole`: one of lowest, … lowest + width − 1."""

    lowest: float
    width: float
    whole: bool = False


@dataclass(frozen=True)
class Augmentation:
    """One row of AUGMENTATIONS.

    Attributes
    ----------
    change : (data (N, C, H, W), values (N, k), shape (C, H, W) of an image) → symbol (N, C, H, W), differentiable.
    mask : (values, shape) → symbol (N, H, W), 0 where the changed image is set to 0, else 1. Either may be None.
    numbers : (H, W) → the k `Number` of each sample.
    neutral : (H, W) → the k values that change nothing.
    source : paper and section.
    """

    change: Optional[Callable]
    mask: Optional[Callable]
    numbers: Callable
    neutral: Callable
    source: str


def _numbers_of_colour(sides: tuple) -> list:
    """Brightness, saturation, contrast."""
    return [Number(-0.5, 1), Number(0, 2), Number(0.5, 1)]


def _numbers_of_translation(sides: tuple) -> list:
    """Rows and columns: up to an eighth of the side, rounded, in each direction."""
    most = [int(side * _SHIFT + 0.5) for side in sides]
    return [Number(-each, 2 * each + 1, whole=True) for each in most]


def _numbers_of_cutout(sides: tuple) -> list:
    """The first row and column: the middle lies anywhere in the image, and the rectangle may reach beyond it."""
    covered = [(side + 1) // 2 for side in sides]
    return [Number(-(each // 2), side + 1 - each % 2, whole=True) for each, side in zip(covered, sides)]


_SOURCE = "Zhao et al. 2020, section 3.3 (DiffAugment); numbers of its published code"
AUGMENTATIONS = {
    "colour": Augmentation(colour, None, _numbers_of_colour, lambda sides: (0, 1, 1), _SOURCE),
    "translation": Augmentation(shifted, inside_mask, _numbers_of_translation, lambda sides: (0, 0), _SOURCE),
    # what changes nothing: the first place beyond the image
    "cutout": Augmentation(None, cutout_mask, _numbers_of_cutout, lambda sides: sides, _SOURCE),
}


def check_augmentations(names: Sequence[str]) -> None:
    """Raise ArgumentError for a name that is no row of AUGMENTATIONS, or one that is given twice."""
    if isinstance(names, str) or not isinstance(names, (list, tuple)):
        raise ArgumentError(f"augment is {names!r}; give a list of {', '.join(AUGMENTATIONS)}.")
    for name in names:
        lookup("augmentation", name, AUGMENTATIONS, "--augment none turns all off.")
    if len(set(names)) < len(names):
        raise ArgumentError(f"augment has a name twice ({', '.join(names)}); give each once.")
