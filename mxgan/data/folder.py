"""The data set "folder": any folder or zip archive of images, decoded in parallel, cut to one size, and cached."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mxgan.data.background import other_background, parse_background
from mxgan.data.base import checked_shape, content_digest
from mxgan.data.decoding import decode_bgr, decoding
from mxgan.data.fitting import fitted
from mxgan.data.folder_cache import FolderImages, FolderReport, cache_entry, kept_images, load_images, remember
from mxgan.data.image_files import ClassFolders, ImageFile, read_image_file, reasons_text, size_of_job
from mxgan.data.image_labels import LabelTable, labelled_files
from mxgan.data.images import ImageArrayIter
from mxgan.data.places import Place, opened_place, remedy_without_images
from mxgan.data.variety import array_fault, check_variety
from mxgan.errors import ArgumentError, DatasetError, DatasetNotFoundError, OutputError, counted
from mxgan.runtime import cv2
from mxgan.runtime.cache import recall
from mxgan.runtime.config import is_number, whole_number
from mxgan.runtime.cpus import ordered_map
from mxgan.runtime.image_size import ImageSize, height_and_width, normal_size
from mxgan.runtime.progress import Progress

__all__ = ["load_folder", "open_folder", "open_kept_folder"]

logger = logging.getLogger(__name__)


def load_folder(
    folder: Union[str, Path],
    image_size: ImageSize = 64,
    channels: int = 3,
    *,
    limit: Optional[int] = None,
    most_broken: float = 0.1,
    background: Optional[str] = None,
    threads: Optional[int] = None,
    labels: Optional[str] = None,
    progress: Optional[bool] = None,
) -> FolderImages:
    """The images under a folder or in a zip archive, from the cache if the same files were decoded before.

    Parameters
    ----------
    folder : searched with its subfolders, in sorted order, without hidden files and folders. Images may have any size;
        for formats, depth, alpha and EXIF see `decode_bgr`. A zip archive of the same files gives the same images.
    labels : what gives the classes: the path of a labels file (see `label_files`), or the name of one in the top
        folder; "folders": the first subfolder on an image's path; None: dataset.json or labels.csv in the top folder,
        if there is one, else the subfolders. The labels are the same as in `pack_folder`.
    image_size, channels : size of the result, a whole number or (height, width), see `fitted`; 3 is RGB, 1 grey.
    limit : use only the first `limit` images in sorted order, broken ones not counted; if there are fewer, use all.
    most_broken : largest share of broken files among the image files tried, 0 … 1. Files that are not images by name
        and by content (notes, an index) do not count.
    background : the colour behind transparent parts: "white" (also None), "black" or "#rrggbb".
    threads : number of decoding threads, by default the CPUs of this process; the result does not depend on it.
    progress : whether a bar is drawn while images are decoded; None draws it if standard error is a terminal.

    Raises
    ------
    DatasetNotFoundError : `folder` is not a folder or a zip archive, or the labels file is missing.
    CorruptFileError : a broken archive or labels file.
    ArgumentError : an argument is out of range.
    DatasetError : no image, too many broken ones, or images without a label; the message names files and reasons.
    """
    folder = Path(folder)
    channels, *sides = checked_shape((channels, *height_and_width(image_size)))
    image_size = normal_size(*sides)
    limit = None if limit is None else whole_number("limit", limit)
    threads = None if threads is None else whole_number("threads", threads, maximum=256)
    if not is_number(most_broken, lambda share: 0 <= share <= 1):
        raise ArgumentError(f"most_broken is {most_broken!r}; give a share from 0 to 1.")
    settings = (image_size, channels, limit, parse_background(background))
    with opened_place(folder) as place:
        table, paths = labelled_files(place, labels, limit)
        entry = cache_entry(place, paths, settings, table)
        found = recall(entry, load_images, "the folder is decoded again")
        if found is None or not found.report.is_valid:
            found = _decode_all(place, paths, table, entry, settings, threads, progress)
    _judge(folder, found, limit, most_broken)
    return found


def _decode_all(
    place: Place, paths: list, table: Optional[LabelTable], entry: Path, settings: tuple, threads, progress
) -> FolderImages:
    """Decode every image of `paths` into the cache, or into memory if the cache cannot be written."""
    classes = table or ClassFolders(place, paths)
    names = classes.names if classes.names != [""] else []

    def start() -> tuple:
        report = FolderReport(names, [], [], labels_file=table.path.name if table else "")
        return _decoded(place, paths, classes, settings, report, threads, progress), report

    try:
        images, report = start()
        found = remember(entry, images, report)
    except OutputError as error:
        logger.warning("%s The images are kept in memory, and decoded again the next time.", error)
        images, report = start()
        array = np.array(list(images))
        array.setflags(write=False)
        found = FolderImages(array, content_digest(array, report.label_array), report) if len(array) else None
    if found is None:
        raise DatasetError(
            f"{place.path} has no image that can be read ({counted(len(paths), 'file')} tried). "
            f"{remedy_without_images(paths)}"
            f"{reasons_text(report.broken)}"
        )
    return found


def _decoded(place, paths, classes, settings, report: FolderReport, threads, progress) -> Iterator[np.ndarray]:
    """Each image that can be read, in order, up to the limit; labels and broken files are added to `report`."""
    image_size, channels, limit, background = settings
    jobs = ((file, image_size, channels, background) for file in _image_files(place, paths, report))
    results = ordered_map(_decode, jobs, threads, size_of_job)
    total = min(limit or len(paths), len(paths))
    with Progress(progress, "decoding", total, "image") as bar, contextlib.closing(results):
        count = 0
        for file, pixels, reason in results:
            path = file.path
            if reason is not None:
                report.broken.append((str(path.relative_to(place.top)), reason))
                continue
            report.with_alpha += file.header.has_alpha
            if report.class_names:
                report.labels.append(classes.number(path))
            bar.update()
            yield pixels
            count += 1
            if count == limit:
                return


def _image_files(place: Place, paths: list, report: FolderReport) -> Iterator[ImageFile]:
    for path in paths:
        file = read_image_file(place, path)
        if file.reason is not None and not file.is_broken:
            report.ignored += 1
            continue
        yield file


def _decode(job: tuple) -> tuple:
    file, image_size, channels, background = job
    known = file._replace(content=None)
    if file.reason is not None:
        return known, None, file.reason
    try:
        with decoding(file.header):
            upright = decode_bgr(file.content, file.header, background)
            pixels = fitted(upright, *height_and_width(image_size))
    except (DatasetError, cv2.error) as error:
        return known, None, str(error)
    return known, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGR2GRAY), None


def _remedy(report: FolderReport, background: Optional[str]) -> Optional[str]:
    """What to do about images without variety, if transparent parts may be the cause."""
    if not report.with_alpha:
        return None
    remedy = other_background(parse_background(background))
    return f"{report.with_alpha:,} of them have transparent parts: {remedy}, or images that differ."


def _judge(folder: Path, found: FolderImages, limit: Optional[int], most_broken: float) -> None:
    broken, count = found.report.broken, len(found.images)
    share = f"{len(broken):,} of {count + len(broken):,} image files in {folder}"
    if len(broken) > most_broken * (count + len(broken)):
        raise DatasetError(
            f"{share} cannot be read, and most_broken allows a share of {most_broken:g}. Replace or remove them, or "
            f"give a larger most_broken (--set most_broken=0.5).{reasons_text(broken)}"
        )
    if broken:
        logger.warning("%s cannot be read and are left out:%s", share, reasons_text(broken))
    if found.report.ignored:
        logger.info("%s files in %s are not images and were ignored", f"{found.report.ignored:,}", folder)
    if limit is not None and count < limit:
        logger.info("%s has %d images, fewer than the limit of %d: all are used", folder, count, limit)


def open_folder(
    *,
    batch_size: int,
    image_size: ImageSize = 64,
    channels: int = 3,
    data_dir=None,
    progress: Optional[bool] = None,
    limit: Optional[int] = None,
    most_broken: float = 0.1,
    background: Optional[str] = None,
    threads: Optional[int] = None,
    labels: Optional[str] = None,
    **settings,
) -> ImageArrayIter:
    """The images of `data_dir` as an iterator: see `load_folder`; `settings` are arguments of `ImageArrayIter`.

    Raises DatasetError for images that are all the same or of one colour each, and what `load_folder` raises.
    """
    if data_dir is None:
        raise ArgumentError("the data set 'folder' needs a data_dir (--data-dir): a folder with images, or a .zip.")
    decoding_settings = {"limit": limit, "most_broken": most_broken, "background": background, "threads": threads}
    found = load_folder(data_dir, image_size, channels, labels=labels, progress=progress, **decoding_settings)
    check_variety(data_dir, len(found.images), array_fault(found.images), _remedy(found.report, background))
    return _iterator(found, data_dir, batch_size=batch_size, image_size=image_size, channels=channels, **settings)


def open_kept_folder(sha256: str, data_dir=None, **settings) -> ImageArrayIter:
    """The images with this fingerprint as an iterator, from the cache alone: the folder itself is not looked at.

    Raises DatasetNotFoundError if they are not in the cache. `data_dir` is only named.
    """
    found = kept_images(sha256)
    if found is None:
        raise DatasetNotFoundError(
            f"the decoded images of {data_dir} are not in the cache of mxgan, or are not those of the run.",
            "A training on them, also a resumed one, puts them there.",
        )
    return _iterator(found, data_dir, **settings)


def _iterator(found: FolderImages, data_dir, **settings) -> ImageArrayIter:
    names, source = found.report.class_names, found.report.labels_file
    return ImageArrayIter(
        found.images,
        found.report.label_array,
        class_names=names,
        digest=found.digest,
        name="folder",
        origin=f"{data_dir}" + (f", {len(names)} classes" if names else "") + (f" by {source}" if source else ""),
        **settings,
    )
