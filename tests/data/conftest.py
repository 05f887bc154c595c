"""Small real files for the tests of data sets, and a cache of their own."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from mxgan.runtime import cv2, mx


@pytest.fixture(autouse=True)
def own_cache(cache) -> None:
    """Every test here has a cache of its own."""


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def write_idx():
    """write_idx(path, uint8 array): an IDX file, packed when the name ends in .gz."""

    def write(path: Path, array: np.ndarray) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = idx_bytes(array)
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
        return path

    return write


def photo(number: int, height: int = 60, width: int = 80) -> np.ndarray:
    """A smooth RGB picture that differs from every other number's."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [rows * 255 // height, columns * 255 // width, np.full_like(rows, number * 20 % 256)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def encoded(number: int, suffix: str = ".jpg", **size) -> bytes:
    return cv2.imencode(suffix, photo(number, **size)[..., ::-1])[1].tobytes()


@pytest.fixture
def write_records(tmp_path):
    """write_records(payloads or count): a .rec and .idx written by MXNet, labels and ids 0, 1, …; gives the .rec."""

    def write(images=10, name: str = "photos.rec", labels=None, ids=None) -> Path:
        if isinstance(images, int):
            images = [encoded(number) for number in range(images)]
        path = tmp_path / name
        writer = mx.recordio.MXIndexedRecordIO(str(path.with_suffix(".idx")), str(path), "w")
        for number, image in enumerate(images):
            label = float(number) if labels is None else labels[number]
            header = mx.recordio.IRHeader(0, label, number if ids is None else ids[number], 0)
            writer.write_idx(number, mx.recordio.pack(header, image))
        writer.close()
        return path

    return write


@pytest.fixture
def make_photo():
    return photo


@pytest.fixture
def encode_photo():
    return encoded
