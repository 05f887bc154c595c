"""Safe decoding of images from untrusted files: the size is checked before anything is decoded."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mxgan.errors import DatasetError
from mxgan.runtime import cv2

__all__ = ["MAX_ASPECT", "MAX_BYTES", "MAX_PIXELS", "READABLE", "ImageHeader", "decode_bgr", "decoding", "read_header"]

MAX_PIXELS = 64 * 2**20
MAX_BYTES = 224 * 2**20  # memory limit for decoding an image, and for all images decoded at the same time
MAX_ASPECT = 64  # a longer strip with its shorter edge scaled to 256 would take hundreds of MB

# The formats that are tried; Pillow reads the header, OpenCV or Pillow (see ImageHeader) the pixels.
READABLE = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF")

_ORIENTATION = 0x0112  # the EXIF tag
_OPENCV_BYTES = {"WEBP": 8, "TIFF": 10}  # peak per pixel, measured; other formats: two copies of the pixels
_PILLOW_BYTES = {"WEBP": 23, "TIFF": 12}  # frames on a canvas, and alpha; other formats: the pixels and the copy
_BAND = 256  # rows that Pillow converts at a time


class ImageHeader(NamedTuple):
    """The format and size of an image file, from its header; sizes in pixels, before the rotation of its EXIF tag.

    `by_pillow` is True if OpenCV refuses the pixels or decodes them wrongly: it reads no GIF, rotates no WebP,
    multiplies a TIFF by its alpha, and treats every depth of a PGM as 8 or 16 bits. For old versions of OpenCV see
    `opencv_is_lenient`. `pixel_bytes` is the peak memory of decoding, in bytes per pixel.
    """

    format: str
    width: int
    height: int
    by_pillow: bool = False
    pixel_bytes: float = 6.0

    @property
    def decoding_bytes(self) -> int:
        """The peak memory of decoding, in bytes."""
        return int(self.width * self.height * self.pixel_bytes)


def read_header(source: Union[bytes, Path], max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Read format and size from the header of an image; nothing is decoded. Call it from one thread only.

    Raises
    ------
    DatasetError : it is not an image, or is too large to decode safely. The message is only the reason.
    """
    from PIL import Image

    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about large images, which are refused below
            with Image.open(stream, formats=READABLE) as image:
                kind = "JPEG" if image.format == "MPO" else image.format
                by_pillow = _is_for_pillow(image)
                header = ImageHeader(kind, *image.size, by_pillow, _pixel_bytes(image, kind, by_pillow))
                mode = image.mode
    except Image.UnidentifiedImageError as error:
        raise DatasetError("not an image in a readable format") from error
    except Image.DecompressionBombError as error:
        raise DatasetError(f"its pixels are more than the {max_pixels:,} allowed") from error
    except OSError as error:
        raise DatasetError(error.strerror or str(error)) from error
    except Exception as error:  # Pillow's plugins raise many types on broken headers
        raise DatasetError(f"no readable image header ({error})") from error
    _check_size(header, max_pixels, len(source) if isinstance(source, bytes) else source.stat().st_size)
    if mode == "F" or (mode == "I" and header.format == "TIFF"):
        raise DatasetError("its pixels are 32-bit numbers, and the value of white is unknown")
    return header


def _is_for_pillow(image) -> bool:
    if image.format in ("JPEG", "MPO", "WEBP") and opencv_is_lenient():
        return True
    if image.format == "WEBP":
        return image.getexif().get(_ORIENTATION, 1) != 1
    return image.format in ("GIF", "PPM") or (image.format == "TIFF" and image.mode == "RGBA")


def opencv_is_lenient() -> bool:
    """Whether OpenCV is older than 4.11: it accepts a truncated JPEG, and reads no WebP with several pictures."""
    return tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 11)


def _pixel_bytes(image, kind: str, by_pillow: bool) -> float:
    own = _PILLOW_BYTES.get(kind, 8) if by_pillow else _OPENCV_BYTES.get(kind, 6)
    if kind != "JPEG" or "progressive" not in image.info:
        return own
    # All coefficients of a progressive JPEG, two bytes each, are in memory together with the pixels.
    sampling = [(across, down) for _, across, down, _ in image.layer]
    most = max(across for across, _ in sampling) * max(down for _, down in sampling)
    return max(own, own - 3 + 2 * sum(across * down for across, down in sampling) / most)


def _check_size(header: ImageHeader, max_pixels: int, file_size: int) -> None:
    size = f"{header.width}x{header.height}"
    if min(header.width, header.height) < 1:
        raise DatasetError(f"its size is {size}")
    if header.width * header.height > max_pixels:
        raise DatasetError(f"its {size} pixels are more than the {max_pixels:,} allowed")
    if max(header.width, header.height) > MAX_ASPECT * min(header.width, header.height):
        raise DatasetError(f"its {size} pixels are a strip more than {MAX_ASPECT} times as long as wide")
    room = MAX_BYTES + file_size  # allows a large photograph, but not a small file that claims to be one
    if header.decoding_bytes > room:
        raise DatasetError(
            f"decoding its {size} pixels takes {header.decoding_bytes / 1e6:.0f} MB, more than the {room / 1e6:.0f} MB "
            f"allowed to a {header.format} of {file_size / 1e6:.1f} MB"
        )


class _Room:
    """A number of bytes shared by threads; a thread waits until its bytes are free, or no other thread holds any."""

    def __init__(self, whole: int) -> None:
        self._whole, self._taken, self._changed = whole, 0, threading.Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Hold `count` bytes during a `with` block."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + count <= self._whole)
            self._taken += count
        try:
            yield
        finally:
            with self._changed:
                self._taken -= count
                self._changed.notify_all()


_room = _Room(MAX_BYTES)


def decoding(header: ImageHeader):
    """Hold the memory for decoding an image: ``with decoding(header):`` around `decode_bgr` and the use of its pixels.

    Threads that decode large images then do this one after the other.
    """
    return _room.taken(header.decoding_bytes)


def decode_bgr(encoded: bytes, header: ImageHeader) -> np.ndarray:
    """Decode the pixels as uint8 (height, width, 3), in OpenCV's order (BGR), rotated upright as EXIF says.

    Grey becomes three equal channels, alpha is dropped, 16 bits are scaled to 8; a file with several pictures gives
    the first. `header` must come from `read_header`, because this function allocates the size that the image claims.

    Raises
    ------
    DatasetError : the image cannot be decoded. The message is only the reason.
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
            pixels = np.empty((upright.height, upright.width, 3), np.uint8)
            for top in range(0, upright.height, _BAND):  # avoids a copy of the whole, at Pillow's four bytes
                band = upright.crop((0, top, upright.width, min(top + _BAND, upright.height)))
                if band.mode.startswith("I"):  # 16 bits, which Pillow would clip
                    band = Image.fromarray((np.asarray(band) // 257).astype(np.uint8))
                pixels[top : top + _BAND] = np.asarray(band.convert("RGB"))[..., ::-1]
            return pixels
    except Exception as error:  # as in `read_header`
        raise DatasetError(f"cannot be decoded ({error})") from error
