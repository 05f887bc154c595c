"""The images along paths of latents, drawn in full batches and given frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

import numpy as np

from mxgan.pictures.latents.directions import along, directions, first_matrix
from mxgan.pictures.latents.parts import MIXTURE, mixing
from mxgan.pictures.latents.paths import class_mixtures, interpolation, swings
from mxgan.runtime.memory import check_room
from mxgan.runtime.progress import Progress
from mxgan.training.sampler import Sampler

__all__ = ["Frames", "frames_of", "interpolated", "together", "walked_film", "walked_sheets"]

FLOAT, COPIES = 4, 4  # bytes of a number, and arrays of all numbers at the same time
FEWER = "Give a smaller --num or --frames."


class Frames(NamedTuple):
    """Pictures of a path, each of several images.

    Attributes
    ----------
    count : the number of frames. images : iterator of (N, C, H, W), drawn as they are taken.
    """

    count: int
    images: Iterator


def interpolated(
    sampler: Sampler, ends: np.ndarray, classes: Sequence[int], frames: int, loop: bool, progress: Optional[bool] = None
) -> Frames:
    """N images that go from latent to latent, and from class to class.

    Parameters
    ----------
    ends : (K, N, *latent_shape), the K latents that each image goes through.
    classes : (K,) the classes that all images go through, of a conditional generator; none: image i keeps the class
        i mod the number of classes.
    frames, loop, progress : see `interpolation` and runtime/progress.py.
    """
    _check_room(ends.size * frames)
    paths = [interpolation(ends[:, i], frames, loop, sampler.distribution) for i in range(ends.shape[1])]
    latents = np.stack(paths, axis=1)  # (F, N, *latent_shape)
    if not len(classes):
        return Frames(len(latents), frames_of(sampler, latents, sampler.classes_of(len(paths)), progress=progress))
    mixtures = class_mixtures(classes, sampler.classes, frames, loop)
    return Frames(len(latents), frames_of(mixing(sampler), latents, mixtures=mixtures, progress=progress))


def walked_sheets(
    sampler: Sampler, latents: np.ndarray, classes: Optional[np.ndarray], count: int, amounts: np.ndarray
) -> Frames:
    """A sheet for each of the first `count` directions: (N · A, C, H, W), a row for each latent.

    Parameters
    ----------
    latents : (N, *latent_shape). classes : (N,), of a conditional generator. amounts : (A,), the columns.
    """
    moved = _moved(sampler, latents, count, amounts)  # (K, N, A, *latent_shape)
    repeated = None if classes is None else np.repeat(classes, len(amounts))
    return Frames(count, frames_of(sampler, moved.reshape(count, -1, *sampler.latent_shape), repeated))


def walked_film(
    sampler: Sampler, latents: np.ndarray, classes: Optional[np.ndarray], count: int, amount: float, frames: int
) -> Frames:
    """A film in which each image swings along its direction: (N · K, C, H, W), a column for each of K directions."""
    moved = _moved(sampler, latents, count, swings(amount, frames))  # (K, N, F, *latent_shape)
    repeated = None if classes is None else np.repeat(classes, count)
    by_frame = np.moveaxis(moved, (2, 1), (0, 1)).reshape(frames, -1, *sampler.latent_shape)
    return Frames(frames, frames_of(sampler, by_frame, repeated))


def _moved(sampler: Sampler, latents: np.ndarray, count: int, amounts: np.ndarray) -> np.ndarray:
    found = directions(first_matrix(sampler), count)
    _check_room(latents.size * len(amounts) * count)
    return np.stack([along(latents, each, amounts) for each in found])


def _check_room(numbers: int) -> None:
    """Raise ArgumentError if this many numbers of latents do not fit into the memory, with copies of them."""
    check_room("the latents of this path", COPIES * FLOAT * numbers, FEWER)


def together(frames: Frames) -> np.ndarray:
    """All images of the frames at once, (F, N, C, H, W); ArgumentError if they do not fit into the memory."""
    first = next(frames.images)
    check_room("the images of this path", COPIES * first.nbytes * frames.count, FEWER)
    return np.stack([first, *frames.images])


def frames_of(
    sampler: Sampler,
    latents: np.ndarray,
    classes: Optional[np.ndarray] = None,
    mixtures: Optional[np.ndarray] = None,
    progress: Optional[bool] = None,
) -> Iterator[np.ndarray]:
    """The images (N, C, H, W) of each frame, in order; frames of one batch are drawn together.

    Parameters
    ----------
    sampler : of the generator; for mixtures, as `mixing` gives it.
    latents : (F, N, *latent_shape), N latents for each of F frames.
    classes : (N,), the class of each latent in every frame, of a conditional generator.
    mixtures : (F, K), the shares of the classes in each frame, of a generator that mixes them.
    progress : see runtime/progress.py.
    """
    count, width = latents.shape[:2]
    at_once = max(1, sampler.batch_size // width)
    with Progress(progress, "drawing", count, "frame") as bar:
        for start in range(0, count, at_once):
            part = latents[start : start + at_once]
            flat = part.reshape(-1, *part.shape[2:])
            given = {} if mixtures is None else {MIXTURE: np.repeat(mixtures[start : start + at_once], width, axis=0)}
            repeated = None if classes is None else np.tile(classes, len(part))
            images = sampler.sample(flat, repeated, given)
            yield from images.reshape(len(part), width, *images.shape[1:])
            bar.update(len(part))
