"""A cache for the decoded images of a folder or archive: NAME.pixels, which is memory-mapped, and NAME.json beside it.

NAME is FORMAT-ASKED-FILES: the format of the cache, a digest of the folder's path and the settings, and a digest of the
files and the labels file. So a changed folder is decoded again. The .json is written last and holds the sha256 of the
pixels, so truncated, damaged or foreign files are noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import numpy as np
import PIL

from mxgan.data.base import content_digest
from mxgan.data.image_kinds import readable_formats
from mxgan.errors import OutputError
from mxgan.runtime import cv2
from mxgan.runtime.cache import cache_folder, read_checked, write_checked
from mxgan.runtime.files import sync

__all__ = ["FolderImages", "FolderReport", "cache_entry", "kept_images", "load_images", "remember"]

logger = logging.getLogger(__name__)

_FORMAT = 3  # increase it whenever the same files would give other pixels
_ENTRY = re.compile("(?:([0-9]+)-)?([0-9a-f]{16})-[0-9a-f]{32}")  # before format 3, the name did not begin with it


def present_reader() -> str:
    """The versions of the two decoders, and the formats that Pillow reads at present."""
    return f"Pillow {PIL.__version__}, OpenCV {cv2.__version__}: {', '.join(readable_formats())}"


@dataclass
class FolderReport:
    """The classes, labels and unreadable files of a folder, filled in while its images are decoded.

    Parameters
    ----------
    class_names : the names of the class folders; empty if there are none.
    labels : for each image that was read, the index of its class in `class_names`.
    broken : (path, reason) of each image file that cannot be read.
    ignored : number of files that are not images, by their names and their content.
    with_alpha : number of images that were read and may be transparent somewhere.
    labels_file : the name of the labels file, if the labels come from one.
    reader : the versions and formats that decided which files are broken, see `present_reader`.
    """

    class_names: list
    labels: list
    broken: list
    ignored: int = 0
    with_alpha: int = 0
    labels_file: str = ""
    reader: str = field(default_factory=present_reader)

    @property
    def label_array(self) -> Optional[np.ndarray]:
        """Labels as (N,) int64; None if there are no classes."""
        return np.array(self.labels, np.int64) if self.class_names else None

    @property
    def is_valid(self) -> bool:
        """Whether the files would be judged alike now. A file that was broken may be readable by another Pillow."""
        return not self.broken or self.reader == present_reader()


@dataclass(frozen=True)
class FolderImages:
    """The images of a folder.

    Parameters
    ----------
    images : uint8 (N, H, W) or (N, H, W, 3), read-only; mapped from the cache if it can be written.
    digest : `content_digest` of images and labels.
    """

    images: np.ndarray
    digest: str
    report: FolderReport


def cache_entry(place, paths: list, settings: tuple, table=None) -> Path:
    """The .json file for these files (path and state) of a folder or archive, these settings and labels.

    It may be missing. `place` is a `Place`, `table` the `LabelTable`, if there is one.
    """
    named = () if table is None else (os.fsencode(table.path.resolve()),)
    asked = hashlib.sha256(repr((os.fsencode(place.path.resolve()), settings, *named)).encode()).hexdigest()
    listing = hashlib.sha256() if table is None else hashlib.sha256(table.digest.encode())
    for path in paths:
        listing.update(repr((os.fsencode(path.relative_to(place.top)), place.state(path))).encode())
    return cache_folder("folders", f"{_FORMAT}-{asked[:16]}-{listing.hexdigest()[:32]}.json")


def kept_images(sha256: str) -> Optional[FolderImages]:
    """The images with this `content_digest`, whichever folder they are from; None if they are not in the cache.

    Only the cache is read, and nothing is written.
    """
    for entry in sorted(cache_folder("folders").glob(f"{_FORMAT}-*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):  # damaged, or just being replaced
            if read_checked(entry)["sha256"] == sha256:
                return load_images(entry)
    return None


def load_images(entry: Path) -> FolderImages:
    """Load the images kept under `entry`, for `mxgan.runtime.cache.recall`."""
    values = read_checked(entry)
    report = FolderReport(**values["report"])
    images = _mapped(entry.with_suffix(".pixels"), tuple(values["shape"]))
    if content_digest(images, report.label_array) != values["sha256"]:
        raise ValueError("the pixels differ from the pixels written")
    return FolderImages(images, values["sha256"], report)


def _mapped(path: Path, shape: tuple) -> np.ndarray:
    if path.stat().st_size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes, which is not {'x'.join(map(str, shape))}")
    return np.asarray(np.memmap(path, np.uint8, "r", shape=shape))


def remember(entry: Path, images: Iterable[np.ndarray], report: FolderReport) -> Optional[FolderImages]:
    """Write images to the cache one by one, and map them; None if there are no images.

    Parameters
    ----------
    images : uint8, all of one shape; `report` must be complete after the last image.

    Raises
    ------
    OutputError : the cache cannot be written; no temporary file is left.
    """
    beside = entry.with_name(f".{entry.stem}.{secrets.token_hex(4)}.writing")
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        _remove_others(entry)
        with _removed_at_the_end(beside):
            shape = _write(beside, images)
            if not shape[0]:
                return None
            os.replace(beside, entry.with_suffix(".pixels"))
        mapped = _mapped(entry.with_suffix(".pixels"), shape)
        digest = content_digest(mapped, report.label_array)
        write_checked(entry, {"shape": shape, "sha256": digest, "report": vars(report)})
    except OSError as error:
        raise OutputError(f"{entry.parent} cannot be written: {error.strerror or error}.") from error
    return FolderImages(mapped, digest, report)


def _write(path: Path, images: Iterable[np.ndarray]) -> tuple:
    count, shape = 0, ()
    with path.open("wb") as stream:
        for pixels in images:
            stream.write(np.ascontiguousarray(pixels))
            count, shape = count + 1, pixels.shape
    sync(path)
    return (count, *shape)


@contextlib.contextmanager
def _removed_at_the_end(path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _remove_others(entry: Path) -> None:
    """Remove entries of older formats and of earlier states of the folder, and what a killed process left an hour ago.

    Entries of a newer format belong to another mxgan on this machine.
    """
    own, outdated = _ENTRY.fullmatch(entry.stem), []
    for path in entry.parent.iterdir():
        found = _ENTRY.fullmatch(path.stem)
        if found and path.stem != entry.stem:
            older = int(found[1] or 0) < _FORMAT
            outdated += [path] if older or found.groups() == own.groups() else []
    for path in [*outdated, *entry.parent.glob(".*.writing")]:
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            if path in outdated or path.stat().st_mtime < time.time() - 3600:
                path.unlink()
