"""A check that the images of a data set differ: if all are the same, or of one colour each, a GAN learns nothing."""

from __future__ import annotations

from typing import Optional

import numpy as np

from mxgan.errors import DatasetError

__all__ = ["Variety", "array_fault", "check_variety", "is_constant"]

SAME, CONSTANT = "all the same", "of one colour each"


class Variety:
    """Looks at images one after the other, until one differs from the first and one has more than one colour."""

    def __init__(self) -> None:
        self._first, self._count, self._has_other, self._has_drawn = None, 0, False, False

    @property
    def is_found(self) -> bool:
        """Whether nothing more has to be looked at."""
        return self._has_other and self._has_drawn

    def add(self, content: bytes, constant: bool) -> None:
        """Look at an image: its pixels (or its file) as bytes, and whether it has one colour."""
        self._count += 1
        self._first = content if self._first is None else self._first
        self._has_other = self._has_other or content != self._first
        self._has_drawn = self._has_drawn or not constant

    @property
    def fault(self) -> str:
        """SAME for two or more equal images, CONSTANT for images of one colour, else ""."""
        if not self._count or self.is_found:
            return ""
        if not self._has_drawn:
            return CONSTANT
        return SAME if self._count > 1 else ""


def is_constant(pixels: np.ndarray) -> bool:
    """Whether an image (height, width) or (height, width, channels) has one colour; mostly known from its first row."""
    return bool((pixels[0] == pixels[0, 0]).all() and (pixels == pixels[0, 0]).all())


def array_fault(images: np.ndarray) -> str:
    """`Variety.fault` of an array of images (N, height, width, …); nearly always known from the first two."""
    variety = Variety()
    for pixels in images:
        variety.add(pixels.tobytes(), is_constant(pixels))
        if variety.is_found:
            break
    return variety.fault


def check_variety(place, count: int, fault: str, remedy: Optional[str] = None) -> None:
    """Raise a DatasetError if `fault` is not ""; `place` and `count` name the data set and its number of images."""
    if fault:
        images = "image" if count == 1 else "images"
        fault = "of one colour" if count == 1 else fault
        raise DatasetError(
            f"{place}: its {count:,} {images} {'is' if count == 1 else 'are'} {fault}, and a GAN can learn nothing "
            f"from that. {remedy or 'Give images that differ.'}"
        )
