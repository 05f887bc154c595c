"""Data sets: each opens as an `mx.io.DataIter` of batches (N, C, H, W), float32 in [-1, 1], RGB or grey.

::

    open_dataset(name) ─┬─ mnist     idx.py, download.py ─┐
                        ├─ digits    digits.py ───────────┼─ images.py   arrays, one byte a pixel
                        ├─ folder    folder_cache.py ─────┘
                        └─ recordio  record_files.py ─────── records.py  MXNet's ImageRecordIter
    pack_folder         packing.py   a folder or zip archive of images → .rec, .idx
    labelled_subset     subset.py    some images of each class
    RandIter            latents.py   the generator's input

Every data set iterator has `seek(epoch, batch)`, `batches_per_epoch`, `num_images`, `num_classes`, `class_names`,
`class_counts`, `fingerprint` and `describe()`, and MXNet's own `provide_data`, `next` and `reset` (see `EpochIter`).

The files, in reading order::

    base.py            EpochIter, the base class of the image iterators
    classes.py         classes in labels
    images.py          ImageArrayIter: batches from an array of images
    image_rows.py      ImageRows: some of the images of an array
    fitting.py         an image cut and scaled to one height and width
    latents.py         RandIter: batches of latents
    digits.py          the data set "digits"
    mnist.py           the data set "mnist"
    idx.py             a reader for the files of MNIST
    download.py        download of a file with a known sha256
    folder.py          the data set "folder"
    folder_cache.py    a cache for the decoded images of a folder
    image_files.py     the image files in a folder or archive, and their classes by subfolders
    places.py          a folder with files, or a zip archive
    archives.py        a zip archive
    image_labels.py    the classes of images by a labels file
    label_files.py     a reader for labels files
    decoding.py        safe decoding of images
    image_kinds.py     kinds of image files: decoder, memory, orientation
    tiff_kinds.py      kinds of TIFF, by their tags
    pillow_pixels.py   pixels by Pillow, and everything with alpha
    background.py      the colour behind transparent parts
    variety.py         whether the images of a data set differ
    records.py         the data set "recordio"
    record_files.py    a checked reader for RecordIO files
    record_kinds.py    what MXNet's decoder makes of an image
    record_labels.py   the labels of a RecordIO file
    record_cache.py    a cache for the scan of a RecordIO file
    packing.py         a folder or zip archive of images packed into a RecordIO file
    subset.py          some labelled images of each class
"""

from __future__ import annotations

from typing import Callable, Optional

from mxgan.data.base import EpochIter
from mxgan.data.digits import load_digits, open_digits
from mxgan.data.folder import load_folder, open_folder
from mxgan.data.images import ImageArrayIter
from mxgan.data.latents import RandIter
from mxgan.data.mnist import load_mnist, open_mnist
from mxgan.data.packing import PackReport, pack_folder
from mxgan.data.records import ImagenetIter, open_records
from mxgan.data.subset import labelled_subset
from mxgan.errors import ArgumentError, lookup, unknown_name
from mxgan.runtime.image_size import ImageSize

__all__ = [
    "DATASETS",
    "UNKNOWN",
    "EpochIter",
    "ImageArrayIter",
    "ImagenetIter",
    "PackReport",
    "RandIter",
    "data_sets_with",
    "get_dataset",
    "labelled_subset",
    "load_digits",
    "load_folder",
    "load_mnist",
    "open_dataset",
    "pack_folder",
]

UNKNOWN = "unknown"  # the data set of a run that was imported without data
DATASETS = {"mnist": open_mnist, "digits": open_digits, "folder": open_folder, "recordio": open_records}

_OF_ARRAYS = ("limit", "sampling", "epoch_batches", "shuffle")
# The settings of each data set, in addition to the arguments that all of them take.
_SETTINGS = {
    "mnist": (*_OF_ARRAYS, "split"),
    "digits": (*_OF_ARRAYS, "split"),
    "folder": (*_OF_ARRAYS, "most_broken", "background", "labels", "threads"),
    "recordio": ("threads", "rand_crop", "rand_mirror", "min_crop_size", "max_crop_size", "resize"),
}
# The remedy, if a recipe may have set the argument.
_BY_SET = {
    "limit": "leave it out (--set limit=null if the recipe sets it)",
    "sampling": "leave it out (--set sampling=shuffle --set steps_per_epoch=null if the recipe sets it)",
    "epoch_batches": "leave it out (--set steps_per_epoch=null if the recipe sets steps_per_epoch)",
}


def open_dataset(
    name: str,
    *,
    batch_size: int,
    image_size: ImageSize = 64,
    channels: int = 3,
    seed: int = 0,
    data_dir=None,
    last_batch: str = "pad",
    progress: Optional[bool] = None,
    limit: Optional[int] = None,
    sampling: str = "shuffle",
    epoch_batches: Optional[int] = None,
    mirror: bool = False,
    **settings,
) -> EpochIter:
    """Open a data set by its name.

    Parameters
    ----------
    name : a key of `DATASETS`.
    batch_size, seed, last_batch, mirror : see `EpochIter`.
    image_size : height and width of the images in the batches, in pixels: a whole number, or (height, width). Nothing
        is stretched: of an image with another aspect ratio the middle is taken, or a crop of this ratio (recordio).
    channels : 3 (RGB; grey is repeated) or 1 (grey).
    data_dir : the place of the files; see `load_mnist`, `load_folder` and `find_record_file`. Not for digits.
    progress : whether a download, decoding or a scan draws a progress bar; None draws it if standard error is a
        terminal.
    limit : use only the first `limit` images; if there are fewer, use all. Not for recordio.
    sampling, epoch_batches : see `EpochIter`; recordio takes only "shuffle".
    settings : settings that only some data sets take: `split` (mnist, digits), `shuffle` (all but recordio),
        `most_broken`, `background`, `labels` (folder), `threads` (folder, recordio), `rand_crop`, … (recordio). None
        means not given.

    Raises
    ------
    ArgumentError : an unknown name, or a setting that this data set does not take; the message names the data sets
    that take it.

    Examples
    --------
    >>> open_dataset("digits", batch_size=64).provide_data[0].shape
    (64, 3, 64, 64)
    """
    dataset = get_dataset(name)
    settings.update(limit=limit, epoch_batches=epoch_batches, sampling=None if sampling == "shuffle" else sampling)
    settings = {key: value for key, value in settings.items() if value is not None}
    for key, value in settings.items():
        _check_setting(name, key, value)
    return dataset(
        batch_size=batch_size,
        image_size=image_size,
        channels=channels,
        seed=seed,
        data_dir=data_dir,
        last_batch=last_batch,
        progress=progress,
        mirror=mirror,
        **settings,
    )


def get_dataset(name: str) -> Callable:
    """The row `name` of DATASETS; ArgumentError with a suggestion if there is none."""
    return lookup("dataset", name, DATASETS, "For images of your own: --dataset folder --data-dir FOLDER.")


def data_sets_with(setting: str) -> list:
    """The data sets that take a setting, for example `split`."""
    return [dataset for dataset, settings in _SETTINGS.items() if setting in settings]


def _check_setting(name: str, key: str, value) -> None:
    if key in _SETTINGS[name]:
        return
    knowing = data_sets_with(key)
    if not knowing:
        raise unknown_name(f"setting of the dataset {name!r}", key, _SETTINGS[name])
    remedy = _BY_SET.get(key, "leave it out")
    raise ArgumentError(
        f"{key} is {value!r}, but the data set {name!r} takes no {key}; {remedy}, or use {', '.join(knowing)}."
    )
