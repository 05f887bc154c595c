"""Features from a user's ONNX file, such as the Inception network that defines FID."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Union

import numpy as np

from mxgan.errors import (
    ArgumentError,
    CheckpointError,
    CorruptFileError,
    ShapeError,
    first_line,
)
from mxgan.evaluation.arrays import check_images
from mxgan.evaluation.judges.features import BATCH, full_batches
from mxgan.evaluation.resizing import resized
from mxgan.runtime.files import open_plain
from mxgan.runtime.onnx_sessions import onnx_session

__all__ = ["OnnxFeatures"]

INCEPTION_SIZE = 299
SMALL_BATCH = BATCH // 5  # smaller because the images are large; divides BATCH, the block size of `gather`
_WANTED = "one input (N, 3, S, S) and as its first output features (N, D) or (N, D, 1, 1)"


class OnnxFeatures:
    """A network in an ONNX file, run by onnxruntime on the CPU.

    Its input is RGB images (N, 3, S, S); grey images are repeated to three channels. Images are resized to the S that
    the file declares (299 if it declares none), by OpenCV: bilinear to a larger side, by area to a smaller one. A
    network of float input gets [-1, 1], a network of byte input 0 … 255. Its first output gives the features. The file
    determines everything else: values are comparable with published ones only for the same network and weights.

    Parameters
    ----------
    path : the .onnx file.

    Attributes
    ----------
    fingerprint : the sha256 of the file.

    Raises
    ------
    RuntimeUnavailableError : onnxruntime is not installed. CheckpointError : the file cannot be read.
    CorruptFileError : onnxruntime cannot run the file, or its weights are in other files.
    ArgumentError : the network has other inputs.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        try:
            with open_plain(self.path) as stream:
                content = stream.read()
        except CheckpointError as error:
            raise CheckpointError(f"--inception: {error}") from error
        self.fingerprint = hashlib.sha256(content).hexdigest()
        self._session = onnx_session(content, self.path)
        self._input, self.size, self._bytes = self._examined()

    def _examined(self) -> tuple:
        """(name of the input, S, whether it takes bytes)."""
        inputs = self._session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        channels, *sides = (size if isinstance(size, int) else None for size in shape[1:4] or [0])
        sides = [side or INCEPTION_SIZE for side in sides]
        types = {"tensor(float)": False, "tensor(uint8)": True}
        square = len(shape) == 4 and sides[0] == sides[1]
        if not square or channels not in (3, None) or inputs[0].type not in types:
            listed = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
            raise ArgumentError(f"{self.path} takes {listed}; give a network with {_WANTED}.")
        return inputs[0].name, sides[0], types[inputs[0].type]

    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, D) float32 of images (N, C, H, W) in [-1, 1], C 1 or 3.

        Raises ShapeError for arrays of another shape, CorruptFileError if the network fails on the images.
        """
        images = check_images("images", images)
        if images.shape[1] not in (1, 3):
            raise ShapeError(f"images have {images.shape[1]} channels; give 1 or 3.")
        return np.concatenate([self._part(rows)[:count] for rows, count in full_batches(images, SMALL_BATCH)])

    def _part(self, images: np.ndarray) -> np.ndarray:
        given = np.broadcast_to(resized(images, self.size), (len(images), 3, self.size, self.size))
        if self._bytes:
            given = np.clip(np.rint((given + 1) * 127.5), 0, 255).astype(np.uint8)
        try:
            first, *_ = self._session.run(None, {self._input: np.ascontiguousarray(given)})
        except Exception as error:
            raise CorruptFileError(self.path, f"fails on {given.dtype} {given.shape}: {first_line(error)}") from error
        flat = np.asarray(first, np.float32).reshape(len(first), -1) if np.ndim(first) else np.zeros((0, 0))
        if flat.shape[0] != len(images) or flat.size != np.prod(np.shape(first)[:2]):
            raise ArgumentError(f"{self.path} gives {np.shape(first)} for {len(images)} images; wanted is {_WANTED}.")
        return flat

    def describe(self) -> dict:
        """JSON values for a protocol: file name, fingerprint, image size."""
        return {"file": self.path.name, "fingerprint": self.fingerprint, "image_size": self.size}
