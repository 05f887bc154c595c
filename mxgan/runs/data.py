"""Data of a run, opened and checked against its recipe."""

from __future__ import annotations

import inspect
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mxgan.data import DATASETS, UNKNOWN, ImageArrayIter, data_sets_with, labelled_subset, open_dataset
from mxgan.errors import ArgumentError, DatasetNotFoundError, listed
from mxgan.runs.config import DATA_SETTINGS
from mxgan.runtime.draws import rng_for
from mxgan.training.parallel.ranks import ALONE, Ranks

__all__ = [
    "Sources",
    "config_of_set",
    "data_record",
    "held_out_images",
    "held_out_split",
    "last_step",
    "name_of_place",
    "open_images",
    "open_sources",
    "trained_part",
    "trained_split",
]

logger = logging.getLogger(__name__)

LEAST_KEPT_BACK = 2  # images: `copies` cannot compare with fewer


def open_images(config, progress: Optional[bool] = None, **settings):
    """The training images of a run, in the size of its networks; `settings` of `open_dataset` override the run's own.

    With another split these are all of its images. Raises MXGANError if the images are missing.
    """
    data = _all_images(config, progress, **settings)
    is_trained_on = settings.get("split", config.split) in (None, trained_split(config))
    return trained_part(config, data) if is_trained_on else data


def trained_part(config, data):
    """Of all images of a run, those that it is trained on: not those that `held_out` keeps back."""
    return data if config.held_out is None else _parts(config, data)[0]


def _parts(config, data) -> tuple:
    """(training images, images kept back); the run's seed draws them, whatever the seed of the iterator is."""
    if not isinstance(data, ImageArrayIter):
        raise ArgumentError(
            f"held_out is {config.held_out:g}, and the data set {config.dataset!r} is read from the disk, in an order "
            "that MXNet draws: no part of it can be kept back. Leave it out, and put other images into a folder for "
            "`mxgan evaluate RUN --held-out FOLDER`."
        )
    kept = round(config.held_out * data.num_images)
    if not LEAST_KEPT_BACK <= kept < data.num_images:
        raise ArgumentError(
            f"held_out is {config.held_out:g}, which is {kept} of the {data.num_images} images of {data.name}; give a "
            f"share that leaves images for training, and keeps {LEAST_KEPT_BACK} or more back."
        )
    order = _each_class_at_end(rng_for("held out", config.seed, 0).permutation(data.num_images), data)
    note = {"held_out": config.held_out, "seed": config.seed}
    rows = np.sort(order[kept:]), np.sort(order[:kept])
    return data.part(rows[0], note), data.part(rows[1], {**note, "kept_back": True})


def _each_class_at_end(order: np.ndarray, data) -> np.ndarray:
    """`order` with the last image of each class moved to the end, so that the first ones take no class away."""
    if data.num_classes is None:
        return order
    _, last = np.unique(data.labels[order][::-1], return_index=True)
    moved = len(order) - 1 - last
    return np.concatenate([np.delete(order, moved), order[np.sort(moved)]])


def held_out_images(config, progress: Optional[bool] = None, folder=None, **settings):
    """Images that a run was not trained on, in the size of its networks; None if none are known.

    They are those of `folder`, a folder or a zip archive of images; else the part that the run has kept back
    (`held_out`); else those of the data set's other split. `settings` of `open_dataset` override the run's own.
    """
    if folder is not None:
        return open_images(config_of_set(config, folder), progress, **settings)
    if config.held_out is not None:
        return _parts(config, _all_images(config, progress, **{"split": trained_split(config), **settings}))[1]
    split = held_out_split(config)
    return None if split is None else open_images(config, progress, **{"limit": None, **settings, "split": split})


def config_of_set(config, folder):
    """The configuration of a run as if it had been trained on all images of another folder or zip archive.

    Raises DatasetNotFoundError if that does not exist.
    """
    if not os.path.exists(folder):
        raise DatasetNotFoundError(f"{folder} does not exist.", "Give a folder or a zip archive of images.")
    own = {"most_broken": config.most_broken, "background": config.background}
    place = {"dataset": "folder", "data_dir": os.path.abspath(folder)}
    return replace(config, **{**dict.fromkeys(DATA_SETTINGS), **own, **place})


def name_of_place(place) -> str:
    """The name of a folder or file, as records tell it; of a root, which has none, the whole path.

    >>> name_of_place("photographs/ships/"), name_of_place("/")
    ('ships', '/')
    """
    whole = os.path.abspath(place)
    return Path(whole).name or whole


def _all_images(config, progress: Optional[bool], **settings):
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
    if sources.images.num_images == 1:
        logger.warning("There is 1 image: a GAN can only learn it by heart. Give more.")
    elif sources.images.num_images < recipe.batch_size:
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
        given = {"limit": config.limit, "held_out": config.held_out}
        told = " and ".join(f"{name} {value}" for name, value in given.items() if value)
        place = repr(config.dataset) + (f" with {told}" if told else "")
        remedy = "a smaller held_out, " if config.held_out else ""
        raise ArgumentError(
            f"the network {config.recipe.network.name!r} is for {wanted} classes, and the data set "
            f"{place} has no image of the classes {', '.join(names)}; give {remedy}a larger limit, or images of every "
            "class."
        )


def data_record(data) -> dict:
    """JSON values for config.json: the fingerprint of the data, and the names of their classes if they have classes."""
    return {**data.fingerprint, **({"classes": data.class_titles} if data.num_classes else {})}


def last_step(config, data) -> int:
    """The step at which a run ends."""
    return config.steps or config.epochs * (data.batches_per_epoch // config.recipe.schedule.real_batches)
