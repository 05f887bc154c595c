"""Pictures of a run that may be a stranger's: decoded within bounds, with one error for all that can be wrong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from mxgan.errors import CorruptFileError, first_line
from mxgan.runtime.inside import open_inside

__all__ = ["foreign_picture", "foreign_picture_in"]

MOST_PIXELS = 2**26  # a picture with more is not decoded
MOST_BYTES = 2**26  # of a file


def foreign_picture(stream: BinaryIO, name: str, most_pixels: int = MOST_PIXELS) -> Image.Image:
    """The picture of an open PNG file, in RGB; `name` stands in the error.

    Raises
    ------
    CorruptFileError : it cannot be shown; `problem` says why.
    """
    try:
        content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise CorruptFileError(name, f"it is larger than {MOST_BYTES >> 20} MB")
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if image.width * image.height > most_pixels:
                raise CorruptFileError(name, f"it has {image.width} × {image.height} pixels")
            return image.convert("RGB")
    except CorruptFileError:
        raise
    except UnidentifiedImageError as error:  # its text names an object in memory
        raise CorruptFileError(name, "it is no PNG") from error
    except Exception as error:  # broken chunks make Pillow raise IndexError, struct.error, zlib.error and more
        raise _named(name, error) from error


def foreign_picture_in(folder: Path, file: str) -> Image.Image:
    """The same of `file`, relative to the run's folder; also CorruptFileError for a link, a pipe, a missing file."""
    try:
        stream = open_inside(folder, *file.split("/"))
    except (OSError, ValueError) as error:
        raise _named(file, error) from error
    with stream:
        return foreign_picture(stream, file)


def _named(name: str, error: Exception) -> CorruptFileError:
    return CorruptFileError(name, getattr(error, "strerror", None) or first_line(error))
