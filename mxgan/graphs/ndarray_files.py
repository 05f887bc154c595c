"""A checked reader for MXNet's files of named arrays (.params), in Python.

`mx.nd.load` allocates the memory that a length field claims (gigabytes, for a file of a hundred bytes), and accepts
other formats too. This reader checks every field. The format, little-endian throughout::

    0x112 (u64) | 0 (u64) | count (u64) | arrays | count (u64) | names, each: length (u64) | UTF-8

The first word of an array decides its layout::

    0xF993FAC9 | storage type (i32) | ndim (i32) | dims (i64 each) | context | type | values    MXNet 0.12 and later
    0xF993FACA   the same, saved under np_shape: ndim 0 is a scalar, dim 0 an empty array       MXNet 1.5 and later
    0xF993FAC8 |                      ndim (u32) | dims (i64 each) | context | type | values    MXNet 0.11
    ndim itself                                  | dims (u32 each) | context | type | values    MXNet 0.10 and before

The context is the device's type and number (i32 each), which a reader on another machine does not need.
"""

from __future__ import annotations

import math
import os
import struct
from collections import Counter
from pathlib import Path
from typing import BinaryIO, Optional, Union

import numpy as np

from mxgan.errors import CheckpointError, CorruptFileError
from mxgan.runtime.files import open_plain

__all__ = ["read_arrays"]

REMEDY = "Give a file that Module.save_params or mxgan has written."

_LIST_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_BFLOAT16 = 12
_TYPES = {
    0: np.dtype("<f4"),
    1: np.dtype("<f8"),
    2: np.dtype("<f2"),
    3: np.dtype("u1"),
    4: np.dtype("<i4"),
    5: np.dtype("i1"),
    6: np.dtype("<i8"),
    7: np.dtype("?"),
    _BFLOAT16: np.dtype("<u2"),
}
_STORAGE = {1: "row_sparse", 2: "csr"}

# Far above every file that MXNet wrote. They limit the cost of a hostile file to a small multiple of its size.
MOST_ARRAYS = 2**16
LONGEST_NAME = 2**10
MOST_DIMENSIONS = 32  # NumPy's own limit
MOST_NUMBERS = 2**31 - 1  # the most that MXNet's wheels can index
DEVICE_TYPES, DEVICES = range(1, 7), range(1024)


def read_arrays(path: Union[str, Path]) -> dict:
    """Read {name: array}, in the order of the file, from a file that mx.nd.save or Module.save_params wrote.

    Returns
    -------
    dict of writable arrays, each with its own memory, with the saved type and shape; bfloat16 becomes float32 of the
    same value. Together they take no more memory than the file (bfloat16: twice as much).

    Raises
    ------
    CorruptFileError : another format, a truncated or damaged file, sparse arrays, arrays without names. The message
    names the byte. The reader never allocates more memory than the file can fill.
    CheckpointError : the file is missing, or is a folder, a pipe or a device.
    """
    path = Path(path)
    with open_plain(path) as stream:
        reader = _Reader(path, stream)
        try:
            return _read_list(reader)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
        except MemoryError as error:
            raise reader.damage("there is not enough memory for its content") from error


