"""MNIST in the forms in which old programs fetch it, from mxgan's own copy: found on the disk, or downloaded once.

Each form has the shapes, types and order that its own source had.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Optional

import numpy as np

from mxgan.data.mnist import find_mnist, load_mnist
from mxgan.errors import DatasetError, DatasetNotFoundError
from mxgan.legacy.changes import Changes
from mxgan.runtime import mx
from mxgan.runtime.paths import path_for_mxnet

__all__ = ["Mnist", "mend_mxnet_datasets", "mend_sklearn"]

# Defaults of mx.io.MNISTIter, and what it reads from each: setting → (path, kind).
_SETTINGS = {"image": ("./train-images-idx3-ubyte", "images"), "label": ("./train-labels-idx1-ubyte", "labels")}
_OTHER_SETS = ("fashion", "emnist", "kmnist", "qmnist", "cifar", "notmnist")  # files of the same form
_REMEDY = (
    "write `from mxgan.data import load_mnist`; `images, labels, folder = load_mnist('train')`, or 'test': bytes "
    "(N, 28, 28) and (N,), in the order of the files"
)
_REMEDY_OF_FILES = "put MNIST's four files, unpacked, where the program looks for them"


class Mnist:
    """mxgan's MNIST, read when a program first asks for it.

    Parameters
    ----------
    data_dir : folder of the IDX files; None: as `load_mnist` finds or downloads them.
    changes : gets a line for each form in which it is served.
    """

    def __init__(self, data_dir: Optional[str], changes: Changes) -> None:
        self._data_dir, self._changes = data_dir, changes
        self._kept, self._paths = tempfile.TemporaryDirectory(prefix="mxgan-mnist-"), ExitStack()

    @functools.cache  # noqa: B019 - one object for one program
    def split(self, name: str) -> tuple:
        """(images (N, 28, 28), labels (N,)), bytes, of "train" or "test"."""
        try:
            return _with_labels(name, self._data_dir)
        except DatasetError as error:
            raise DatasetNotFoundError(
                "the program wants MNIST, which is neither on this machine nor can be downloaded. Give its files by "
                "--data-dir DIR before the program's name, or by MXGAN_DATA."
            ) from error

    def served(self, form: str, remedy: str = _REMEDY) -> None:
        """Note that a program gets MNIST in a form; it is read first, so that it is there."""
        self.split("train")
        self._changes.note(f"{form} served from mxgan's own MNIST", remedy, now=True)

    @functools.cache  # noqa: B019
    def file(self, split: str, kind: str) -> str:
        """The path, for MXNet, of a plain IDX file with the "images" or "labels" of a split."""
        array = self.split(split)[kind == "labels"]
        path = Path(self._kept.name, f"{split}-{kind}.idx")
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        path.write_bytes(head + array.tobytes())
        return self._paths.enter_context(path_for_mxnet(path))


def _with_labels(split: str, data_dir: Optional[str]) -> tuple:
    images, labels, folder = load_mnist(split, data_dir)
    if labels is None:
        raise DatasetNotFoundError(f"{folder} has MNIST's images without their labels; put the label files there.")
    return images, labels


# --- scikit-learn ------------------------------------------------------------------------------------------


def mend_sklearn(mnist: Mnist) -> Callable[[ModuleType], None]:
    """Serve `fetch_mldata("MNIST original")`, which is gone, and `fetch_openml("mnist_784")`, which needs a network."""

    def mend(datasets: ModuleType) -> None:
        from sklearn.utils import Bunch

        fetch = datasets.fetch_openml

        def fetch_mldata(dataname: str, *_: Any, **__: Any) -> Any:
            if "mnist" not in dataname.lower():
                raise DatasetNotFoundError(
                    f"fetch_mldata({dataname!r}): mldata.org is gone, and mxgan serves 'MNIST original' alone. Find "
                    "the data elsewhere, for example by fetch_openml."
                )
            mnist.served("fetch_mldata('MNIST original')")
            return Bunch(**_mldata(mnist), COL_NAMES=["label", "data"], DESCR="mldata.org dataset: mnist-original")

        @functools.wraps(fetch)
        def fetch_openml(name: Optional[str] = None, *arguments: Any, **named: Any) -> Any:
            if name != "mnist_784" and named.get("data_id") != 554:
                return fetch(name, *arguments, **named)
            mnist.served("fetch_openml('mnist_784')")
            found = _openml(mnist, named.get("as_frame") is True)
            if named.get("return_X_y"):
                return found["data"], found["target"]
            return Bunch(**found, details={"name": "mnist_784", "version": "1"}, DESCR="mnist_784 of openml.org")

        datasets.fetch_mldata, datasets.fetch_openml = fetch_mldata, fetch_openml
        sys.modules.setdefault("sklearn.datasets.base", datasets)  # its place before scikit-learn 0.24

    return mend


def _mldata(mnist: Mnist) -> dict:
    """`data` uint8 (70000, 784), `target` float64 (70000,): train, then test, each sorted by digit."""
    parts = []
    for split in ("train", "test"):
        images, labels = mnist.split(split)
        order = np.argsort(labels, kind="stable")
        parts.append((images[order].reshape(len(images), -1), labels[order].astype(np.float64)))
    data, target = (np.concatenate(each) for each in zip(*parts))
    return {"data": data, "target": target}


def _openml(mnist: Mnist, as_frame: bool) -> dict:
    """`data` float64 (70000, 784), `target` (70000,) of texts: train, then test, as scikit-learn 0.20 gave them."""
    parts = [mnist.split(split) for split in ("train", "test")]
    data = np.concatenate([images.reshape(len(images), -1) for images, _ in parts]).astype(np.float64)
    target = np.concatenate([labels for _, labels in parts]).astype(str).astype(object)
    names = [f"pixel{i}" for i in range(1, data.shape[1] + 1)]
    if as_frame:
        import pandas

        frame = pandas.DataFrame(data, columns=names)
        return {"data": frame, "target": pandas.Series(target, name="class", dtype="category")}
    return {"data": data, "target": target, "feature_names": names, "target_names": ["class"]}


# --- MXNet -------------------------------------------------------------------------------------------------


def mend_mxnet_datasets(mnist: Mnist) -> None:
    """Serve `mx.test_utils.get_mnist`, Gluon's MNIST, and the files of `mx.io.MNISTIter` that are missing."""
    utils, dataset = mx.test_utils, mx.gluon.data.vision.MNIST
    utils.get_mnist = functools.wraps(utils.get_mnist)(functools.partial(_get_mnist, mnist))
    utils.get_mnist_ubyte = functools.wraps(utils.get_mnist_ubyte)(lambda: None)  # MNISTIter finds the files below
    mx.io.MNISTIter = mx.io.io.MNISTIter = _mnist_iterator(mnist, mx.io.MNISTIter)
    dataset._get_data = _gluon(mnist, dataset._get_data)


