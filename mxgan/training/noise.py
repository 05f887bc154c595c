"""`NoisePool`: the instance noise of a run, read from normal numbers that are drawn once."""

from __future__ import annotations

import functools
import math
from typing import Any, Callable, Union

from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from mxgan.training.schedule import InstanceNoise

__all__ = ["NoisePool"]

PLACES = 2**22  # at which a batch's noise may begin: 16 MB of float32


class NoisePool:
    """Normal noise for D's input batches: a function of the seed, the step and the batch's number in it alone.

    The pool has 4,194,304 standard normal numbers and one batch more. A batch reads as many neighbours as it has
    numbers, from a place that (seed, step, number of the batch in its step) decides; its samples follow each other. The
    reading is a view, so that noise costs one addition. To draw new numbers for each batch costs many times that.

    Two batches may read some of the same numbers. That does no harm. Within a batch all numbers are independent. Two
    batches have the same number at the same pixel of the same sample only if their places are equal, which happens to
    one pair of batches in four million; else it is at another pixel, mostly of another image, and the two noises are
    not correlated. Real and generated images read the same pool, so the noise does not tell D which is which.

    On several ranks the batch of all ranks has one place, and each rank reads its own rows.

    Parameters
    ----------
    pair : an `AdversarialPair`, for the shape of its images and its rows of a batch.
    seed : the run's seed, 0 … 2**63 - 1.

    >>> pool = NoisePool(pair, seed=0)
    >>> result = pair.step(latents, images, noise=pool.at(7, InstanceNoise(0.1)))
    """

    def __init__(self, pair, seed: int) -> None:
        self._seed, self._first_row = seed, pair.rows.start
        self._size = PLACES + pair.whole_batch_size * math.prod(pair.image_shape)
        self._numbers: dict = {}  # {device: (factor, NDArray (size,))}

    def at(self, step: int, noise: InstanceNoise) -> Union[float, Callable]:
        """The noise of one step, for `pair.step(noise=…)`: a function of a batch (N, …) → a new NDArray; 0.0 for none.

        Each call of the function is for the next batch of the step. The batches must be float32, of the pair's shape.
        """
        sigma = noise.sigma_at(step)
        if not sigma:
            return 0.0
        places = rng_for("places of the instance noise", self._seed, step)
        return functools.partial(self._added, sigma, noise.steps is None, places)

    def _added(self, sigma: float, constant: bool, places, images):
        numbers = self._read(images, sigma if constant else 1.0, int(places.integers(PLACES)))
        if constant:
            return images + numbers
        # images + sigma · numbers in one pass: a product and then a sum are two, to scale the whole pool is more still.
        return mx.nd.sgd_update(images, numbers, lr=-sigma, wd=0)

    def _read(self, like, factor: float, place: int):
        """The pool's numbers times `factor` from `place` on, for this rank's rows; a view, not to be written to."""
        first = place + self._first_row * (like.size // like.shape[0])
        return self._pool(like.context, factor)[first : first + like.size].reshape(like.shape)

    def _pool(self, device, factor: float) -> Any:
        """The numbers times `factor` on a device; drawn when they are first needed, or needed with another factor."""
        held, numbers = self._numbers.get(device, (None, None))
        if held != factor:
            drawn = rng_for("instance noise", self._seed, 0).standard_normal(self._size, dtype="float32")
            drawn *= factor
            numbers = mx.nd.array(drawn, ctx=device)
            self._numbers[device] = factor, numbers
        return numbers
