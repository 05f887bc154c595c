"""Checks of images in a RecordIO file: those that MXNet's own decoder refuses, misreads, or shows without alpha.

The decoder holds an OpenCV of its own, and cannot be changed. It also knows only the orientation in a JPEG's EXIF.
tests/data/test_record_files.py compares every kind of BMP with it.
"""

from __future__ import annotations

import io
import re
import struct

from mxgan.data.image_kinds import orientation_of
from mxgan.errors import DatasetError

__all__ = ["FORMATS", "is_misread_bmp", "is_transparent", "is_turned"]

FORMATS = ("JPEG", "PNG", "BMP")  # the formats that it decodes; not WebP or GIF

_ORIENTATION = 274  # the tag of EXIF
_MAY_TURN = re.compile(b"eXIf|Raw profile type exif|XML:com.adobe.xmp")
_PLAIN_HEAD = 40  # bytes of a BMP's header; MXNet reads bit fields of 16 bits behind this one alone


def is_misread_bmp(header, encoded: bytes) -> bool:
    """Whether MXNet refuses a BMP, or reads its bit fields in another order; `header` is its `ImageHeader`.

    It reads 32 bits as BGRX or BGRA whatever the masks say, and of 16 bits it leaves out the lowest ones.
    """
    if not header.by_pillow or header.format != "BMP":
        return False
    with _opened(encoded) as image:
        order = image.tile[0][3][0]
    if order.startswith("BGR;"):
        return struct.unpack_from("<I", encoded, 14)[0] != _PLAIN_HEAD
    return order not in ("BGRX", "BGRA")


def is_transparent(header, encoded: bytes) -> bool:
    """Whether MXNet drops alpha from an image; the alpha of a BMP that is 0 everywhere means nothing.

    Raises DatasetError for a BMP that is cut off; the message is only the reason.
    """
    if not header.has_alpha or header.format != "BMP":
        return header.has_alpha
    try:
        with _opened(encoded) as image:
            return image.getextrema()[3] not in ((0, 0), (255, 255))
    except OSError as error:
        raise DatasetError(f"cannot be decoded ({error})") from error


def is_turned(header, encoded: bytes) -> bool:
    """Whether an image stands otherwise than MXNet shows it, which knows only the tag in a JPEG's EXIF.

    Raises DatasetError for a PNG that cannot be decoded; the message is only the reason.
    """
    if header.format == "JPEG":
        return header.orientation != 1 and not _has_exif_tag(encoded)
    if header.orientation != 1 or not (header.format == "PNG" and header.by_pillow and _MAY_TURN.search(encoded)):
        return header.orientation != 1
    try:
        with _opened(encoded) as image:
            image.load()  # with what stands behind the pixels
            return orientation_of(image) != 1
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetError(f"cannot be decoded ({error})") from error


def _has_exif_tag(encoded: bytes) -> bool:
    if b"Exif\0\0" not in encoded:
        return False
    from PIL import Image

    exif = Image.Exif()  # an image's own getexif looks into XMP too
    try:
        with _opened(encoded) as image:
            exif.load(image.info.get("exif", b""))
        return exif.get(_ORIENTATION) in range(1, 9)
    except Exception:  # Pillow raises many types on a broken EXIF, which tells MXNet nothing either
        return False


def _opened(encoded: bytes):
    from PIL import Image

    return Image.open(io.BytesIO(encoded), formats=FORMATS)