class _Reader:
    """A file and the current offset; nothing is read or allocated beyond the end of the file."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        self._size, self.offset = os.fstat(stream.fileno()).st_size, 0

    def damage(self, reason: str, offset: Optional[int] = None) -> CorruptFileError:
        """The error for a fault at `offset`, by default at the next byte."""
        place = self.offset if offset is None else offset
        return CorruptFileError(self._path, f"is not a whole MXNet parameter file ({reason})", place, REMEDY)

    def nameless(self) -> CorruptFileError:
        """The error for an undamaged list without names."""
        return CorruptFileError(self._path, "holds arrays without names", self.offset, REMEDY)

    @property
    def rest(self) -> int:
        """The number of bytes from here to the end."""
        return self._size - self.offset

    def numbers(self, form: str, what: str) -> tuple:
        """The next numbers, in a struct format; an error if the file ends before them."""
        packed = struct.Struct(f"<{form}")
        if packed.size > self.rest:
            raise self.damage(f"it ends inside {what}")
        return packed.unpack(self.content(bytearray(packed.size)))

    def content(self, buffer):
        """Fill `buffer` from the file; the caller has compared its size with `rest`."""
        if self._stream.readinto(buffer) != len(buffer):
            raise self.damage("it became shorter while it was read")
        self.offset += len(buffer)
        return buffer


def _read_list(reader: _Reader) -> dict:
    if reader.rest == 0:
        raise reader.damage("it is empty")
    magic, reserved = reader.numbers("QQ", "its head")
    if (magic, reserved) != (_LIST_MAGIC, 0):
        raise reader.damage(f"it begins with {magic:#x} and {reserved:#x}, not with {_LIST_MAGIC:#x} and 0", 0)
    count = _read_count(reader, "arrays")
    arrays = [_read_array(reader) for _ in range(count)]
    names_at = reader.offset
    names = [_read_name(reader) for _ in range(_read_count(reader, "names"))]
    if reader.rest:
        raise reader.damage(f"it has {reader.rest} bytes after its end")
    if arrays and not names:
        raise reader.nameless()
    if len(names) != len(arrays):
        raise reader.damage(f"{len(names)} names for {len(arrays)} arrays", names_at)
    named = dict(zip(names, arrays))
    if len(named) != len(names):
        raise reader.damage(f"the name {Counter(names).most_common(1)[0][0]!r} appears twice", names_at)
    return named


def _read_count(reader: _Reader, what: str) -> int:
    start = reader.offset
    (count,) = reader.numbers("Q", f"the number of {what}")
    # Each array and each name takes at least eight bytes.
    if count > min(reader.rest // 8, MOST_ARRAYS):
        limit = f"more than {MOST_ARRAYS}" if count > MOST_ARRAYS else "more than the file has"
        raise reader.damage(f"it claims {count} {what}, {limit}", start)
    return count


def _read_name(reader: _Reader) -> str:
    start = reader.offset
    (length,) = reader.numbers("Q", "the length of a name")
    if length > min(reader.rest, LONGEST_NAME):
        limit = f"more than {LONGEST_NAME}" if length > LONGEST_NAME else "more than the file has"
        raise reader.damage(f"it claims a name of {length} bytes, {limit}", start)
    content = reader.content(bytearray(length))
    if 0 in content:  # MXNet would end the name there
        raise reader.damage("a name holds a zero byte", start + 8 + content.index(0))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise reader.damage("a name is not UTF-8", start + 8 + error.start) from error


def _read_array(reader: _Reader) -> np.ndarray:
    start = reader.offset
    (word,) = reader.numbers("I", "an array's head")
    if word in (_V2, _V3):
        (storage,) = reader.numbers("i", "an array's storage type")
        if storage != 0:
            kind = f"is {_STORAGE[storage]}; only dense ones are read" if storage in _STORAGE else "has no storage type"
            raise reader.damage(f"an array {kind}", start + 4)
    legacy = word not in (_V1, _V2, _V3)
    ndim = word if legacy else reader.numbers("i", "a number of dimensions")[0]
    # Before np_shape, an array with zero dimensions was an array without a value.
    if not (0 if word == _V3 else 1) <= ndim <= MOST_DIMENSIONS:
        raise reader.damage(f"an array of {ndim} dimensions, which is impossible", start)
    shape = reader.numbers(f"{ndim}{'I' if legacy else 'q'}", "an array's shape")
    device, number, kind = reader.numbers("iii", "an array's device and type")
    if device not in DEVICE_TYPES or number not in DEVICES:
        raise reader.damage(f"an array on a device of type {device}, number {number}", reader.offset - 12)
    if kind not in _TYPES:
        raise reader.damage(f"an array of the unknown type {kind}", reader.offset - 4)
    return _read_values(reader, shape, kind, start)


def _read_values(reader: _Reader, shape: tuple, kind: int, start: int) -> np.ndarray:
    dtype = _TYPES[kind]
    claimed = "×".join(map(str, shape)) or "one"
    # Sizes of 0 are left out, because NumPy multiplies the others.
    if min(shape, default=1) < 0 or math.prod(size or 1 for size in shape) > MOST_NUMBERS:
        raise reader.damage(f"an array of {claimed} numbers, which is impossible", start)
    size = math.prod(shape) * dtype.itemsize
    if size > reader.rest:
        missing = size - reader.rest
        raise reader.damage(f"it claims an array of {claimed} numbers, {missing} bytes more than it has", start)
    first, values = reader.offset, np.empty(shape, dtype)
    content = reader.content(values.reshape(-1).view(np.uint8))
    if dtype == np.bool_ and content.size and content.max() > 1:
        raise reader.damage("a truth value that is neither 0 nor 1", first + int(np.argmax(content > 1)))
    return _widened(values) if kind == _BFLOAT16 else values


def _widened(values: np.ndarray) -> np.ndarray:
    """bfloat16 bits as float32. NumPy has no bfloat16, but its bits are the upper half of a float32."""
    bits = values.astype("<u4")
    bits <<= 16
    return bits.view("<f4")