def _get_mnist(mnist: Mnist) -> dict:
    """Images float32 (N, 1, 28, 28) from 0 to 1, labels int8 (N,)."""
    mnist.served("mx.test_utils.get_mnist()")
    found = {}
    for split in ("train", "test"):
        images, labels = mnist.split(split)
        found[f"{split}_data"] = images.reshape(-1, 1, 28, 28).astype(np.float32) / 255
        found[f"{split}_label"] = labels.astype(np.int8)
    return found


def _mnist_iterator(mnist: Mnist, plain: Any) -> Any:
    @functools.wraps(plain)
    def iterator(*arguments: Any, **named: Any) -> Any:
        for setting, (default, kind) in _SETTINGS.items():
            given = named.get(setting, default)
            if not os.path.exists(given) and not any(word in given.lower() for word in _OTHER_SETS):
                split = "test" if any(word in os.path.basename(given) for word in ("t10k", "test", "val")) else "train"
                mnist.served(f"the missing file {given}", _REMEDY_OF_FILES)
                named[setting] = mnist.file(split, kind)
        return plain(*arguments, **named)

    return iterator


def _gluon(mnist: Mnist, plain: Any) -> Any:
    """Images uint8 (N, 28, 28, 1), labels int32 (N,); from the program's own folder if the files are there."""

    @functools.wraps(plain)
    def get_data(dataset: Any) -> None:
        if dataset._namespace != "mnist":  # FashionMNIST is a subclass
            plain(dataset)
            return
        split = "train" if dataset._train else "test"
        if find_mnist(split, dataset._root):
            images, labels = _with_labels(split, dataset._root)
        else:
            images, labels = mnist.split(split)
            mnist.served("mx.gluon.data.vision.MNIST")
        dataset._data = mx.nd.array(images[..., None], dtype=np.uint8)
        dataset._label = labels.astype(np.int32)

    return get_data
