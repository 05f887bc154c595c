"""The data set "recordio": images from a RecordIO file by MXNet's decoder, with the original's random crops."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mxgan.data.archives import archive_hint
from mxgan.data.base import EpochIter
from mxgan.data.decoding import MAX_BYTES
from mxgan.data.record_files import AGAIN, RecordFile, scan
from mxgan.data.record_labels import RecordLabels
from mxgan.data.variety import check_variety
from mxgan.errors import ArgumentError, DatasetError, DatasetNotFoundError
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number
from mxgan.runtime.cpus import usable_cpus
from mxgan.runtime.draws import rng_for
from mxgan.runtime.image_size import ImageSize, height_and_width
from mxgan.runtime.paths import path_for_mxnet

__all__ = ["ImagenetIter", "find_record_file", "open_records"]


class ImagenetIter(EpochIter):
    """Random crops (N, C, H, W) in [-1, 1] of the images in a .rec file, RGB or grey.

    Parameters
    ----------
    path : the .rec file. It is scanned first (see `record_files`), so a broken file is an error and not a crash.
    batch_size, seed, last_batch : as in `EpochIter`. The last batch is filled up from a further shuffle.
    data_shape : (C, H, W) with C 3 or 1. If H and W differ, the squares below are scaled to the longer side, and their
        middle is cut to the shorter one: MXNet itself would stretch them.
    threads : number of decoding threads, by default the CPUs of this process. MXNet uses at most half of the
        machine's cores, and very large images are decoded with fewer threads. The images do not depend on it.
    rand_crop : True cuts a square of `min_crop_size` … `max_crop_size` pixels from a random place and scales it;
        False takes the central `max_crop_size` pixels.
    rand_mirror : whether half of the images are mirrored left to right by MXNet; `mirror`, as in `EpochIter`, comes
        after it.
    classes : True: batches carry the class number (N,) of each record's first label, 0 … K - 1; the classes are the
        first labels that occur, in increasing order, if they are whole numbers from 0. False: the labels as they are
        in the file, (N,) or (N, label_width); the first one alone if their number varies.
    resize : length to which the shorter edge is scaled first, by default `max_crop_size`. 0 keeps the size of the
        images, like the original; each must then have at least `max_crop_size` pixels in both directions.
    progress : whether a bar is drawn while the file is scanned; None draws it if standard error is a terminal.

    Notes
    -----
    Each epoch has its own inner `mx.io.ImageRecordIter`, whose order and crops are drawn from (seed, epoch). A crop
    belongs to a position in the batch: within an epoch, images at the same position of two batches get the same crop.
    `seek` to the middle of an epoch is exact, but must decode the earlier batches of the epoch.
    """

    name = "recordio"

    def __init__(
        self,
        path: Union[str, Path],
        batch_size: int,
        data_shape: tuple = (3, 64, 64),
        *,
        seed: int = 0,
        threads: Optional[int] = None,
        rand_crop: bool = True,
        rand_mirror: bool = True,
        min_crop_size: int = 192,
        max_crop_size: int = 256,
        resize: Optional[int] = None,
        classes: bool = False,
        last_batch: str = "pad",
        mirror: bool = False,
        progress: Optional[bool] = False,
    ) -> None:
        self.threads = usable_cpus() if threads is None else whole_number("threads", threads, maximum=256)
        most = whole_number("max_crop_size", max_crop_size, maximum=4096)
        least = whole_number("min_crop_size", min_crop_size, maximum=most)
        self.resize = most if resize is None else whole_number("resize", resize, minimum=0, maximum=4096)
        if 0 < self.resize < most:
            raise ArgumentError(f"resize {resize} is less than max_crop_size {most}; give at least that, or 0.")
        self.path = Path(path)
        self.file = scan(self.path, progress=progress)
        self.threads = max(1, min(self.threads, MAX_BYTES // self.file.decoding_bytes))  # each decodes one image
        self._labels = RecordLabels(self.path, self.file, classes)
        self.class_names = () if self._labels.classes is None else self._labels.classes.names
        super().__init__(
            batch_size,
            data_shape,
            num_images=len(self.file.offsets),
            labels=self._labels.width > 0,
            label_width=self._labels.width,
            seed=seed,
            last_batch=last_batch,
            mirror=mirror,
        )
        if not self.resize:
            _check_sizes(self.path, self.file, most)
        self._augmentation = {
            "rand_crop": bool(rand_crop),
            "rand_mirror": bool(rand_mirror),
            "min_crop_size": least if rand_crop else most,
            "max_crop_size": most,
            "resize": self.resize or -1,
        }
        self._paths = self._prepare()
        self._inner, self._inner_position = None, None

    @property
    def num_classes(self) -> Optional[int]:
        return None if self._labels.classes is None else len(self._labels.classes.values)

    @property
    def class_counts(self) -> Optional[np.ndarray]:
        return self._labels.counts

    def _prepare(self) -> dict:
        """{argument of ImageRecordIter: path} of a link to the .rec and of new lists, in a temporary folder.

        The folder is removed together with this iterator.

        MXNet reads a path as an address and fails if it has "#", ";" or "?", so it gets a link without them. Without
        an .idx, MXNet does not shuffle a large file well, and another number of threads gives other bits. This .idx
        is made from the offsets that the scan has found.

        MXNet refuses a file in which the number of labels varies (objects in photographs, for example), unless a list
        names one label for each id of a record.
        """
        stack = ExitStack()
        weakref.finalize(self, stack.close)
        try:
            folder = Path(tempfile.mkdtemp(prefix="mxgan-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            (folder / "images.rec").symlink_to(self.path.resolve())
            lines = (f"{key}\t{offset}\n" for key, offset in enumerate(self.file.offsets))
            (folder / "images.idx").write_text("".join(lines))
            files = {"path_imgrec": "images.rec", "path_imgidx": "images.idx"}
            if self.file.ids:
                files["path_imglist"] = "images.lst"
                with (folder / "images.lst").open("w") as stream:
                    stream.writelines(self._labels.list_lines())
            return {key: stack.enter_context(path_for_mxnet(folder / name)) for key, name in files.items()}
        except OSError as error:
            raise DatasetError(f"{tempfile.gettempdir()} cannot be written: {error.strerror}.") from error

    def _open(self, epoch: int):
        status = self.path.stat() if self.path.exists() else None
        if status is None or (status.st_size, status.st_mtime_ns) != (self.file.size, self.file.modified_ns):
            raise DatasetError(f"{self.path} was changed or removed while it was in use. Start again.")
        draws = rng_for("records", self.seed, epoch).integers(2**30, size=2)
        _, channels, *sides = self.provide_data[0].shape
        side = max(sides)
        return mx.io.ImageRecordIter(
            **self._paths,
            data_shape=(channels, side, side),
            label_width=max(1, self.file.label_width),
            batch_size=min(self.batch_size, self.num_images),
            round_batch=True,
            shuffle=True,
            seed=int(draws[0]),
            seed_aug=int(draws[1]),
            preprocess_threads=self.threads,
            device_id=-1,  # plain memory; 0 would request GPU memory
            **self._augmentation,
            **dict.fromkeys(("mean_r", "mean_g", "mean_b"), 127.5),
            scale=1 / 127.5,
            verbose=False,
        )

    def _load(self, epoch: int, batch: int):
        if self._inner_position is None or self._inner_position[0] != epoch or self._inner_position[1] > batch:
            self._inner = None  # end its threads before the next iterator starts its own
            self._inner, self._inner_position = self._open(epoch), (epoch, 0)
        try:
            for _ in range(self._inner_position[1], batch + 1):
                inner = self._inner.next()
        except (mx.MXNetError, StopIteration) as error:
            self._inner_position = None
            reason = str(error).strip().splitlines()[-1:] or ["it ended early"]
            raise DatasetError(
                f"MXNet could not read {self.path}, which the scan found without a fault: {reason[0]}"
            ) from error
        self._inner_position = (epoch, batch + 1)
        return self._own(inner, self.mirrored(epoch, batch))

    def _own(self, inner, mirrored: np.ndarray):
        """A copy of the inner batch (MXNet reuses its memory four batches later), repeated up to the full size.

        Those of the images that are `mirrored`, (batch_size,), are.
        """
        squares, labels, pad = inner.data[0].copy(), self._labels.of_batch(inner.label[0].copy()), inner.pad
        images = _middle(squares, *self.provide_data[0].shape[2:])
        count = images.shape[0]
        if count < self.batch_size:
            rows = mx.nd.array(np.arange(self.batch_size) % count)
            images, labels, pad = images.take(rows), [each.take(rows) for each in labels], self.batch_size - count
        if mirrored.any():
            images = mx.nd.where(mx.nd.array(mirrored), mx.nd.flip(images, axis=3), images)
        return self._batch(images, labels, pad)

    @property
    def fingerprint(self) -> dict:
        """Name, count, and the sha256 of the whole .rec file as it was when it was scanned."""
        return {"name": self.name, "count": self.num_images, "sha256": self.file.sha256}

    def _origin(self) -> str:
        return f" ({self.path})"


def _middle(squares, height: int, width: int):
    """The middle of square images (N, C, S, S), cut to (N, C, height, width): S is one of both."""
    side = squares.shape[2]
    for axis, kept in ((2, height), (3, width)):
        if kept < side:
            start = (side - kept) // 2
            squares = squares.slice_axis(axis=axis, begin=start, end=start + kept)
    return squares


def _check_sizes(path: Path, file: RecordFile, least: int) -> None:
    if file.smallest_side < least:
        raise ArgumentError(
            f"resize is 0 and {path} has an image of {file.smallest_side} pixels (byte {file.smallest_at}), "
            f"less than max_crop_size {least}. Leave resize out, or give a smaller max_crop_size."
        )


def find_record_file(data_dir: Union[str, Path]) -> Path:
    """The .rec file for `data_dir`: the file itself, or the only .rec file in this folder."""
    place = Path(data_dir)
    if place.is_file():
        if archive_hint(place):
            raise DatasetError(f"{place} is an archive, no .rec file. {archive_hint(place)}")
        return place
    found = sorted(place.glob("*.rec")) if place.is_dir() else []
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join([path.name for path in found[:5]] + ["…"] * (len(found) > 5))
        raise DatasetError(f"{place} holds {len(found)} .rec files ({names}); name one of them.")
    raise DatasetNotFoundError(
        f"{place} is not a .rec file or a folder with one. Make one with `mxgan pack`, or give its path by --data-dir."
    )


def open_records(
    *, batch_size: int, image_size: ImageSize = 64, channels: int = 3, data_dir=None, **settings
) -> ImagenetIter:
    """The .rec file at `data_dir` as an iterator, with the first label of each record as its class.

    `settings` are arguments of `ImagenetIter`.

    Raises DatasetError for images that are all the same or of one colour each, and what `ImagenetIter` raises.
    """
    if data_dir is None:
        raise ArgumentError(
            "the data set 'recordio' needs a data_dir (--data-dir): a .rec file, or a folder that holds one."
        )
    shape = (channels, *height_and_width(image_size))
    data = ImagenetIter(find_record_file(data_dir), batch_size, shape, classes=True, **settings)
    check_variety(data.path, data.num_images, data.file.fault, AGAIN if data.file.transparent else None)
    return data
