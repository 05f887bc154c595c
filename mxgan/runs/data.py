"""Data of a run, opened and checked against its recipe."""

from __future__ import annotations

import inspect
import logging
from typing import NamedTuple, Optional

import numpy as np

from mxgan.data import DATASETS, UNKNOWN, data_sets_with, labelled_subset, open_dataset
from mxgan.errors import ArgumentError, listed
from mxgan.training.parallel.ranks import ALONE, Ranks

__all__ = ["Sources", "data_record", "held_out_split", "last_step", "open_images", "open_sources", "trained_split"]

logger = logging.getLogger(__name__)


def open_images(config, progress: Optional[bool] = None, **settings):
    """The training images of a run, in the size of its networks; `settings` of `open_dataset` override the run's own.

    Raises MXGANError if the images are missing.
    """
    if config.dataset == UNKNOWN:
        raise ArgumentError(
            "this run was imported without data, and its data set is not known. Give the data: --dataset NAME and, for "
            "your own, --data-dir DIR (dataset=…, data_dir=…)."
        )
    channels, *image_size = config.recipe.network.image_shape
    own = {
        "batch_size": config.recipe.batch_size,
        "seed": config.seed,
        "limit": config.limit,
        "split": config.split,
        "most_broken": config.most_broken,
        "background": config.background,
        "labels": config.labels,
    }
    return open_dataset(
        config.dataset,
        image_size=image_size,
        channels=channels,
        data_dir=config.data_dir,
        progress=progress,
        **{**own, **settings},
    )


def trained_split(config) -> Optional[str]:
    """The split that a run is trained on; None if its data set has no splits."""
    if config.dataset not in data_sets_with("split"):
        return None
    default = inspect.signature(DATASETS[config.dataset]).parameters["split"].default
    return "train" if config.recipe.labelled_per_class else config.split or default


def held_out_split(config) -> Optional[str]:
    """The split that a run is not trained on; None if there is none."""
    return {"train": "test", "test": "train"}.get(trained_split(config) or "")


class Sources(NamedTuple):
    """The data of a run: training images; for a run with few labels, also the labelled images and a test set."""

    images: object
    labelled: Optional[object] = None
    test: Optional[object] = None


def open_sources(config, progress: Optional[bool] = None, ranks: Ranks = ALONE) -> Sources:
    """Open the data of a run; MXGANError if data are missing or do not fit the recipe's network.

    Of several ranks on one machine, the first one opens them before the others, which then find them decoded. The test
    images come in batches of one rank's size, since rank 0 classifies them alone.
    """
    with ranks.first_of_machine_before_others():
        return _opened(config, progress, config.recipe.batch_size // ranks.size)


def _opened(config, progress: Optional[bool], part: int) -> Sources:
    recipe = config.recipe
    settings = {"sampling": recipe.sampling, "mirror": recipe.mirror}
    if recipe.steps_per_epoch:
        settings["epoch_batches"] = recipe.steps_per_epoch * recipe.schedule.real_batches
    if not recipe.labelled_per_class:
        sources = Sources(open_images(config, progress, **settings))
    else:
        _check_split(config)
        images = open_images(config, progress, split="train", **settings)
        few = labelled_subset(images, recipe.labelled_per_class, config.seed)
        sources = Sources(
            images, few, open_images(config, progress, split="test", shuffle=False, limit=None, batch_size=part)
        )
    _check_classes(config, sources.images)
    logger.info("%s", sources.images.describe())
    counts = sources.images.class_counts
    if config.limit and counts is not None and not counts.all():
        logger.info(
            "limit %d: there are images of %d of the %d classes.", config.limit, (counts > 0).sum(), len(counts)
        )
    if sources.images.num_images < recipe.batch_size:
        counts = (sources.images.num_images, recipe.batch_size)
        logger.warning("There are %d images, fewer than a batch of %d: each batch has some images twice.", *counts)
    return sources


def _check_split(config) -> None:
    """Raise ArgumentError if a recipe with few labels has no test split for its measurements."""
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


def _check_classes(config, data) -> None:
    wanted, found = config.recipe.network.classes, data.num_classes
    if not wanted:
        return
    if found != wanted:
        network = f"the network {config.recipe.network.name!r} is for {wanted} class{'es' if wanted > 1 else ''}"
        if found is None:
            raise ArgumentError(
                f"{network}, and the data set {config.dataset!r} has none that are known; give data with labels: "
                "mnist, digits, a folder with one subfolder for each class or a labels file, or a .rec file whose "
                "labels are whole numbers from 0."
            )
        raise ArgumentError(
            f"{network}, and the data set {config.dataset!r} has {found} ({listed(data.class_titles, 3)}); "
            f"give --set classes={found}."
        )
    _check_every_class(config, data, wanted)


def _check_every_class(config, data, wanted: int) -> None:
    missing = np.flatnonzero(data.class_counts == 0)
    if len(missing):
        names = [f"{label} ({data.class_names[label]!r})" if data.class_names else str(label) for label in missing]
        limit = f" with limit {config.limit}" if config.limit else ""
        raise ArgumentError(
            f"the network {config.recipe.network.name!r} is for {wanted} classes, and the data set "
            f"{config.dataset!r}{limit} has no image of the classes {', '.join(names)}; give a larger limit, or images "
            "of every class."
        )


def data_record(data) -> dict:
    """JSON values for config.json: the fingerprint of the data, and the names of their classes if they have classes."""
    return {**data.fingerprint, **({"classes": data.class_titles} if data.num_classes else {})}


def last_step(config, data) -> int:
    """The step at which a run ends."""
    return config.steps or config.epochs * (data.batches_per_epoch // config.recipe.schedule.real_batches)
