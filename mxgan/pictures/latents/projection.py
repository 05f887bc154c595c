"""The latents whose images are nearest to given images, found by gradient descent from several starts."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, ShapeError
from mxgan.graphs.latent_shapes import batch_candidates
from mxgan.graphs.memory import Graph, check_memory
from mxgan.pictures.latents.gradients import Differentiable
from mxgan.runtime.config import is_number, whole_number
from mxgan.runtime.progress import Progress
from mxgan.training.sampler import Sampler

__all__ = ["Features", "Projection", "Search", "project"]

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8  # of Adam
FARTHEST = 2.2  # standard deviations of a normal latent's norm, 1/√2 each, above √d: 0.1 % of draws lie outside


class Features(NamedTuple):
    """A network that looks at images, such as D up to its last layer: symbol of `data`, {name: NDArray}."""

    symbol: object
    parameters: dict


class Search(NamedTuple):
    """The settings of the search.

    Attributes
    ----------
    starts : the number of latents from which it starts, for each image: the nearest among the candidates.
    steps : the steps of Adam from each of them. rate : its learning rate at the first step; it falls to 0 as a cosine.
    candidates : the number of random latents, whose nearest one is also the baseline.
    seed : decides the candidates, and so the whole result.
    """

    starts: int = 4
    steps: int = 200
    rate: float = 0.1
    candidates: int = 1000
    seed: int = 0


class Projection(NamedTuple):
    """What was found for N images.

    Attributes
    ----------
    latents : (N, *latent_shape) float32. images : (N, C, H, W), what the generator makes of them.
    errors : (N,) mean squared differences of the pixels, which reach from -1 to 1.
    baseline : (N,) errors of the nearest of the random latents, by the pixels.
    """

    latents: np.ndarray
    images: np.ndarray
    errors: np.ndarray
    baseline: np.ndarray


def project(
    sampler: Sampler,
    images: np.ndarray,
    classes: Optional[np.ndarray] = None,
    features: Optional[Features] = None,
    search: Search = Search(),
    progress: Optional[bool] = None,
) -> Projection:
    """The latents whose images are nearest to the given ones.

    For each image, Adam minimises the mean squared difference of the pixels, or of the features, from the nearest of
    random latents. The latents stay where draws lie: uniform ones in [-1, 1], normal ones within the norm that about
    99.9 % of draws do not exceed. The best latent seen is kept, so the result is never worse than the best start.

    Parameters
    ----------
    sampler : of the generator.
    images : (N, C, H, W) float32 in [-1, 1], of the size of the generator's images.
    classes : (N,), the classes under which a conditional generator makes them.
    features : the network whose features are compared; None: the pixels are.

    Returns
    -------
    Projection; seed and batch size decide it.

    Raises
    ------
    ShapeError : images of another size. ArgumentError : a setting out of range, no finite pixels, other classes than
        one of the generator's for each image.

    Source: Lipton and Tripathi 2017, "Precise recovery of latent vectors from GANs", with Adam instead of plain
    gradient descent; by features: as Dosovitskiy and Brox 2016 compare images, here by the features of D.
    """
    images, labels = _checked(sampler, images, classes, search)
    made = images.shape[1:]
    objective = _Objective(sampler, made, features, len(images) * search.starts)
    wanted = objective.see(images, labels)
    nearest, baseline = _candidates(objective, images, wanted, labels, search)  # (N, starts, *latent_shape), (N,)
    latents = _nearest(objective, nearest, wanted, labels, search, progress)
    drawn = sampler.sample(latents, None if classes is None else labels)
    return Projection(latents, drawn, ((drawn - images) ** 2).mean(axis=(1, 2, 3)), baseline)


def _checked(sampler: Sampler, images: np.ndarray, classes: Optional[np.ndarray], search: Search) -> tuple:
    """(images (N, C, H, W) float32, labels (N,), 0 without classes); an error if something does not fit."""
    for name in ("starts", "steps", "candidates"):
        whole_number(name, getattr(search, name))
    if search.starts > search.candidates:
        raise ArgumentError(f"starts is {search.starts}; give at most the {search.candidates} candidates.")
    if not is_number(search.rate, lambda rate: 0 < rate < math.inf):
        raise ArgumentError(f"rate is {search.rate!r}; give a learning rate above 0, such as 0.1.")
    images, labels = np.asarray(images, np.float32), np.zeros(len(images)) if classes is None else np.asarray(classes)
    made = sampler.image_shape
    if images.shape[1:] != made or not len(images):
        raise ShapeError(f"the images are {images.shape}, and the generator's are {made}; give (N, {made}).")
    if not np.isfinite(images).all():
        raise ArgumentError("the images hold NaN or infinity; give finite pixels.")
    sampler.check_classes(None if classes is None else labels, len(images))
    return images, labels


def _candidates(objective, images: np.ndarray, wanted: np.ndarray, labels: np.ndarray, search: Search) -> tuple:
    """(the nearest random latents of each image, (N,) pixel errors of the very nearest)."""
    sampler = objective.sampler
    latents = sampler.latents(search.candidates, search.seed, stream="projection")
    pixels, losses = (np.empty((len(images), len(latents))) for _ in range(2))
    flat = images.reshape(len(images), -1)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        for first in range(0, len(latents), sampler.batch_size):
            part = np.arange(first, min(first + sampler.batch_size, len(latents)))
            given = np.full(len(part), label)
            drawn = sampler.sample(latents[part], given if sampler.classes else None)
            pixels[np.ix_(mine, part)] = _apart(flat[mine], drawn.reshape(len(part), -1))
            losses[np.ix_(mine, part)] = _apart(wanted[mine], objective.see(drawn, given))
    nearest = np.argsort(losses, axis=1, kind="stable")[:, : search.starts]
    return latents[nearest], pixels.min(axis=1)


def _nearest(objective, starts: np.ndarray, wanted, labels: np.ndarray, search: Search, progress) -> np.ndarray:
    """(N, *latent_shape) the best latent of each image, from the starts (N, S, *latent_shape)."""
    count, each = starts.shape[:2]
    starts = starts.reshape(-1, *starts.shape[2:])
    owners = np.repeat(np.arange(count), each)
    best, losses, batch = np.empty_like(starts), np.empty(len(starts)), objective.batch
    with Progress(progress, "projecting", -(-len(starts) // batch) * (search.steps + 1), "step") as bar:
        for first in range(0, len(starts), batch):
            rows = slice(first, first + batch)
            of = owners[rows]
            best[rows], losses[rows] = _descended(objective, starts[rows], wanted[of], labels[of], search, bar)
    return best[losses.reshape(count, each).argmin(axis=1) + each * np.arange(count)]


def _apart(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(R, O) mean squared differences."""
    return np.stack([((others - row) ** 2).mean(axis=1) for row in rows])


