"""Kinds of image files: which decoder reads each, how much memory it takes, and how the image is turned.

Pillow is the reference for the pixels. OpenCV decodes the kinds for which it gives the same and is faster
(`is_for_pillow`), and the few kinds of TIFF that Pillow refuses or reads wrongly. tests/data/test_image_kinds.py
compares both over every kind.
"""

from __future__ import annotations

import itertools
import re
import struct
from typing import BinaryIO

from mxgan.data.tiff_kinds import OPENCV_BYTES, bits_of, is_for_opencv, is_misread, tile_bytes
from mxgan.errors import DatasetError

__all__ = [
    "check_png",
    "has_alpha",
    "is_for_pillow",
    "is_turned_by_loading",
    "orientation_of",
    "pixel_bytes",
    "readable_formats",
    "unreadable",
    "white_of",
]

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF", "AVIF", "HEIF")
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIF", b"heix": "HEIF", b"heim": "HEIF", b"heis": "HEIF",
           b"hevc": "HEIF", b"hevx": "HEIF", b"mif1": "HEIF", b"msf1": "HEIF"}  # fmt: skip
_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")

# Peak of decoding in bytes per pixel, measured. By OpenCV, for other formats: two copies of the pixels. By Pillow: the
# pixels (4) and the copy (3). WebP and AVIF have frames on a canvas beside them, and alpha.
_OPENCV_BYTES = {"WEBP": 8, "TIFF": OPENCV_BYTES}
_PILLOW_BYTES = {"WEBP": 23, "TIFF": 12, "AVIF": 20, "HEIF": 20}

# Pillow takes 10 µs for a chunk. The largest PNG allowed has some 60,000 chunks of pixels, of 8 kB each.
_MOST_CHUNKS, _MOST_BESIDE = 200_000, 20_000

