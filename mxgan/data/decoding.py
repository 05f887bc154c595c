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


class ImageHeader(NamedTuple):
    """What an image file says about itself; sizes in pixels."""

    format: str
    width: int
    height: int


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
                header = ImageHeader("JPEG" if image.format == "MPO" else image.format, *image.size)
    except Image.UnidentifiedImageError as error:
        raise DatasetError("no image in a format that can be read") from error
    except Image.DecompressionBombError as error:
        raise DatasetError(f"its pixels are more than the {max_pixels:,} allowed") from error
    except OSError as error:
        raise DatasetError(error.strerror or str(error)) from error
    except Exception as error:  # Pillow's plugins raise many types on broken headers
        raise DatasetError(f"no readable image header ({error})") from error
    _check_size(header, max_pixels)
    return header


def _check_size(header: ImageHeader, max_pixels: int) -> None:
    size = f"{header.width}x{header.height}"
    if min(header.width, header.height) < 1:
        raise DatasetError(f"its size is {size}")
    if header.width * header.height > max_pixels:
        raise DatasetError(f"its {size} pixels are more than the {max_pixels:,} allowed")
    if max(header.width, header.height) > MAX_ASPECT * min(header.width, header.height):
        raise DatasetError(f"its {size} pixels are a strip more than {MAX_ASPECT} times as long as wide")


def decode_bgr(encoded: bytes) -> np.ndarray:
    """Pixels as uint8 (height, width, 3), in OpenCV's order; grey, alpha and 16-bit images are converted.

    Raises
    ------
    DatasetError, with the reason alone. Check `read_header` first: this one allocates what the image claims.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError) as error:
        raise DatasetError(f"cannot be decoded ({str(error).splitlines()[0]})") from error
    if pixels is None:
        raise DatasetError("cannot be decoded (broken or cut off)")
    return pixels
