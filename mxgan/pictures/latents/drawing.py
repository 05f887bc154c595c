"""The images along paths of latents, drawn in full batches and given frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import numpy as np

from mxgan.pictures.latents.parts import MIXTURE
from mxgan.runtime.progress import Progress
from mxgan.training.sampler import Sampler

__all__ = ["frames_of"]


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
