"""`Sampler`: images from the generator of a pair in training, or with the parameters of a file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.memory import Graph, check_memory
from mxgan.graphs.shapes import check_parameters, parameter_shapes
from mxgan.graphs.symbol_files import mxnets_reason
from mxgan.networks.base import Network
from mxgan.runtime import mx
from mxgan.runtime.draws import draw_latents

__all__ = ["Sampler"]

logger = logging.getLogger(__name__)

ROUNDING = 1e-3  # that images may lie outside of [-1, 1]


class Sampler:
    """A generator for inference (BatchNorm uses its moving statistics), with its own copy of the parameters.

    Parameters
    ----------
    generator : symbol with an input for latents, and `class_label` if it is conditional.
    latent_shape : shape of one latent, such as (100, 1, 1).
    classes : the number of classes of a conditional generator, whose second input is `class_label`; 0 for others.
    batch_size : the number of latents in one forward pass; this does not limit the number of samples.
    context : the device; None: the CPU.
    input_name : the generator's input for latents.
    """

    def __init__(
        self,
        generator,
        latent_shape: Sequence[int],
        batch_size: int = 64,
        context=None,
        classes: int = 0,
        input_name: str = "rand",
    ) -> None:
        if batch_size < 1:
            raise ArgumentError(f"batch_size is {batch_size}; give at least 1.")
        self.latent_shape, self.batch_size, self.classes = tuple(latent_shape), batch_size, classes
        data, labels = {input_name: (batch_size, *self.latent_shape)}, {"class_label": (batch_size,)} if classes else {}
        self._wanted = parameter_shapes(generator, {**data, **labels})
        if context is None or context.device_type == "cpu":
            check_memory({"generator": Graph(generator, {**data, **labels})}, training=False)
        self.module = mx.mod.Module(generator, tuple(data), tuple(labels) or None, context=context or mx.cpu())
        # Bound for training: a graph bound for inference gets MXNet's oneDNN backend, which keeps the first value of
        # a weight that the graph computes (blocks.single_channel_deconvolution) and does not update it.
        with _in_words():
            self.module.bind(list(data.items()), list(labels.items()) or None, for_training=True)

    @classmethod
    def of_params(
        cls, generator, latent_shape: Sequence[int], parameters: tuple, batch_size: int = 64, **settings
    ) -> Sampler:
        """A sampler with these (arg_params, aux_params), which are checked before the generator is bound."""
        inputs = {settings.get("input_name", "rand"): (batch_size, *latent_shape)}
        inputs.update({"class_label": (batch_size,)} if settings.get("classes") else {})
        for wanted, given in zip(parameter_shapes(generator, inputs), parameters):
            check_parameters("generator", wanted, given)
        sampler = cls(generator, latent_shape, batch_size, **settings)
        sampler.set_params(*parameters)
        return sampler

    @classmethod
    def of_network(cls, network: Network, parameters: tuple, batch_size: int = 64) -> Sampler:
        """A sampler of a network's generator with these (arg_params, aux_params)."""
        return cls.of_params(
            network.generator(), network.latent_shape, parameters, batch_size, classes=network.generator_classes
        )

    def set_params(self, arg_params: dict, aux_params: dict) -> None:
        """Set the parameters; CheckpointError if they do not fit this generator."""
        for wanted, given in zip(self._wanted, (arg_params, aux_params)):
            check_parameters("generator", wanted, given)
        self.module.init_params(arg_params=arg_params, aux_params=aux_params, force_init=True)

    def copy_from(self, pair) -> None:
        """Copy the current parameters of the pair's generator."""
        (arg_params, aux_params), _ = pair.get_params()
        self.module.init_params(arg_params=arg_params, aux_params=aux_params, force_init=True)

    def sample(self, latents: np.ndarray, classes: Optional[np.ndarray] = None) -> np.ndarray:
        """Images (N, C, H, W), float32, from latents (N, *latent_shape), N ≥ 1, and classes (N,) if conditional."""
        if latents.shape[1:] != self.latent_shape or not len(latents):
            raise ArgumentError(f"latents are {latents.shape}; give (N, {', '.join(map(str, self.latent_shape))}).")
        self._check_classes(classes, len(latents))
        images = []
        for start in range(0, len(latents), self.batch_size):
            rows = np.resize(np.arange(start, min(start + self.batch_size, len(latents))), self.batch_size)
            labels = [mx.nd.array(classes[rows], dtype=np.float32)] if self.classes else None
            images.append(self._forward([mx.nd.array(latents[rows])], labels)[: len(latents) - start])
        return np.concatenate(images)

    def _forward(self, latents: list, labels: Optional[list]) -> np.ndarray:
        with _in_words():
            self.module.forward(mx.io.DataBatch(latents, labels), is_train=False)
            return self.module.get_outputs()[0].asnumpy()

    def _check_classes(self, classes: Optional[np.ndarray], count: int) -> None:
        if not self.classes:
            if classes is not None:
                raise ArgumentError("this generator takes no classes; leave them out.")
            return
        allowed = f"{count} whole numbers from 0 to {self.classes - 1}, one for each image"
        if classes is None:
            raise ArgumentError(f"this generator is conditional; give classes: {allowed}.")
        whole = np.issubdtype(classes.dtype, np.integer)
        if classes.shape != (count,) or not whole or classes.min() < 0 or classes.max() >= self.classes:
            raise ArgumentError(f"classes are {classes.dtype} {classes.shape} {classes.ravel()[:4]}…; give {allowed}.")

    def draw(self, num: int, seed: int = 0, only: Optional[int] = None) -> np.ndarray:
        """`num` images from standard normal latents; the seed decides image i, whatever `num` is.

        A conditional generator draws image i of the class i mod K, or all images of the class `only`.
        """
        if num < 1:
            raise ArgumentError(f"the number of samples is {num}; give at least 1.")
        latents = draw_latents((num, *self.latent_shape), seed, 0, stream="samples")
        if only is not None and not 0 <= only < self.classes:
            known = f"0 to {self.classes - 1}" if self.classes else "none: this generator is not conditional"
            raise ArgumentError(f"class {only} is not one of this generator's ({known}).")
        images = self.sample(latents, self.classes_of(num, only))
        if images.min() < -1 - ROUNDING or images.max() > 1 + ROUNDING:
            logger.warning(
                "The images reach from %.4g to %.4g; in pictures, what lies outside of -1 to 1 is cut off.",
                images.min(),
                images.max(),
            )
        return images

    def classes_of(self, num: int, only: Optional[int] = None) -> Optional[np.ndarray]:
        """The classes (N,) of the images that `draw` returns; None if the generator is not conditional."""
        if not self.classes:
            return None
        return np.arange(num) % self.classes if only is None else np.full(num, only)


@contextmanager
def _in_words():
    """Turn MXNet's error for a symbol that it cannot bind or compute into a CheckpointError of one line."""
    try:
        yield
    except (mx.MXNetError, RuntimeError) as error:  # simple_bind raises the latter
        raise CheckpointError(f"MXNet cannot compute this generator: {mxnets_reason(error)}.") from error
