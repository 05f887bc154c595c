"""A checked reader for RecordIO files (.rec, .idx), in Python.

MXNet's own reader ends the process (SIGABRT, SIGSEGV, SIGFPE) on a broken length, magic word, index or image. So each
file is first read here to the last byte, and every image is decoded once. The result is kept in the user's cache, under
the file's size, modification time and a sample of its bytes.

The format: records follow each other, each ``magic (u32) | kind and length (u32) | payload | 0 … 3 bytes``,
padded to a multiple of four. A payload that holds the magic word itself is cut there into parts of kind
1, 2, …, 2, 3.
The payload of an image: ``label count (u32) | label (f32) | id (2 u64) | labels (f32 each) | encoded image``.
A label count of 0 means the one label before the id.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Optional, Union

import numpy as np

from mxgan.data.decoding import decode_bgr, decoding, read_header
from mxgan.data.record_cache import Looks, RecordFile, cache_entry, load_scan, remember
from mxgan.data.record_kinds import FORMATS, is_misread_bmp, is_transparent, is_turned
from mxgan.data.variety import is_constant
from mxgan.errors import CorruptFileError, DatasetError, DatasetNotFoundError
from mxgan.runtime.cache import recall
from mxgan.runtime.cpus import ordered_map
from mxgan.runtime.progress import Progress

__all__ = ["AGAIN", "MAGIC", "RecordFile", "check_index", "read_records", "scan"]

logger = logging.getLogger(__name__)

MAGIC = 0xCED7230A

_MAGIC_BYTES = struct.pack("<I", MAGIC)
_HEAD = struct.Struct("<II")
_IMAGE_HEAD = struct.Struct("<IfQQ")
_LABEL = struct.Struct("<f")
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
AGAIN = "Make the file again from the images with `mxgan pack`, which draws them over a background and upright."
_REMEDY = "Make it again with `mxgan pack`."


def scan(path: Union[str, Path], *, progress: Optional[bool] = False) -> RecordFile:
    """Read a .rec file through, decode every image once, and check the .idx beside it if there is one.

    A warning says how many images MXNet shows otherwise than `folder` and `pack` do.

    Raises
    ------
    CorruptFileError : a fault in a file; the message names the file and the offset of the first fault.
    DatasetNotFoundError : the .rec file cannot be read.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise DatasetNotFoundError(f"{path} is not a regular file; give a .rec file.")
    try:
        remembered = cache_entry(path)
        found = recall(remembered, load_scan, "the file is scanned again")
        if found is None:
            found = _scan_content(path, progress)
            remember(remembered, found)
    except OSError as error:
        raise DatasetNotFoundError(f"{path} cannot be read: {error.strerror or error}.") from error
    index = path.with_suffix(".idx")
    if os.path.lexists(index):
        check_index(index, found.offsets)
    if found.transparent or found.turned:
        logger.warning(
            "%s: MXNet ignores the transparency of %s and the orientation of %s of its %s images. %s",
            path,
            f"{found.transparent:,}",
            f"{found.turned:,}",
            f"{len(found.offsets):,}",
            AGAIN,
        )
    return found


def _scan_content(path: Path, progress: Optional[bool]) -> RecordFile:
    before, digest = path.stat(), hashlib.sha256()
    offsets, labels, ids, widths, smallest, largest = [], array("f"), array("Q"), set(), (2**31, 0), 0
    looks = Looks()
    with Progress(progress, f"checking {path.name}", before.st_size, "B") as bar:
        stream = _prepared(path, digest)
        for offset, length, (width, label, number), header, look in ordered_map(_decode, stream):
            offsets.append(offset)
            widths.add(width)
            labels.append(label)
            ids.append(number)
            smallest = min(smallest, (min(header.width, header.height), offset))
            largest = max(largest, header.decoding_bytes)
            looks.add(*look)
            bar.update(length)
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise CorruptFileError(path, "changed while it was read")
    varied = len(widths) > 1
    return RecordFile(
        before.st_size,
        before.st_mtime_ns,
        tuple(offsets),
        0 if varied else widths.pop(),
        labels,
        ids if varied else array("Q"),
        smallest[0],
        smallest[1],
        largest,
        digest.hexdigest(),
        looks.transparent,
        looks.turned,
        looks.variety.fault,
    )


def read_records(path: Union[str, Path], digest=None) -> Iterator[tuple]:
    """(offset, payload) of each record of a file; checks the structure of the file.

    Parameters
    ----------
    digest : a hashlib object to be updated with every byte of the file, or None.

    Raises
    ------
    CorruptFileError : the structure is broken, or the file has no records.
    """
    path = Path(path)
    size = path.stat().st_size
    if size == 0:
        raise CorruptFileError(path, "is empty", 0, _REMEDY)
    with path.open("rb", buffering=2**20) as stream:
        offset = 0
        while offset < size:
            payload, end = _read_record(stream, path, offset, size, digest)
            yield offset, payload
            offset = end


