"""`AdversarialPair`: generator and discriminator in training.

bound_pair.py has the Modules, actions.py the actions of a step. `Schedule` sets their order, and step.py calls them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Callable, Optional, Union

from mxgan.errors import ArgumentError
from mxgan.objectives.bound_penalty import BoundPenalty
from mxgan.objectives.penalties import WeightClip, check_clip
from mxgan.runtime import mx
from mxgan.training.actions import PairActions
from mxgan.training.algorithm import rewritten
from mxgan.training.averaging import WeightAverage, check_decay
from mxgan.training.inputs import checked_batches
from mxgan.training.optimizers import (
    OptimizerConfig,
    export_state,
    init_optimizer,
    next_learning_rate,
    scale_learning_rate,
)
from mxgan.training.parallel.ranks import ALONE, Ranks
from mxgan.training.schedule import Schedule
from mxgan.training.step import REAL, StepResult, check_real_label, train_step

__all__ = ["AdversarialPair"]


class AdversarialPair(PairActions):
    """A generator and a discriminator as `mx.mod.Module`s over one batch shape.

    Parameters
    ----------
    generator : symbol with the input `rand`, also `class_label` if it is conditional. Its first output is the image.
        Each further output is a loss (MakeLoss, an …Output operator), whose gradient is added to the one from D when
        G is trained, or BlockGrad. Like D's, these losses are summed over the batch.
    discriminator : symbol that ends in a head operator, with the inputs `data`, `label`, and `class_label` if it
        takes or predicts the class. Its first output is the prediction; class probabilities come second, as `closs`.
    latent_shape : shape of one latent, such as (100, 1, 1); None if the generator takes no `rand`.
    image_shape : shape of one image (C, H, W); the generator's output must have it.
    batch_size : samples in a batch, over all ranks; at least one for each device.
    generator_head : the symbol through which the generator is trained; an input `real_data` (N, *image_shape) is the
        last real batch as D has seen it (objectives/feature_matching.py). It has the same parameters as
        `discriminator`; None: `discriminator` itself. Its first output is D's prediction too, also where its loss is
        another; further losses come after it.
    contexts : one device or a list of them, among which the batch is split; None: the CPU.
    real_label : target of D on real images; below 1 it is one-sided label smoothing (Salimans et al. 2016, 3.4).
    schedule : order and number of the updates in a step; by default as in MXNet's own DCGAN example.
    labelled : whether each round of D has one more batch, for its classifier only; D needs a classifier (output
        `closs`).
    penalty : (configuration, raw score symbol) of a penalty on D's gradient at its input. If its points lie between
        real and fake images and the score takes classes, D's fakes get the classes of the real batch.
    weight_clip : bound of every weight of D, from the start (Arjovsky et al. 2017, algorithm 1); None: no bound.
    ema : decay of the average of G's weights, kept as `average` (see averaging.py), above 0 and below 1; None: no
        average.
    discriminator_ema : the same of the average of D's weights, for a D that classifies: `classifier_of_average`.
    precision : the number type of the passes; parameters, gradients and optimisers are float32. See precision.py.
    conditions : {input: shape of one sample}, such as {"cond": (10,)}: further inputs that any of generator,
        discriminator and generator_head take. Their values come with the real images, as `data[1:]` of a batch in
        this order, as float32 (N, *shape). A fake is made and judged under those of the real batch of its round. They
        get no gradient and no instance noise. A generator that takes one needs no `rand`.
    ranks : the processes that share each batch, as `all_ranks` gives them; each has one device. The pair's own
        `batch_size` is then that of this process, and `whole_batch_size` that of all.
    sync_batch_norm : whether BatchNorm in training has the statistics of the whole batch over all ranks, as in one
        process; False: those of each rank's part, and the moving statistics are the ranks' mean.
    augment : rows of AUGMENTATIONS, in their order: random changes T of every image that D judges in training, real or
        generated, after the instance noise; new ones, drawn by mx.random, for each batch. G's gradient goes through T.
        A penalty is on the gradient of D(T(x)) at x (Karras et al. 2020, StyleGAN2-ADA). The saved symbol is D alone.
    algorithm : "direct" for MXNet's own operators, "fast" for ours on a CPU, "auto"; see algorithm.py. The numbers of
        "fast" differ by rounding.

    Attributes
    ----------
    augmenter : the `Augmenter` of `augment`, with the probability of the changes.
    averages : {"generator" or "discriminator": its `WeightAverage`}, of those halves that have one.
    coupled_layers, drawing_layers : on several ranks, the names of layers whose result depends on the other samples of
        this rank's part of a batch, and of layers that draw random numbers; else empty.

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
        latent_shape: Optional[Sequence[int]],
        image_shape: Sequence[int],
        batch_size: int,
        generator_head=None,
        contexts=None,
        real_label: float = REAL,
        schedule: Schedule = Schedule(),
        labelled: bool = False,
        penalty: Optional[tuple] = None,
        weight_clip: Optional[float] = None,
        ema: Optional[float] = None,
        discriminator_ema: Optional[float] = None,
        precision: str = "float32",
        conditions: Mapping = MappingProxyType({}),
        ranks: Ranks = ALONE,
        sync_batch_norm: bool = False,
        augment: Sequence[str] = (),
        algorithm: str = "direct",
    ) -> None:
        check_real_label(real_label)
        check_decay(ema)
        check_decay(discriminator_ema, "discriminator_ema", "discriminator")
        if weight_clip is not None:
            check_clip(weight_clip)
        if labelled and "closs_output" not in discriminator.list_outputs():
            raise ArgumentError(
                "labelled is True, and the discriminator has no classifier (an output 'closs'); leave labelled out, "
                "or give a discriminator with class logits to `with_heads`."
            )
        head = discriminator if generator_head is None else generator_head
        shapes = (latent_shape, image_shape, batch_size)
        settings = (contexts, precision, conditions, ranks, sync_batch_norm, augment, algorithm)
        super().__init__(generator, discriminator, head, *shapes, *settings)
        self.real_label, self.schedule = real_label, schedule
        self.labelled, self.weight_clip = labelled, weight_clip
        self._penalty_of = penalty
        self.penalty_points = penalty[0].points if penalty else None
        takes_classes = penalty is not None and not labelled and "class_label" in penalty[1].list_arguments()
        self.pairs_classes = takes_classes and self.penalty_points == "between"
        self._weight_clip = None if weight_clip is None else WeightClip(self.discriminator, weight_clip)
        decays = {"generator": ema, "discriminator": discriminator_ema}
        self.averages = {
            half: WeightAverage(half, module, decays[half])
            for half, module in self.halves().items()
            if decays[half] is not None
        }

    @property
    def average(self) -> Optional[WeightAverage]:
        """The average of the generator's weights, which pictures and samples show; None if the pair keeps none."""
        return self.averages.get("generator")

    def _share_parameters(self) -> None:
        super()._share_parameters()
        if self._penalty is None and self._penalty_of is not None:
            config, score = self._penalty_of
            shapes = {name: shape for name, shape in self._inputs["discriminator"].items() if name != "label"}
            self._penalty = BoundPenalty(
                config,
                self.augmenter.before(score),
                self.discriminator,
                shapes,
                partial(rewritten, algorithm=self.algorithm),
            )
        self._clip()

    def init_params(self, initializer, seed: int = 0) -> None:
        """Draw the first parameters of both networks; a function of (initializer, seed) alone."""
        super().init_params(initializer, seed)
        self._begin_averages(self.halves())

    def set_params(self, generator: tuple, discriminator: Optional[tuple] = None) -> None:
        """Set the parameters, as `BoundPair.set_params`; the average of a half starts again at its new weights."""
        super().set_params(generator, discriminator)
        self._begin_averages({"generator"} if discriminator is None else {*self.halves()})

    def _begin_averages(self, halves: Collection[str]) -> None:
        for half in self.averages.keys() & halves:
            self.averages[half].begin()

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
            updates = self.schedule.updates_of(half)
            init_optimizer(module, config, len(self.contexts), updates, end, self.whole_batch_size)
            self._learning_rates[half] = config.learning_rate

    def optimizer_state(self, half: str) -> tuple:
        """(arrays, counts) of one half's optimiser, as a checkpoint keeps them; see `export_state`."""
        return export_state(self.halves()[half])

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

    def step(self, latents, images, noise: Union[float, Callable] = 0.0, labelled=()) -> StepResult:
        """One step in the order of the schedule; by default D on fake and real, one update, then G through D.

        Parameters
        ----------
        latents : NDArray (N, *latent_shape), or an mx.io.DataBatch of latents and classes (N,) if the generator takes
            classes; if `schedule.latent_batches` is not 1, a list of that length; None if it takes no `rand`.
        images : NDArray (N, *image_shape), float32 in [-1, 1], or a DataBatch with classes; with conditions, a
            DataBatch whose `data` are the images and then the conditions. If `schedule.real_batches` is not 1, a list
            of that length. Not changed.
        noise : the instance noise on D's input: its standard deviation, with numbers drawn by mx.random, or 0 for none;
            or a function, called with each input batch of D, real or generated, in the order of the step, that returns
            the batch with noise as a new NDArray of the same shape. `NoisePool.at` makes one, which is much faster.
        labelled : like `images`, with classes, if the pair takes labelled batches.

        Raises
        ------
        ShapeError, ArgumentError : inputs of another shape, type or number; then nothing has changed.
        """
        self._check_ready(optimizers=True)
        schedule, known = self.schedule, self.schedule.real_batches if self.labelled else 0
        classes = "class_label" in self._inputs["discriminator"] and not self.labelled
        shapes = {name: (self.batch_size, *shape) for name, shape in self.conditions.items()}
        shapes = {"data": self._inputs["discriminator"]["data"], **shapes}
        batches = (
            self._latent_batches(latents),
            checked_batches("data", images, shapes, schedule.real_batches, classes),
            checked_batches("labelled data", labelled, shapes, known, True),
        )
        self._gradients_pending = False  # a step that failed may have left gradients
        return train_step(self, *batches, noise)

    @property
    def takes_latents(self) -> bool:
        """Whether the generator takes `rand`; one that takes a condition may do without."""
        return "rand" in self._inputs["generator"]

    def _latent_batches(self, latents) -> list:
        count, inputs = self.schedule.latent_batches, self._inputs["generator"]
        if self.takes_latents:
            return checked_batches("rand", latents, {"rand": inputs["rand"]}, count, "class_label" in inputs)
        if latents is not None:
            raise ArgumentError("the generator takes no 'rand'; give None as latents.")
        return [mx.io.DataBatch([None])] * count
