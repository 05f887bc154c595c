"""`Augmenter`: several changes before D's symbol, and the random numbers of each batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

import numpy as np

from mxgan.errors import ShapeError
from mxgan.objectives.augment.operators import masked
from mxgan.objectives.augment.table import AUGMENTATIONS, check_augmentations
from mxgan.objectives.feature_matching import REAL_IMAGES
from mxgan.runtime import mx

__all__ = ["AUGMENTED", "Augmenter"]


_INPUT = "augment"  # of D's symbol in training: the random numbers of all changes, in their order
AUGMENTED = "__augmented__"  # an attribute of the node of the changed images: the changes, in their order


class Augmenter:
    """The random changes T of the images that D judges: D(x) becomes D(T(x)).

    Parameters
    ----------
    names : rows of AUGMENTATIONS, in the order in which they are applied; each once. Empty: no change.
    image_shape : (C, H, W) of an image.

    Attributes
    ----------
    inputs : {"augment": shape of one sample (K,)}, the input of T beside `data`; empty without a change.
    places : {name: the slice of its numbers among the K}.
    probability : of each change for each sample, from 0 to 1; 1 unless something else is set.
    adaptive : whether `probability` is adapted in the course of the training.
    sign : the mean of sign(D(x)) on real images by which it was last adapted; NaN before.

    Raises
    ------
    ArgumentError : an unknown name, or one that is given twice. ShapeError : images that are not (C, H, W).
    """

    def __init__(self, names: Sequence[str], image_shape: Sequence[int]) -> None:
        check_augmentations(names)
        if names and len(image_shape) != 3:
            raise ShapeError(f"augment is {', '.join(names)}, and an image is {tuple(image_shape)}; give (C, H, W).")
        self.names, self._shape, self.places = tuple(names), tuple(image_shape), {}
        numbers: list = []
        for name in self.names:
            own = AUGMENTATIONS[name].numbers(self._shape[1:])
            self.places[name] = slice(len(numbers), len(numbers) + len(own))
            numbers += own
        self._numbers = numbers
        self.inputs = {_INPUT: (len(numbers),)} if numbers else {}
        self.probability, self.adaptive, self.sign = 1.0, False, math.nan
        self._constants_of: tuple = (None, None)

    def before(self, symbol):
        """D∘T for D's symbol, which takes the images as `data`; the same symbol if there is no change.

        The real images of feature matching, `real_data`, are changed by the same numbers.
        """
        if not self.names:
            return symbol
        values, taken = mx.sym.Variable(_INPUT), symbol.list_arguments()
        return symbol(**{name: self._changed(name, values) for name in ("data", REAL_IMAGES) if name in taken})

    def _changed(self, images: str, values):
        """T(images) for an input (N, C, H, W), with the numbers (N, K)."""
        data, masks = mx.sym.Variable(images), []
        for name, place in self.places.items():
            row = AUGMENTATIONS[name]
            own = mx.sym.slice_axis(values, axis=1, begin=place.start, end=place.stop)
            if row.change is not None:
                data, masks = row.change(masked(data, masks, self._shape), own, self._shape), []
            masks += [] if row.mask is None else [row.mask(own, self._shape)]  # applied together, in one pass
        return mx.sym.identity(masked(data, masks, self._shape), attr={AUGMENTED: ",".join(self.names)})

    def draw(self, uniform: Callable, count: int) -> dict:
        """{"augment": NDArray (count, K)} of one batch; {} without a change.

        Parameters
        ----------
        uniform : function of a shape (count, …) → NDArray of uniform numbers in [0, 1]; called once.
        """
        if not self.names:
            return {}
        fixed, size = self._constants(count), len(self._numbers)
        drawn = uniform((count, size + len(self.names)))  # the last ones choose the samples
        values = drawn.slice_axis(axis=1, begin=0, end=size) * fixed.width
        whole = mx.nd.minimum(mx.nd.floor(values), fixed.width - 1)
        values = mx.nd.where(fixed.is_whole, whole, values) + fixed.lowest
        if self.probability < 1:
            chosen = drawn.slice_axis(axis=1, begin=size, end=None) < self.probability  # (count, changes)
            values = mx.nd.where(mx.nd.dot(chosen, fixed.owners), values, fixed.neutral)
        return {_INPUT: values}

    def neutral(self, count: int) -> dict:
        """{"augment": NDArray (count, K)} that changes nothing."""
        return {_INPUT: self._constants(count).neutral} if self.names else {}

    def _constants(self, count: int) -> _Constants:
        if self._constants_of[0] != count:
            lowest, width, is_whole = (mx.nd.array([each]) for each in zip(*self._numbers))
            neutral = [value for name in self.names for value in AUGMENTATIONS[name].neutral(self._shape[1:])]
            owners = np.zeros((len(self.names), len(self._numbers)), np.float32)
            for row, place in zip(owners, self.places.values()):
                row[place] = 1
            size = (count, len(self._numbers))
            whole, neutral = (each.broadcast_to(size) for each in (is_whole, mx.nd.array([neutral])))
            self._constants_of = count, _Constants(lowest, width, whole, neutral, mx.nd.array(owners))
        return self._constants_of[1]


class _Constants(NamedTuple):
    """NDArrays of all numbers: lowest, width (1, K); is_whole, neutral (N, K); owners (changes, K), 1 for its own."""

    lowest: Any
    width: Any
    is_whole: Any
    neutral: Any
    owners: Any