def _descended(objective, latents, wanted: np.ndarray, labels: np.ndarray, search: Search, bar: Progress) -> tuple:
    """(the best latents on the way down from these (S, …), their losses (S,))."""
    best, lowest = latents.copy(), np.full(len(latents), np.inf)
    mean, square = np.zeros_like(latents), np.zeros_like(latents)
    for step in range(1, search.steps + 2):  # the last one only looks
        losses, gradients = objective(latents, wanted, labels)
        better = losses < lowest
        best[better], lowest[better] = latents[better], losses[better]
        rate = search.rate * (1 + math.cos(math.pi * (step - 1) / search.steps)) / 2
        mean, square = BETA1 * mean + (1 - BETA1) * gradients, BETA2 * square + (1 - BETA2) * gradients**2
        change = mean / (1 - BETA1**step) / (np.sqrt(square / (1 - BETA2**step)) + EPS)
        latents = _within(latents - np.float32(rate) * change, objective.sampler.distribution)
        bar.update()
    return best, lowest


def _within(latents: np.ndarray, distribution: str) -> np.ndarray:
    """Latents brought back to where draws of their distribution lie."""
    if distribution == "uniform":
        return np.clip(latents, -1, 1)
    flat = latents.reshape(len(latents), -1)
    farthest = math.sqrt(flat.shape[1]) + FARTHEST
    shares = np.minimum(1, farthest / np.maximum(np.linalg.norm(flat, axis=1), 1e-30))
    return (flat * shares[:, None].astype(np.float32)).reshape(latents.shape)


class _Objective:
    """The difference between images and those of latents, and its gradient by the latents; bound once.

    `batch` is the number of latents that it takes at once: that of the sampler, or less if there are only `most`
    latents, unless the generator has its batch in it.
    """

    def __init__(self, sampler: Sampler, made: tuple, features: Optional[Features], most: int) -> None:
        self.sampler, symbol = sampler, sampler.symbol
        fixed = sampler.batch_size in batch_candidates(symbol, "rand")
        self.batch = sampler.batch_size if fixed else min(sampler.batch_size, most)
        batch = (self.batch,)
        shapes = {"rand": batch + sampler.latent_shape, **({"class_label": batch} if sampler.classes else {})}
        check_memory({"generator": Graph(symbol, shapes)}, training=True)
        self._generator = Differentiable(symbol, _together(sampler.module.get_params()), shapes, "rand")
        self._features, self._many = (_bound(features, made, size) for size in (self.batch, sampler.batch_size))

    def see(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """What is compared of images (N, C, H, W): (N, values)."""
        if self._features is None:
            return images.reshape(len(images), -1)
        batch, parts = self.sampler.batch_size, []
        for first in range(0, len(images), batch):
            part, of = images[first : first + batch], labels[first : first + batch]
            parts.append(self._many.forward(_full({"data": part, "class_label": of}, batch))[: len(part)])
        return np.concatenate(parts).reshape(len(images), -1)

    def __call__(self, latents: np.ndarray, wanted: np.ndarray, labels: np.ndarray) -> tuple:
        """(losses (S,), gradients (S, *latent_shape)) of S latents, at most a batch; `wanted` (S, values)."""
        count = len(latents)
        given = _full({"rand": latents, "class_label": labels}, self.batch)
        seen = images = self._generator.forward(given)
        if self._features is not None:
            seen = self._features.forward({"data": images, "class_label": given["class_label"]})
        apart = seen.reshape(len(seen), -1) - _full({"": wanted}, self.batch)[""]
        gradient = (2 / apart.shape[1] * apart).reshape(seen.shape)
        if self._features is not None:
            gradient = self._features.gradient(gradient)
        return (apart[:count] ** 2).mean(axis=1), self._generator.gradient(gradient)[:count]


def _bound(features: Optional[Features], made: tuple, batch: int) -> Optional[Differentiable]:
    if features is None:
        return None
    seen = {"data": (batch, *made), "class_label": (batch,)}
    return Differentiable(features.symbol, features.parameters, seen, "data")


def _full(values: dict, batch: int) -> dict:
    """A full batch of each array: its rows are repeated."""
    rows = np.arange(batch)
    return {name: array[rows % len(array)] for name, array in values.items()}


def _together(parameters: tuple) -> dict:
    return {name: value for group in parameters for name, value in group.items()}