_ORIENTATION, _XMP = 274, 700  # tags of EXIF and TIFF
_XMP_ORIENTATION = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|>)([1-8])""")
_XMP_OF_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_TEXT_WITH_ORIENTATION = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")


def readable_formats() -> tuple:
    """The formats that are read, by Pillow's names: those of `_FORMATS` for which Pillow has a reader.

    AVIF depends on the version of Pillow; HEIF needs a plugin that has registered itself.
    """
    from PIL import Image

    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def check_png(stream: BinaryIO) -> None:
    """Raise a DatasetError for a PNG of so many chunks that Pillow would take minutes, be it only for the header."""
    beside = 0
    if stream.read(8) == b"\x89PNG\r\n\x1a\n":
        for count in itertools.count(1):
            head = stream.read(8)
            if len(head) < 8 or head[4:] == b"IEND":
                break
            length, kind = struct.unpack(">I4s", head)
            beside += kind not in (b"IDAT", b"fdAT")
            if count > _MOST_CHUNKS or beside > _MOST_BESIDE:
                most = f"{_MOST_CHUNKS:,}" if count > _MOST_CHUNKS else f"{_MOST_BESIDE:,} beside its pixels"
                raise DatasetError(f"it is a PNG with more chunks than the {most} allowed")
            stream.seek(length + 4, 1)
    stream.seek(0)


def is_for_pillow(image) -> bool:
    """Whether Pillow decodes an open image of Pillow, and not OpenCV."""
    if image.format == "TIFF" and is_misread(image.tag_v2):
        return False
    by_opencv = _BY_OPENCV.get(image.format)
    return has_alpha(image) or by_opencv is None or not by_opencv(image)


def _is_plain_bmp(image) -> bool:
    # OpenCV swaps colours of bit fields (32 bits) and leaves out the lowest bits of 16.
    return image.mode != "RGB" or image.tile[0][3][0] in ("BGR", "BGRX")


def _is_plain_png(image) -> bool:
    """Whether a PNG has one picture, and nothing behind its pixels turns it, where a header does not show it."""
    if getattr(image, "is_animated", False):  # OpenCV leaves out a picture that stands before the animation
        return False
    stream, behind = image.fp, False
    stream.seek(8)
    while len(head := stream.read(8)) == 8 and head[4:] != b"IEND":
        length, kind = struct.unpack(">I4s", head)
        start = stream.read(min(length, 22))
        behind = behind or kind == b"IDAT"
        if behind and (kind == b"eXIf" or (kind[1:] in (b"EXt", b"TXt") and start.startswith(_TEXT_WITH_ORIENTATION))):
            return False
        stream.seek(length - len(start) + 4, 1)
    return True


# format → whether OpenCV decodes a kind of it; all with alpha, and the formats that are not here, are for Pillow.
_BY_OPENCV = {
    "JPEG": lambda image: True,
    "MPO": lambda image: True,
    "PNG": _is_plain_png,
    "BMP": _is_plain_bmp,
    "WEBP": lambda image: True,
    "PPM": lambda image: image.tile[0][0] == "ppm" and image.tile[0][3][-1] == 65535,  # Pillow takes a minute for it
    "TIFF": lambda image: is_for_opencv(image.tag_v2),
}


def has_alpha(image) -> bool:
    """Whether an image of Pillow has an alpha channel, or a colour or palette entries that are transparent."""
    return image.mode in _WITH_ALPHA or "transparency" in image.info


def white_of(image) -> int:
    """The number that is white in an image of Pillow of 16-bit integers (its modes "I" and "I;16")."""
    return 2 ** bits_of(image.tag_v2) - 1 if image.format == "TIFF" else 65535


def pixel_bytes(image, kind: str, by_pillow: bool) -> float:
    """The peak memory of decoding an image, in bytes per pixel."""
    own = _PILLOW_BYTES.get(kind, 8) if by_pillow else _OPENCV_BYTES.get(kind, 6)
    if kind == "TIFF":
        return own + tile_bytes(image.tag_v2)
    if kind != "JPEG" or "progressive" not in image.info:
        return own
    # All coefficients of a progressive JPEG, two bytes each, are in memory together with the pixels.
    sampling = [(across, down) for _, across, down, _ in image.layer]
    most = max(across for across, _ in sampling) * max(down for _, down in sampling)
    return max(own, own - 3 + 2 * sum(across * down for across, down in sampling) / most)


def orientation_of(image) -> int:
    """How an open image of Pillow is turned: 1 … 8, as the EXIF tag "orientation" counts.

    The tag is looked for in EXIF (also in a PNG's text of ImageMagick), then in XMP. Only what Pillow has read so far
    counts, so that nothing is decoded.
    """
    from PIL import Image

    try:
        found = Image.Image.getexif(image).get(_ORIENTATION)  # a PNG's own getexif would decode it
    except Exception:  # Pillow raises many types on a broken EXIF, which tells nothing; the pixels may be whole
        found = None
    if found is None:
        match = _XMP_ORIENTATION.search(_xmp(image))
        found = int(match[1]) if match else 1
    return int(found) if found in range(1, 9) else 1


def is_turned_by_loading(image) -> bool:
    """Whether Pillow turns an open image while it loads it: a TIFF with the tag. (Old versions leave the tag there.)"""
    return image.format == "TIFF" and _ORIENTATION in image.tag_v2


def _xmp(image) -> bytes:
    """The XMP of an image, where new and old versions of Pillow put it."""
    found = image.info.get("xmp", image.info.get("XML:com.adobe.xmp"))
    if found is None and image.format == "TIFF":
        found = image.tag_v2.get(_XMP)
    if found is None:
        parts = [part for name, part in getattr(image, "applist", []) if part.startswith(_XMP_OF_JPEG)]
        found = parts[0] if parts else b""
    return found.encode("utf-8", "replace") if isinstance(found, str) else bytes(found)


def unreadable(stream: BinaryIO) -> DatasetError:
    """The reason why Pillow identifies no image in a file: a kind that is not supported, or no image."""
    stream.seek(0)
    head = stream.read(12)
    name = _BRANDS.get(head[8:12]) if head[4:8] == b"ftyp" else None
    if name is None:
        return DatasetError("not an image in a readable format")
    plugin = "" if name == "AVIF" else " without a plugin"
    return DatasetError(f"this Pillow reads no {name}{plugin}; convert it to JPEG or PNG")
