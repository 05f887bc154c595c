"""Height and width of images as one setting: a whole number for square images, or (height, width)."""

from __future__ import annotations

from typing import Union

from mxgan.errors import ArgumentError
from mxgan.runtime.config import whole_number

__all__ = ["ImageSize", "height_and_width", "normal_size", "size_text"]

ImageSize = Union[int, tuple[int, int]]
LARGEST = 4096


def height_and_width(image_size: ImageSize) -> tuple:
    """(height, width) as whole numbers from 1 to 4096; ArgumentError for anything else.

    >>> height_and_width(28), height_and_width((48, 96))
    ((28, 28), (48, 96))
    """
    sides = tuple(image_size) if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(sides) != 2:
        raise ArgumentError(f"image_size is {image_size!r}; give a whole number, or (height, width).")
    return tuple(whole_number("image_size", side, maximum=LARGEST) for side in sides)


def normal_size(height: int, width: int) -> ImageSize:
    """The one form in which a size is kept and compared: the side of a square, else (height, width)."""
    return height if height == width else (height, width)


def size_text(image_size: ImageSize) -> str:
    """A size as the command line has it.

    >>> size_text((48, 96)), size_text(28)
    ('48x96', '28')
    """
    return "x".join(map(str, image_size)) if isinstance(image_size, tuple) else str(image_size)
