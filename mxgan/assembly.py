"""From a `RunConfig` to the objects of a run: data, pair, callbacks, trainer. The one place that puts them together."""

from __future__ import annotations

import logging
from typing import Callable, NamedTuple, Optional

from mxgan import runtime
from mxgan.averaging import AveragedPair
from mxgan.checkpoint import Names
from mxgan.checkpointer import Checkpointer
from mxgan.data import RandIter, data_sets_with, labelled_subset
from mxgan.diagnosis import DIAGNOSES
from mxgan.discriminator_accuracy import ClassifierAccuracy
from mxgan.errors import ArgumentError
from mxgan.evaluator import IMAGES, SAMPLES, WHILE_TRAINING, Evaluator
from mxgan.files import LineFile
from mxgan.guard import FiniteGuard
from mxgan.history import Logger, ProgressBar
from mxgan.initializers import get_initializer
from mxgan.memory import Graph, check_memory
from mxgan.metrics import AdversarialMetrics
from mxgan.modules import AdversarialPair
from mxgan.monitor import MonitorOutputs
from mxgan.objectives import get_objective, with_heads
from mxgan.penalties import make_penalty
from mxgan.pictures import Studio, get_picture
from mxgan.recipe import Recipe
from mxgan.references import Reference, open_images, open_reference
from mxgan.run_config import RunConfig
from mxgan.run_folder import RunFolder
from mxgan.sampling import Sampler
from mxgan.spectral import spectral_normalize
from mxgan.trainer import Trainer
from mxgan.windows import Display

__all__ = ["Sources", "assemble_trainer", "bound_pair", "last_step", "open_sources"]

logger = logging.getLogger(__name__)

PENALTY_EXECUTORS = 4  # what a gradient penalty binds, in passes over D
SAMPLER_BATCH = 16  # a grid is drawn in parts: a larger executor would only cost memory


class Sources(NamedTuple):
    """The data of a run: images to train on; where D's classifier is told few labels, those, and a test set.

    `reference` is what its samples are measured against while it trains, of a run that does so.
    """

    images: object
    labelled: Optional[object] = None
    test: Optional[object] = None
    reference: Optional[Reference] = None


def open_sources(config: RunConfig, progress: Optional[bool] = None) -> Sources:
    """Open what a run trains on; MXGANError where it is not there or does not fit the recipe's network."""
    recipe = config.recipe
    settings = {"sampling": recipe.sampling}
    if recipe.steps_per_epoch:
        settings["epoch_batches"] = recipe.steps_per_epoch * recipe.schedule.real_batches
    if not recipe.labelled_per_class:
        sources = Sources(open_images(config, progress, **settings))
    else:
        _check_split(config)
        images = open_images(config, progress, split="train", **settings)
        few = labelled_subset(images, recipe.labelled_per_class, config.seed)
        sources = Sources(images, few, open_images(config, progress, split="test", shuffle=False, limit=None))
    _check_classes(config, sources.images)
    if config.evaluate_every is not None:
        settings = {"count": SAMPLES, "kept": IMAGES, "seed": config.seed, "progress": progress}
        reference = open_reference(config, WHILE_TRAINING, **settings)
        sources = sources._replace(reference=reference)
    logger.info("%s", sources.images.describe())
    if sources.images.num_images < recipe.batch_size:
        counts = (sources.images.num_images, recipe.batch_size)
        logger.warning("There are %d images, fewer than a batch of %d: each batch has some of them twice.", *counts)
    return sources


def _check_split(config: RunConfig) -> None:
    """Raise ArgumentError where a recipe that trains with few labels has no test part of its own to be measured on."""
    few = f"labelled_per_class is {config.recipe.labelled_per_class}: the recipe trains with few labels on the training"
    if config.split is not None:
        raise ArgumentError(
            f"{few} split and measures on the test split; split is {config.split!r}, leave it out (null)."
        )
    having = data_sets_with("split")
    if config.dataset not in having:
        raise ArgumentError(
            f"{few} split and measures on the test split, which the data set {config.dataset!r} does not have; "
            f"{' and '.join(having)} have one."
        )


def _check_classes(config: RunConfig, data) -> None:
    wanted = config.recipe.network.classes
    if wanted and data.num_classes != wanted:
        found = "none, or unknown ones" if data.num_classes is None else str(data.num_classes)
        raise ArgumentError(
            f"the network {config.recipe.network.name!r} is of {wanted} classes, and the data set {config.dataset!r} "
            f"has {found}; set classes (--set classes=N) or give data with labels: mnist, digits, or a folder with one "
            "subfolder for each class. The labels of recordio are not trained on."
        )
    _check_every_class(config, data, wanted)


def _check_every_class(config: RunConfig, data, wanted: int) -> None:
    missing = sorted(set(range(wanted)) - {int(label) for label in set(data.labels)}) if wanted else []
    if missing:
        names = [f"{label} ({data.class_names[label]!r})" if data.class_names else str(label) for label in missing]
        limit = f" with limit {config.limit}" if config.limit else ""
        raise ArgumentError(
            f"the network {config.recipe.network.name!r} is of {wanted} classes, and the data set "
            f"{config.dataset!r}{limit} has no image of the classes {', '.join(names)}; give a larger limit, or images "
            "of every class."
        )


