"""The latent iterator `RandIter`, the generator's input; each batch depends only on the seed and the step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import numpy as np

from mxgan.runtime import mx
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import check_distribution, draw_latents, rng_for

__all__ = ["RandIter"]


class RandIter(mx.io.DataIter):
    """Endless latents with the name `rand`, one batch per step.

    Parameters
    ----------
    batch_size : latents in a batch, > 0.
    ndim : length of a latent vector (Z in the original), > 0; or the whole shape of one latent.
    seed : the run's seed.
    classes : number of classes, for a conditional generator; each is equally likely in the batch's `class_label`.
        0 means no labels.
    distribution : "normal" (mean 0, standard deviation 1) or "uniform" (on [-1, 1]).

    Yields
    ------
    mx.io.DataBatch with one float32 array, (batch_size, ndim, 1, 1) or (batch_size, *shape), and with the class
    labels (batch_size,), 0 … classes − 1, if there are classes. `seek(step)` goes to any step.
    """

    def __init__(
        self,
        batch_size: int,
        ndim: Union[int, Sequence[int]],
        seed: int = 0,
        classes: int = 0,
        distribution: str = "normal",
    ) -> None:
        latent_shape = tuple(ndim) if isinstance(ndim, (tuple, list)) else (ndim, 1, 1)
        latent_shape = tuple(whole_number("ndim", extent) for extent in latent_shape)
        super().__init__(whole_number("batch_size", batch_size))
        self.distribution = check_distribution(distribution)
        self.seed, self.step, self.classes = seed, 0, whole_number("classes", classes, minimum=0)
        self.provide_data = [mx.io.DataDesc("rand", (batch_size, *latent_shape))]
        self.provide_label = [mx.io.DataDesc("class_label", (batch_size,))] if classes else []

    def seek(self, step: int) -> None:
        """Make the next batch the one of `step`."""
        self.step = step

    def reset(self) -> None:
        """Start again at step 0."""
        self.seek(0)

    def next(self):
        shape = self.provide_data[0].shape
        latents = draw_latents(shape, self.seed, self.step, distribution=self.distribution)
        labels = []
        if self.classes:
            drawn = rng_for("classes", self.seed, self.step).integers(self.classes, size=self.batch_size)
            labels.append(mx.nd.array(drawn, dtype=np.float32))
        self.step += 1
        return mx.io.DataBatch(data=[mx.nd.array(latents)], label=labels, pad=0, provide_data=self.provide_data)
