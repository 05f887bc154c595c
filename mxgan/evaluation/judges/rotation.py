"""The rotation judge: a network that tells by how many quarters an image was turned. It needs no classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.judges.residual import ResidualClassifier

__all__ = ["TURNS", "RotationNetwork", "in_all_turns"]

TURNS = 4  # 0°, 90°, 180°, 270°


@dataclass(frozen=True)
class RotationNetwork(ResidualClassifier):
    """The residual classifier, whose four classes are the turns of an image by 0°, 90°, 180° and 270°.

    To tell them it must see what is in the image, so its features serve for distances of images without classes. Its
    probabilities are of turns, so they say nothing about the classes of images.

    Source: Gidaris, Singh & Komodakis 2018, "Unsupervised representation learning by predicting image rotations".
    """

    name: ClassVar[str] = "rotation"
    title: ClassVar[str] = "rotation judge"
    knows_classes: ClassVar[bool] = False
    mirrors: ClassVar[bool] = False

    classes: int = TURNS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes != TURNS:
            raise ArgumentError(f"classes is {self.classes!r}; of a rotation judge they are the {TURNS} turns.")


def in_all_turns(images: np.ndarray) -> tuple:
    """Square images (N, C, S, S) in each of the four turns: (images (4 N, C, S, S), turns (4 N,) float32).

    Row 4 i + k is image i, turned by k quarters against the clock.
    """
    turned = np.stack([np.rot90(images, turn, axes=(2, 3)) for turn in range(TURNS)], axis=1)
    return turned.reshape(-1, *images.shape[1:]), np.tile(np.arange(TURNS, dtype=np.float32), len(images))
