"""The images in a run's search for copies: training images, images it was not trained on, and samples."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.bundle import Bundle, Settings
from mxgan.evaluation.reference import Reference, image_chunks, sample_chunks
from mxgan.evaluation.resizing import reduced
from mxgan.runs.config import RunConfig
from mxgan.runs.data import data_record, held_out_images, held_out_split, name_of_place, open_images, trained_split
from mxgan.runtime.progress import tracked
from mxgan.training.sampler import Sampler

__all__ = ["COPY_SIZE", "Searched", "copies_bundles", "open_searched"]

logger = logging.getLogger(__name__)

COPY_SIZE = 32  # pixels a side of the images in the search for copies; smaller images keep their size
MOST_TRAINING_IMAGES = 60_000  # in the search for copies
LEAST_UNSEEN = 2  # images that the run was not trained on; one has no distribution of distances
FEW_UNSEEN = 100  # under so many the value hangs on which images they are, more than its error from them tells


class Searched(NamedTuple):
    """The images among which copies are looked for.

    trained_on, unseen : the images that the run was trained on, and others. protocol : JSON values on both.
    """

    trained_on: object
    unseen: object
    protocol: dict


def open_searched(
    config: RunConfig, check: Callable, given: Union[str, Path, None], seed: int, progress: Optional[bool]
) -> Searched:
    """Open the images for a search for copies; `given`: the place of those that the run was not trained on.

    Parameters
    ----------
    check : called with the `data_record` of the training images; it may raise.

    Raises
    ------
    ArgumentError : the images not trained on are the training images, or fewer than 2.
    MXGANError : images cannot be read, or `check` raises.
    """
    unseen = held_out_images(config, progress, given, seed=seed)
    trained_on = open_images(config, progress, seed=seed, split=trained_split(config))
    check(data_record(trained_on))
    if given is not None and unseen.fingerprint["sha256"] == trained_on.fingerprint["sha256"]:
        raise ArgumentError(
            f"held_out (--held-out) is {given}, which has the images that the run was trained on; give images that it "
            "was not trained on, or leave it out."
        )
    if unseen.num_images < LEAST_UNSEEN:
        raise ArgumentError(
            f"copies needs at least {LEAST_UNSEEN} images that the run was not trained on, and {given or unseen.name} "
            f"has {unseen.num_images}; give more (--held-out FOLDER)."
        )
    if unseen.num_images < FEW_UNSEEN:
        logger.warning(
            "copies: only %d images that the run was not trained on, fewer than %d: its value is uncertain. "
            "Give more (--held-out FOLDER).",
            unseen.num_images,
            FEW_UNSEEN,
        )
    record = {"held_out": _unseen_record(config, unseen, given), "training_images": trained_on.fingerprint}
    return Searched(trained_on, unseen, record)


def _unseen_record(config: RunConfig, unseen, given: Union[str, Path, None]):
    """JSON values on the images that the run was not trained on: a split by its name, others by their fingerprint."""
    if given is None and config.held_out is None:
        return held_out_split(config)
    name = {} if given is None else {"given": name_of_place(given)}
    return {**name, **unseen.fingerprint}


def copies_bundles(
    config: RunConfig,
    sampler: Sampler,
    reference: Reference,
    settings: Settings,
    progress: Optional[bool],
    searched: Searched,
) -> tuple:
    """(reference, samples) for the metric `copies`: small grey images, so that all training images fit in memory.

    If the recipe mirrors its images, the reference says so: a copy of a mirror image is a copy.
    """
    size = min(COPY_SIZE, *config.recipe.network.image_shape[1:])

    def real(data, most: int, what: str) -> np.ndarray:
        count = min(most, data.num_images)
        return _small(tracked(progress, image_chunks(data, count), what, count), size)

    train = real(searched.trained_on, MOST_TRAINING_IMAGES, "training images")
    held_out = real(searched.unseen, settings.copy_images, "images not trained on")
    _warn_of_overlap(train, held_out)
    samples = _small(sample_chunks(sampler, settings.copy_images, settings.seed, reference.class_counts), size)
    return Bundle(images=train, held_out=held_out, mirrored=config.recipe.mirror), Bundle(images=samples)


def _warn_of_overlap(train: np.ndarray, held_out: np.ndarray) -> None:
    """Log how many of the images not trained on are among the training images: beside these, no copy is near."""
    seen = {image.tobytes() for image in held_out} & {image.tobytes() for image in train}
    count = sum(image.tobytes() in seen for image in held_out) if seen else 0
    if count:
        logger.warning(
            "copies: %d of the %d images not trained on equal a training image, which makes copies look rarer than "
            "they are.",
            count,
            len(held_out),
        )


def _small(chunks, size: int) -> np.ndarray:
    return np.concatenate([reduced(images, size) for images, _ in chunks])
