"""One generator of a run as the explorer draws it: latents, images, D's score. It uses MXNet, in one thread only."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, MXGANError
from mxgan.export.computing import bound
from mxgan.graphs.memory import Graph, check_memory
from mxgan.objectives.heads import get_objective
from mxgan.pictures.latents.directions import along, directions, first_matrix
from mxgan.pictures.latents.parts import MIXTURE, mixing
from mxgan.pictures.latents.paths import class_mixtures, interpolation
from mxgan.runs.load import load_sampler
from mxgan.runs.sources import source_of
from mxgan.runtime import mx
from mxgan.runtime.draws import truncated
from mxgan.training.sampler import Sampler
from mxgan.web.explorer.points import MOST_DIRECTIONS, PARTS, Point, Wanted

__all__ = ["Generator", "Judge", "Place", "Score"]

LARGEST_LATENT = 4096  # numbers; the directions of a larger one take seconds
SPREAD = {"normal": 1.0, "uniform": 1 / math.sqrt(3)}  # standard deviation of each number of a latent


class Place(NamedTuple):
    """What a generator takes: latents (1, *latent_shape); a class, or shares of the classes (1, K), or neither."""

    latents: np.ndarray
    label: Optional[int] = None
    shares: Optional[np.ndarray] = None


class Score(NamedTuple):
    """D's answer to an image: its raw score, and for an objective of probabilities the probability of "real"."""

    raw: float
    probability: Optional[float] = None


class Generator:
    """The generator of a checkpoint, bound for one image.

    Attributes
    ----------
    sampler : batch size 1; it gives the same bits with any number of threads.
    directions : (K, d) float32, at most MOST_DIRECTIONS, the strongest first. no_directions : why there are none.
    judge : D of the same checkpoint, or None. no_judge : why there is none.

    Raises
    ------
    MXGANError : the checkpoint is missing or broken, or there is no room for it.
    """

    def __init__(self, run: Path, step: int, averaged: Optional[bool]) -> None:
        self._origin = {"source": run, "checkpoint": step, "averaged": averaged}
        self.sampler = load_sampler(**self._origin, batch_size=1)
        self._mixing: Optional[Sampler] = None
        self._last: tuple = (None, None)
        self.directions, self.no_directions = _directions(self.sampler)
        self.judge, self.no_judge = _judge(run, step)

    def place(self, wanted: Wanted) -> Place:
        """The latents and the class of a point, or of a mixture of kept points.

        Raises ArgumentError for more steps than directions, and for a class that the generator does not have.
        """
        if wanted.mix is None:
            return Place(self._latents(wanted.point), self._label(wanted.point))
        leg = min(int(wanted.mix), max(0, len(wanted.kept) - 2))
        ends = wanted.kept[leg : leg + 2]
        frame = round((wanted.mix - leg) * PARTS)
        if frame in (0, PARTS):
            end = ends[frame // PARTS]
            return Place(self._latents(end), self._label(end))
        between = np.concatenate([self._latents(end) for end in ends])
        latents = interpolation(between, PARTS, False, self.sampler.distribution)[frame : frame + 1]
        labels = [self._label(end) for end in ends]
        if labels[0] == labels[1]:
            return Place(latents, labels[0])
        return Place(latents, None, class_mixtures(labels, self.sampler.classes, PARTS, False)[frame : frame + 1])

    def drawn(self, wanted: Wanted) -> tuple:
        """(the place of a request, its image). The last one is kept: a page asks for an image, then for its neighbour.

        Raises ArgumentError, see `place`; MXGANError for an image that cannot be drawn.
        """
        if self._last[0] != wanted:
            place = self.place(wanted)
            self._last = wanted, (place, self.image(place))
        return self._last[1]

    def image(self, place: Place) -> np.ndarray:
        """(1, C, H, W) float32: the image of a place, drawn alone."""
        if place.shares is not None and self._mixing is None:
            self._mixing = mixing(self.sampler)
        return _drawn(self.sampler if place.shares is None else self._mixing, place)

    def exact_image(self, place: Place) -> np.ndarray:
        """(1, C, H, W): the image of a place to the bit as `mxgan sample` draws it, in a batch of its size."""
        sampler = load_sampler(**self._origin)
        return _drawn(sampler if place.shares is None else mixing(sampler), place)

    def _latents(self, point: Point) -> np.ndarray:
        if len(point.steps) > len(self.directions):
            raise ArgumentError(
                f"d has {len(point.steps)} numbers, and this generator has {len(self.directions)} directions here. "
                f"{self.no_directions or 'Give fewer numbers.'}"
            )
        latents = truncated(self.sampler.latents(1, point.seed), point.psi)
        for direction, step in zip(self.directions, point.steps):
            latents = along(latents, direction, np.array([step * SPREAD[self.sampler.distribution]]))[:, 0]
        return latents

    def _label(self, point: Point) -> Optional[int]:
        classes = self.sampler.classes
        if point.label is not None and not point.label < classes:
            known = f"from 0 to {classes - 1}" if classes else "none: this generator is not conditional"
            raise ArgumentError(f"class is {point.label}; give {known}.")
        return (point.label or 0) if classes else None


class Judge:
    """The discriminator of a checkpoint, bound for one image; BatchNorm uses its moving statistics."""

    def __init__(self, run: Path, step: int) -> None:
        source = source_of(run, "discriminator", step)
        mixed = source.run.config.recipe.network.mixes_samples
        if mixed:
            raise ArgumentError(f"D's score of an image depends on its whole batch, because of {mixed}.")
        sizes = {name: (1, *shape) for name, shape in source.inputs.items()}
        check_memory({"discriminator": Graph(source.symbol[0], sizes)}, training=False)
        self._inputs = {name: mx.nd.zeros(shape) for name, shape in sizes.items()}
        arguments, states = source.parameters
        given = {**arguments, **self._inputs}
        symbol = source.symbol[0]
        names, moving = symbol.list_arguments(), symbol.list_auxiliary_states()
        self._executor = bound(symbol, {name: given[name] for name in names}, {name: states[name] for name in moving})
        self._probability = get_objective(source.run.config.recipe.objective).probability

    @property
    def takes_class(self) -> bool:
        """Whether D is shown the class."""
        return "class_label" in self._inputs

    def score(self, image: np.ndarray, label: Optional[int]) -> Score:
        """D's score of an image (1, C, H, W), of this class if it takes one."""
        self._inputs["data"][:] = image
        if self.takes_class:
            self._inputs["class_label"][:] = label
        raw = float(self._executor.forward(is_train=False)[0].asnumpy().ravel()[0])
        return Score(raw, 1 / (1 + math.exp(-min(max(raw, -700), 700))) if self._probability else None)


def _drawn(sampler: Sampler, place: Place) -> np.ndarray:
    if place.shares is not None:
        return sampler.sample(place.latents, conditions={MIXTURE: place.shares})
    return sampler.sample(place.latents, None if place.label is None else np.array([place.label]))


def _directions(sampler: Sampler) -> tuple:
    """(directions, "") or (none, why there are none)."""
    size = int(np.prod(sampler.latent_shape))
    none = np.empty((0, size), np.float32)
    if size > LARGEST_LATENT:
        return none, f"A latent of this generator has {size:,} numbers, too many for the search for directions."
    try:
        return directions(first_matrix(sampler), min(MOST_DIRECTIONS, size)), ""
    except ArgumentError as error:
        return none, str(error)


def _judge(run: Path, step: int) -> tuple:
    """(D, "") or (None, why there is none)."""
    try:
        return Judge(run, step), ""
    except MXGANError as error:
        return None, str(error)
