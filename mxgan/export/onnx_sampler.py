"""`OnnxSampler`: images from a generator in a file of ONNX, by onnxruntime; MXNet is not needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, Optional, Union

import numpy as np

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, ShapeError, first_line
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import check_distribution
from mxgan.runtime.files import open_plain
from mxgan.runtime.onnx_sessions import onnx_session
from mxgan.training.drawing import Drawing
from mxgan.training.inputs import given_conditions

__all__ = ["OnnxSampler"]

MOST_CLASSES = 2**24
_WANTED = "a generator that mxgan exported takes latent (N, …) and gives image (N, 1 or 3, H, W)"


class OnnxSampler(Drawing):
    """The generator in a file that `write_onnx` wrote, with the methods of `Sampler`.

    Parameters
    ----------
    path : the .onnx file.
    batch_size : the number of latents in one run of onnxruntime; this does not limit the number of samples.

    Attributes
    ----------
    metadata : {key: text} of the file: recipe, step, license, …

    Raises
    ------
    RuntimeUnavailableError : onnxruntime is not installed. CheckpointError : the file cannot be read.
    CorruptFileError : onnxruntime cannot run it, or it is no generator of mxgan.
    """

    conditions = MappingProxyType({})

    def __init__(self, path: Union[str, Path], batch_size: int = 64) -> None:
        self.path, self.batch_size = Path(path), whole_number("batch_size", batch_size)
        with open_plain(self.path) as stream:
            self._session = onnx_session(stream.read(), self.path)
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self.latent_shape, self.image_shape = self._sizes()
        self.classes = self._fact("classes", 0)
        self.class_names = tuple(self._fact("class_names", []))
        self.distribution = self.metadata.get("latent_distribution", "normal")
        self._check_facts()

    def _sizes(self) -> tuple:
        """(shape of one latent, shape of one image)."""
        inputs = {each.name: (each.type, each.shape) for each in self._session.get_inputs()}
        output = self._session.get_outputs()[0]
        latents, images = inputs.get("latent", ("", []))[1][1:], list(output.shape)[1:]
        sides = [*latents, *images]
        if (
            output.name != "image"
            or len(images) != 3
            or images[0] not in (1, 3)
            or not {"latent"} <= {*inputs} <= {"latent", "class"}
            or not all(isinstance(side, int) and side > 0 for side in sides)
        ):
            takes = ", ".join(f"{name} {shape}" for name, (_, shape) in inputs.items())
            raise CorruptFileError(self.path, f"takes {takes} and gives {output.name} {output.shape}; {_WANTED}")
        self._labelled = "class" in inputs
        return tuple(latents), tuple(images)

    def _fact(self, key: str, default):
        """A JSON value of the metadata, of the type of its default."""
        try:
            value = json.loads(self.metadata[key]) if key in self.metadata else default
        except (ValueError, RecursionError) as error:
            raise CorruptFileError(self.path, f"has metadata {key!r} that is not JSON ({error})") from error
        if type(value) is not type(default):
            kind = {int: "a whole number", list: "a list"}[type(default)]
            raise CorruptFileError(self.path, f"has metadata {key!r} that is not {kind}")
        return value

    def _check_facts(self) -> None:
        count, names = self.classes, self.class_names
        if not 0 <= count <= MOST_CLASSES or bool(count) != self._labelled or len(names) not in (0, count):
            takes = "takes a class" if self._labelled else "takes no class"
            raise CorruptFileError(self.path, f"{takes}, and its metadata has classes {count!r}, {len(names)} names")
        if not all(isinstance(name, str) for name in names):
            raise CorruptFileError(self.path, "has class names that are no texts")
        try:
            check_distribution(self.distribution)
        except ArgumentError as error:
            raise CorruptFileError(self.path, f"has metadata of an {first_line(error)}") from error

    @property
    def symbol(self) -> NoReturn:
        """As `module`."""
        return self.module

    @property
    def module(self) -> NoReturn:
        """ArgumentError, for what looks into a `Sampler`: the network is not one of MXNet."""
        raise ArgumentError(
            f"{self.path} is a network of ONNX, whose layers and parameters mxgan does not look into. Give the run, or "
            "an export in the format npz or safetensors."
        )

    def sample(
        self,
        latents: np.ndarray,
        classes: Optional[np.ndarray] = None,
        conditions: Mapping = MappingProxyType({}),
    ) -> np.ndarray:
        """Images (N, C, H, W), float32, N ≥ 1, of latents (N, *latent_shape) and, if it is conditional, classes (N,).

        Raises ArgumentError for arrays of another shape, CheckpointError if onnxruntime fails.
        """
        given_conditions(conditions, self.conditions)
        found = getattr(latents, "shape", None)
        count = found[0] if found else 0
        if not count or found != (count, *self.latent_shape):
            raise ArgumentError(
                f"latents are {found}; give ({', '.join(map(str, (count or 'N', *self.latent_shape)))})."
            )
        classes = None if classes is None else np.asarray(classes)
        self.check_classes(classes, count)
        given = {"latent": np.asarray(latents, np.float32)}
        if classes is not None:
            given["class"] = classes.astype(np.int64)
        starts = range(0, count, self.batch_size)
        return np.concatenate([self._run(given, slice(start, start + self.batch_size)) for start in starts])

    def _run(self, given: dict, rows: slice) -> np.ndarray:
        part = {name: np.ascontiguousarray(values[rows]) for name, values in given.items()}
        try:
            (images,) = self._session.run(["image"], part)
        except Exception as error:  # onnxruntime has many error classes
            raise CheckpointError(f"{self.path} fails in onnxruntime: {first_line(error)}.") from error
        if images.shape != (len(part["latent"]), *self.image_shape):
            raise ShapeError(f"{self.path} gives {images.shape} for {len(part['latent'])} latents; {_WANTED}.")
        return images