def discriminator_symbols(recipe: Recipe) -> tuple:
    """(symbol that trains D, symbol that G is trained through, raw score (N, 1)) of a recipe."""
    network = recipe.network
    output = network.discriminator()
    if recipe.spectral_norm:
        labels = {"class_label": (1,)} if "class_label" in output.list_arguments() else {}
        output = spectral_normalize(output, {"data": (1, *network.image_shape), **labels})
    heads = with_heads(get_objective(recipe.objective), output, bool(recipe.labelled_per_class))
    return (*heads, output[0])


def bound_pair(config: RunConfig) -> AdversarialPair:
    """The recipe's two networks, bound, with their first parameters and their optimisers."""
    recipe, network = config.recipe, config.recipe.network
    discriminator, generator_head, score = discriminator_symbols(recipe)
    penalty = (make_penalty(recipe.penalty, recipe.penalty_weight), score) if recipe.penalty else None
    if config.gpu is None:
        _check_memory(recipe, discriminator, generator_head, score if penalty else None)
    kind, average = (AveragedPair, {"ema": recipe.ema}) if recipe.ema else (AdversarialPair, {})
    pair = kind(
        network.generator(),
        discriminator,
        generator_head=generator_head,
        latent_shape=network.latent_shape,
        image_shape=network.image_shape,
        batch_size=recipe.batch_size,
        contexts=runtime.contexts(config.gpu),
        real_label=recipe.real_label,
        schedule=recipe.schedule,
        labelled=bool(recipe.labelled_per_class),
        penalty=penalty,
        weight_clip=recipe.weight_clip,
        precision=recipe.precision,
        **average,
    )
    initializer = get_initializer(recipe.initializer, recipe.initial_sigma, pair.parameter_shapes())
    pair.init_params(initializer, config.seed)
    pair.init_optimizers(recipe.generator_optimizer, recipe.discriminator_optimizer)
    return pair


def _check_memory(recipe: Recipe, discriminator, generator_head, penalized) -> None:
    network, batch = recipe.network, recipe.batch_size
    inputs = {"data": (batch, *network.image_shape), "class_label": (batch,), "label": (batch,)}
    symbols = {"discriminator": discriminator, "discriminator for G": generator_head}
    graphs = {"generator": Graph(network.generator(), network.generator_inputs(batch))}
    for name, symbol in {**symbols, **({"gradient penalty": penalized} if penalized is not None else {})}.items():
        taken = {key: shape for key, shape in inputs.items() if key in symbol.list_arguments()}
        graphs[name] = Graph(symbol, taken, PENALTY_EXECUTORS if symbol is penalized else 1)
    check_memory(graphs, training=True)


def last_step(config: RunConfig, data) -> int:
    """The step at which a run ends."""
    return config.steps or config.epochs * (data.batches_per_epoch // config.recipe.schedule.real_batches)


def _evaluations(config: RunConfig, folder: RunFolder, sources: Sources, sampler: Sampler, before: Callable) -> list:
    """The callbacks that measure how well the run does; their lines share one file."""
    found, lines = [], LineFile(folder.evaluation_path)
    if sources.test is not None:
        found.append(ClassifierAccuracy(lines, sources.test, config.sample_every, before))
    if sources.reference is not None:
        settings = {"seed": config.seed, "averaged": config.recipe.ema is not None, "before": before}
        found.append(Evaluator(lines, sources.reference, sampler, config.evaluate_every, **settings))
    return found


def assemble_trainer(
    config: RunConfig,
    folder: RunFolder,
    stamp: str,
    sources: Sources,
    pair: AdversarialPair,
    windows: Display,
    progress: Optional[bool],
) -> Trainer:
    """A trainer over the sources with the callbacks that write the run folder."""
    recipe, network = config.recipe, config.recipe.network
    classes = network.generator_classes
    sampler = Sampler(network.generator(), network.latent_shape, SAMPLER_BATCH, pair.contexts[0], classes)
    studio = Studio(folder, sampler, windows, config.sample_every, config.seed)
    objective = get_objective(recipe.objective)
    diagnoses = [row(config.log_every, objective) for row in DIAGNOSES.values() if config.diagnose]
    log = Logger(folder.history_path, config.log_every, AdversarialMetrics(objective), diagnoses)
    guard = FiniteGuard(folder)
    evaluations = _evaluations(config, folder, sources, sampler, guard.examine_all)
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
    callbacks = [
        *([MonitorOutputs(config.monitor)] if config.monitor else []),
        guard,  # before all that writes what it might find fault with
        *diagnoses,
        log,
        ProgressBar(log, last_step(config, sources.images), progress),
        *(get_picture(name)(studio) for name in recipe.pictures),
        *evaluations,
        checkpointer,
    ]
    return Trainer(
        pair,
        sources.images,
        latents=RandIter(recipe.batch_size, network.latent_shape, config.seed, classes),
        labelled=sources.labelled,
        noise=recipe.instance_noise,
        callbacks=callbacks,
        seed=config.seed,
    )
