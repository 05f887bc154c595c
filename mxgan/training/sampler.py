"""`Sampler`: images from the generator of a pair in training, or with the parameters of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.memory import Graph, check_memory
from mxgan.graphs.mxnet_messages import mxnets_reason
from mxgan.graphs.shapes import check_parameters, parameter_shapes
from mxgan.networks.base import Network
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import check_distribution
from mxgan.training.algorithm import algorithm_of_samplers, chosen_algorithm, rewritten
from mxgan.training.drawing import Drawing
from mxgan.training.forward import forward_module
from mxgan.training.inputs import RESERVED, check_conditions, device_list, generator_inputs, given_conditions
from mxgan.training.recipe import Recipe

__all__ = ["Sampler"]


class Sampler(Drawing):
    """A generator for inference (BatchNorm uses its moving statistics), with its own copy of the parameters.

    Parameters
    ----------
    generator : symbol with the input `rand`, and `class_label` if it is conditional. Of several outputs, the first one
        is the image; parameters that only its losses have are ignored.
    latent_shape : shape of one latent, such as (100, 1, 1); None if the generator takes no `rand`.
    classes : the number of classes of a conditional generator, whose second input is `class_label`; 0 for others.
    batch_size : the number of latents in one forward pass; this does not limit the number of samples.
    context : the device, or a list of them; None: the CPU.
    distribution : of the latents that `latents` and `draw` draw: "normal", or "uniform" on [-1, 1].
    conditions : {input: shape of one sample} of the generator's other inputs; see `AdversarialPair`.
    parameters : (arg_params, aux_params), checked before the generator is bound; None: `set_params` sets them.
    class_names : the names of the classes, if they have names.
    ranged : False for a generator of another program that does not tell the range of its images: `draw` then warns if
        no value is below 0.
    algorithm : "auto", "direct" or "fast" operators; see `chosen_algorithm`, whose errors it raises.

    Attributes
    ----------
    symbol : of the image, with MXNet's own operators.
    """

    def __init__(
        self,
        generator,
        latent_shape: Optional[Sequence[int]],
        batch_size: int = 64,
        context=None,
        classes: int = 0,
        distribution: str = "normal",
        conditions: Mapping = MappingProxyType({}),
        *,
        parameters: Optional[tuple] = None,
        class_names: Sequence[str] = (),
        ranged: bool = True,
        algorithm: str = "direct",
    ) -> None:
        batch_size = whole_number("batch_size", batch_size)
        self.latent_shape = None if latent_shape is None else tuple(latent_shape)
        self.batch_size, self.classes = batch_size, classes
        self.distribution = check_distribution(distribution)
        image, contexts = generator[0], device_list(context)
        self._inputs = _image_inputs(generator, self.latent_shape, batch_size, classes, conditions)
        self.conditions = {name: shape[1:] for name, shape in self._inputs.items() if name not in RESERVED}
        self.class_names, self.ranged = tuple(class_names), ranged
        self._of_losses = set(generator.list_inputs()) - set(image.list_inputs())
        self._wanted = parameter_shapes(image, self._inputs)
        if parameters is not None:
            parameters = self._fitting(*parameters)
        if contexts[0].device_type == "cpu":
            check_memory({"generator": Graph(image, self._inputs)}, training=False)
        self.symbol = image
        algorithm = chosen_algorithm(algorithm, "float32", contexts, {"generator": (image, self._inputs)})
        chosen = rewritten(image, self._inputs, algorithm)
        with _in_words():
            self.module = forward_module(chosen, self._inputs, next(reversed(self._wanted[0]), None), contexts)
        if parameters is not None:
            self._set(*parameters)

    @classmethod
    def of_network(
        cls, network: Network, parameters: tuple, batch_size: int = 64, distribution: str = "normal", **more
    ) -> Sampler:
        """A sampler of a network's generator with these (arg_params, aux_params)."""
        settings = {"classes": network.generator_classes, "distribution": distribution, "parameters": parameters}
        return cls(network.generator(), network.latent_shape, batch_size, **settings, **more)

    @classmethod
    def of_recipe(cls, recipe: Recipe, parameters: tuple, batch_size: int = 64, **more) -> Sampler:
        """A sampler of a recipe's generator and latents with these (arg_params, aux_params)."""
        settings = {"algorithm": algorithm_of_samplers(recipe.algorithm), **more}
        return cls.of_network(recipe.network, parameters, batch_size, recipe.latent_distribution, **settings)

    @property
    def image_shape(self) -> tuple:
        """Shape of one image, (C, H, W)."""
        return tuple(self.module.output_shapes[0][1][1:])

    def set_params(self, arg_params: dict, aux_params: dict) -> None:
        """Set the parameters; CheckpointError if they do not fit this generator."""
        self._set(*self._fitting(arg_params, aux_params))

    def _set(self, arguments: dict, auxiliary: dict) -> None:
        self.module.init_params(arg_params=arguments, aux_params=auxiliary, force_init=True)

    def _fitting(self, *parameters: dict) -> list:
        """[arg_params, aux_params] without those of the generator's losses; CheckpointError if they do not fit."""
        kept = [{name: value for name, value in group.items() if name not in self._of_losses} for group in parameters]
        for wanted, given in zip(self._wanted, kept):
            check_parameters("generator", wanted, given)
        return kept

    def copy_from(self, pair) -> None:
        """Copy the current parameters of the pair's generator: their average (`ema`) if the pair keeps one."""
        self.set_params(*pair.generator_params())

    def sample(
        self,
        latents: Optional[np.ndarray],
        classes: Optional[np.ndarray] = None,
        conditions: Mapping = MappingProxyType({}),
    ) -> np.ndarray:
        """Images (N, C, H, W), float32, N ≥ 1.

        Parameters
        ----------
        latents : (N, *latent_shape); None if the generator takes no `rand`.
        classes : (N,), if it is conditional.
        conditions : {condition: (N, *shape)}, those that the generator takes.
        """
        given = self._given(latents, classes, conditions)
        count, images = len(next(iter(given.values()))), []
        for start in range(0, count, self.batch_size):
            rows = np.resize(np.arange(start, min(start + self.batch_size, count)), self.batch_size)
            data, *labels = [mx.nd.array(values[rows], dtype=np.float32) for values in given.values()]
            images.append(self._forward(data, labels)[: count - start])
        return np.concatenate(images)

    def _forward(self, data, labels: list) -> np.ndarray:
        if not self.module.params_initialized:
            raise ArgumentError("this sampler has no parameters yet: call set_params(*load_params(FILE)) or copy_from.")
        with _in_words():
            self.module.forward(mx.io.DataBatch([data], labels or None), is_train=False)
            return self.module.get_outputs()[0].asnumpy()

    def _given(self, latents, classes, conditions: Mapping) -> dict:
        """{input: (N, …)} in the order of the generator's inputs, each checked."""
        if latents is not None and "rand" not in self._inputs:
            raise ArgumentError("this generator takes no latents; give None.")
        conditions = given_conditions(conditions, self.conditions)
        classes = None if classes is None else _in_numpy(classes)
        given = {"rand": latents, "class_label": classes, **conditions}
        wanted = {name: tuple(shape) for name, (_, *shape) in self._inputs.items() if name != "class_label"}
        count = (getattr(given.get(next(iter(wanted))), "shape", ()) or (0,))[0]  # the first input decides it
        for name, shape in wanted.items():
            found = getattr(given.get(name), "shape", None)
            if not count or found != (count, *shape):
                title = "latents are" if name == "rand" else f"the condition {name!r} is"
                way = "" if name == "rand" else ", as sample(latents, conditions={…}) takes it"
                raise ArgumentError(f"{title} {found}; give ({', '.join(map(str, (count or 'N', *shape)))}){way}.")
        self.check_classes(classes, count)
        return {name: given[name] for name in self._inputs}


