"""What MXNet's decoder, which cannot be changed, makes of the images in a RecordIO file.

It holds an OpenCV of its own. tests/data/test_record_files.py compares every kind of BMP with it.
"""

from __future__ import annotations

import io
import struct

from mxgan.errors import DatasetError

__all__ = ["FORMATS", "is_misread_bmp", "is_transparent"]

FORMATS = ("JPEG", "PNG", "BMP")  # the formats that it decodes; not WebP or GIF

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


def _opened(encoded: bytes):
    from PIL import Image

    return Image.open(io.BytesIO(encoded), formats=("BMP",))