def _read_record(stream: BinaryIO, path: Path, start: int, size: int, digest) -> tuple:
    """A record of one or several parts, and the offset after it."""
    parts, offset = [], start
    while True:
        kind, payload, end = _read_part(stream, path, offset, size, digest)
        if kind not in ((_MIDDLE, _LAST) if parts else (_WHOLE, _FIRST)):
            place = "inside" if parts else "outside"
            raise CorruptFileError(path, f"a part of kind {kind} {place} a record", offset, _REMEDY)
        parts.append(payload)
        if kind in (_WHOLE, _LAST):
            return _MAGIC_BYTES.join(parts), end
        offset = end
        if offset >= size:
            raise CorruptFileError(path, "ends inside a record of several parts", offset, _REMEDY)


def _read_part(stream: BinaryIO, path: Path, offset: int, size: int, digest) -> tuple:
    if offset + _HEAD.size > size:
        raise CorruptFileError(path, "ends inside a record's head", offset, _REMEDY)
    head = stream.read(_HEAD.size)
    magic, word = _HEAD.unpack(head)
    if magic != MAGIC:
        raise CorruptFileError(path, f"{magic:#010x} where a record's {MAGIC:#010x} belongs", offset, _REMEDY)
    kind, length = word >> 29, word & (2**29 - 1)
    padded = (length + 3) & ~3
    end = offset + _HEAD.size + padded
    if end > size:
        missing = end - size
        raise CorruptFileError(path, f"a record of {length} bytes, {missing} more than the file has", offset, _REMEDY)
    body = stream.read(padded)
    if len(body) != padded:
        raise CorruptFileError(path, "became shorter while it was read", offset)
    if digest is not None:
        digest.update(head)
        digest.update(body)
    return kind, body[:length], end


def _prepared(path: Path, digest) -> Iterator[tuple]:
    """Each record with (number of labels, first label, id) and the header of its image, for `_decode` in a thread."""
    for offset, payload in read_records(path, digest):
        if len(payload) < _IMAGE_HEAD.size:
            raise CorruptFileError(
                path, f"a record of {len(payload)} bytes, too short for an image's head", offset, _REMEDY
            )
        labels, label, number, _ = _IMAGE_HEAD.unpack_from(payload)
        if _IMAGE_HEAD.size + 4 * labels > len(payload):
            raise CorruptFileError(path, f"a record that claims {labels} labels and is too short", offset, _REMEDY)
        if labels:
            (label,) = _LABEL.unpack_from(payload, _IMAGE_HEAD.size)
        encoded = payload[_IMAGE_HEAD.size + 4 * labels :]
        try:
            header = read_header(encoded)
        except DatasetError as error:
            raise CorruptFileError(path, f"a record whose image is refused: {error}", offset, _REMEDY) from error
        if header.format not in FORMATS:
            known = ", ".join(FORMATS)
            raise CorruptFileError(
                path, f"an image in the format {header.format}; MXNet reads {known}", offset, _REMEDY
            )
        if is_misread_bmp(header, encoded):
            raise CorruptFileError(path, "a BMP with bit fields that MXNet does not read rightly", offset, _REMEDY)
        yield path, offset, len(payload), (max(1, labels), label, number), header, encoded


def _decode(record: tuple) -> tuple:
    path, offset, length, labels, header, encoded = record
    seen = header._replace(by_pillow=header.by_pillow and not header.has_alpha)  # alpha dropped, as by MXNet
    try:
        with decoding(header):
            pixels = decode_bgr(encoded, seen)
            content = hashlib.sha256(repr(pixels.shape).encode())
            content.update(np.ascontiguousarray(pixels))
            look = content.digest(), is_constant(pixels), is_transparent(header, encoded), is_turned(header, encoded)
    except DatasetError as error:
        raise CorruptFileError(path, f"a record whose image {error}", offset, _REMEDY) from error
    return offset, length, labels, header, look


def check_index(path: Union[str, Path], offsets: tuple) -> None:
    """Compare an .idx file (lines of "key, tab, offset") with the offsets of the records.

    Raises
    ------
    CorruptFileError : with the offset of the first wrong line, or the number of records in the index.
    """
    path = Path(path)
    remedy = "Delete it (mxgan can work without it) or make both again with `mxgan pack`."
    if not path.is_file():
        raise CorruptFileError(path, "is not a regular file", remedy=remedy)
    if path.stat().st_size > 64 * (len(offsets) + 1):
        raise CorruptFileError(path, f"is too large for an index of {len(offsets)} records", remedy=remedy)
    known, keys, seen, place = set(offsets), set(), set(), 0
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise CorruptFileError(path, f"cannot be read ({error.strerror or error})", remedy=remedy) from error
    for line in lines:
        fields = line.split()
        if len(fields) != 2 or not all(field.isdigit() for field in fields):
            raise CorruptFileError(path, "a line that is not a key and an offset", place, remedy)
        key, offset = map(int, fields)
        if offset not in known:
            raise CorruptFileError(path, f"offset {offset}, where no record begins", place, remedy)
        if key in keys or offset in seen:
            raise CorruptFileError(path, f"key {key} or offset {offset} a second time", place, remedy)
        keys.add(key)
        seen.add(offset)
        place += len(line)
    if len(seen) != len(known):
        raise CorruptFileError(path, f"names {len(seen)} of {len(known)} records", place, remedy)