def _in_numpy(classes) -> np.ndarray:
    """Classes as an array; an NDArray's whole numbers, float32 in MXNet, as integers."""
    if not isinstance(classes, mx.nd.NDArray):
        return np.asarray(classes)
    found = classes.asnumpy()
    whole = np.issubdtype(found.dtype, np.floating) and (found == np.floor(found)).all() and np.isfinite(found).all()
    return found.astype(np.int64) if whole else found


def _image_inputs(generator, latent_shape, batch_size: int, classes: int, conditions: Mapping) -> dict:
    """{input: shape} of the generator's image, its first output, batch included."""
    inputs = generator_inputs(generator[0], latent_shape, check_conditions(conditions, generator), batch_size)
    if bool(classes) != ("class_label" in inputs):
        takes = "takes 'class_label'" if classes == 0 else "takes no 'class_label'"
        raise ArgumentError(f"classes is {classes}, and the generator {takes}; give the number of its classes, or 0.")
    return inputs


@contextmanager
def _in_words():
    """Turn MXNet's error for a symbol that it cannot bind or compute into a CheckpointError of one line."""
    try:
        yield
    except (mx.MXNetError, RuntimeError) as error:  # simple_bind raises the latter
        raise CheckpointError(f"MXNet cannot compute this generator: {mxnets_reason(error)}.") from error
