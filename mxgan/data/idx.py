"""A strict reader for the IDX format of the MNIST files, plain or gzip.

The content decides, not the name: many browsers unpack a download and keep the name NAME.gz.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, Union

import numpy as np

from mxgan.errors import CorruptFileError, DatasetNotFoundError

__all__ = ["read_idx"]

_UNSIGNED_BYTE = 0x08
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_LIMIT = 1032  # the most bytes that deflate packs into one
_UNPACKED_LIMIT = 64 * 2**20  # a higher rate is a bomb: at most this, plus twice the file's size, is unpacked
_REMEDY = "Fetch the file again."
_UNPACK = "If it is undamaged, unpack it; else fetch the file again."


def read_idx(path: Union[str, Path], dimensions: int) -> np.ndarray:
    """Read the array of bytes in an IDX file.

    Parameters
    ----------
    path : the file; it is unpacked if its content is gzip, whatever its name is.
    dimensions : 3 for images (count, height, width), 1 for labels (count,).

    Returns
    -------
    uint8 array with this number of dimensions, none of size 0.

    Raises
    ------
    CorruptFileError : the magic number, the sizes or the length are wrong, gzip's check fails, or the file is packed
    twice; with the offset (in the unpacked content). No more memory is allocated than the file can fill.
    DatasetNotFoundError : the file cannot be opened.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size, packed = path.stat().st_size, file.peek(2)[:2] == _GZIP_MAGIC
            if not packed:
                return _parse(file, path, dimensions, size, _REMEDY)
            room = min(size * _DEFLATE_LIMIT, _UNPACKED_LIMIT + 2 * size)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _parse(unpacked, path, dimensions, room, _UNPACK)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptFileError(path, f"not a whole gzip file ({error})", remedy=_REMEDY) from error
    except OSError as error:
        raise DatasetNotFoundError(f"{path} cannot be read: {error.strerror or error}.") from error


def _parse(stream: BinaryIO, path: Path, dimensions: int, room: int, remedy: str) -> np.ndarray:
    """The array in the unpacked content; `remedy` is for a header that claims more than `room` bytes."""
    head_size = 4 + 4 * dimensions
    head = _read_up_to(stream, head_size)
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if head[:2] == _GZIP_MAGIC:
        raise CorruptFileError(
            path, "is packed twice by gzip", 0, "Unpack it once (gzip -dc FILE > NEW), or fetch it again."
        )
    if head[:4] != expected[: len(head)] or not head:
        raise CorruptFileError(
            path,
            f"begins with {head[:4].hex() or 'nothing'}, but an IDX file of this kind with {expected.hex()}",
            0,
            _REMEDY,
        )
    if len(head) < head_size:
        raise CorruptFileError(path, f"ends inside its header of {head_size} bytes", len(head), _REMEDY)
    shape = struct.unpack(f">{dimensions}I", head[4:])
    if 0 in shape:
        raise CorruptFileError(path, f"claims the size {'x'.join(map(str, shape))}", 4, _REMEDY)
    if math.prod(shape) + head_size > room:
        raise CorruptFileError(
            path,
            f"claims {math.prod(shape)} bytes of content, more than a file of its size can hold",
            4,
            remedy,
        )
    return _read_content(stream, path, shape, head_size)


def _read_content(stream: BinaryIO, path: Path, shape: tuple, start: int) -> np.ndarray:
    # The system allocates the memory of np.empty page by page, as it is filled.
    content = np.empty(shape, np.uint8)
    view = memoryview(content.reshape(-1))
    filled = 0
    while filled < len(view):
        count = stream.readinto(view[filled : filled + 2**20])
        if not count:
            raise CorruptFileError(
                path, f"ends after {filled} of {len(view)} bytes of content", start + filled, _REMEDY
            )
        filled += count
    if stream.read(1):  # reading past the end also makes gzip compare its checksum
        raise CorruptFileError(path, "has more bytes after its content", start + filled, _REMEDY)
    return content


def _read_up_to(stream: BinaryIO, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            break
        data += more
    return data
