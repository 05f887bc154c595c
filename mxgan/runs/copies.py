"""The images in a run's search for copies: training images, images it was not trained on, and samples."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mxgan.evaluation.bundle import Bundle, Settings
from mxgan.evaluation.reference import Reference, image_chunks, sample_chunks
from mxgan.evaluation.resizing import reduced
from mxgan.runs.config import RunConfig
from mxgan.runs.data import held_out_split, open_images, trained_split
from mxgan.runtime.progress import tracked
from mxgan.training.sampler import Sampler

__all__ = ["COPY_SIZE", "copies_bundles", "held_out_record"]

COPY_SIZE = 32  # pixels a side of the images in the search for copies; smaller images keep their size
MOST_TRAINING_IMAGES = 60_000  # in the search for copies


def held_out_record(config: RunConfig, unseen, given: Union[str, Path, None]):
    """JSON values on the images that the run was not trained on: a split by its name, others by their fingerprint."""
    if given is None and config.held_out is None:
        return held_out_split(config)
    name = {} if given is None else {"given": Path(os.path.abspath(given)).name}
    return {**name, **unseen.fingerprint}


def copies_bundles(
    config: RunConfig, sampler: Sampler, reference: Reference, settings: Settings, progress: Optional[bool], unseen
) -> tuple:
    """(reference, samples) for the metric `copies`: small grey images, so that all training images fit in memory.

    If the recipe mirrors its images, the reference says so: a copy of a mirror image is a copy.
    """
    size = min(COPY_SIZE, *config.recipe.network.image_shape[1:])

    def real(data, most: int, what: str) -> np.ndarray:
        count = min(most, data.num_images)
        return _small(tracked(progress, image_chunks(data, count), what, count), size)

    trained_on = open_images(config, progress, seed=settings.seed, split=trained_split(config))
    train = real(trained_on, MOST_TRAINING_IMAGES, "training images")
    held_out = real(unseen, settings.copy_images, "images not trained on")
    samples = _small(sample_chunks(sampler, settings.copy_images, settings.seed, reference.class_counts), size)
    return Bundle(images=train, held_out=held_out, mirrored=config.recipe.mirror), Bundle(images=samples)


def _small(chunks, size: int) -> np.ndarray:
    return np.concatenate([reduced(images, size) for images, _ in chunks])
