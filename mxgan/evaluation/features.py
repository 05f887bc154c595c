"""What a network makes of images: the features that distances are measured in, and class probabilities.

`FeatureNetwork` is a LeNet that classifier_training.py has trained, kept as a folder::

    network.params     its parameters
    classifier.json    its settings, the sha256 of its parameters, what it was trained on and how well

The symbol is built again from the settings; no symbol file is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, OutputError
from mxgan.evaluation.arrays import check_images
from mxgan.evaluation.lenet import LeNet
from mxgan.graphs.params_files import load_params, save_params
from mxgan.graphs.shapes import check_parameters, parameter_shapes
from mxgan.runtime import cv2, mx
from mxgan.runtime.config import from_dict, to_dict
from mxgan.runtime.files import new_folder, read_json, write_whole

__all__ = ["BATCH", "RESIZING", "FeatureNetwork", "Seen", "full_batches", "reduced", "resized"]

RESIZING = "mean of the channels; OpenCV INTER_AREA to a smaller side, INTER_LINEAR to a larger one"
FORMAT = 1
BATCH = 200  # images that a network is given at a time; see `full_batches`
_PARAMS, _RECORD = "network.params", "classifier.json"


class Seen(NamedTuple):
    """What a `FeatureNetwork` makes of N images: features (N, D), not negative, and probabilities (N, K), float32."""

    features: np.ndarray
    probabilities: np.ndarray


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Images (N, C, H, W) in [-1, 1] as (N, C, size, size), float32: by area where that shrinks them, else bilinear.

    Raises ShapeError and ArgumentError for what are no images.
    """
    images = np.ascontiguousarray(check_images("images", images))
    if images.shape[2:] == (size, size):
        return images
    method = cv2.INTER_AREA if size < min(images.shape[2:]) else cv2.INTER_LINEAR
    planes = images.reshape(-1, *images.shape[2:])  # (N · C, H, W)
    made = np.stack([cv2.resize(plane, (size, size), interpolation=method) for plane in planes])
    return made.reshape(*images.shape[:2], size, size)


def reduced(images: np.ndarray, size: int) -> np.ndarray:
    """Images (N, C, H, W) as grey (N, 1, size, size): the mean of the channels, then `resized`; see `RESIZING`."""
    images = check_images("images", images)
    return resized(images.mean(axis=1, keepdims=True, dtype=np.float32) if images.shape[1] > 1 else images, size)


