"""`AdversarialPair`: generator and discriminator bound into Modules, and the halves of one training step.

Three executors over two sets of parameters::

    generator           rand → image           trains the generator
    discriminator       data, label → dloss    parameter gradients only
    critic_for_inputs   data, label → dloss    input gradients only; shares the discriminator's parameters

The original runs one discriminator executor for everything, and so computes input gradients in its first two
passes and parameter gradients in its third only to throw them away. Splitting it gives the same numbers to the
last bit. This module and optimizers.py are the only ones that touch MXNet's private parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, ShapeError
from mxgan.optimizers import OptimizerConfig, init_optimizer
from mxgan.runtime import mx
from mxgan.shapes import check_pair, check_parameters, parameter_shapes

__all__ = ["AdversarialPair", "StepResult"]

FAKE, REAL = 0.0, 1.0


class StepResult(NamedTuple):
    """What one training step leaves behind, on the device and perhaps not yet computed.

    Attributes
    ----------
    fake : NDArray (N, C, H, W), the generator's output, before any instance noise.
    fake_prediction, real_prediction : NDArray (N, 1), D on the fake and on the real batch, before D's update.
    generator_prediction : NDArray (N, 1), D on the same fake after D's update.
    input_gradient : NDArray (N, C, H, W), the gradient of the generator's loss at D's input.

    `fake` and `input_gradient` are the executors' own arrays: valid until the next step, copy what is to stay.
    """

    fake: Any
    fake_prediction: Any
    real_prediction: Any
    generator_prediction: Any
    input_gradient: Any


def noisy(images, sigma: float):
    """`images` plus normal noise of standard deviation `sigma`, a new array; the same array when sigma is 0."""
    if not sigma:
        return images
    return images + mx.nd.random.normal(0, sigma, shape=images.shape, ctx=images.context)


class AdversarialPair:
    """A generator and a discriminator as `mx.mod.Module`s over one batch shape.

    Parameters
    ----------
    generator : symbol with the one input `rand` and one output, the image.
    discriminator : symbol with the inputs `data` and `label` that ends in a head operator.
    latent_shape : shape of one latent, such as (100, 1, 1).
    image_shape : shape of one image (C, H, W); the generator's output must have it.
    batch_size : samples in a step; at least one for each device.
    generator_head : the symbol through which the generator is judged, over the same parameters as
        `discriminator`; None: `discriminator` itself.
    contexts : devices; the batch is split among them.
    real_label : target of D on real images; below 1 it is one-sided label smoothing (Salimans et al. 2016, 3.4).

    Raises
    ------
    ShapeError, ArgumentError : what does not fit, before anything is bound.

    Example
    -------
    >>> symbols = make_dcgan_sym(64, 64, 3)
    >>> pair = AdversarialPair(*symbols, latent_shape=(100, 1, 1), image_shape=(3, 64, 64), batch_size=64)
    >>> pair.init_params(mx.init.Normal(0.02), seed=0)
    >>> pair.init_optimizers(OptimizerConfig(), OptimizerConfig())
    >>> result = pair.step(latents, images)
    """

    def __init__(
        self,
        generator,
        discriminator,
        *,
        latent_shape: Sequence[int],
        image_shape: Sequence[int],
        batch_size: int,
        generator_head=None,
        contexts: Optional[Sequence] = None,
        real_label: float = REAL,
    ) -> None:
        self.contexts = list(contexts or [mx.cpu()])
        self.batch_size, self.real_label = batch_size, real_label
        self.latent_shape, self.image_shape = tuple(latent_shape), tuple(image_shape)
        if batch_size < len(self.contexts):
            raise ArgumentError(
                f"batch_size {batch_size} is less than one image for each of {len(self.contexts)} devices."
            )
        if not 0.5 < real_label <= 1:
            raise ArgumentError(f"real_label is {real_label}; give a number above 0.5 and at most 1.")
        latents, images, labels = self._data_shapes()
        check_pair(generator, discriminator, latents, images, labels)

        self.generator = mx.mod.Module(generator, data_names=("rand",), label_names=None, context=self.contexts)
        self.discriminator = self._discriminator_module(discriminator)
        parameters = [n for n in discriminator.list_arguments() if n not in ("data", "label")]
        self.critic_for_inputs = self._discriminator_module(
            discriminator if generator_head is None else generator_head, parameters
        )
        self.generator.bind([latents])
        self.discriminator.bind([images], [labels])
        self._gradients_pending = False
        self._constant_labels: dict = {}

    def _data_shapes(self) -> tuple:
        batch = (self.batch_size,)
        return ("rand", batch + self.latent_shape), ("data", batch + self.image_shape), ("label", batch)

    def _discriminator_module(self, symbol, fixed: Optional[list] = None):
        return mx.mod.Module(
            symbol, data_names=("data",), label_names=("label",), context=self.contexts, fixed_param_names=fixed
        )

    # ---- parameters ----

    def init_params(self, initializer, seed: int = 0) -> None:
        """Draw the first parameters of both networks; a function of (initializer, seed) alone."""
        mx.random.seed(seed)
        self.generator.init_params(initializer)
        self.discriminator.init_params(initializer)
        self._bind_critic_for_inputs()

    def set_params(self, generator: tuple, discriminator: Optional[tuple] = None) -> None:
        """Put parameters in: (arg_params, aux_params) of each network.

        Raises
        ------
        CheckpointError : names missing or unknown, shapes or dtypes that differ; nothing has been changed then.
        """
        given = [(self.generator, generator, self._parameter_shapes("generator"))]
        if discriminator is not None:
            given.append((self.discriminator, discriminator, self._parameter_shapes("discriminator")))
        for module, (arguments, auxiliary), (argument_shapes, auxiliary_shapes) in given:
            owner = "generator" if module is self.generator else "discriminator"
            check_parameters(owner, argument_shapes, arguments)
            check_parameters(owner, auxiliary_shapes, auxiliary)
        for module, (arguments, auxiliary), _ in given:
            module.init_params(arg_params=arguments, aux_params=auxiliary, force_init=True)
        if self.discriminator.params_initialized:
            self._bind_critic_for_inputs()

    def get_params(self) -> tuple:
        """((arg_params, aux_params) of the generator, the same of the discriminator), copied to the CPU.

        MXNet's backward pass of BatchNorm writes the moving statistics without the engine knowing: a plain
        `Module.get_params` may read them one step old. Hence the wait for everything.
        """
        mx.nd.waitall()
        return self.generator.get_params(), self.discriminator.get_params()

    def _parameter_shapes(self, half: str) -> tuple:
        latents, images, labels = self._data_shapes()
        if half == "generator":
            return parameter_shapes(self.generator.symbol, dict([latents]))
        return parameter_shapes(self.discriminator.symbol, dict([images, labels]))

    def _bind_critic_for_inputs(self) -> None:
        """Bind over the discriminator's own arrays, once it has parameters to share."""
        if not self.critic_for_inputs.binded:
            _, images, labels = self._data_shapes()
            self.critic_for_inputs.bind([images], [labels], inputs_need_grad=True, shared_module=self.discriminator)

    def init_optimizers(self, generator: OptimizerConfig, discriminator: OptimizerConfig) -> None:
        """Give each network its optimiser; ArgumentError where MXNet does not know it or its settings."""
        init_optimizer(self.generator, generator, len(self.contexts))
        init_optimizer(self.discriminator, discriminator, len(self.contexts))

    # ---- one training step ----

    def step(self, latents, images, noise: float = 0.0) -> StepResult:
        """One step in the order of MXNet's DCGAN example: D on fake and real, one update; then G through D.

        Parameters
        ----------
        latents : NDArray (N, *latent_shape).
        images : NDArray (N, *image_shape), float32 in [-1, 1]; not changed.
        noise : standard deviation of the instance noise on everything that D sees, 0 for none; drawn by mx.random.

        Raises
        ------
        ShapeError : latents or images of another shape or type; nothing has been changed then.
        """
        self._check_inputs(latents, images)
        self._gradients_pending = False  # of a step that failed half-way
        fake = self.generate(latents)
        seen = noisy(fake, noise)
        fake_prediction = self.accumulate_discriminator(seen, FAKE)
        real_prediction = self.accumulate_discriminator(noisy(images, noise), self.real_label)
        self.update_discriminator()
        generator_prediction, input_gradient = self.update_generator(seen)
        return StepResult(fake, fake_prediction, real_prediction, generator_prediction, input_gradient)

    def _check_inputs(self, latents, images) -> None:
        if not (self.generator.optimizer_initialized and self.discriminator.optimizer_initialized):
            raise ArgumentError(
                "the pair has no parameters or no optimisers yet; call init_params and init_optimizers."
            )
        for given, (name, shape) in zip((latents, images), self._data_shapes()):
            found = getattr(given, "shape", None)
            if not isinstance(given, mx.nd.NDArray) or found != shape or given.dtype != np.float32:
                kind = f"{type(given).__name__} {found} {np.dtype(given.dtype).name if found else ''}".strip()
                raise ShapeError(f"{name!r} is {kind}; give a float32 mx.nd.NDArray {shape}.")

    def generate(self, latents):
        """Training-mode forward pass of the generator, kept for the backward pass: NDArray (N, C, H, W)."""
        self.generator.forward(mx.io.DataBatch([latents]), is_train=True)
        return self.generator.get_outputs()[0]

    def accumulate_discriminator(self, images, label: float):
        """Forward and backward of D on `images` under `label`; its gradients add to those since the last update.

        Returns a copy of the prediction (N, 1).
        """
        gradients = self._discriminator_gradients()
        kept = [gradient.copy() for gradient in gradients] if self._gradients_pending else None
        self.discriminator.forward(mx.io.DataBatch([images], [self._labels(label)]), is_train=True)
        self.discriminator.backward()  # overwrites the gradients
        if kept:
            for gradient, earlier in zip(gradients, kept):
                gradient += earlier
        self._gradients_pending = True
        return self.discriminator.get_outputs()[0].copy()

    def update_discriminator(self) -> None:
        """One optimiser step of D with the gradients accumulated so far."""
        self.discriminator.update()
        self._gradients_pending = False

    def update_generator(self, fake) -> tuple:
        """One optimiser step of G: D's gradient at its input, for the label "real", goes back through G.

        `fake` must be what the last `generate` returned, or that plus noise. Returns (prediction (N, 1), input
        gradient (N, C, H, W)).
        """
        critic = self.critic_for_inputs
        critic.forward(mx.io.DataBatch([fake], [self._labels(REAL)]), is_train=True)
        critic.backward()
        input_gradients = critic.get_input_grads()
        self.generator.backward(input_gradients)
        self.generator.update()
        return critic.get_outputs()[0].copy(), input_gradients[0]

    def _labels(self, value: float):
        if value not in self._constant_labels:
            self._constant_labels[value] = mx.nd.full((self.batch_size,), value)
        return self._constant_labels[value]

    # ---- for checkpoints and monitors ----

    def halves(self) -> dict:
        """{"generator": Module, "discriminator": Module}: what has parameters and an optimiser."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def modules(self) -> list:
        """Every bound Module: the two halves and the one that pulls input gradients."""
        return [self.generator, self.discriminator, self.critic_for_inputs]

    def gradients(self) -> dict:
        """Gradients of the last step by parameter, on the first device, and `data`, the one at D's input."""
        found = {"data": self.critic_for_inputs.get_input_grads()[0]}
        for module in self.halves().values():
            group = module._exec_group
            for name, devices in zip(group.param_names, group.grad_arrays):
                found[name] = devices[0]
        return found

    def _discriminator_gradients(self) -> list:
        """D's gradient arrays on every device; arguments without a gradient have none."""
        return [
            gradient
            for devices in self.discriminator._exec_group.grad_arrays
            for gradient in devices
            if gradient is not None
        ]
