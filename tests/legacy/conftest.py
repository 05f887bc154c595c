"""A small MNIST in its own files, and `mxgan run` in a process of its own."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest

COUNTS = {"train": 40, "t10k": 20}


def mnist_arrays(part: str) -> tuple:
    """(images (N, 28, 28), labels (N,)), bytes, of "train" or "t10k": image i has the value i in every pixel."""
    count = COUNTS[part]
    images = np.full((count, 28, 28), np.arange(count)[:, None, None] + (100 if part == "t10k" else 0), np.uint8)
    return images, (7 * np.arange(count) % 10).astype(np.uint8)


def write_idx(path, array, pack=gzip.compress) -> None:
    path.write_bytes(pack(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()))


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mnist")
    for part in COUNTS:
        images, labels = mnist_arrays(part)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return folder


@pytest.fixture
def run(tmp_path, small_mnist):
    """Write a program and its modules, and run it: run(source, flags, arguments, modules={path: source})."""

    def run(source, flags=(), arguments=(), modules=None, **environment):
        folder = tmp_path / "program"
        for name, text in {"old.py": source, **(modules or {})}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        away = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        paths = os.pathsep.join(filter(None, [os.path.abspath("."), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, "-m", "mxgan", "run", "--data-dir", str(small_mnist), *map(str, flags), "program/old.py",
             *arguments],
            cwd=tmp_path,
            env={**away, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )  # fmt: skip

    return run
