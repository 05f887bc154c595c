"""Encoded images from strangers: the size is known before anything is decoded."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mxgan.errors import DatasetError
from mxgan.runtime import cv2

__all__ = ["MAX_ASPECT", "MAX_PIXELS", "READABLE", "ImageHeader", "decode_bgr", "read_header"]

MAX_PIXELS = 64 * 2**20  # 200 MB once decoded
MAX_ASPECT = 64  # scaling the shorter edge of a longer strip to 256 would make a picture of hundreds of MB

# What both Pillow (for the header) and OpenCV (for the pixels) know; other formats are not even tried.
READABLE = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF")

_ORIENTATION = 0x0112  # the EXIF tag


class ImageHeader(NamedTuple):
    """What an image file says about itself; sizes in pixels, before a turn that its EXIF asks for.

    `by_pillow` where OpenCV 4 refuses the pixels or gets them wrong: it knows no GIF, turns no WebP, multiplies a
    TIFF by its alpha, and takes any depth of a PGM for 8 or 16 bits.
    """

    format: str
    width: int
    height: int
    by_pillow: bool = False


def read_header(source: Union[bytes, Path], max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Format and size from the first bytes of an image, nothing decoded. Call it from one thread.

    Raises
    ------
    DatasetError, with the reason alone, for what is no image or is too large to be decoded safely.
    """
    from PIL import Image

    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large images, which are refused below
            with Image.open(stream, formats=READABLE) as image:
                kind = "JPEG" if image.format == "MPO" else image.format
                header = ImageHeader(kind, *image.size, _is_for_pillow(image))
                mode = image.mode
    except Image.UnidentifiedImageError as error:
        raise DatasetError("no image in a format that can be read") from error
    except Image.DecompressionBombError as error:
        raise DatasetError(f"its pixels are more than the {max_pixels:,} allowed") from error
    except OSError as error:
        raise DatasetError(error.strerror or str(error)) from error
    except Exception as error:  # Pillow's plugins raise many types on broken headers
        raise DatasetError(f"no readable image header ({error})") from error
    _check_size(header, max_pixels)
    if mode == "F" or (mode == "I" and header.format == "TIFF"):
        raise DatasetError("its pixels are 32-bit numbers, and nothing says which of them is white")
    return header


def _is_for_pillow(image) -> bool:
    if image.format == "WEBP":
        return image.getexif().get(_ORIENTATION, 1) != 1
    return image.format in ("GIF", "PPM") or (image.format == "TIFF" and image.mode == "RGBA")


def _check_size(header: ImageHeader, max_pixels: int) -> None:
    size = f"{header.width}x{header.height}"
    if min(header.width, header.height) < 1:
        raise DatasetError(f"its size is {size}")
    if header.width * header.height > max_pixels:
        raise DatasetError(f"its {size} pixels are more than the {max_pixels:,} allowed")
    if max(header.width, header.height) > MAX_ASPECT * min(header.width, header.height):
        raise DatasetError(f"its {size} pixels are a strip more than {MAX_ASPECT} times as long as wide")


def decode_bgr(encoded: bytes, header: ImageHeader) -> np.ndarray:
    """Pixels as uint8 (height, width, 3), in OpenCV's order, upright as EXIF says.

    Grey becomes three equal channels, alpha is dropped, 16 bits are scaled to 8; of several pictures in a file it is
    the first. `header` is that of `read_header`: this function allocates what the image claims.

    Raises
    ------
    DatasetError, with the reason alone.
    """
    if header.by_pillow:
        return _decode_by_pillow(encoded)
    try:
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError) as error:
        raise DatasetError(f"cannot be decoded ({str(error).splitlines()[0]})") from error
    if pixels is None:
        raise DatasetError("cannot be decoded (broken or cut off)")
    return pixels


def _decode_by_pillow(encoded: bytes) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(encoded), formats=READABLE) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits, which Pillow would clip
                upright = Image.fromarray((np.asarray(upright) // 257).astype(np.uint8))
            return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[..., ::-1])
    except Exception as error:  # as in `read_header`
        raise DatasetError(f"cannot be decoded ({error})") from error
