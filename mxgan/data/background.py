"""The colour behind the transparent parts of an image."""

from __future__ import annotations

import re
from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError

__all__ = ["WHITE", "other_background", "over", "parse_background"]

WHITE = (255, 255, 255)

_NAMED = {"white": WHITE, "black": (0, 0, 0)}
_HEX = re.compile("#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", re.IGNORECASE)


def parse_background(value: Optional[str]) -> tuple:
    """The colour (red, green, blue), 0 … 255 each, that `value` names; None is white.

    Raises
    ------
    ArgumentError : `value` is not None, "white", "black" or "#rrggbb".
    """
    if value is None:
        return WHITE
    named = _NAMED.get(value) if isinstance(value, str) else None
    found = _HEX.fullmatch(value) if isinstance(value, str) else None
    if named is None and found is None:
        raise ArgumentError(f"background is {value!r}; give white, black or #rrggbb, for example #ff8000.")
    return named or tuple(int(part, 16) for part in found.groups())


def other_background(used: tuple) -> str:
    """What to do about images without variety, if transparent parts may be the cause; `used` is the background."""
    colour = "white" if used == _NAMED["black"] else "black"
    return (
        f"give another background, for example {colour} (background={colour} in a run's --set, "
        f"--background {colour} of the other commands)"
    )


def over(pixels: np.ndarray, background: tuple) -> np.ndarray:
    """An image with alpha, (height, width, 4) uint8 RGBA, drawn over one colour: (height, width, 3) uint8 RGB.

    The alpha is not associated: colours are not multiplied by it. An opaque pixel keeps its bits.
    """
    if pixels[..., 3].min(initial=255) == 255:
        return pixels[..., :3]
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = pixels[..., :3] * alpha + np.array(background, np.uint16) * (255 - alpha) + np.uint16(128)
    return ((mixed + (mixed >> 8)) >> 8).astype(np.uint8)  # x / 255, rounded, for every x from 0 to 255 * 255
