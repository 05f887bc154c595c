"""Values of flags that are more than a word or a number: intervals, names, sizes of images, shapes."""

from __future__ import annotations

import re
from typing import Optional

import click

from mxgan.errors import ArgumentError

__all__ = ["Decay", "Interval", "Names", "Size", "shape_of", "sizes_of"]


class Interval(click.ParamType):
    """A number of steps, the word epoch, or, if `minutes` are allowed, 15min."""

    def __init__(self, minutes: bool = False) -> None:
        self.name = "N|epoch|Nmin" if minutes else "N|epoch"

    def convert(self, value, param, ctx):
        from mxgan.training.every import Every

        try:
            number = int(value) if str(value).isascii() and str(value).isdigit() else value
            return Every.parse(self.name, number, minutes=self.name.endswith("min")).value
        except ArgumentError:
            self.fail(f"{value!r} is none of {self.name}, where N is a number above 0.", param, ctx)


class Decay(click.ParamType):
    """The decay of an average, a number; or the word none, which becomes "null" as --set takes it."""

    name = "DECAY|none"

    def convert(self, value, param, ctx):
        if str(value).lower() in ("none", "null"):
            return "null"
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is no number, and not none.", param, ctx)


class Names(click.ParamType):
    """Names with commas between them, as a tuple; the word none is no name."""

    name = "NAME,...|none"

    def convert(self, value, param, ctx):
        if isinstance(value, (list, tuple)):
            return tuple(value)
        return () if value == "none" else tuple(name.strip() for name in value.split(","))


class Size(click.ParamType):
    """Height and width of images: one whole number, or two as 48x96."""

    name = "N|HxW"

    def convert(self, value, param, ctx):
        from mxgan.runtime.setting_types import read_pair

        text = str(value)
        found = int(text) if re.fullmatch("[0-9]{1,9}", text) else read_pair(text)
        if found is None:
            self.fail(f"{text!r} is no whole number, and not height and width as 48x96.", param, ctx)
        return found


_ONE = {"--latent": "latent, all above 0, as 100,1,1", "--image": "image, all above 0, as 3,64,64"}


def shape_of(flag: str, text: Optional[str]) -> Optional[tuple]:
    """The shape that --latent or --image gives, None without it; ArgumentError for anything but sizes."""
    sizes = None if text is None else sizes_of(text)
    if sizes == ():
        raise ArgumentError(f"{flag} {text!r}: give the sizes of one {_ONE[flag]}.")
    return sizes


def sizes_of(text: str) -> tuple:
    """The sizes of a shape given as 100,1,1; () for anything but whole numbers above 0."""
    whole = re.fullmatch(r"[1-9][0-9]{0,8}(,[1-9][0-9]{0,8}){0,31}", text)
    return tuple(map(int, text.split(","))) if whole else ()
