"""The data set "mnist": files found on the disk, or downloaded once into the user's cache."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mxgan.data.archives import archive_hint
from mxgan.data.classes import Classes, classes_of
from mxgan.data.download import LIMITS, Limits, RemoteFile, download
from mxgan.data.idx import read_idx
from mxgan.data.images import ImageArrayIter
from mxgan.data.variety import array_fault, check_variety
from mxgan.errors import CorruptFileError, DatasetNotFoundError, DownloadError, lookup
from mxgan.runtime.cache import cache_folder

__all__ = ["MIRRORS", "SPLITS", "find_mnist", "load_mnist", "open_mnist"]

logger = logging.getLogger(__name__)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
SPLITS = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}

_FILES = {
    "train-images": RemoteFile(
        "train-images-idx3-ubyte.gz",
        47040016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels": RemoteFile(
        "train-labels-idx1-ubyte.gz",
        60008,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images": RemoteFile(
        "t10k-images-idx3-ubyte.gz",
        7840016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels": RemoteFile(
        "t10k-labels-idx1-ubyte.gz", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}
_REMEDY = "Put {} there, give their folder by --data-dir or MXGAN_DATA, or use --dataset digits, which needs no file."


def _locate(folder: Path, key: str) -> Optional[Path]:
    """The file of `key` in `folder`, plain before packed, also as "train-images.idx3-ubyte"; None if it is missing."""
    packed = _FILES[key].name
    plain = packed[: -len(".gz")]
    dotted = plain.replace("-idx", ".idx")
    for name in (plain, dotted, packed, f"{dotted}.gz"):
        if (folder / name).is_file():
            return folder / name
    return None


def _is_complete(folder: Path, split: str) -> bool:
    # A user's folder may hold images without labels; in the cache this is an interrupted download.
    kinds = ("images", "labels") if folder == cache_folder("mnist") else ("images",)
    return all(_locate(folder, f"{part}-{kind}") is not None for part in SPLITS[split] for kind in kinds)


def find_mnist(split: str = "train", data_dir: Union[str, Path, None] = None) -> Optional[Path]:
    """The folder that holds the images of `split`, or None; nothing is downloaded.

    If `data_dir` is given, only this folder is searched; else $MXGAN_DATA/mnist, $MXGAN_DATA and the user's cache.
    """
    lookup("split", split, SPLITS)
    return next((folder for folder in _candidates(data_dir) if _is_complete(folder, split)), None)


def _candidates(data_dir: Union[str, Path, None]) -> list:
    if data_dir is not None:
        return [Path(data_dir)]
    shared = os.environ.get("MXGAN_DATA")
    return ([Path(shared, "mnist"), Path(shared)] if shared else []) + [cache_folder("mnist")]


def _fetch(split: str, mirrors: Sequence[str], limits: Limits, progress: Optional[bool]) -> Path:
    folder = cache_folder("mnist")
    logger.info("MNIST was not found; downloading it into %s", folder)
    remotes = [_FILES[f"{part}-{kind}"] for part in SPLITS[split] for kind in ("images", "labels")]
    try:
        for remote in remotes:
            download(remote, folder, mirrors, limits=limits, progress=progress)
    except DownloadError as error:
        names = ", ".join(remote.name for remote in remotes)
        raise DownloadError(f"MNIST is not in {folder}, and {error}", _REMEDY.format(names)) from error
    return folder


def load_mnist(
    split: str = "train",
    data_dir: Union[str, Path, None] = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
    limits: Limits = LIMITS,
    progress: Optional[bool] = None,
) -> tuple:
    """Images, labels and folder of MNIST, or of other data in files of the same names.

    Parameters
    ----------
    split : "train" (60,000), "test" (10,000) or "all".
    data_dir : folder with the IDX files, plain or .gz. For None see `find_mnist`; if no folder has the files, they
        are downloaded into the user's cache and checked against the sha256 of MNIST.

    Returns
    -------
    uint8 images (N, height, width), uint8 labels (N,) or None if the folder has only images, the folder.

    Raises
    ------
    DatasetNotFoundError : files are missing in `data_dir`.
    DownloadError : the download failed.
    CorruptFileError : a file is broken.
    """
    folder = find_mnist(split, data_dir)
    if folder is None and data_dir is not None:
        names, remedy = ", ".join(_FILES[f"{part}-images"].name for part in SPLITS[split]), _REMEDY.format("the files")
        if not Path(data_dir).is_dir():
            remedy = archive_hint(Path(data_dir)) or remedy
            raise DatasetNotFoundError(f"{data_dir} is not a folder, and {names} should be in it.", remedy)
        raise DatasetNotFoundError(f"{data_dir} has no {names} (with or without .gz).", remedy)
    if folder is None:
        folder = _fetch(split, mirrors, limits, progress)
    parts = [_read_part(folder, part) for part in SPLITS[split]]
    return (*_join(folder, parts), folder)


def _read_part(folder: Path, part: str) -> tuple:
    images = read_idx(_locate(folder, f"{part}-images"), 3)
    path = _locate(folder, f"{part}-labels")
    if path is None:
        return images, None
    labels = read_idx(path, 1)
    if len(labels) != len(images):
        raise CorruptFileError(path, f"has {len(labels)} labels for {len(images)} images", 4)
    return images, labels


def _join(folder: Path, parts: list) -> tuple:
    if len(parts) == 1:
        return parts[0]
    images, labels = zip(*parts)
    if len({array.shape[1:] for array in images}) > 1:
        raise CorruptFileError(folder, f"train and test images differ in size: {[a.shape[1:] for a in images]}")
    has_labels = all(array is not None for array in labels)
    return np.concatenate(images), np.concatenate(labels) if has_labels else None


def open_mnist(*, data_dir=None, split: str = "train", progress: Optional[bool] = None, **settings) -> ImageArrayIter:
    """MNIST as an iterator; `settings` are arguments of `ImageArrayIter`.

    Its classes are the labels that occur, in increasing order; batches carry their numbers, 0 … K - 1. The test images
    have the class numbers of the training images, even if they lack a label. DatasetError for images without variety.
    """
    images, labels, folder = load_mnist(split, data_dir, progress=progress)
    check_variety(folder, len(images), array_fault(images))
    classes = classes_of(labels) if split != "test" else _classes_of_test(folder, labels)
    return ImageArrayIter(images, labels, classes=classes, name="mnist", origin=f"{split}, {folder}", **settings)


def _classes_of_test(folder: Path, labels: Optional[np.ndarray]) -> Optional[Classes]:
    """The classes of the training labels in `folder`, if there are any, and after them those of the test alone."""
    path, of_test = _locate(folder, "train-labels"), classes_of(labels)
    if path is None or of_test is None:
        return of_test
    return classes_of(read_idx(path, 1)).and_those_of(of_test)
