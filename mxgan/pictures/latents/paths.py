"""Paths through latents and through mixtures of classes: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mxgan.errors import ArgumentError, ShapeError
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import check_distribution

__all__ = ["class_mixtures", "interpolation", "swings"]

SMALLEST_SINE = 1e-6  # of the angle between two latents; below it they have no great circle of their own


def interpolation(latents: np.ndarray, frames: int, loop: bool = True, distribution: str = "normal") -> np.ndarray:
    """A path that goes through latents in their order, each of them a frame.

    Normal latents lie near a sphere, so the path follows it: the direction moves on the great circle (Shoemake 1985),
    and the norm changes linearly, so that a point between is as likely as its ends (White 2016). Where two latents
    have the same or opposite directions, or one of them is 0, the way between them is straight. Uniform latents fill a
    cube, which straight ways do not leave: they are interpolated linearly.

    Parameters
    ----------
    latents : (K, *shape), K ≥ 2.
    frames : the number of frames of a leg, from one latent up to, but without, the next.
    loop : whether a last leg leads back to the first latent. The last frame is then one frame before the first, so
        that the film repeats without a jump. Without it, the path ends with the last latent.
    distribution : "normal" or "uniform".

    Returns
    -------
    (K · frames, *shape) float32; without the loop ((K − 1) · frames + 1, *shape).

    Raises
    ------
    ShapeError : fewer than two latents. ArgumentError : `frames` is below 1, or the distribution unknown.

    >>> interpolation(np.float32([[1, 0], [0, 1]]), 2, loop=False).round(3).tolist()
    [[1.0, 0.0], [0.707, 0.707], [0.0, 1.0]]

    Source: Shoemake 1985, section 3.3; White 2016, "Sampling generative networks", section 2.1.
    """
    between = _WAYS[check_distribution(distribution)]
    return _through(np.asarray(latents), frames, loop, between)


def class_mixtures(classes: Sequence[int], count: int, frames: int, loop: bool = True) -> np.ndarray:
    """The shares of the classes on a path from class to class, as `interpolation` goes through latents.

    Parameters
    ----------
    classes : (K,) class numbers, K ≥ 2. count : the number of classes that there are. frames, loop : see there.

    Returns
    -------
    (F, count) float32; each row sums to 1. A row of one class is its one-hot code.
    """
    return _through(np.eye(count, dtype=np.float32)[np.asarray(classes)], frames, loop, _straight)


def swings(amount: float, frames: int) -> np.ndarray:
    """(frames,) amounts of a closed swing: 0, up to `amount`, back through 0 to `-amount`, and back, as a sine."""
    return amount * np.sin(2 * np.pi * np.arange(whole_number("frames", frames)) / frames)


def _through(points: np.ndarray, frames: int, loop: bool, between: Callable) -> np.ndarray:
    frames = whole_number("frames", frames)
    if points.ndim < 2 or len(points) < 2:
        raise ShapeError(f"the points of a path are {points.shape}; give at least 2 of them, (2, *shape).")
    if not np.isfinite(points).all():
        raise ArgumentError("the points of a path hold NaN or infinity; give finite numbers.")
    flat = points.reshape(len(points), -1).astype(np.float64)
    ends = [*flat, flat[0]] if loop else [*flat]
    shares = (np.arange(frames) / frames)[:, None]
    legs = [between(start, end, shares) for start, end in zip(ends, ends[1:])]
    path = np.concatenate(legs if loop else [*legs, flat[-1:]]).astype(np.float32)
    path[::frames][: len(points)] = flat  # the latents themselves, without rounding
    return path.reshape(-1, *points.shape[1:])


def _straight(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    return (1 - shares) * start + shares * end


def _spherical(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(start), np.linalg.norm(end)
    if min(norms) == 0:
        return _straight(start, end, shares)
    first, last = start / norms[0], end / norms[1]
    angle = np.arccos(np.clip(first @ last, -1, 1))
    if np.sin(angle) < SMALLEST_SINE:
        return _straight(start, end, shares)
    directions = (np.sin((1 - shares) * angle) * first + np.sin(shares * angle) * last) / np.sin(angle)
    return directions * _straight(*norms, shares)


_WAYS = {"normal": _spherical, "uniform": _straight}
