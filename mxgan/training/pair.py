"""`AdversarialPair`: generator and discriminator in training, and the actions of one step.

bound_pair.py has the Modules. `Schedule` sets the order of the actions in a step, and step.py calls them here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from mxgan.errors import ArgumentError
from mxgan.objectives.bound_penalty import BoundPenalty
from mxgan.objectives.heads import IGNORED_CLASS
from mxgan.objectives.penalties import WeightClip, check_clip
from mxgan.runtime import mx
from mxgan.training.averaging import GeneratorAverage, check_decay
from mxgan.training.bound_pair import BoundPair
from mxgan.training.optimizers import OptimizerConfig, init_optimizer, next_learning_rate, scale_learning_rate
from mxgan.training.schedule import Schedule
from mxgan.training.step import REAL, StepResult, check_real_label, checked_batches, train_step

__all__ = ["AdversarialPair"]


class AdversarialPair(BoundPair):
    """A generator and a discriminator as `mx.mod.Module`s over one batch shape.

    Parameters
    ----------
    generator : symbol with the input `rand`, also `class_label` if it is conditional, and one output, the image.
    discriminator : symbol that ends in a head operator, with the inputs `data`, `label`, and `class_label` if it
        takes or predicts the class.
    latent_shape : shape of one latent, such as (100, 1, 1).
    image_shape : shape of one image (C, H, W); the generator's output must have it.
    batch_size : samples in a batch; at least one for each device.
    generator_head : the symbol through which the generator is trained, with the same parameters as
        `discriminator`; None: `discriminator` itself.
    contexts : devices; the batch is split among them.
    real_label : target of D on real images; below 1 it is one-sided label smoothing (Salimans et al. 2016, 3.4).
    schedule : order and number of the updates in a step; by default as in MXNet's own DCGAN example.
    labelled : whether each round of D has one more batch, for its classifier only; D needs a classifier (output
        `closs`).
    penalty : (configuration, raw score symbol) of a penalty on D's gradient at its input. If its points lie between
        real and fake images and the score takes classes, D's fakes get the classes of the real batch.
    weight_clip : bound of every weight of D, from the start (Arjovsky et al. 2017, algorithm 1); None: no bound.
    ema : decay of the average of G's weights, kept as `average` (see averaging.py), above 0 and below 1; None: no
        average.
    precision : the number type of the passes; parameters, gradients and optimisers are float32. See precision.py.

    Raises
    ------
    ShapeError, ArgumentError : an argument does not fit; raised before anything is bound.

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
        schedule: Schedule = Schedule(),
        labelled: bool = False,
        penalty: Optional[tuple] = None,
        weight_clip: Optional[float] = None,
        ema: Optional[float] = None,
        precision: str = "float32",
    ) -> None:
        check_real_label(real_label)
        check_decay(ema)
        if weight_clip is not None:
            check_clip(weight_clip)
        self._classifies = "closs_output" in discriminator.list_outputs()
        if labelled and not self._classifies:
            raise ArgumentError(
                "labelled is True, and the discriminator has no classifier (an output 'closs'); leave labelled out, "
                "or give a discriminator with class logits to `with_heads`."
            )
        head = discriminator if generator_head is None else generator_head
        super().__init__(generator, discriminator, head, latent_shape, image_shape, batch_size, contexts, precision)
        self.real_label, self.schedule = real_label, schedule
        self.labelled, self.weight_clip = labelled, weight_clip
        self._penalty_of, self._penalty = penalty, None
        self.penalty_points = penalty[0].points if penalty else None
        takes_classes = penalty is not None and not labelled and "class_label" in penalty[1].list_arguments()
        self.pairs_classes = takes_classes and self.penalty_points == "between"
        self._weight_clip = None if weight_clip is None else WeightClip(self.discriminator, weight_clip)
        self.average = None if ema is None else GeneratorAverage(self.generator, ema)
        self._gradients_pending = False
        self._constant_labels: dict = {}

    def _share_parameters(self) -> None:
        super()._share_parameters()
        if self._penalty is None and self._penalty_of is not None:
            config, score = self._penalty_of
            shapes = {name: shape for name, shape in self._inputs("discriminator").items() if name != "label"}
            self._penalty = BoundPenalty(config, score, self.discriminator, shapes)
        self._clip()

    def init_params(self, initializer, seed: int = 0) -> None:
        """Draw the first parameters of both networks; a function of (initializer, seed) alone."""
        super().init_params(initializer, seed)
        self._begin_average()

    def set_params(self, generator: tuple, discriminator: Optional[tuple] = None) -> None:
        """Set the parameters, as `BoundPair.set_params`; the average starts again at the new generator's weights."""
        super().set_params(generator, discriminator)
        self._begin_average()

    def _begin_average(self) -> None:
        if self.average is not None:
            self.average.begin()

    def generator_params(self, averaged: Optional[bool] = None) -> tuple:
        """(arg_params, aux_params) of the generator, on the CPU: the arguments of `Sampler.set_params`.

        Parameters
        ----------
        averaged : True: its average; False: the generator itself; None: the average if there is one.

        Raises
        ------
        ArgumentError : `averaged` is True and the pair keeps no average.
        """
        if averaged and self.average is None:
            raise ArgumentError("this pair keeps no average of its generator; train with ema set (--ema 0.999).")
        if self.average is not None and averaged is not False:
            return self.average.get_params()
        return self.get_params()[0]

    def init_optimizers(
        self, generator: OptimizerConfig, discriminator: OptimizerConfig, end: Optional[int] = None
    ) -> None:
        """Give each network its optimiser.

        Parameters
        ----------
        end : the step at which the training ends, for learning-rate schedules that end with it; None: unknown.

        Raises
        ------
        ArgumentError : MXNet does not know the optimiser or its settings, or a schedule needs `end`.
        """
        self._learning_rates, self._learning_rate_scale = {}, 1.0
        for (half, module), config in zip(self.halves().items(), (generator, discriminator)):
            init_optimizer(module, config, len(self.contexts), self.schedule.updates_of(half), end)
            self._learning_rates[half] = config.learning_rate

    @property
    def learning_rate_scale(self) -> float:
        """Factor on both learning rates, above 0 and at most 1; 1 unless the run was rolled back."""
        return self._learning_rate_scale

    @learning_rate_scale.setter
    def learning_rate_scale(self, scale: float) -> None:
        self._learning_rate_scale = scale
        for half, module in self.halves().items():
            scale_learning_rate(module, self._learning_rates[half], scale)

    @property
    def is_scheduled(self) -> bool:
        """Whether a schedule decides a learning rate."""
        return any(module._optimizer.lr_scheduler is not None for module in self.halves().values())

    def learning_rates(self) -> dict:
        """{"generator": rate of its next update, "discriminator": the same}."""
        return {half: next_learning_rate(module) for half, module in self.halves().items()}

    # ---- one training step ----

    def step(self, latents, images, noise: float = 0.0, labelled=()) -> StepResult:
        """One step in the order of the schedule; by default D on fake and real, one update, then G through D.

        Parameters
        ----------
        latents : NDArray (N, *latent_shape), or an mx.io.DataBatch of latents and classes (N,) if the generator takes
            classes; if `schedule.latent_batches` is not 1, a list of that length.
        images : NDArray (N, *image_shape), float32 in [-1, 1], or a DataBatch with classes; if
            `schedule.real_batches` is not 1, a list of that length. Not changed.
        noise : standard deviation of the instance noise on D's input, drawn by mx.random; 0 means no noise.
        labelled : like `images`, with classes, if the pair takes labelled batches.

        Raises
        ------
        ShapeError, ArgumentError : inputs of another shape, type or number; then nothing has changed.
        """
        if not (self.generator.optimizer_initialized and self.discriminator.optimizer_initialized):
            raise ArgumentError(
                "the pair has no parameters or no optimisers yet; call init_params and init_optimizers."
            )
        conditional, classifies = self._takes_classes.values()
        rand, data = self._inputs("generator")["rand"], self._inputs("discriminator")["data"]
        real, known = self.schedule.real_batches, self.schedule.real_batches if self.labelled else 0
        batches = (
            checked_batches("rand", latents, rand, self.schedule.latent_batches, conditional),
            checked_batches("data", images, data, real, classifies and not self.labelled),
            checked_batches("labelled data", labelled, data, known, True),
        )
        self._gradients_pending = False  # a step that failed may have left gradients
        return train_step(self, *batches, noise)

    def generate(self, latents, classes=None):
        """Training-mode forward pass of the generator: NDArray (N, C, H, W); the backward pass uses its activations."""
        labels = None if classes is None else [classes]
        self.generator_passes.forward(mx.io.DataBatch([latents], labels), is_train=True)
        return self.generator_passes.get_outputs()[0]

    def accumulate_discriminator(self, images, label: float, classes=None, weight: float = 1.0) -> tuple:
        """Forward and backward pass of D on `images` under `label`; the gradients add up until the next update.

        `weight` is a factor on this batch's loss. Returns copies of the prediction (N, 1) and of the class
        probabilities (N, K), which are None if D does not classify.
        """
        gradients = self._discriminator_gradients()
        kept = [gradient.copy() for gradient in gradients] if self._gradients_pending else None
        self.discriminator_passes.forward(self._judged(images, label, classes), is_train=True)
        self.discriminator_passes.backward()  # overwrites the gradients
        for gradient in gradients if weight != 1.0 else ():
            gradient *= weight
        if kept:
            for gradient, earlier in zip(gradients, kept):
                gradient += earlier
        self._gradients_pending = True
        prediction, *others = self.discriminator_passes.get_outputs()
        self._advance_states(self.discriminator_passes)
        return prediction.copy(), others[0].copy() if self._classifies else None

    def accumulate_penalty(self, real, fake, classes=None):
        """Add the gradients of the penalty to D's; returns the penalty of each sample, NDArray (N,)."""
        return self._penalty.add_gradients(real, fake, classes)

    def update_discriminator(self) -> None:
        """One optimiser step of D with the gradients accumulated so far; clips D's weights if `weight_clip` is set."""
        self.discriminator.update()
        self._gradients_pending = False
        self._clip()

    def _clip(self) -> None:
        if self._weight_clip is not None:
            self._weight_clip.clip()

    def update_generator(self, fake, classes=None) -> tuple:
        """One optimiser step of G: the gradient at D's input, for the label "real", goes back through G.

        `fake` must be the output of the last `generate`, with or without noise, and `classes` its classes.
        Returns (prediction (N, 1), input gradient (N, C, H, W)).
        """
        critic = self.critic_for_inputs
        batch = self._judged(fake, REAL, classes)
        critic.forward(mx.io.DataBatch(batch.data, [*batch.label, *self._idle_zeros]), is_train=True)
        critic.backward()
        input_gradients = critic.get_input_grads()
        self.generator_passes.backward(input_gradients)
        self.generator.update()
        self._advance_states(critic)
        if self.average is not None:
            self.average.update()
        return critic.get_outputs()[0].copy(), input_gradients[0]

    def classify(self, images):
        """D's class probabilities (N, K) of a batch; BatchNorm uses its moving statistics. Changes nothing."""
        if not self._classifies:
            raise ArgumentError("this discriminator does not classify; it has no class logits.")
        checked_batches("data", images, self._inputs("discriminator")["data"], 1, classes=False)
        self.discriminator_passes.forward(self._judged(images, REAL, None), is_train=False)
        return self.discriminator_passes.get_outputs()[1].copy()

    def _judged(self, images, label: float, classes):
        """D's batch: images, one adversarial label for all, and classes; None means unknown classes."""
        labels = [self._constant(label)]
        if self._takes_classes["discriminator"]:
            labels.append(self._constant(IGNORED_CLASS) if classes is None else classes)
        return mx.io.DataBatch([images], labels)

    def _constant(self, value: float):
        if value not in self._constant_labels:
            self._constant_labels[value] = mx.nd.full((self.batch_size,), value)
        return self._constant_labels[value]
