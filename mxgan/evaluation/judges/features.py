"""`FeatureNetwork`: a trained judge that gives features, in which distances are measured, and class probabilities.

training.py trains it. `FeatureNetwork.save` writes it as a folder::

    network.params     its parameters
    classifier.json    its settings, the sha256 of its parameters, its training data and accuracy

`FeatureNetwork.load` builds the symbol from the settings; it reads no symbol file. The settings of an architecture but
LeNet carry its name, a key of ARCHITECTURES.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Optional, Union

import numpy as np

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, OutputError, lookup
from mxgan.evaluation.arrays import check_images
from mxgan.evaluation.judges.lenet import LeNet
from mxgan.evaluation.judges.residual import ResidualClassifier
from mxgan.evaluation.judges.rotation import RotationNetwork
from mxgan.evaluation.resizing import reduced, resized
from mxgan.graphs.params_files import load_params, save_params
from mxgan.graphs.shapes import check_parameters, parameter_shapes
from mxgan.runtime import mx
from mxgan.runtime.config import from_dict, to_dict
from mxgan.runtime.files import new_folder, read_json, write_whole

__all__ = [
    "ARCHITECTURES",
    "BATCH",
    "CLASSIFIER_FILES",
    "FeatureNetwork",
    "Seen",
    "full_batches",
]

FORMAT = 1
BATCH = 200  # batch size of the networks; see `full_batches`
CLASSIFIER_FILES = _PARAMS, _RECORD = "network.params", "classifier.json"

_OLDEST = "lenet"  # folders of the time when it was the only one have no name
ARCHITECTURES = MappingProxyType({_OLDEST: LeNet, "residual": ResidualClassifier, "rotation": RotationNetwork})


class Seen(NamedTuple):
    """The outputs of a `FeatureNetwork` for N images: features (N, D) ≥ 0 and probabilities (N, K), float32.

    The probabilities are None if the network knows no classes.
    """

    features: np.ndarray
    probabilities: Optional[np.ndarray]


class FeatureNetwork:
    """A trained judge, bound for inference.

    Parameters
    ----------
    network : its settings, of a class in ARCHITECTURES.
    parameters : (arg_params, aux_params), name → NDArray.
    record : JSON values about its training: `accuracy`, `test_images` (their number), `data`, `training`, and what the
        `judge_test` has found: `sees`, `blind_to`.

    Attributes
    ----------
    parameters : (arg_params, aux_params).
    fingerprint : the sha256 of their names, shapes and values; another if outputs are means over mirror images too.

    Raises
    ------
    CheckpointError : the parameters belong to another network.
    """

    def __init__(self, network, parameters: tuple, record: Mapping = {}) -> None:
        symbol, shape = network.symbol(), (BATCH, *network.image_shape)
        for wanted, given in zip(parameter_shapes(symbol, {"data": shape, "softmax_label": (BATCH,)}), parameters):
            check_parameters("classifier", wanted, given)
        self.network, self.record = network, dict(record)
        self._digest = _digest(parameters)
        self.fingerprint = _of_mirrors(self._digest) if network.mirrors else self._digest
        self.parameters = parameters
        self._module = mx.mod.Module(symbol, ("data",), ("softmax_label",))
        self._module.bind([("data", shape)], [("softmax_label", (BATCH,))], for_training=False)
        self._module.init_params(arg_params=parameters[0], aux_params=parameters[1])

    @property
    def architecture(self) -> str:
        """The key of its class in ARCHITECTURES."""
        return next(name for name, row in ARCHITECTURES.items() if row is type(self.network))

    @property
    def classes(self) -> int:
        """The number of classes; 0 if it knows none."""
        return self.network.classes if self.network.knows_classes else 0

    @property
    def class_names(self) -> list:
        """The name of each class; its number if the training data had no class names."""
        names = self.record.get("class_names")
        return [str(name) for name in names] if names else [str(number) for number in range(self.classes)]

    def features_and_probabilities(self, images: np.ndarray) -> Seen:
        """The features and probabilities of images (N, C, H, W) in [-1, 1], of any size and number of channels.

        They are resized; for a network that sees no colour, `reduced` makes them grey, and for one that does, grey
        images are repeated. The last bits of a row may depend on its place in its batch of BATCH images, but not on the
        other images. Raises ShapeError and ArgumentError for invalid images.
        """
        features, shares = self._outputs(images)
        return Seen(features, shares if self.network.knows_classes else None)

    def trained_shares(self, images: np.ndarray) -> np.ndarray:
        """The probabilities (N, K) of what the network was trained to tell: classes, or turns of an image."""
        return self._outputs(images)[1]

    def _outputs(self, images: np.ndarray) -> tuple:
        rows = self._as_input(images)
        found = self._of_rows(rows)
        if not self.network.mirrors:
            return found
        return tuple((first + second) / 2 for first, second in zip(found, self._of_rows(rows[..., ::-1])))

    def _of_rows(self, inputs: np.ndarray) -> tuple:
        parts = [
            [output.asnumpy()[:count] for output in self._forward(rows)] for rows, count in full_batches(inputs, BATCH)
        ]
        return tuple(map(np.concatenate, zip(*parts)))

    def _as_input(self, images: np.ndarray) -> np.ndarray:
        channels, size = self.network.image_shape[0], self.network.image_size
        images = check_images("images", images)
        if channels == images.shape[1]:
            return resized(images, size)
        grey = reduced(images, size)
        return np.repeat(grey, channels, axis=1) if channels > 1 else grey

    def _forward(self, rows: np.ndarray) -> list:
        self._module.forward(mx.io.DataBatch([mx.nd.array(rows)], None), is_train=False)
        return self._module.get_outputs()

    def describe(self) -> dict:
        """JSON values for a protocol: the network, its fingerprint, and the record of its training."""
        settings = {name: value for name, value in to_dict(self.network).items() if name != "name"}
        named = {"architecture": self.architecture, "network": self.network.title}
        if self.network.mirrors:  # the other architectures have no entry, as before there was one
            named["mirrors"] = True
        return {**self.record, **named, **settings, "fingerprint": self.fingerprint}

    def save(self, folder: Union[str, Path], overwrite: bool = False) -> None:
        """Write a new folder, completely or not at all; in place of an empty one, or with `overwrite` of any.

        Raises OutputError if the path exists or the folder cannot be written.
        """
        target = Path(folder)
        replace = target.is_dir() and (overwrite or not any(target.iterdir()))
        if os.path.lexists(target) and not replace:
            raise OutputError(f"{target} exists; give the name of a new folder, or move it away.")
        known = {"format": FORMAT, "network": to_dict(self.network), "sha256": self._digest, "record": self.record}
        try:
            with new_folder(target, replace=replace) as beside:
                save_params(beside / _PARAMS, *self.parameters)
                write_whole(beside / _RECORD, json.dumps(known, indent=1))
        except (OSError, CheckpointError, OutputError) as error:
            raise OutputError(
                f"the classifier cannot be written to {target}: {error}. Give a writable folder with enough space."
            ) from error

    @classmethod
    def load(cls, folder: Union[str, Path]) -> FeatureNetwork:
        """The network that `save` wrote; CheckpointError if it is missing, CorruptFileError if it is damaged."""
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
            raise CorruptFileError(
                folder / _RECORD, f"has the class_names {names!r:.80}, which is not a list of strings"
            )
        try:
            row = lookup("architecture of a judge", found["network"].get("name", _OLDEST), ARCHITECTURES)
            network = from_dict(row, found["network"], "network")
        except ArgumentError as error:
            raise CorruptFileError(folder / _RECORD, f"does not fit this version of mxgan: {error}") from error
        made = cls(network, load_params(folder / _PARAMS), found["record"])
        if made._digest != found["sha256"]:
            raise CorruptFileError(folder / _PARAMS, "is not what was saved", remedy="Train the classifier again.")
        return made


def full_batches(rows: np.ndarray, size: int) -> Iterator[tuple]:
    """Batches of `size` rows, as (rows, number of rows that count): the last batch is filled up with copies.

    The kernels of a matrix product add in another order for a smaller batch, and for the last rows of any batch; on
    AVX2 the difference is visible. So the outputs for a row have the same bits only at the same place in a batch of the
    same size.
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


def _of_mirrors(digest: str) -> str:
    """The fingerprint of parameters whose outputs are means over images and mirror images: other features."""
    return hashlib.sha256(f"mirrors {digest}".encode()).hexdigest()
