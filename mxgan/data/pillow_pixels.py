"""Pixels by Pillow: for kinds of images that OpenCV refuses or decodes differently, and for everything with alpha."""

from __future__ import annotations

import io

import numpy as np

from mxgan.data.background import over
from mxgan.data.image_kinds import (
    has_alpha,
    is_turned_by_loading,
    orientation_of,
    readable_formats,
    white_of,
)
from mxgan.data.tiff_kinds import check_codec

__all__ = ["pillow_bgr"]

_BAND = 2**17  # pixels that are converted at a time, in whole rows


def pillow_bgr(encoded: bytes, background: tuple) -> tuple:
    """Decode uint8 (height, width, 3), BGR, over a background; not turned upright, but with the orientation, 1 … 8.

    On a broken file Pillow raises many types.

    Raises
    ------
    DatasetError : a kind of TIFF that this Pillow does not support.
    """
    from PIL import Image

    with Image.open(io.BytesIO(encoded), formats=readable_formats()) as image:
        turned = is_turned_by_loading(image)
        _prepare(image)
        pixels = np.empty((image.height, image.width, 3), np.uint8)
        rows = max(1, _BAND // image.width)
        for top in range(0, image.height, rows):  # avoids a copy of the whole, at Pillow's four bytes
            band = image.crop((0, top, image.width, min(top + rows, image.height)))
            pixels[top : top + rows] = _rgb(band, white_of(image), background)[..., ::-1]
        return pixels, 1 if turned else orientation_of(image)


def _prepare(image) -> None:
    """Load an image, and mend what Pillow says of its transparency."""
    deep = image.mode == "RGB" and image.tile and image.tile[0][3] == "RGB;16B"  # of these, Pillow keeps the high bytes
    try:
        image.load()
    except OSError:
        if image.format == "TIFF":
            check_codec(image.tag_v2)
        raise
    if deep and "transparency" in image.info:
        image.info["transparency"] = tuple(value >> 8 for value in image.info["transparency"])
    if image.format == "BMP" and image.mode == "RGBA" and image.getextrema()[3] == (0, 0):
        image.putalpha(255)  # many writers leave the fourth byte 0; browsers show such a BMP as opaque


def _rgb(band, white: int, background: tuple) -> np.ndarray:
    """A part of an image of Pillow as uint8 (height, width, 3), RGB, over a background."""
    if band.mode.startswith("I"):  # 16 bits, which Pillow would clip
        levels, clear = np.asarray(band), band.info.get("transparency", -1)
        grey = (levels.astype(np.uint32) * 255 // white).astype(np.uint8)
        return over(np.dstack([grey, grey, grey, np.where(levels == clear, 0, 255).astype(np.uint8)]), background)
    if not has_alpha(band):
        return np.asarray(band.convert("RGB"))
    band = band.convert("LA") if band.mode == "La" else band
    return over(np.asarray(band.convert("RGBA")), background)
