"""A strict reader for the IDX format of the MNIST files, plain or gzip."""

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
_DEFLATE_LIMIT = 1032  # the most bytes that deflate packs into one
_UNPACKED_LIMIT = 64 * 2**20  # a higher rate is a bomb: at most this, plus twice the file's size, is unpacked
_REMEDY = "Fetch the file again."


def read_idx(path: Union[str, Path], dimensions: int) -> np.ndarray:
    """Read the array of bytes in an IDX file.

    Parameters
    ----------
    path : the file; it is unpacked if its name ends in ".gz".
    dimensions : 3 for images (count, height, width), 1 for labels (count,).

    Returns
    -------
    uint8 array with this number of dimensions, none of size 0.

    Raises
    ------
    CorruptFileError : the magic number, the sizes or the length are wrong, or gzip's check fails; with the offset
    (for .gz: in the unpacked content). No more memory is allocated than the file can fill.
    DatasetNotFoundError : the file cannot be opened.
    """
    path = Path(path)
    packed = path.suffix == ".gz"
    try:
        with (gzip.open if packed else open)(path, "rb") as stream:
            size = path.stat().st_size
            room = min(size * _DEFLATE_LIMIT, _UNPACKED_LIMIT + 2 * size) if packed else size
            return _parse(stream, path, dimensions, room)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorruptFileError(path, f"not a whole gzip file ({error})", remedy=_REMEDY) from error
    except OSError as error:
        raise DatasetNotFoundError(f"{path} cannot be read: {error.strerror or error}.") from error


def _parse(stream: BinaryIO, path: Path, dimensions: int, room: int) -> np.ndarray:
    head_size = 4 + 4 * dimensions
    head = _read_up_to(stream, head_size)
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
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
            "If it is undamaged, unpack it; else fetch the file again." if path.suffix == ".gz" else _REMEDY,
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
