"""Safe decoding of images from untrusted files: the size is checked before anything is decoded."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Union

import numpy as np

from mxgan.data.background import WHITE
from mxgan.data.image_kinds import (
    check_png,
    has_alpha,
    is_for_pillow,
    orientation_of,
    pixel_bytes,
    readable_formats,
    unreadable,
)
from mxgan.data.pillow_pixels import pillow_bgr
from mxgan.data.tiff_kinds import check_tiff, tiff_tags
from mxgan.errors import DatasetError
from mxgan.runtime import cv2

__all__ = [
    "MAX_ASPECT",
    "MAX_BYTES",
    "MAX_PIXELS",
    "ImageHeader",
    "decode_bgr",
    "decoding",
    "read_header",
    "read_rgb",
]

MAX_PIXELS = 64 * 2**20
MAX_BYTES = 224 * 2**20  # memory limit for decoding an image, and for all images decoded at the same time
MAX_ASPECT = 64  # a longer strip with its shorter edge scaled to 256 would take hundreds of MB

_IN_OUR_WORDS = {
    "Unsupported BMP bitfields layout": "this kind of BMP (bit fields of an unusual order) is not supported",
}


class ImageHeader(NamedTuple):
    """The format and size of an image file, from its header; sizes in pixels, before the image is turned upright.

    `by_pillow` is True if Pillow decodes the pixels, else OpenCV: see `mxgan.data.image_kinds`. `pixel_bytes` is the
    peak memory of decoding, in bytes per pixel. `orientation` is the value of the EXIF tag, 1 … 8. `has_alpha` is
    whether the image may be transparent somewhere.
    """

    format: str
    width: int
    height: int
    by_pillow: bool = False
    pixel_bytes: float = 6.0
    orientation: int = 1
    has_alpha: bool = False

    @property
    def decoding_bytes(self) -> int:
        """The peak memory of decoding, in bytes."""
        return int(self.width * self.height * self.pixel_bytes)


def read_header(source: Union[bytes, Path], max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Read format and size from the header of an image; nothing is decoded. Call it from one thread only.

    Raises
    ------
    DatasetError : it is not an image, is of a kind that is not supported, or is too large to decode safely. The
        message is only the reason.
    """
    from PIL import Image

    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
            header, mode = _header(stream)
    except DatasetError:
        raise
    except Image.DecompressionBombError as error:
        raise DatasetError(f"its pixels are more than the {max_pixels:,} allowed") from error
    except OSError as error:
        raise DatasetError(error.strerror or _IN_OUR_WORDS.get(str(error), str(error))) from error
    except Exception as error:  # Pillow's plugins raise many types on broken headers
        raise DatasetError(f"no readable image header ({error})") from error
    _check_size(header, max_pixels, len(source) if isinstance(source, bytes) else source.stat().st_size)
    if mode == "F" or (mode == "I" and header.format == "TIFF"):
        raise DatasetError("its pixels are signed or 32-bit numbers, and the value of white is unknown")
    return header


def _header(stream: BinaryIO) -> tuple:
    """The header of an image file, and Pillow's mode of its pixels."""
    from PIL import Image

    check_png(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about large images, which are refused later
        try:
            with Image.open(stream, formats=readable_formats()) as image:
                kind = "JPEG" if image.format == "MPO" else image.format
                by_pillow = is_for_pillow(image) or (_is_for_new_opencv(image) and opencv_is_lenient())
                memory = pixel_bytes(image, kind, by_pillow)
                turn = orientation_of(image)
                if kind == "TIFF" and not by_pillow:
                    check_tiff(image.tag_v2)
                    turn = 1  # OpenCV turns a TIFF itself
                return ImageHeader(kind, *image.size, by_pillow, memory, turn, has_alpha(image)), image.mode
        except Image.UnidentifiedImageError as error:
            tags = tiff_tags(stream)
            if tags is None:
                raise unreadable(stream) from error
            width, height, memory = check_tiff(tags)
            return ImageHeader("TIFF", width, height, False, memory), "I;16"


def _is_for_new_opencv(image) -> bool:
    return image.format in ("JPEG", "MPO", "WEBP") or (image.format == "PNG" and "exif" in image.info)


def opencv_is_lenient() -> bool:
    """Whether OpenCV is older than 4.11.

    It then accepts a truncated JPEG, reads no WebP with several pictures, and no PNG with a broken EXIF.
    """
    return tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 11)


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


def read_rgb(encoded: bytes, background: tuple = WHITE) -> np.ndarray:
    """The upright pixels of an image file's bytes, uint8 (height, width, 3) in the order RGB.

    `folder`, `pack` and this function see an image alike: see `decode_bgr`. Call it from one thread only.

    Raises
    ------
    DatasetError : it is not an image that can be read. The message is only the reason.
    """
    header = read_header(encoded)
    with decoding(header):
        return np.ascontiguousarray(decode_bgr(encoded, header, background)[..., ::-1])


def decode_bgr(encoded: bytes, header: ImageHeader, background: tuple = WHITE) -> np.ndarray:
    """Decode the pixels as uint8 (height, width, 3), in OpenCV's order (BGR), turned upright as EXIF or XMP says.

    The formats are those of `readable_formats`. Grey becomes three equal channels, 16 bits are scaled to 8, and
    transparent parts show the `background` (red, green, blue); a file with several pictures gives the first. `header`
    must come from `read_header`, because this function allocates the size that the image claims.

    Raises
    ------
    DatasetError : the image cannot be decoded. The message is only the reason.
    """
    pixels, orientation = _pixels(encoded, header, background)
    return _UPRIGHT[orientation](pixels) if orientation > 1 else pixels


# What turns an image upright, for each value of the EXIF tag.
_UPRIGHT = {
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def _pixels(encoded: bytes, header: ImageHeader, background: tuple) -> tuple:
    """BGR pixels as they are stored, and their orientation."""
    try:
        if header.by_pillow:
            return pillow_bgr(encoded, background)
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except DatasetError:
        raise
    except Exception as error:  # as in `read_header`
        raise DatasetError(f"cannot be decoded ({(str(error) or type(error).__name__).splitlines()[0]})") from error
    if pixels is None:
        raise DatasetError("cannot be decoded (broken or cut off)")
    return pixels, header.orientation
