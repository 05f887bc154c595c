"""Images out of a generator: from a pair in training, or from a .params file alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mxgan.data.latents import draw_latents
from mxgan.errors import ArgumentError, CheckpointError
from mxgan.modules import AdversarialPair
from mxgan.networks import NETWORKS
from mxgan.runtime import mx
from mxgan.shapes import check_parameters, parameter_shapes

__all__ = ["Sampler", "network_of_params"]


class Sampler:
    """A generator bound for inference (BatchNorm by its moving statistics), with parameters of its own.

    Parameters
    ----------
    generator : symbol with the one input `rand`.
    latent_shape : shape of one latent, such as (100, 1, 1).
    batch_size : latents in one forward pass; any number can be sampled.
    context : where it runs; None: the CPU.
    """

    def __init__(self, generator, latent_shape: Sequence[int], batch_size: int = 64, context=None) -> None:
        if batch_size < 1:
            raise ArgumentError(f"batch_size is {batch_size}; give at least 1.")
        self.latent_shape, self.batch_size = tuple(latent_shape), batch_size
        self._shape = (batch_size, *self.latent_shape)
        self._wanted = parameter_shapes(generator, {"rand": self._shape})
        self.module = mx.mod.Module(generator, ("rand",), None, context=context or mx.cpu())
        # Bound as for training: a graph bound for inference gets MXNet's oneDNN backend, which keeps the first value
        # of a weight that is worked out in the graph (blocks.single_channel_deconvolution) for all later ones.
        self.module.bind([("rand", self._shape)], for_training=True)

    def set_params(self, arg_params: dict, aux_params: dict) -> None:
        """Take these parameters; CheckpointError when they are not this generator's."""
        for wanted, given in zip(self._wanted, (arg_params, aux_params)):
            check_parameters("generator", wanted, given)
        self.module.init_params(arg_params=arg_params, aux_params=aux_params, force_init=True)

    def copy_from(self, pair: AdversarialPair) -> None:
        """Take the parameters that the pair's generator has now."""
        (arg_params, aux_params), _ = pair.get_params()
        self.module.init_params(arg_params=arg_params, aux_params=aux_params, force_init=True)

    def sample(self, latents: np.ndarray) -> np.ndarray:
        """Images (N, C, H, W), float32, of latents (N, *latent_shape); any N ≥ 1."""
        if latents.shape[1:] != self.latent_shape or not len(latents):
            raise ArgumentError(f"latents are {latents.shape}; give (N, {', '.join(map(str, self.latent_shape))}).")
        images = []
        for start in range(0, len(latents), self.batch_size):
            some = latents[start : start + self.batch_size]
            filled = np.resize(some, self._shape)  # the last batch is filled by repeating
            self.module.forward(mx.io.DataBatch([mx.nd.array(filled)]), is_train=False)
            images.append(self.module.get_outputs()[0].asnumpy()[: len(some)])
        return np.concatenate(images)

    def draw(self, num: int, seed: int = 0) -> np.ndarray:
        """`num` images from standard normal latents that depend on the seed alone; the first k of any num agree."""
        if num < 1:
            raise ArgumentError(f"the number of samples is {num}; give at least 1.")
        return self.sample(draw_latents((num, *self.latent_shape), seed, 0, stream="samples"))


def network_of_params(arg_params: dict):
    """The network whose generator has these parameters, found by their names and shapes among NETWORKS."""
    shapes = {key: value.shape for key, value in arg_params.items()}
    refusals = []
    for network in NETWORKS.values():
        try:
            return network.from_parameters(shapes)
        except CheckpointError as error:
            refusals.append(f"{network.name}: {error}")
    raise CheckpointError(" ".join(refusals))
