"""Parameters of a request to the explorer, read from its link and checked; this is the only place for their bounds.

A link is the query of an address::

    checkpoint=2500&weights=average&seed=5&psi=0.7&class=3&d=1.5,0,-2&keep=5,1,3&keep=8,0.7,3,0,1&mix=0.25

`d` are the steps along the directions, in standard deviations. `keep` is a kept point: its seed, psi, class (empty
without classes) and steps. `mix` is a place on the way through the kept points: 0 is the first, 1 the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Optional

from mxgan.errors import ArgumentError, counted, lookup, shown

__all__ = ["FARTHEST", "MOST_DIRECTIONS", "MOST_KEPT", "MOST_SEED", "PARTS", "Point", "Wanted", "wanted"]

MOST_SEED = 2**31 - 1  # as `mxgan sample` takes them
MOST_KEPT = 12
MOST_DIRECTIONS = 16
FARTHEST = 3  # standard deviations along a direction
PARTS = 100  # of the way from one kept point to the next
MOST_CLASS = 10**6
WEIGHTS = {"raw": False, "average": True, "": None}

_WHOLE = re.compile(r"[0-9]{1,10}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")  # no NaN, no infinity, no exponent
_CHECKPOINT = re.compile(r"latest|best|[0-9]{1,15}")


@dataclass(frozen=True)
class Point:
    """A place in the latent space: the latent of a seed, truncated by psi, with steps along directions; a class."""

    seed: int = 0
    psi: float = 1.0
    label: Optional[int] = None
    steps: tuple = ()


@dataclass(frozen=True)
class Wanted:
    """A request: which weights, and a point, or a mixture of the kept points.

    Attributes
    ----------
    checkpoint : "latest", "best" or the number of a step. averaged : as `mxgan.load_sampler` takes it.
    mix : a place on the way through the kept points, from 0 to their number − 1, in steps of 1 / PARTS; None: the
        point itself is wanted.
    """

    checkpoint: str = "latest"
    averaged: Optional[bool] = None
    point: Point = Point()
    kept: tuple = ()
    mix: Optional[float] = None


def wanted(items: Iterable) -> Wanted:
    """The request of (name, text) pairs, as a query gives them.

    Raises ArgumentError for an unknown name, a name that is given twice, and every value out of its bounds.
    """
    given: dict = {}
    for name, text in items:
        lookup("parameter", name, _READERS)
        values = given.setdefault(name, [])
        most = MOST_KEPT if name == "keep" else 1
        if len(values) == most:
            raise ArgumentError(f"{name} is given more than {counted(most, 'time')}. Leave the others out.")
        values.append(_READERS[name](name, text))
    one = {name: values[0] for name, values in given.items() if name != "keep"}
    point = Point(one.get("seed", 0), one.get("psi", 1.0), one.get("class"), one.get("d", ()))
    kept, mix = tuple(given.get("keep", ())), one.get("mix")
    if mix is not None and not kept:
        raise ArgumentError(f"mix is {mix:g}, and nothing is kept. Give keep=…, or leave mix out.")
    if mix is not None and mix > len(kept) - 1:
        allowed = f"with {counted(len(kept), 'kept point')} give a number from 0 to {len(kept) - 1}"
        raise ArgumentError(f"mix is {mix:g}; {allowed}.")
    averaged = WEIGHTS[one.get("weights", "")]
    return Wanted(one.get("checkpoint", "latest"), averaged, point, kept, mix)


def _whole(name: str, text: str, most: int) -> int:
    if not _WHOLE.fullmatch(text) or int(text) > most:
        raise ArgumentError(f"{name} is {shown(text)}; give a whole number from 0 to {most}.")
    return int(text)


def _number(name: str, text: str, least: float, most: float) -> float:
    if not _NUMBER.fullmatch(text) or not least <= float(text) <= most:
        raise ArgumentError(f"{name} is {shown(text)}; give a number from {least:g} to {most:g}.")
    return float(text)


def _checkpoint(name: str, text: str) -> str:
    if not _CHECKPOINT.fullmatch(text):
        raise ArgumentError(f"{name} is {shown(text)}; give latest, best, or the number of a step.")
    return text


def _seed(name: str, text: str) -> int:
    return _whole(name, text, MOST_SEED)


def _psi(name: str, text: str) -> float:
    return _number(name, text, 0, 1)


def _class(name: str, text: str) -> int:
    return _whole(name, text, MOST_CLASS)


def _steps(name: str, text: str) -> tuple:
    parts = text.split(",") if text else []
    if len(parts) > MOST_DIRECTIONS:
        raise ArgumentError(f"{name} has {len(parts)} numbers; give at most {MOST_DIRECTIONS}.")
    return tuple(_number(name, part, -FARTHEST, FARTHEST) for part in parts)


def _kept(name: str, text: str) -> Point:
    seed, _, rest = text.partition(",")
    psi, _, rest = rest.partition(",")
    label, _, steps = rest.partition(",")
    read = _seed(f"the seed of {name}", seed), _psi(f"psi of {name}", psi or "1")
    return Point(*read, _class(f"the class of {name}", label) if label else None, _steps(name, steps))


def _mix(name: str, text: str) -> float:
    return round(_number(name, text, 0, MOST_KEPT - 1) * PARTS) / PARTS


_READERS: dict[str, Callable] = {
    "checkpoint": _checkpoint,
    "weights": lambda name, text: lookup(name, text, tuple(WEIGHTS)),
    "seed": _seed,
    "psi": _psi,
    "class": _class,
    "d": _steps,
    "keep": _kept,
    "mix": _mix,
}
