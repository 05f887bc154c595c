"""`Augmenter`: several changes before D's symbol, and the random numbers of each batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable

from mxgan.errors import ShapeError
from mxgan.objectives.augment.table import AUGMENTATIONS, check_augmentations
from mxgan.runtime import mx

__all__ = ["Augmenter"]


class Augmenter:
    """The random changes T of the images that D judges: D(x) becomes D(T(x)).

    Parameters
    ----------
    names : rows of AUGMENTATIONS, in the order in which they are applied; each once. Empty: no change.
    image_shape : (C, H, W) of an image.

    Attributes
    ----------
    inputs : {input "augment_NAME": shape of one sample (k,)} of T, beside `data`.
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
        self.names, self._shape = tuple(names), tuple(image_shape)
        self._rows = {f"augment_{name}": AUGMENTATIONS[name] for name in self.names}
        self.inputs = {name: (row.numbers,) for name, row in self._rows.items()}
        self.probability, self.adaptive, self.sign = 1.0, False, math.nan
        self._neutral: dict = {}  # {number of samples: {input: NDArray}}

    def before(self, symbol):
        """D∘T for D's symbol, which takes the images as `data`; the same symbol if there is no change."""
        if not self._rows:
            return symbol
        data = mx.sym.Variable("data")
        for name, row in self._rows.items():
            data = row.symbol(data, mx.sym.Variable(name), self._shape)
        return symbol(data=data)

    def draw(self, uniform: Callable, count: int) -> dict:
        """{input: NDArray (count, k)} of one batch.

        Parameters
        ----------
        uniform : function of a shape (count, …) → NDArray of uniform numbers in [0, 1]; called once.
        """
        if not self._rows:
            return {}
        drawn = uniform((count, sum(row.numbers + 1 for row in self._rows.values())))
        found, start = {}, 0
        for name, row in self._rows.items():
            end = start + row.numbers
            values = row.draw(drawn.slice_axis(axis=1, begin=start, end=end), self._shape[1:])
            if self.probability < 1:
                chosen = drawn.slice_axis(axis=1, begin=end, end=end + 1).reshape((-1,)) < self.probability
                values = mx.nd.where(chosen, values, self.neutral(count)[name])
            found[name], start = values, end + 1
        return found

    def neutral(self, count: int) -> dict:
        """{input: NDArray (count, k)} that change nothing."""
        if count not in self._neutral:
            self._neutral[count] = {
                name: mx.nd.array([row.neutral(self._shape[1:])] * count) for name, row in self._rows.items()
            }
        return self._neutral[count]