class FeatureNetwork:
    """A trained LeNet, bound for inference.

    Parameters
    ----------
    network : its settings.
    parameters : (arg_params, aux_params), name → NDArray.
    record : what is known of its training: `accuracy` on `test_images`, `data`, `training`; JSON values.

    Attributes
    ----------
    parameters : (arg_params, aux_params). fingerprint : the sha256 of their names, shapes and values.

    Raises
    ------
    CheckpointError : parameters of another network.
    """

    def __init__(self, network: LeNet, parameters: tuple, record: Mapping = {}) -> None:
        symbol, shape = network.symbol(), (BATCH, *network.image_shape)
        for wanted, given in zip(parameter_shapes(symbol, {"data": shape, "softmax_label": (BATCH,)}), parameters):
            check_parameters("classifier", wanted, given)
        self.network, self.record = network, dict(record)
        self.fingerprint = _digest(parameters)
        self.parameters = parameters
        self._module = mx.mod.Module(symbol, ("data",), ("softmax_label",))
        self._module.bind([("data", shape)], [("softmax_label", (BATCH,))], for_training=False)
        self._module.init_params(arg_params=parameters[0], aux_params=parameters[1])

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return self.network.classes

    @property
    def class_names(self) -> list:
        """Of each class; its number where it was trained on classes without names."""
        names = self.record.get("class_names")
        return [str(name) for name in names] if names else [str(number) for number in range(self.classes)]

    def features_and_probabilities(self, images: np.ndarray) -> Seen:
        """What it makes of images (N, C, H, W) in [-1, 1] of any size and any number of channels, see `reduced`.

        A row's last bits may depend on its place in the batch of BATCH images that it is in, and on nothing else.
        Raises ShapeError and ArgumentError for what are no images.
        """
        grey = reduced(images, self.network.image_size)
        parts = [
            [output.asnumpy()[:count] for output in self._forward(rows)] for rows, count in full_batches(grey, BATCH)
        ]
        return Seen(*map(np.concatenate, zip(*parts)))

    def _forward(self, rows: np.ndarray) -> list:
        self._module.forward(mx.io.DataBatch([mx.nd.array(rows)], None), is_train=False)
        return self._module.get_outputs()

    def describe(self) -> dict:
        """JSON values for a protocol: what it is, its fingerprint, and what is known of its training."""
        return {**self.record, "network": "LeNet", **to_dict(self.network), "fingerprint": self.fingerprint}

    def save(self, folder: Union[str, Path]) -> None:
        """Write it as a new folder, whole or not at all.

        Raises OutputError where something is there already, or the folder cannot be written.
        """
        target = Path(folder)
        if os.path.lexists(target):
            raise OutputError(f"{target} exists; give the name of a new folder, or move it away.")
        known = {"format": FORMAT, "network": to_dict(self.network), "sha256": self.fingerprint, "record": self.record}
        try:
            with new_folder(target) as beside:
                save_params(beside / _PARAMS, *self.parameters)
                write_whole(beside / _RECORD, json.dumps(known, indent=1))
        except (OSError, CheckpointError, OutputError) as error:
            raise OutputError(
                f"the classifier cannot be written to {target}: {error}. Give a folder that can be, with room for it."
            ) from error

    @classmethod
    def load(cls, folder: Union[str, Path]) -> FeatureNetwork:
        """What `save` wrote; CheckpointError where there is none, CorruptFileError where it is not what was saved."""
        folder = Path(folder)
        if not folder.exists():
            raise CheckpointError(f"{folder} does not exist; give the folder of a classifier.")
        if not (folder / _RECORD).is_file():
            raise CheckpointError(
                f"{folder} is no folder of a classifier: it has no {_RECORD}. Give one that `mxgan train-classifier` "
                "has made."
            )
        known = read_json(folder / _RECORD)
        found = known if isinstance(known, dict) else {}
        wanted = {"network": dict, "record": dict, "sha256": str}
        if found.get("format") != FORMAT or any(not isinstance(found.get(k), kind) for k, kind in wanted.items()):
            raise CorruptFileError(folder / _RECORD, f"is no record of a classifier of the format {FORMAT}")
        names = found["record"].get("class_names")
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise CorruptFileError(folder / _RECORD, f"has the class_names {names!r:.80}, which are no list of texts")
        try:
            network = from_dict(LeNet, found["network"], "network")
        except ArgumentError as error:
            raise CorruptFileError(folder / _RECORD, f"does not fit this version of mxgan: {error}") from error
        made = cls(network, load_params(folder / _PARAMS), found["record"])
        if made.fingerprint != found["sha256"]:
            raise CorruptFileError(folder / _PARAMS, "is not what was saved", remedy="Train the classifier again.")
        return made


def full_batches(rows: np.ndarray, size: int) -> Iterator[tuple]:
    """(`size` rows, how many of them count): the last batch is filled up with copies.

    The kernels of a matrix product treat a smaller batch, and the last rows of any, in another order of additions, on
    AVX2 visibly so: what a network makes of a row has the same bits only at the same place of a batch of the same size.
    """
    for start in range(0, len(rows), size):
        count = min(size, len(rows) - start)
        yield rows[np.resize(np.arange(start, start + count), size)], count


def _digest(parameters: tuple) -> str:
    digest = hashlib.sha256()
    for group in parameters:
        for name, value in sorted(group.items()):
            digest.update(f"{name} {value.shape}\n".encode())
            digest.update(np.ascontiguousarray(value.asnumpy(), "<f4"))
    return digest.hexdigest()
