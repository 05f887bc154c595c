"""Kinds of TIFF by their tags: read by Pillow, misread by Pillow and read by OpenCV, or not supported."""

from __future__ import annotations

import io
from typing import BinaryIO

from mxgan.errors import DatasetError

__all__ = [
    "OPENCV_BYTES",
    "bits_of",
    "check_codec",
    "check_tiff",
    "is_for_opencv",
    "is_misread",
    "tiff_tags",
    "tile_bytes",
]

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR = 256, 257, 258, 259, 262, 277, 284
_TILE_WIDTH, _TILE_HEIGHT, _EXTRA, _SAMPLE_FORMAT = 322, 323, 338, 339
_PLAIN = (1, 5, 8, 32773, 32946)  # compressions that every OpenCV reads: none, LZW, deflate, PackBits
_JPEG, _FAX = (6, 7), (2, 3, 4)
_COLOURS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 32803: "raw"}
_NUMBERS = {1: "", 2: "signed", 3: "floating point"}
OPENCV_BYTES = 16  # peak of decoding by OpenCV in bytes per pixel, measured


def tiff_tags(stream: BinaryIO):
    """The tags of the first image in a TIFF, number → value, as in Pillow's `tag_v2`; None if it is not a TIFF.

    For kinds of TIFF that Pillow does not open. Pillow raises many types on broken tags.
    """
    from PIL import TiffImagePlugin

    stream.seek(0)
    head = stream.read(8)
    if head[:4] not in TiffImagePlugin.PREFIXES:
        return None
    head += stream.read(8) if 43 in head[2:4] else b""  # BigTIFF
    tags = TiffImagePlugin.ImageFileDirectory_v2(head)
    stream.seek(tags.next)
    tags.load(stream)
    return tags


def bits_of(tags) -> int:
    """The bits of one sample; 0 if the samples differ."""
    bits = set(tags.get(_BITS, (1,)))
    return bits.pop() if len(bits) == 1 else 0


def is_misread(tags) -> bool:
    """Whether Pillow opens a TIFF and then gives wrong pixels or none: 16 bits with 0 as white, and kinds of planes."""
    bits, in_planes = bits_of(tags), tags.get(_PLANAR) == 2
    return (bits == 16 and (tags.get(_PHOTOMETRIC) == 0 or in_planes)) or (in_planes and tags.get(_SAMPLES) == 2)


def is_for_opencv(tags) -> bool:
    """Whether OpenCV reads a kind of TIFF that Pillow refuses or misreads.

    These are 16-bit grey with 0 as white, 16-bit grey or RGB in planes, and YCbCr that is not JPEG. None has alpha.
    """
    kind = (bits_of(tags), tags.get(_SAMPLES, 1), tags.get(_PHOTOMETRIC))
    if tags.get(_SAMPLE_FORMAT, (1,))[0] != 1 or tags.get(_EXTRA):
        return False
    if kind == (8, 3, 6):
        return tags.get(_COMPRESSION, 1) in _PLAIN
    return kind == (16, 1, 0) or (kind in ((16, 1, 1), (16, 3, 2)) and tags.get(_PLANAR) == 2)


def check_tiff(tags) -> tuple:
    """Width, height and bytes per pixel of decoding for a TIFF that OpenCV reads.

    Raises
    ------
    DatasetError : OpenCV does not read it; the message names its kind.
    """
    if _WIDTH not in tags or _PHOTOMETRIC not in tags:
        raise DatasetError("no readable image header (tags are missing)")
    if not is_for_opencv(tags) or tags.get(_COMPRESSION, 1) not in _PLAIN:
        raise DatasetError(f"this kind of TIFF ({_kind_in_words(tags)}) is not supported")
    return tags[_WIDTH], tags[_HEIGHT], OPENCV_BYTES + tile_bytes(tags)


def check_codec(tags) -> None:
    """Raise a DatasetError if Pillow was built without the compression of a TIFF, and so cannot write it either."""
    from PIL import Image, TiffImagePlugin

    number = tags.get(_COMPRESSION, 1)
    if number in (*_PLAIN, *_JPEG, *_FAX):
        return
    try:
        compression = TiffImagePlugin.COMPRESSION_INFO.get(number)
        Image.new("RGB", (8, 8)).save(io.BytesIO(), "TIFF", compression=compression)
    except OSError as error:
        raise DatasetError(f"this kind of TIFF ({_kind_in_words(tags)}) is not supported by this Pillow") from error


def tile_bytes(tags) -> float:
    """The bytes of one tile for each pixel of the image, which may be smaller than a tile."""
    tile = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0) * tags.get(_SAMPLES, 1) * bits_of(tags) / 8
    return tile / max(1, tags[_WIDTH] * tags[_HEIGHT])


def _kind_in_words(tags) -> str:
    """A kind of TIFF in words, for a message: bits, colours and compression."""
    from PIL import TiffImagePlugin

    colour, numbers = tags.get(_PHOTOMETRIC), tags.get(_SAMPLE_FORMAT, (1,))[0]
    extra = " and more" if tags.get(_EXTRA) else ""
    compression = tags.get(_COMPRESSION, 1)
    words = [
        f"{bits_of(tags) or 'several numbers of'} bits",
        _NUMBERS.get(numbers, f"sample format {numbers}"),
        _COLOURS.get(colour, f"photometric {colour}") + extra,
        f"compression {TiffImagePlugin.COMPRESSION_INFO.get(compression, compression)}",
    ]
    return ", ".join(word for word in words if word)
