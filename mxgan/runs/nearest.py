"""Twelve samples of a run, and the training image nearest to each: whether the generator copies its data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mxgan.data import ImageArrayIter
from mxgan.errors import ArgumentError, MXGANError
from mxgan.evaluation.copies import nearest
from mxgan.evaluation.reference import image_chunks
from mxgan.evaluation.resizing import reduced
from mxgan.pictures.grid import image_grid
from mxgan.pictures.report.grids import picture_uri
from mxgan.runs.config import RunConfig
from mxgan.runs.load import load_sampler
from mxgan.runs.own_images import open_without_links, own_images
from mxgan.runtime.inside import refuse_links
from mxgan.training.checkpoint_choice import generator_file
from mxgan.training.run_folder import RunFolder

__all__ = ["SIDE", "nearest_images"]

SAMPLES = 12
SEARCHED = 10_000  # training images of 64×64 pixels in memory; the first of an order that the run's seed decides
FROM_DISK = 1_000  # where each has to be read and decoded first
CHUNK_NUMBERS = 2**23  # pixels held at a time
COMPARED = 200  # of them, whose own nearest ones show what is usual
SIDE = 32  # pixels a side of the grey images that are compared; smaller images keep their size
STREAM = "nearest"  # of the latents


def nearest_images(run: Union[str, Path]) -> dict:
    """The nearest training image of each of twelve samples, for a page; never raises for what is in the run.

    The samples are of the newest checkpoint, by the average of the generator's weights if there is one. Distances are
    the L2 norm over the pixels, from -1 to 1, of grey images of at most 32 pixels a side.

    Returns
    -------
    dict: `problem`, in words, if nothing could be compared; else it is "", and there are
        step, weights : of the generator, "average" or "raw".
        searched, images : the number of training images searched, and of all.
        side : pixels a side of the images compared.
        usual : the median distance of `compared` training images to their nearest other one; None for one image.
        pairs : [{sample, found, distance, class}], `sample` and `found` are data: URIs, `class` a name or "".
    """
    try:
        return _found(*open_without_links(Path(run)))
    except MXGANError as error:
        return {"problem": str(error)}


def _found(folder: RunFolder, config: RunConfig) -> dict:
    checkpoint = folder.latest_checkpoint()
    refuse_links(folder.path, "checkpoints", checkpoint.name)
    data = own_images(folder, config, batch_size=_at_a_time(config))
    sampler = load_sampler(folder.path, SAMPLES)
    if sampler.latent_shape is None or sampler.conditions:
        raise ArgumentError("the generator takes other inputs than latents and classes, so no samples were drawn.")
    classes = sampler.classes_of(SAMPLES)
    samples = sampler.sample(sampler.latents(SAMPLES, config.seed, STREAM), classes)
    side = min(SIDE, *samples.shape[2:])
    chunks = (images for images, _ in image_chunks(data, _searched(data, samples)))
    search = _search(samples, chunks, side, config.recipe.mirror)
    names = sampler.class_names or tuple(map(str, range(sampler.classes)))
    return {
        "problem": "",
        "step": int(checkpoint.name),
        "weights": "raw" if generator_file(checkpoint, None) == generator_file(checkpoint, False) else "average",
        "searched": search.count,
        "images": data.num_images,
        "side": side,
        "usual": search.usual,
        "compared": search.compared,
        "pairs": [
            {
                "sample": picture_uri(image_grid(samples[place : place + 1])),
                "found": picture_uri(image_grid(search.images[place : place + 1])),
                "distance": float(search.distances[place]),
                "class": "" if classes is None else names[classes[place]],
            }
            for place in np.argsort(search.distances, kind="stable")
        ],
    }


def _at_a_time(config) -> int:
    return max(16, CHUNK_NUMBERS // math.prod(config.recipe.network.image_shape))


def _searched(data, samples: np.ndarray) -> int:
    """The number of images to search: a page must not take longer because they are large or on the disk."""
    most = SEARCHED if isinstance(data, ImageArrayIter) else FROM_DISK
    return min(data.num_images, most, max(COMPARED, most * 64**2 // samples[0, 0].size))


class _Search(NamedTuple):
    """The images found (M, C, H, W), their distances (M,), the number searched, and what is usual of real images."""

    images: np.ndarray
    distances: np.ndarray
    count: int
    compared: int
    usual: Optional[float]


def _search(samples: np.ndarray, chunks: Iterator, side: int, mirrored: bool) -> _Search:
    """Search all chunks for the image nearest to each sample, and to each of the first COMPARED images another one.

    `mirrored`: the run was trained on mirror images too, so these are searched like images.
    """
    small = reduced(samples, side)
    found, distances = np.empty_like(samples), np.full(len(samples), np.inf)
    probes, own, count = small[:0], np.empty(0), 0
    for images in chunks:
        if not count:  # half of them, if there are no more than these
            probes = reduced(images[: min(COMPARED, max(1, len(images) // 2))], side)
            own = np.full(len(probes), np.inf)
        for view in (images, images[..., ::-1])[: 1 + mirrored]:
            some = reduced(view, side)
            places, near = nearest(some, small)
            is_nearer = near < distances
            found[is_nearer] = view[places[is_nearer]]
            distances = np.minimum(distances, near)
            others = some if count else some[len(probes) :]
            own = np.minimum(own, nearest(others, probes)[1]) if len(others) else own
        count += len(images)
    usual = float(np.median(own))
    return _Search(found, distances, count, len(probes), usual if np.isfinite(usual) else None)
