"""Data sets: each opens as an `mx.io.DataIter` of batches (N, C, H, W), float32 in [-1, 1], RGB or grey.

::

    open_dataset(name) ─┬─ mnist     idx.py, download.py ─┐
                        ├─ digits    digits.py ───────────┴─ images.py   arrays in memory, one byte a pixel
                        └─ recordio  record_files.py ─────── records.py  MXNet's ImageRecordIter
    pack_folder         packing.py   a folder of images → .rec, .idx
    RandIter            latents.py   the generator's input

Every iterator has `seek(epoch, batch)`, `batches_per_epoch`, `num_images`, `fingerprint` and `describe()`
besides MXNet's own `provide_data`, `next` and `reset` (see `EpochIter`).
"""

from __future__ import annotations

from typing import Optional

from mxgan.data.base import EpochIter
from mxgan.data.digits import load_digits, open_digits
from mxgan.data.images import ImageArrayIter
from mxgan.data.latents import RandIter
from mxgan.data.mnist import load_mnist, open_mnist
from mxgan.data.packing import PackReport, pack_folder
from mxgan.data.records import ImagenetIter, open_records
from mxgan.errors import unknown_name

__all__ = [
    "DATASETS",
    "EpochIter",
    "ImageArrayIter",
    "ImagenetIter",
    "PackReport",
    "RandIter",
    "load_digits",
    "load_mnist",
    "open_dataset",
    "pack_folder",
]

DATASETS = {"mnist": open_mnist, "digits": open_digits, "recordio": open_records}


def open_dataset(
    name: str,
    *,
    batch_size: int,
    image_size: int = 64,
    channels: int = 3,
    seed: int = 0,
    data_dir=None,
    last_batch: str = "pad",
    progress: Optional[bool] = None,
    **settings,
) -> EpochIter:
    """Open a data set by its name.

    Parameters
    ----------
    name : a key of `DATASETS`.
    batch_size, seed, last_batch : see `EpochIter`.
    image_size : side of the square images given out, in pixels.
    channels : 3 (RGB; grey is repeated) or 1 (grey).
    data_dir : where the files are: see `load_mnist` and `find_record_file`; "digits" has none.
    progress : whether a download or a scan draws a progress bar; None: where standard error is a terminal.
    settings : what one data set alone knows: `split` (mnist), `threads`, `rand_crop`, … (recordio).

    Examples
    --------
    >>> open_dataset("digits", batch_size=64).provide_data[0].shape
    (64, 3, 64, 64)
    """
    if name not in DATASETS:
        raise unknown_name("dataset", name, DATASETS)
    return DATASETS[name](
        batch_size=batch_size,
        image_size=image_size,
        channels=channels,
        seed=seed,
        data_dir=data_dir,
        last_batch=last_batch,
        progress=progress,
        **settings,
    )
