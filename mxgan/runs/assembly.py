"""Assembly of a run from its `RunConfig`: data, pair, callbacks, trainer. Only this module puts them together."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Callable, NamedTuple, Optional

from mxgan.callbacks.adaptive_augmentation import AdaptiveAugmentation
from mxgan.callbacks.checkpointer import Checkpointer
from mxgan.callbacks.diagnosis import DIAGNOSES
from mxgan.callbacks.equal_ranks import EqualRanks
from mxgan.callbacks.evaluator import IMAGES, SAMPLES, WHILE_TRAINING, ClassifierAccuracy, Evaluator, classifier_steps
from mxgan.callbacks.event_files import tensorboard_modules
from mxgan.callbacks.finite_guard import FiniteGuard
from mxgan.callbacks.history import Logger
from mxgan.callbacks.monitor import MonitorOutputs
from mxgan.callbacks.pictures import PictureTools, get_picture
from mxgan.callbacks.progress import TrainingProgress
from mxgan.callbacks.tensorboard import TensorBoard
from mxgan.data import RandIter
from mxgan.evaluation.judges.cache import classifier_while_training
from mxgan.objectives.heads import get_objective
from mxgan.pictures.windows import Display
from mxgan.runs.config import RunConfig
from mxgan.runs.data import Sources, last_step, open_sources
from mxgan.runs.pair import build_pair
from mxgan.runs.reference import PlannedReference, plan_reference
from mxgan.runs.restore import Rollback
from mxgan.runtime.line_file import LineFile
from mxgan.training.algorithm import algorithm_of_samplers
from mxgan.training.callback import Callback
from mxgan.training.checkpoint import Names
from mxgan.training.metrics import AdversarialMetrics
from mxgan.training.pair import AdversarialPair
from mxgan.training.parallel.ranks import ALONE, Ranks
from mxgan.training.run_folder import RunFolder
from mxgan.training.sampler import Sampler
from mxgan.training.trainer import Trainer

__all__ = ["Parts", "assemble_trainer", "open_parts"]

SAMPLER_BATCH = 16  # a grid is drawn in parts, because a larger executor only costs memory


class Parts(NamedTuple):
    """The parts of a run, opened and bound before its folder is made.

    `reference` is the real side of the evaluations during training; None for a run without evaluations. It is planned
    only: `prepare` opens it, which may take minutes, when the run has its folder.
    """

    sources: Sources
    reference: Optional[PlannedReference]
    pair: AdversarialPair
    windows: Optional[Display]
    progress: Optional[bool]

    def prepare(self) -> None:
        """Open the reference: train its classifier if none is kept, and look at the real images."""
        if self.reference is not None:
            self.reference.open()


def open_parts(
    config: RunConfig,
    folder: RunFolder,
    display: str,
    progress: Optional[bool],
    state: Optional[Mapping] = None,
    ranks: Ranks = ALONE,
) -> Parts:
    """Open the data, bind the networks, and prepare the windows; MXGANError if something does not fit.

    `state` is that of the checkpoint from which the run continues. Of several `ranks`, only the first opens windows
    and the data of evaluations.
    """
    if not ranks.is_first:
        sources = open_sources(config, False, ranks)
        return Parts(sources, None, build_pair(config, last_step(config, sources.images), ranks), None, False)
    if config.tensorboard:
        tensorboard_modules()  # an error if they are missing
    sources, reference = open_sources(config, progress, ranks), None
    if config.evaluate_every is not None:
        settings = {"count": SAMPLES, "kept": IMAGES, "seed": config.seed, "progress": progress}
        trained = functools.partial(classifier_while_training, steps=classifier_steps(state))
        reference = plan_reference(config, WHILE_TRAINING, trained=trained, **settings)
    return Parts(
        sources,
        reference,
        build_pair(config, last_step(config, sources.images), ranks),
        Display(display, folder.samples),
        progress,
    )


def assemble_trainer(
    config: RunConfig, folder: RunFolder, stamp: str, parts: Parts, callbacks: Sequence[Callback] = ()
) -> Trainer:
    """A trainer of the parts, with the callbacks that write the run folder; the user's own come before the last.

    On a rank that is not the first, its only callbacks are the comparison of the ranks, the adaptive augmentation and
    the check for NaN.
    """
    recipe, network, pair = config.recipe, config.recipe.network, parts.pair
    guard = FiniteGuard(folder)
    own = _all_callbacks(config, folder, stamp, parts, guard, callbacks) if pair.ranks.is_first else [guard]
    comparison = [EqualRanks(config.compare_every, config.checkpoint_every)] if pair.ranks.size > 1 else []
    adaptive = []
    if recipe.augment_target is not None:  # on every rank, since each applies the probability
        steps = last_step(config, parts.sources.images) if pair.ranks.is_first else None  # one of them tells
        adaptive.append(AdaptiveAugmentation(pair.augmenter, recipe.augment_target, recipe.objective, steps))
    classes, distribution = network.generator_classes, recipe.latent_distribution
    trainer = Trainer(
        pair,
        parts.sources.images,
        latents=RandIter(recipe.batch_size, network.latent_shape, config.seed, classes, distribution),
        labelled=parts.sources.labelled,
        noise=recipe.instance_noise,
        callbacks=[*comparison, *adaptive, *own],
        seed=config.seed,
    )
    if config.on_nan == "rollback":
        trainer.recover = Rollback(trainer, folder)
    return trainer


def _all_callbacks(
    config: RunConfig, folder: RunFolder, stamp: str, parts: Parts, guard: FiniteGuard, callbacks: Sequence[Callback]
) -> list:
    recipe, network, pair = config.recipe, config.recipe.network, parts.pair
    classes, distribution = network.generator_classes, recipe.latent_distribution
    sampler = Sampler(
        network.generator(),
        network.latent_shape,
        SAMPLER_BATCH,
        pair.contexts[0],
        classes,
        distribution,
        algorithm=algorithm_of_samplers(pair.algorithm),
    )
    tools = PictureTools(folder, sampler, parts.windows, config.sample_every, config.seed, config.show_every)
    objective = get_objective(recipe.objective)
    diagnoses = [row(config.log_every, objective) for row in DIAGNOSES.values() if config.diagnose]
    log = Logger(folder.history_path, config.log_every, AdversarialMetrics(objective), diagnoses)
    evaluations = _evaluations(config, folder, parts, sampler, guard.examine_all)
    checkpointer = Checkpointer(
        folder,
        Names(config.dataset, stamp),
        config.checkpoint_every,
        config.keep,
        config.keep_best,
        sources=[log, *evaluations],
        before=guard.examine_all,
        save_first=config.on_nan == "rollback",
    )
    return [
        *([MonitorOutputs(config.monitor)] if config.monitor else []),
        guard,  # before the callbacks that write values which it may reject
        *diagnoses,
        log,
        TrainingProgress(log, last_step(config, parts.sources.images), parts.progress),
        *(get_picture(name)(tools) for name in recipe.pictures),
        *evaluations,
        *([TensorBoard(folder.path)] if config.tensorboard else []),  # after all whose files it reads
        *callbacks,
        checkpointer,
    ]


def _evaluations(config: RunConfig, folder: RunFolder, parts: Parts, sampler: Sampler, before: Callable) -> list:
    """The callbacks that measure the run's quality; their lines share one file."""
    found, lines = [], LineFile(folder.evaluation_path)
    if parts.sources.test is not None:
        averaged = "discriminator" in parts.pair.averages
        found.append(ClassifierAccuracy(lines, parts.sources.test, config.sample_every, averaged, before))
    if parts.reference is not None:
        averaged = config.recipe.ema is not None
        settings = {"seed": config.seed, "averaged": averaged, "before": before, "progress": parts.progress}
        found.append(Evaluator(lines, parts.reference, sampler, config.evaluate_every, **settings))
    return found
