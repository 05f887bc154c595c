"""The result of scanning a .rec file, and a cache for it, so that a large file is decoded only once."""

from __future__ import annotations

import hashlib
import logging
from array import array
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mxgan.data.variety import Variety
from mxgan.errors import OutputError
from mxgan.runtime.cache import cache_folder, read_checked, write_checked

__all__ = ["Looks", "RecordFile", "cache_entry", "load_scan", "remember"]

logger = logging.getLogger(__name__)

_FORMAT = 4  # increase it whenever the scan of the same file would give other values

# Arrays, because a tuple of a million numbers takes ten times the memory.
_ARRAYS = {"first_labels": "f", "ids": "Q"}


@dataclass(frozen=True)
class RecordFile:
    """The scan of a .rec file that has no fault.

    Parameters
    ----------
    offsets : the byte at which each record begins.
    label_width : labels of each record; 0 if their number varies.
    first_labels : the first label of each record, float32.
    ids : the id of each record, uint64, if the number of labels varies; else empty.
    smallest_side : the smallest side of all images, in pixels; `smallest_at` is the offset of its record.
    decoding_bytes : the memory for decoding the largest image.
    sha256 : sha256 of the whole file.
    transparent, turned : number of images whose transparency or orientation MXNet ignores.
    fault : "", or what is wrong with the images as a whole, see `mxgan.data.variety.Variety`.
    """

    size: int
    modified_ns: int
    offsets: tuple
    label_width: int
    first_labels: array
    ids: array
    smallest_side: int
    smallest_at: int
    decoding_bytes: int
    sha256: str
    transparent: int
    turned: int
    fault: str


@dataclass
class Looks:
    """What MXNet's decoder, which cannot be changed, makes of the images; filled in while a file is scanned."""

    variety: Variety = field(default_factory=Variety)
    transparent: int = 0
    turned: int = 0

    def add(self, content: bytes, constant: bool, transparent: bool, turned: bool) -> None:
        """Count an image.

        `content`: a digest of its pixels. `constant`: whether MXNet, which drops alpha, sees one colour.
        `transparent`, `turned`: whether MXNet ignores its alpha or its orientation.
        """
        self.variety.add(content, constant)
        self.transparent += transparent
        self.turned += turned


def cache_entry(path: Path) -> Path:
    """The cache file for the scan of a .rec file.

    Its name depends on size, modification time and bytes of the .rec file: all bytes up to 256 MiB; for a larger file
    64 blocks of 64 KiB spread over it, because reading a hundred gigabytes at every start would take minutes.
    """
    status = path.stat()
    block = -(-status.st_size // 64) if status.st_size <= 2**28 else 2**16
    digest = hashlib.sha256(f"{_FORMAT} {status.st_size} {status.st_mtime_ns}".encode())
    with path.open("rb") as stream:
        for i in range(64):
            stream.seek(max(0, status.st_size - block) * i // 63)
            digest.update(stream.read(block))
    return cache_folder("records", f"{digest.hexdigest()}.json")


def load_scan(entry: Path) -> RecordFile:
    """Load the scan kept under `entry`, for `mxgan.runtime.cache.recall`."""
    values = read_checked(entry)  # checked, because wrong offsets would end the process
    arrays = {name: array(kind, values[name]) for name, kind in _ARRAYS.items()}
    return RecordFile(**{**values, **arrays, "offsets": tuple(values["offsets"])})


def remember(entry: Path, found: RecordFile) -> None:
    """Keep `found` under `entry`; a cache that cannot be written only costs time, so it is not an error."""
    try:
        write_checked(entry, {**asdict(found), **{name: getattr(found, name).tolist() for name in _ARRAYS}})
    except (OSError, OutputError) as error:
        logger.info("the scan cannot be cached: %s", error)
