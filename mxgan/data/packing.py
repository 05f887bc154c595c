"""A folder or zip archive of images packed into one RecordIO file, like MXNet's im2rec."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

from mxgan.data.background import other_background, parse_background
from mxgan.data.decoding import decode_bgr, decoding
from mxgan.data.image_files import ClassFolders, read_image_file, reasons_text, size_of_job
from mxgan.data.image_labels import labelled_files
from mxgan.data.places import Place, opened_place, remedy_without_images
from mxgan.data.record_files import check_index, read_records
from mxgan.data.variety import Variety, check_variety, is_constant
from mxgan.errors import ArgumentError, CorruptFileError, DatasetError, counted
from mxgan.runtime import cv2, mx
from mxgan.runtime.config import whole_number
from mxgan.runtime.cpus import ordered_map
from mxgan.runtime.paths import checked_path, path_for_mxnet
from mxgan.runtime.progress import Progress

__all__ = ["PackReport", "pack_folder"]


@dataclass(frozen=True)
class PackReport:
    """The result of `pack_folder`: files written, number of images, and (path, reason) of each file left out."""

    output: Path
    index: Path
    written: int
    skipped: list
    classes: list

    def summary(self) -> str:
        """One line with the totals, and one line for each file left out."""
        lines = [f"{self.output}: {self.written} images, {len(self.classes)} classes, {len(self.skipped)} left out"]
        return "\n".join(lines + [f"  {path}: {reason}" for path, reason in self.skipped])


def pack_folder(
    folder: Union[str, Path],
    output: Union[str, Path],
    *,
    resize: Optional[int] = 256,
    quality: int = 95,
    background: Optional[str] = None,
    progress: Optional[bool] = None,
    overwrite: bool = False,
    threads: Optional[int] = None,
    labels: Optional[str] = None,
) -> PackReport:
    """Write every image under `folder`, or in a zip archive, into `output` (.rec) and the .idx beside it.

    Parameters
    ----------
    folder : searched with its subfolders, in sorted order, or a zip archive. If it has subfolders, the first one on an
        image's path is its class, and the labels count the classes from 0 by sorted name (images in `folder` itself
        have the class "", which comes first).
    labels : a labels file instead of the subfolders, see `load_folder`; the labels count its classes from 0.
    output : must end in ".rec"; its folder must exist.
    resize : larger images are scaled down so that the shorter edge has this length; None keeps the size.
    quality : of the JPEGs written, 1 … 100. Grey, alpha and 16-bit images become 8-bit RGB.
    background : the colour behind transparent parts: "white" (also None), "black" or "#rrggbb".
    progress : whether a bar is drawn; None draws it if standard error is a terminal.
    overwrite : replace an `output` that exists.

    Raises
    ------
    ArgumentError : a value out of range, or an `output` with another ending or that exists already.
    DatasetNotFoundError : `folder` is not a folder or a zip archive, or the labels file is missing.
    CorruptFileError : a broken archive or labels file.
    DatasetError : no image can be read, one has no label, the images are all the same or of one colour each, or
    `output` cannot be written. Both files appear whole at the end or not at all.
    """
    folder, output = checked_path("folder", folder), checked_path("output", output)
    index, settings = output.with_suffix(".idx"), _checked(resize, quality, background)
    _check_output(output, index, overwrite)
    skipped, variety = [], Variety()
    with opened_place(folder, {output.resolve(), index.resolve()}) as place, _work_folder(output) as work:
        table, paths = labelled_files(place, labels)
        classes = table or ClassFolders(place, paths)
        new = work / "new.rec"
        written = _write(new, _encoded(place, paths, classes, settings, (skipped, variety), progress, threads))
        if not written:
            found = f"{folder} has no image that can be read ({counted(len(skipped), 'file')} tried)"
            raise DatasetError(f"{found}. {remedy_without_images(paths)}{reasons_text(skipped)}")
        remedy = f"Give images that differ; for images with transparent parts {other_background(settings[-1])}."
        check_variety(folder, written, variety.fault, remedy)
        _check_written(new, written, output)
        _put_in_place(new, output, index)
    return PackReport(output, index, written, skipped, classes.names)


def _checked(resize: Optional[int], quality: int, background: Optional[str]) -> tuple:
    resize = whole_number("resize", resize, maximum=16384) if resize is not None else None
    return resize, whole_number("quality", quality, maximum=100), parse_background(background)


def _check_output(output: Path, index: Path, overwrite: bool) -> None:
    if output.suffix != ".rec":
        raise ArgumentError(f"output is {str(output)!r}; give a name that ends in .rec.")
    for path in (output, index):
        if path.is_dir() or (path.exists() and not overwrite):
            raise ArgumentError(f"{path} exists already; give another output, or overwrite (--overwrite).")


def _encoded(place: Place, paths, classes, settings, seen: tuple, progress, threads) -> Iterator[tuple]:
    """(label, JPEG) of each file that can be read; `seen` is the list of the others, and the `Variety` of these."""
    skipped, variety = seen
    jobs = ((read_image_file(place, path), settings) for path in paths)
    results = ordered_map(_encode, jobs, threads, size_of_job)
    with Progress(progress, "packing", len(paths), "image") as bar:
        for path, jpeg, constant, reason in results:
            if reason is None:
                variety.add(jpeg, constant)
                yield float(classes.number(path)), jpeg
            else:
                skipped.append((path, reason))
            bar.update()


def _encode(job: tuple) -> tuple:
    """The path of a file, its JPEG, whether that has one colour, and the reason if it cannot be read."""
    file, (resize, quality, background) = job
    if file.reason is not None:
        return file.path, None, False, file.reason
    try:
        with decoding(file.header):
            pixels = _shrink(decode_bgr(file.content, file.header, background), resize)
            jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            return file.path, jpeg, is_constant(pixels), None
    except (DatasetError, cv2.error) as error:
        return file.path, None, False, str(error)


def _shrink(pixels, resize: Optional[int]):
    height, width = pixels.shape[:2]
    if resize is None or min(height, width) <= resize:
        return pixels
    scale = resize / min(height, width)
    size = (max(resize, round(width * scale)), max(resize, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


@contextlib.contextmanager
def _work_folder(output: Path) -> Iterator[Path]:
    """A temporary folder beside the output, so that renaming is one step; always removed at the end."""
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    except OSError as error:
        raise DatasetError(f"{output.parent} cannot be written: {error.strerror}.") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(path: Path, records: Iterator[tuple]) -> int:
    count = 0
    try:
        with path_for_mxnet(path.with_suffix(".idx")) as index, path_for_mxnet(path) as name:
            writer = mx.recordio.MXIndexedRecordIO(index, name, "w")
            for count, (label, jpeg) in enumerate(records, start=1):
                header = mx.recordio.IRHeader(0, label, count - 1, 0)
                writer.write_idx(count - 1, mx.recordio.pack(header, jpeg))
            writer.close()
    except (OSError, mx.MXNetError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DatasetError(f"{path.parent.parent} cannot be written: {reason}. Is the disk full?") from error
    return count


def _check_written(new: Path, written: int, output: Path) -> None:
    # MXNet does not notice if closing a file fails, so the file is read back.
    try:
        offsets = tuple(offset for offset, _ in read_records(new))
        check_index(new.with_suffix(".idx"), offsets)
    except CorruptFileError as error:
        offsets, cause = (), error
    else:
        cause = None
    if len(offsets) != written:
        raise DatasetError(f"{output} could not be written whole. Is the disk full?") from cause


def _put_in_place(new: Path, output: Path, index: Path) -> None:
    try:
        for path in (new, new.with_suffix(".idx")):
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        # The order matters: if this is interrupted, a new .rec is never beside an old .idx.
        index.unlink() if index.exists() else None
        os.replace(new, output)
        os.replace(new.with_suffix(".idx"), index)
    except OSError as error:
        raise DatasetError(f"{output} cannot be written: {error.strerror}.") from error
